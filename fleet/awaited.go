package fleet

import (
	"cmp"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// awaited completes gates of one group with what its policy is going to approve by
// itself at the end of a hold: the step that happens by itself, and a reason of the
// same name. all are all gates of the group.
func (s *snapshot) awaited(world *policy.World, all, gates []policy.Gate, now time.Time) []policy.Gate {
	if len(gates) == 0 {
		return gates
	}
	end := s.atEnd(gates[0].Group)
	for i, gate := range gates {
		if a, ok := newestApproval(s, gate.Group, gate.Release); ok && !a.WithdrawnAt.IsZero() {
			continue // what a person took back is not approved by itself
		}
		if r, ok := policy.Awaited(world, all, gate, end, now); ok {
			gates[i].NextAutomatic, gates[i].Reasons = r.Code, append(slices.Clone(gate.Reasons), r)
		}
	}
	return gates
}

// awaitedAlone is awaited for one gate.
func (s *snapshot) awaitedAlone(world *policy.World, gate policy.Gate, now time.Time) policy.Gate {
	if !enforcesAtEnd(s, gate.Group) {
		return gate
	}
	return s.awaited(world, policy.Gates(world, gate.Group, now), []policy.Gate{gate}, now)[0]
}

// atEnd returns what the engine asks about a group whose policy enforces at the end of a hold.
func (s *snapshot) atEnd(group string) policy.AtEnd {
	return policy.AtEnd{Waits: s.waitsAfterHold(group), Last: s.lastApproval(group), Opens: s.opensAtEnd(group)}
}

// opensAtEnd returns what reports whether the policy of a group would approve a gate at
// the end of a hold, as [Fleet.approveByPolicy] does: its waves end in time only where
// one wave of all phones does, and that is what it approves where they do not.
func (s *snapshot) opensAtEnd(group string) func(gate policy.Gate, at time.Time) bool {
	return func(gate policy.Gate, at time.Time) bool {
		g, _ := s.group(group)
		decided, err := s.decided(policyName(g))
		if err != nil {
			decided = builtInPolicy()
		}
		within, _ := sinceOpening(cmp.Or(ApproveRequest{Group: group}.or(decided).Deadline, enforceDeadline))
		schedule := s.policy.Schedule(group, nil)
		waves := schedule.Plan([]policy.Wave{{Threshold: policy.Buckets, Waits: true, Planned: at, Within: within}})
		waves[0].Waits = waves[0].Start.After(at)
		return schedule.Opens(gate, waves, at)
	}
}

// waitsAfterHold returns what reports whether the policy of a group that enforces at the
// end of a hold waits for something to be verified, the hold having ended.
func (s *snapshot) waitsAfterHold(group string) func(release string) bool {
	return func(release string) bool {
		mark := markOf(s, policy.Gate{Group: group, Release: release})
		return mark.Waits || mark.Day < policy.HoldDays // what is not told yet is about to be
	}
}

// awaits completes the explanation of a production phone that waits for a closed gate
// with what its group's policy is going to approve by itself. What users see may be
// replaced by the release that the policy waits for.
func (e explainer) awaits(p *storage.Phone, x *policy.Explanation) {
	if p.Ring != storage.RingProduction || x.Reason.Code != policy.ReasonGateClosed && x.Reason.Code != policy.ReasonHoldEnded || !enforcesAtEnd(e.snap, p.Group) {
		return
	}
	all := policy.Gates(e.world, p.Group, e.now)
	for _, gate := range e.snap.awaited(e.world, all, slices.Clone(all), e.now) {
		switch gate.NextAutomatic {
		case policy.StepPolicyApproves, policy.StepPolicyWaits:
		default:
			continue
		}
		if slices.Contains(gate.ProductionModels, p.Model) {
			x.NextAutomatic, x.Facts = gate.NextAutomatic, append(x.Facts, gate.Reasons[len(gate.Reasons)-1])
			return
		}
	}
}

// enforcesAtEnd reports whether the policy of a group approves the newest verified
// release at the end of a hold.
func enforcesAtEnd(s *snapshot, group string) bool {
	g, _ := s.group(group)
	decided, err := s.decided(policyName(g))
	return err == nil && decided.OnExpiry == string(policy.OnExpiryEnforce)
}
