package fleet_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
)

// TestLinesOf: a gate is called urgent only while somebody can act on it: not once it
// is replaced, nor once a newer release is approved for all its phones.
func TestLinesOf(t *testing.T) {
	t.Parallel()
	gate := func(group, release string, phase policy.Phase, change func(*policy.Gate)) policy.Gate {
		g := policy.Gate{
			Group: group, Release: release, Phase: phase, ProductionModels: []string{"iPhone15,2"},
			Urgent: &policy.Urgency{CVEs: []string{"CVE-2026-20700"}},
		}
		if change != nil {
			change(&g)
		}
		return g
	}
	approved := func(g *policy.Gate) { g.Approval = "A1" }
	held := gate("sales", "26.6", policy.PhaseHeld, nil)
	tests := map[string]struct {
		gates []policy.Gate
		want  []string // the releases called urgent
	}{
		"nothing approved": {[]policy.Gate{gate("sales", "26.6.1", policy.PhaseVerifying, nil), held}, []string{"26.6.1", "26.6"}},
		"replaced":         {[]policy.Gate{gate("sales", "26.6.1", policy.PhaseHeld, nil), gate("sales", "26.6", policy.PhaseSuperseded, nil)}, []string{"26.6.1"}},
		"declined":         {[]policy.Gate{gate("sales", "26.6.1", policy.PhaseDeclined, nil), held}, []string{"26.6"}},
		"newer approved":   {[]policy.Gate{gate("sales", "26.6.1", policy.PhaseRollingOut, approved), held}, nil},
		"to be hurried": {[]policy.Gate{gate("sales", "26.6.1", policy.PhaseRollingOut, func(g *policy.Gate) {
			g.Approval, g.NextHuman = "A1", policy.StepHurry
		}), held}, []string{"26.6.1"}},
		"for other models": {[]policy.Gate{gate("sales", "26.6.1", policy.PhaseRollingOut, func(g *policy.Gate) {
			g.Approval, g.ProductionModels = "A1", []string{"iPhone18,1"}
		}), held}, []string{"26.6"}},
		"not for all phones": {[]policy.Gate{gate("sales", "26.6.1", policy.PhaseRollingOut, func(g *policy.Gate) {
			g.Approval, g.Counts.NotCovered = "A1", 1
		}), held}, []string{"26.6"}},
		"older brings the same": {[]policy.Gate{gate("sales", "26.6.1", policy.PhaseHeld, nil), gate("sales", "26.6", policy.PhaseRollingOut, approved)}, nil},
		"older brings less": {[]policy.Gate{gate("sales", "26.6.1", policy.PhaseHeld, func(g *policy.Gate) {
			g.Urgent.CVEs = []string{"CVE-2026-20700", "CVE-2026-20701"}
		}), gate("sales", "26.6", policy.PhaseRollingOut, approved)}, []string{"26.6.1"}},
		"older paused":         {[]policy.Gate{gate("sales", "26.6.1", policy.PhaseHeld, nil), gate("sales", "26.6", policy.PhasePaused, approved)}, []string{"26.6.1"}},
		"newer still to begin": {[]policy.Gate{gate("sales", "26.6.1", policy.PhaseApproved, approved), held}, nil},
		"newer done":           {[]policy.Gate{gate("sales", "26.6.1", policy.PhaseDone, approved), held}, nil},
		"newer paused":         {[]policy.Gate{gate("sales", "26.6.1", policy.PhasePaused, approved), held}, []string{"26.6"}},
		"newer blocked":        {[]policy.Gate{gate("sales", "26.6.1", policy.PhaseBlocked, approved), held}, []string{"26.6"}},
		"in another group":     {[]policy.Gate{gate("field", "26.6.1", policy.PhaseRollingOut, approved), held}, []string{"26.6"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, line := range fleet.LinesOf(tt.gates) {
				if len(line.Urgent) > 0 {
					got = append(got, line.Release)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("urgent (-want +got):\n%s", diff)
			}
		})
	}
}
