package fleet

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// MajorSettings are what a policy says about higher major versions of iOS.
type MajorSettings struct {
	Majors string `json:"majors"` // hold or allow
}

// MajorChange changes them; what is nil stays as it is.
type MajorChange struct {
	Majors *string `json:"majors,omitempty"` // hold or allow
}

func majorSettings(p storage.Policy) MajorSettings {
	return MajorSettings{cmp.Or(p.Majors, string(policy.MajorsHold))}
}

// majorChange returns the change that leads to what a policy says.
func majorChange(p storage.Policy) MajorChange {
	s := majorSettings(p)
	return MajorChange{&s.Majors}
}

// detail is what the audit log keeps of them.
func (s MajorSettings) detail() map[string]string { return map[string]string{"majors": s.Majors} }

// onto changes a policy, or returns an error about the value no policy can have.
func (c MajorChange) onto(p *storage.Policy) error {
	if c.Majors == nil {
		return nil
	}
	if _, err := policy.ParseMajorMode(*c.Majors); err != nil {
		return notOneOf("majors", *c.Majors, "hold", "allow")
	}
	p.Majors = *c.Majors
	return nil
}

// cadenceFor says which of two branches users see (Apple, Device Management,
// SoftwareUpdateSettings, RecommendedCadence).
func cadenceFor(hold policy.Hold) string {
	if hold.AllowMajors {
		return mdm.CadenceAll
	}
	return mdm.CadenceOldest
}

// heldMajor reports whether a policy keeps phones off a release because it is of
// a higher major version: then only a person approves it.
func heldMajor(gate policy.Gate) bool { return gate.Branch != nil && gate.Branch.Held }

// tellBranches records, once each, that the older branch on which a group's
// phones are has become quiet or has stopped: in the transaction that remembers
// it. It is told with the newest release of the newer branch that is not decided.
func (f *Fleet) tellBranches(ctx context.Context, w *worldState, j *gated) error {
	if c := f.branchesToTell(w, j); len(c.HoldMarks) == 0 {
		return nil
	}
	var told storage.WorldChange
	err := f.change(ctx, w, func(s *snapshot) (storage.WorldChange, error) {
		if told = f.branchesToTell(w, f.gatedNow(w, s)); len(told.HoldMarks) == 0 {
			return told, errNothingToDo
		}
		return told, nil
	})
	if err != nil {
		return wrap("tell of branches", err)
	}
	for _, e := range told.Audit {
		f.o.Logger.WarnContext(ctx, "branch", "action", e.Action, "target", e.Target, "line", e.Detail["line"], "newest", e.Detail["newest"])
	}
	return nil
}

// branchesToTell returns the change that tells of every branch, empty when there
// is nothing to tell.
func (f *Fleet) branchesToTell(w *worldState, j *gated) storage.WorldChange {
	var c storage.WorldChange
	s, now := j.snapshot, j.now
	for _, g := range s.records.Groups {
		for _, gate := range j.gates(g.Name) {
			if gate.Branch == nil || decidedAbout(gate.Phase) {
				continue
			}
			state, about := gate.Branch.State, "iOS "+gate.Branch.Line
			if state != policy.BranchLives && !toldOfBranch(s, g.Name, about, state) {
				c.HoldMarks = append(c.HoldMarks, storage.HoldMark{Group: g.Name, Release: about, Branch: string(state), At: now})
				entry := f.entry(Act{Actor: "kannuki"}, noticeBranch+string(state), g.Name+"/"+gate.Release, map[string]string{
					"line": gate.Branch.Line, "newest": gate.Branch.Newest, "posted": gate.Branch.Posted.Format(time.DateOnly), "model": gate.Branch.Model,
				})
				c.Audit = append(c.Audit, entry)
				c.Notices = append(c.Notices, f.holdNotice(w.segment, entry, gate))
			}
			break // the gates come newest first; one tells it
		}
	}
	return c
}

func decidedAbout(p policy.Phase) bool {
	return slices.Contains([]policy.Phase{policy.PhaseDeclined, policy.PhaseExpired, policy.PhaseDone, policy.PhaseRollingOut, policy.PhaseApproved}, p)
}

// toldOfBranch reports whether a state of a branch, or a later one, was told.
func toldOfBranch(s *snapshot, group, about string, state policy.BranchState) bool {
	return slices.ContainsFunc(s.records.HoldMarks, func(m storage.HoldMark) bool {
		return m.Group == group && m.Release == about && (m.Branch == string(state) || m.Branch == string(policy.BranchStopped))
	})
}
