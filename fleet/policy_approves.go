package fleet

import (
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// PolicyApproval is an approval that the policy of a group is going to give by itself
// because the hold of a release ends, or has ended.
type PolicyApproval struct {
	Release string    `json:"release"` // that it approves
	HoldOf  string    `json:"hold_of"` // whose hold it is
	Policy  string    `json:"policy"`
	At      time.Time `json:"at,omitzero"` // when the hold ends; zero: it has, and the approval follows at once
}

// policyApproves returns what the policy of a group is going to approve by itself of
// what is verified in a world: what the next sweep approves, and what would be approved
// when a hold ends if nothing else changed until then. Where that cannot be worked out
// it is nothing: the sweep that stumbles over it says so.
func (f *Fleet) policyApproves(w *worldState, s *snapshot, name string) []PolicyApproval {
	g, err := s.group(name)
	j := f.gatedNow(w, s)
	if err != nil || !enforcesAtEnd(s, name) || j.halted() {
		return nil
	}
	var now storage.WorldChange
	if err := f.holdsOf(&now, w, j, g); err != nil {
		return nil
	}
	var list []PolicyApproval
	for _, e := range now.Audit {
		if release := e.Detail["approved"]; release != "" {
			list = append(list, PolicyApproval{Release: release, HoldOf: strings.TrimPrefix(e.Target, name+"/"), Policy: policyName(g)})
		}
	}
	gates := j.gates(name)
	for _, gate := range s.awaited(j.world, gates, slices.Clone(gates), j.now) {
		follows := slices.ContainsFunc(list, func(p PolicyApproval) bool { return p.Release == gate.Release })
		if gate.NextAutomatic != policy.StepPolicyApproves || gate.Phase != policy.PhaseVerified || follows {
			continue
		}
		r := gate.Reasons[len(gate.Reasons)-1]
		if at, err := time.Parse(time.RFC3339, r.Params[policy.ParamDate]); err == nil {
			list = append(list, PolicyApproval{Release: gate.Release, HoldOf: r.Params[policy.ParamRelease], Policy: policyName(g), At: at})
		}
	}
	return list
}

// newlyApproved returns what the policy of a group is going to approve in one world and
// was not in another.
func (f *Fleet) newlyApproved(w *worldState, was, is *snapshot, group string) []PolicyApproval {
	after := f.policyApproves(w, is, group)
	if len(after) == 0 {
		return nil
	}
	before := f.policyApproves(w, was, group)
	var fresh []PolicyApproval
	for _, p := range after {
		if !slices.Contains(before, p) {
			fresh = append(fresh, p)
		}
	}
	return fresh
}
