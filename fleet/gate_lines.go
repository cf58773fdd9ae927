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
		if worthTelling(g) && (g.Approval == "" || g.NextHuman == policy.StepHurry) && !brought(g, gates[:i], gates[i+1:]) {
			line.Urgent = g.Urgent.CVEs
		}
		lines = append(lines, line)
	}
	return lines
}

// brought reports whether the fixes that make a gate urgent are under way with another
// release: a newer one, or an older one that brings the same.
func brought(g policy.Gate, newer, older []policy.Gate) bool {
	return slices.ContainsFunc(newer, func(other policy.Gate) bool { return bringsInstead(other, g) }) ||
		slices.ContainsFunc(older, func(other policy.Gate) bool {
			return other.Urgent != nil && bringsInstead(other, g) &&
				!slices.ContainsFunc(g.Urgent.CVEs, func(flaw string) bool { return !slices.Contains(other.Urgent.CVEs, flaw) })
		})
}

// bringsInstead reports whether another release is approved for all production phones
// of a gate and nothing stops it: what there is to hurry is its rollout.
func bringsInstead(other, g policy.Gate) bool {
	goesOn := other.Phase == policy.PhaseApproved || other.Phase == policy.PhaseRollingOut || other.Phase == policy.PhaseDone
	return goesOn && other.Group == g.Group && other.Approval != "" && other.Counts.NotCovered == 0 &&
		!slices.ContainsFunc(g.ProductionModels, func(m string) bool { return !slices.Contains(other.ProductionModels, m) })
}
