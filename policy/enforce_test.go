package policy_test

import (
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
)

// TestEnforceable: the newest verified release, unless people said otherwise.
func TestEnforceable(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	verified := policy.Gate{Release: "26.2", Phase: policy.PhaseVerified, ProductionModels: []string{"a"}}
	older := policy.Gate{Release: "26.1", Phase: policy.PhaseVerified, ProductionModels: []string{"a", "b"}}
	in := func(g policy.Gate, p policy.Phase) policy.Gate { g.Phase = p; return g }
	major := verified
	major.Branch = &policy.Branch{Held: true}
	for _, test := range []struct {
		name    string
		gates   []policy.Gate
		waiting []string
		last    map[string]*policy.Approval
		goes    string // may be gone before phones install it
		release string
		outcome policy.HoldOutcome
	}{
		{"the newest", []policy.Gate{verified, older}, []string{"a"}, nil, "", "26.2", policy.EndApproved},
		{"for a model that waits", []policy.Gate{verified, older}, []string{"b"}, nil, "", "26.1", policy.EndApproved},
		{"nobody waits", []policy.Gate{verified}, nil, nil, "", "", policy.EndNoVerified},
		{"not verified", []policy.Gate{in(verified, policy.PhaseVerifying), older}, []string{"a"}, nil, "", "26.1", policy.EndApproved},
		{"declined", []policy.Gate{in(verified, policy.PhaseDeclined)}, []string{"a"}, nil, "", "", policy.EndNoVerified},
		{"a major that is held", []policy.Gate{major, older}, []string{"a"}, nil, "", "26.1", policy.EndApproved},
		{"an approval stands", []policy.Gate{in(verified, policy.PhasePaused), older}, []string{"a"}, map[string]*policy.Approval{"26.2": {Models: []string{"a"}}}, "", "", policy.EndDecided},
		{"an approval for another model", []policy.Gate{in(verified, policy.PhaseRollingOut), older}, []string{"a"}, map[string]*policy.Approval{"26.2": {Models: []string{"b"}}}, "", "26.1", policy.EndApproved},
		{"an override that ended", []policy.Gate{verified}, []string{"a"}, map[string]*policy.Approval{"26.2": {Models: []string{"a"}, Override: &policy.Override{Until: now}}}, "", "26.2", policy.EndApproved},
		{"taken back", []policy.Gate{verified}, []string{"a"}, map[string]*policy.Approval{"26.2": {Models: []string{"a"}, Withdrawn: now}}, "", "", policy.EndWithdrawn},
		{"the newest goes", []policy.Gate{verified, older}, []string{"a"}, nil, "26.2", "26.1", policy.EndApproved},
		{"all that is verified goes", []policy.Gate{verified}, []string{"a"}, nil, "26.2", "", policy.EndBuildGone},
		{"the newest goes, and the older was taken back", []policy.Gate{verified, older}, []string{"a"}, map[string]*policy.Approval{"26.1": {Models: []string{"a"}, Withdrawn: now}}, "26.2", "", policy.EndBuildGone},
		{"the newest was taken back, and the older goes", []policy.Gate{verified, older}, []string{"a"}, map[string]*policy.Approval{"26.2": {Models: []string{"a"}, Withdrawn: now}}, "26.1", "", policy.EndBuildGone},
		{"the newest goes, and an approval stands", []policy.Gate{verified, in(older, policy.PhaseRollingOut)}, []string{"a"}, map[string]*policy.Approval{"26.1": {Models: []string{"a"}}}, "26.2", "", policy.EndDecided},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			gate, outcome := policy.Enforceable(test.gates, test.waiting, func(release string) *policy.Approval { return test.last[release] }, func(g policy.Gate) bool { return g.Release != test.goes }, now)
			if gate.Release != test.release || outcome != test.outcome {
				t.Errorf("%q %s, want %q %s", gate.Release, outcome, test.release, test.outcome)
			}
		})
	}
}
