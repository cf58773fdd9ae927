package fleet

import (
	"cmp"
	"strconv"

	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// ImprovementSettings are what a policy says about Apple's background security
// improvements, "26.3.1 (a)".
type ImprovementSettings struct {
	Improvements     string `json:"improvements"`      // accept or off
	KeepImprovements bool   `json:"keep_improvements"` // nobody can remove one from a phone
}

// ImprovementChange changes them; what is nil stays as it is.
type ImprovementChange struct {
	Improvements     *string `json:"improvements,omitempty"` // accept or off
	KeepImprovements *bool   `json:"keep_improvements,omitempty"`
}

func improvementSettings(p storage.Policy) ImprovementSettings {
	return ImprovementSettings{
		Improvements: cmp.Or(p.Improvements.Mode, string(policy.ImprovementsAccept)), KeepImprovements: p.Improvements.Keep,
	}
}

// improvementChange returns the change that leads to what a policy says.
func improvementChange(p storage.Policy) ImprovementChange {
	s := improvementSettings(p)
	return ImprovementChange{&s.Improvements, &s.KeepImprovements}
}

// detail is what the audit log keeps of them.
func (s ImprovementSettings) detail() map[string]string {
	return map[string]string{"improvements": s.Improvements, "keep_improvements": strconv.FormatBool(s.KeepImprovements)}
}

// onto changes a policy, or returns an error about the value no policy can have.
func (c ImprovementChange) onto(p *storage.Policy) error {
	if c.Improvements != nil {
		if _, err := policy.ParseImprovementMode(*c.Improvements); err != nil {
			return invalid("improvements", "not-one-of", "%v", err).with("value", *c.Improvements, "allowed", "accept, off")
		}
		p.Improvements.Mode = *c.Improvements
	}
	replace(&p.Improvements.Keep, c.KeepImprovements)
	return nil
}

// engineImprovements translates a record for the engine.
func engineImprovements(i storage.Improvements) policy.Improvements {
	return policy.Improvements{Mode: policy.ImprovementMode(i.Mode), Keep: i.Keep}
}

// improvementsFor writes what a phone is told about improvements. The keys are
// still called by the older name of the feature (Apple, Device Management,
// SoftwareUpdateSettings); Enable false hides an improvement from the user, an
// enforcement still installs it.
func improvementsFor(hold policy.Hold) *mdm.RapidSecurityResponse {
	enable, rollback := !hold.HideImprovements, !hold.KeepImprovements
	return &mdm.RapidSecurityResponse{Enable: &enable, EnableRollback: &rollback}
}
