package policy

import (
	"slices"
	"time"
)

// HoldOutcome is what comes of the end of a hold under a policy that enforces.
type HoldOutcome string

// The outcomes.
const (
	EndApproved   HoldOutcome = "approved"         // the newest verified release is approved
	EndNoVerified HoldOutcome = "nothing-verified" // no release is, so none is enforced before one is
	EndDecided    HoldOutcome = "decided-already"  // a person or a policy approved one at least as new, be it paused or blocked
	EndWithdrawn  HoldOutcome = "withdrawn"        // what is verified is what a person took back
	EndBuildGone  HoldOutcome = "build-gone"       // what is verified may be gone before phones have to install it
)

// Enforceable returns the gate of the newest verified release for one of the
// models that wait at the end of a hold, when the outcome is EndApproved, among
// gates with the newest first; last returns the newest approval of a release, nil
// for none. What is not verified is never approved by itself, nor what a person
// withdrew or declined, nor a higher major version that the policy keeps off, nor
// anything older than an approval that stands for one of the models.
func Enforceable(gates []Gate, waiting []string, last func(release string) *Approval, now time.Time) (Gate, HoldOutcome) {
	outcome := EndNoVerified
	for _, gate := range gates {
		wanted := func(m string) bool { return slices.Contains(waiting, m) && slices.Contains(gate.ProductionModels, m) }
		if !slices.ContainsFunc(waiting, wanted) || gate.Phase == PhaseDeclined || gate.Phase == PhaseExpired {
			continue
		}
		a := last(gate.Release)
		switch {
		case a != nil && a.Withdrawn.IsZero() && !a.over(now) && (slices.Contains(a.Models, AnyModel) || slices.ContainsFunc(a.Models, wanted)):
			return Gate{}, EndDecided
		case gate.Phase != PhaseVerified || gate.Branch != nil && gate.Branch.Held:
		case a != nil && !a.Withdrawn.IsZero():
			outcome = EndWithdrawn
		default:
			return gate, EndApproved
		}
	}
	return Gate{}, outcome
}

// LastDeadline returns the last deadline that an approval of the gate may have,
// so that phones that are late can still install the build; "" while nobody knows
// when that goes.
func (g Gate) LastDeadline() LocalTime {
	if g.Clocks.ShelfLife.IsZero() {
		return ""
	}
	return FormatLocal(g.Clocks.ShelfLife.Add(-ShelfMargin), time.UTC)
}

// LastWeek reports whether a deadline at that time is later than an ordinary
// approval of the gate may have one: what is verified takes two people then, or a
// newer release.
func (g Gate) LastWeek(deadline LocalTime) bool {
	latest := g.LastDeadline()
	return latest != "" && deadline.Compare(latest) > 0
}

// Gone reports whether the build of the gate may be gone at a deadline.
func (g Gate) Gone(deadline LocalTime) bool {
	return !g.Clocks.ShelfLife.IsZero() && deadline.Compare(FormatLocal(g.Clocks.ShelfLife, time.UTC)) > 0
}

// Opens reports whether waves that a policy plans for the gate at the end of a hold
// all begin, and end before its build may be gone.
func (g Gate) Opens(waves []Wave) bool {
	return !slices.ContainsFunc(waves, func(w Wave) bool {
		return g.Gone(w.Deadline) || w.Waits && g.Keeps(&Approval{}, w)
	})
}
