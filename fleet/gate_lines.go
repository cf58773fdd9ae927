package fleet

import (
	"slices"

	"github.com/kannuki-mdm/kannuki/policy"
)

// GateLine is one gate in one line.
type GateLine struct {
	Group   string   `json:"group"`
	Release string   `json:"release"`
	Phase   string   `json:"phase"`
	Missing []string `json:"missing"`
	// Override says that the gate was not verified, and who decided so.
	Override *policy.GateOverride `json:"override,omitempty"`
	// Lane says that the approval came by the emergency lane, and who decided so.
	Lane *policy.GateLane `json:"urgent_approval,omitempty"`
	// Urgent says that production lacks the fix of a flaw known to be exploited,
	// and nothing is approved that brings it soon, be it a newer release whose rollout
	// goes on. One that nobody can act on any more is not.
	Urgent []string `json:"urgent,omitempty"`
}

// LinesOf returns gates in one line each. Those of a group stand together, newest
// release first, as [policy.Gates] returns them.
func LinesOf(gates []policy.Gate) []GateLine {
	var lines []GateLine
	for i, g := range gates {
		line := GateLine{g.Group, g.Release, string(g.Phase), append([]string{}, g.WaitsFor()...), g.Override, g.Lane, nil}
		replaced := func(newer policy.Gate) bool { return bringsInstead(newer, g) }
		if worthTelling(g) && (g.Approval == "" || g.NextHuman == policy.StepHurry) && !slices.ContainsFunc(gates[:i], replaced) {
			line.Urgent = g.Urgent.CVEs
		}
		lines = append(lines, line)
	}
	return lines
}

// bringsInstead reports whether a newer release is approved for all production phones
// of a gate and nothing stops it: what there is to hurry is its rollout.
func bringsInstead(newer, g policy.Gate) bool {
	goesOn := newer.Phase == policy.PhaseApproved || newer.Phase == policy.PhaseRollingOut || newer.Phase == policy.PhaseDone
	return goesOn && newer.Group == g.Group && newer.Approval != "" && newer.Counts.NotCovered == 0 &&
		!slices.ContainsFunc(g.ProductionModels, func(m string) bool { return !slices.Contains(newer.ProductionModels, m) })
}
