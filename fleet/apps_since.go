package fleet

import (
	"slices"

	"github.com/kannuki-mdm/kannuki/policy"
)

// ApprovedWithout is an approval that goes on past apps that became a condition of its
// gate after it was given.
type ApprovedWithout struct {
	Group   string   `json:"group"`
	Release string   `json:"release"`
	Apps    []string `json:"apps"` // bundle identifiers, not verified there
}

// approvedWithout returns the approvals that a change of the world makes such, in the
// order of groups and then of releases, newest first.
func (f *Fleet) approvedWithout(w *worldState, before, after *snapshot, r reach) []ApprovedWithout {
	var out []ApprovedWithout
	now := f.now()
	had, has := before.withCensus(w.census, now), after.withCensus(w.census, now)
	for _, group := range has.GroupNames() {
		if !r.has(group) {
			continue
		}
		was := gatesByRelease(had, group, now)
		for _, gate := range policy.Gates(has, group, now) {
			known := appsSince(was[gate.Release])
			apps := slices.DeleteFunc(appsSince(gate), func(id string) bool { return slices.Contains(known, id) })
			if len(apps) > 0 {
				out = append(out, ApprovedWithout{group, gate.Release, apps})
			}
		}
	}
	return out
}

// appsSince returns the apps that a gate says its approval was given without.
func appsSince(gate policy.Gate) []string {
	var apps []string
	for _, r := range gate.Reasons {
		if r.Code == policy.GateAppNotCovered {
			apps = append(apps, r.Params[policy.ParamApp])
		}
	}
	return apps
}
