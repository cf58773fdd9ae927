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
		release string
		outcome policy.HoldOutcome
	}{
		{"the newest", []policy.Gate{verified, older}, []string{"a"}, nil, "26.2", policy.EndApproved},
		{"for a model that waits", []policy.Gate{verified, older}, []string{"b"}, nil, "26.1", policy.EndApproved},
		{"nobody waits", []policy.Gate{verified}, nil, nil, "", policy.EndNoVerified},
		{"not verified", []policy.Gate{in(verified, policy.PhaseVerifying), older}, []string{"a"}, nil, "26.1", policy.EndApproved},
		{"declined", []policy.Gate{in(verified, policy.PhaseDeclined)}, []string{"a"}, nil, "", policy.EndNoVerified},
		{"a major that is held", []policy.Gate{major, older}, []string{"a"}, nil, "26.1", policy.EndApproved},
		{"an approval stands", []policy.Gate{in(verified, policy.PhasePaused), older}, []string{"a"}, map[string]*policy.Approval{"26.2": {Models: []string{"a"}}}, "", policy.EndDecided},
		{"an approval for another model", []policy.Gate{in(verified, policy.PhaseRollingOut), older}, []string{"a"}, map[string]*policy.Approval{"26.2": {Models: []string{"b"}}}, "26.1", policy.EndApproved},
		{"an override that ended", []policy.Gate{verified}, []string{"a"}, map[string]*policy.Approval{"26.2": {Models: []string{"a"}, Override: &policy.Override{Until: now}}}, "26.2", policy.EndApproved},
		{"taken back", []policy.Gate{verified}, []string{"a"}, map[string]*policy.Approval{"26.2": {Models: []string{"a"}, Withdrawn: now}}, "", policy.EndWithdrawn},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			gate, outcome := policy.Enforceable(test.gates, test.waiting, func(release string) *policy.Approval { return test.last[release] }, now)
			if gate.Release != test.release || outcome != test.outcome {
				t.Errorf("%q %s, want %q %s", gate.Release, outcome, test.release, test.outcome)
			}
		})
	}
}

// TestLastDeadline: a week before the build goes.
func TestLastDeadline(t *testing.T) {
	t.Parallel()
	var g policy.Gate
	if got := g.LastDeadline(); got != "" {
		t.Errorf("%q for a build that stays", got)
	}
	g.Clocks.ShelfLife = time.Date(2026, 1, 12, 0, 0, 0, 0, time.UTC)
	if got := g.LastDeadline(); got != "2026-01-05T00:00:00" {
		t.Errorf("got %q", got)
	}
}

// TestLastWeekOfABuild: an ordinary approval ends a week before the build may be
// gone, and a policy opens no wave that ends later than that or waits until then.
func TestLastWeekOfABuild(t *testing.T) {
	t.Parallel()
	var g policy.Gate
	g.Clocks.ShelfLife = time.Date(2026, 1, 12, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		deadline                     policy.LocalTime
		late, gone, opens, opensLate bool // opensLate: of a wave that waits
	}{
		{"2026-01-05T00:00:00", false, false, true, true},
		{"2026-01-05T00:01:00", true, false, true, false},
		{"2026-01-12T00:00:00", true, false, true, false},
		{"2026-01-12T00:01:00", true, true, false, false},
	} {
		late, gone := g.LastWeek(test.deadline), g.Gone(test.deadline)
		opens := g.Opens([]policy.Wave{{Deadline: test.deadline}})
		opensLate := g.Opens([]policy.Wave{{Deadline: test.deadline, Waits: true}})
		if late != test.late || gone != test.gone || opens != test.opens || opensLate != test.opensLate {
			t.Errorf("%s: late %t, gone %t, opens %t, waiting %t; want %t, %t, %t, %t", test.deadline, late, gone, opens, opensLate, test.late, test.gone, test.opens, test.opensLate)
		}
	}
	if stays := (policy.Gate{}); stays.LastWeek("2026-01-12T00:00:00") || stays.Gone("2026-01-12T00:00:00") || policy.EndBuildGone == policy.EndNoVerified {
		t.Error("a build that stays is taken to go")
	}
}
