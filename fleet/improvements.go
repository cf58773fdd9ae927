package fleet

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// ImprovementSettings are what a policy says about Apple's background security
// improvements, "26.3.1 (a)".
type ImprovementSettings struct {
	Improvements     string `json:"improvements"`      // accept, reverify or off
	KeepImprovements bool   `json:"keep_improvements"` // nobody can remove one from a phone
}

// ImprovementChange changes them; what is nil stays as it is.
type ImprovementChange struct {
	Improvements     *string `json:"improvements,omitempty"` // accept, reverify or off
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
			return notOneOf("improvements", *c.Improvements, "accept", "reverify", "off")
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

// fullVersion returns the version that a phone reports, with the letter of an
// improvement.
func fullVersion(p *storage.Phone) string {
	return version.WithExtra(p.OS.Version, p.OS.SupplementalExtra)
}

// runs returns the version that the phone's group takes it to be on: the letter
// tells only where improvements have gates.
func (s *snapshot) runs(p *storage.Phone) string {
	return s.policy.Counted(deviceFacts(p)).OSVersion
}

// enforceID names the enforcement of a release: an identifier has no spaces and
// no brackets.
func enforceID(release string) string {
	return idEnforcePrefix + strings.ReplaceAll(strings.ReplaceAll(release, " (", "-"), ")", "")
}

// withBuild names the one build that an enforcement is about where the version
// does not say enough. An improvement has that of its base. A release that is
// enforced by its version alone brings its improvements along (Apple, Device
// Management, SoftwareUpdateEnforcementSpecific); where they are hidden, the
// build that they would be installed on is asked for instead. It returns nil for
// an improvement whose build nobody published for the model.
func (s *snapshot) withBuild(e *storage.AnnouncedEnforcement, model string, hold policy.Hold) *storage.AnnouncedEnforcement {
	if e == nil || byCommand(e) {
		return e
	}
	named := *e
	switch {
	case version.Extra(e.Release) != "":
		r, _ := s.catalog.Release(e.Release)
		if named.Build = improvementBuild(r, model).ID; named.Build == "" {
			return nil
		}
	case hold.HideImprovements:
		named.Build = s.baseBuild(e.Release, model)
	}
	return &named
}

// baseBuild returns the build of a release that its improvements for a model
// install on, "" when it has none.
func (s *snapshot) baseBuild(release, model string) string {
	for _, r := range s.catalog.Releases() {
		if r.Class == catalog.Improvement && version.Equal(version.Base(r.Version), release) {
			if b := improvementBuild(r, model); b.Prerequisite != "" {
				return b.Prerequisite
			}
		}
	}
	return ""
}

// improvementBuild returns the build of an improvement for a model.
func improvementBuild(r catalog.Release, model string) catalog.Build {
	for _, b := range r.Builds {
		if len(b.Models) == 0 || slices.Contains(b.Models, model) {
			return b
		}
	}
	return catalog.Build{}
}

// pendingRelease returns the release that a phone says it is about to install: it
// names an improvement by the version of its base and its own build.
func pendingRelease(p *storage.Phone) string {
	if e := p.Announced.Enforcement; e != nil && e.Build != "" && e.Build == p.Update.PendingBuild {
		return e.Release
	}
	return p.Update.PendingVersion
}

// improved notes when a phone got its improvement or lost it, and returns the audit entries of a
// phone that has got an improvement it did not have. Where that has a gate and nobody opened
// it, the phone is a leak; that a user takes one off again is none.
func (f *Fleet) improved(w *worldState, p *storage.Phone, had string) []storage.AuditEntry {
	if p.OS.SupplementalExtra == had {
		return nil
	}
	before := *p
	before.OS.SupplementalExtra = had
	seen := f.now()
	if ran := runsNow(&before); !ran.Since.IsZero() && seen.Sub(ran.Since) > sameSession {
		remember(p, ran)
		p.OS.Reasons = slices.Clone(p.Update.Reasons)
	}
	p.OS.SupplementalSince = seen
	forgetFailure(p)
	if p.Arrival != nil && version.Extra(p.Arrival.Release) != "" {
		p.Arrival = nil // that one is gone from the phone
	}
	s := w.current.Load()
	now := s.runs(p)
	if version.Extra(now) == "" || !f.unapproved(w, p, now) {
		return nil
	}
	cause := f.leakCause(s, &before, now)
	detail := map[string]string{"from": s.runs(&before), "to": now, "group": p.Group, "ring": string(p.Ring), "cause": string(cause)}
	return []storage.AuditEntry{f.leak(s, p, detail, storage.Arrival{Release: now, From: s.runs(&before), Cause: string(cause), Reasons: p.Update.Reasons})}
}
