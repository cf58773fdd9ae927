package fleet

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// betaToken is where a declaration has the token of a beta program.
var betaToken = regexp.MustCompile(`"Token":"(?:[^"\\]|\\.)*"`)

// BetaSettings are what a policy says about beta programs on verification phones.
type BetaSettings struct {
	Beta        string `json:"beta"`         // off, offer or require
	BetaProgram string `json:"beta_program"` // "": none
	// BetaMissing says that the configuration does not have the program: phones are
	// told to take part in none.
	BetaMissing bool `json:"beta_missing,omitempty"`
}

// BetaChange changes them; what is nil stays as it is.
type BetaChange struct {
	Beta        *string `json:"beta,omitempty"`         // off, offer or require
	BetaProgram *string `json:"beta_program,omitempty"` // name of a program of the configuration; "": none
}

func betaSettings(p storage.Policy) BetaSettings {
	return BetaSettings{Beta: cmp.Or(p.Beta.Mode, string(policy.BetaOff)), BetaProgram: p.Beta.Program}
}

// betaChange returns the change that leads to what a policy says.
func betaChange(p storage.Policy) BetaChange {
	s := betaSettings(p)
	return BetaChange{&s.Beta, &s.BetaProgram}
}

// detail is what the audit log keeps of them.
func (s BetaSettings) detail() map[string]string {
	return map[string]string{"beta": s.Beta, "beta_program": s.BetaProgram}
}

// onto changes a policy, or returns an error about the value no policy can have.
func (c BetaChange) onto(p *storage.Policy) error {
	if c.Beta != nil {
		if _, err := policy.ParseBetaMode(*c.Beta); err != nil {
			return notOneOf("beta", *c.Beta, "off", "offer", "require")
		}
		p.Beta.Mode = *c.Beta
	}
	replace(&p.Beta.Program, c.BetaProgram)
	if mode := betaSettings(*p).Beta; mode != string(policy.BetaOff) && p.Beta.Program == "" {
		return invalid("beta_program", "beta-program-missing", "beta %s needs the name of a beta program", mode).with("value", mode)
	}
	return nil
}

// lacksBeta reports whether the configuration does not have the beta program of a
// policy, so that phones are told of none.
func (f *Fleet) lacksBeta(p storage.Policy) bool {
	_, known := f.o.BetaPrograms[p.Beta.Program]
	return !known && betaSettings(p).Beta != string(policy.BetaOff)
}

// checkBeta refuses a change to a beta program that the configuration does not
// have: its token would be missing. What a policy said before, it may go on saying.
func (f *Fleet) checkBeta(was, p storage.Policy) error {
	if was.Beta == p.Beta || !f.lacksBeta(p) {
		return nil
	}
	names := slices.Sorted(maps.Keys(f.o.BetaPrograms))
	return invalid("beta_program", "beta-program-unknown",
		"beta program %q is not in the configuration, which has: %s; add it to beta_programs in config.yaml with its token and restart the server",
		p.Beta.Program, cmp.Or(strings.Join(names, ", "), "none")).with("value", p.Beta.Program, "allowed", strings.Join(names, ", "))
}

// engineBeta translates a record for the engine.
func engineBeta(b storage.BetaPrograms) policy.BetaPrograms {
	return policy.BetaPrograms{Mode: policy.BetaMode(b.Mode), Program: b.Program}
}

// betaFor writes what a phone is told about beta programs (Apple, Device
// Management, SoftwareUpdateSettings, Beta): those of the organisation and no
// others, or none. A program whose token is not known any more counts as none; an
// unsupervised phone refuses to be told that there is none.
func (f *Fleet) betaFor(hold policy.Hold) *mdm.Beta {
	token, known := f.o.BetaPrograms[hold.BetaProgram]
	beta := &mdm.Beta{ProgramEnrollment: mdm.AlwaysOff}
	if program := (mdm.BetaProgram{Description: hold.BetaProgram, Token: token}); known && hold.Beta == policy.BetaRequire {
		beta = &mdm.Beta{ProgramEnrollment: mdm.AlwaysOn, RequireProgram: &program}
	} else if known && hold.Beta == policy.BetaOffer {
		beta = &mdm.Beta{ProgramEnrollment: mdm.AlwaysOn, OfferPrograms: []mdm.BetaProgram{program}}
	}
	return beta
}
