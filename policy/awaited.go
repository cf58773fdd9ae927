package policy

import (
	"slices"
	"time"
)

// Awaited says what the policy of a group does by itself about a release that it has no
// approval of, when it enforces the newest verified release at the end of a hold: the
// Reason is GatePolicyApproves while the first such hold is still to end, and
// GatePolicyWaits once one has and nothing was verified; it is false when the policy
// does nothing. gates are all gates of the group, and waits says of which releases the
// policy waits for a result once their hold has ended; see [Enforceable].
func Awaited(w *World, gates []Gate, gate Gate, waits func(release string) bool, now time.Time) (Reason, bool) {
	g := w.groups[gate.Group]
	if g == nil || g.policy.OnExpiry != OnExpiryEnforce || w.halt.stands() || !gate.mayBeEnforced() {
		return Reason{}, false
	}
	first := Gate{}
	for _, of := range gates {
		ends := of.Clocks.HiddenUntil
		over := reached(ends, now)
		switch {
		case ends.IsZero() || !of.holdMatters() || !g.concerns(w.known[of.Release], gate, now):
		case !over && (first.Release == "" || ends.Before(first.Clocks.HiddenUntil)):
			first = of
		case over && waits(of.Release) && gate.Phase != PhaseVerified: // what is verified by now cannot be approved
			return reason(GatePolicyWaits, ParamRelease, of.Release, ParamDate, date(ends)), true
		}
	}
	if first.Release == "" {
		return Reason{}, false
	}
	return reason(GatePolicyApproves, ParamRelease, first.Release, ParamDate, date(first.Clocks.HiddenUntil)), true
}

// mayBeEnforced reports whether the release can be what a policy approves at the end of
// a hold, once it is verified.
func (g Gate) mayBeEnforced() bool {
	switch g.Phase {
	case PhaseHeld, PhaseVerifying, PhaseBlocked, PhaseVerified:
		return g.Approval == "" && (g.Branch == nil || !g.Branch.Held)
	case PhaseDeclined, PhaseExpired, PhasePaused, PhaseDone, PhaseRollingOut, PhaseApproved, PhaseSuperseded:
	}
	return false
}

// holdMatters reports whether a policy does anything when the hold of the release ends.
func (g Gate) holdMatters() bool {
	switch g.Phase {
	case PhaseDeclined, PhaseExpired, PhaseDone, PhaseRollingOut, PhaseApproved:
		return false
	case PhasePaused, PhaseBlocked, PhaseSuperseded, PhaseVerified, PhaseVerifying, PhaseHeld:
	}
	return g.Approval == ""
}

// concerns reports whether one of the models that wait for a hold to end can get the
// release of a gate.
func (g *group) concerns(of *release, gate Gate, now time.Time) bool {
	return slices.ContainsFunc(g.waiting(of, now), func(m string) bool { return slices.Contains(gate.ProductionModels, m) })
}
