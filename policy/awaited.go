package policy

import (
	"slices"
	"time"
)

// AtEnd answers what [Awaited] asks about a group of which the policy enforces.
type AtEnd struct {
	// Waits reports whether the policy waits for a result, the hold of the release
	// having ended.
	Waits func(release string) bool
	// Last returns the newest approval of a release, nil for none.
	Last func(release string) *Approval
	// Opens reports whether what the policy would approve at a moment ends before the
	// build may be gone.
	Opens func(gate Gate, at time.Time) bool
}

// Awaited says what the policy of a group does by itself about a release that it has no
// approval of, when it enforces the newest verified release at the end of a hold: the
// Reason is GatePolicyApproves while the first such hold is still to end, where the
// policy would approve the release then if it were verified and the other gates were as they are,
// and GatePolicyWaits once one has ended and nothing was verified; it is false when the policy
// does nothing. gates are all gates of the group, the newest first; see [Enforceable].
func Awaited(w *World, gates []Gate, gate Gate, end AtEnd, now time.Time) (Reason, bool) {
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
		case over && end.Waits(of.Release) && gate.Phase != PhaseVerified: // what is verified by now cannot be approved
			return reason(GatePolicyWaits, ParamRelease, of.Release, ParamDate, date(ends)), true
		}
	}
	if first.Release == "" || !end.approves(gates, gate, g.waiting(w.known[first.Release], now), first.Clocks.HiddenUntil) {
		return Reason{}, false
	}
	return reason(GatePolicyApproves, ParamRelease, first.Release, ParamDate, date(first.Clocks.HiddenUntil)), true
}

// approves reports whether the gate is the one that a policy approves at the end of a
// hold, for the models that wait, once it is verified.
func (e AtEnd) approves(gates []Gate, gate Gate, waiting []string, at time.Time) bool {
	then := slices.Clone(gates)
	for i := range then {
		if then[i].Release == gate.Release {
			then[i].Phase = PhaseVerified
		}
	}
	chosen, outcome := Enforceable(then, waiting, e.Last, func(g Gate) bool { return e.Opens(g, at) }, at)
	return outcome == EndApproved && chosen.Release == gate.Release
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
