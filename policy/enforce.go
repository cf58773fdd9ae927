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
	EndWithdrawn  HoldOutcome = "withdrawn"        // all that is verified is what a person took back
	EndBuildGone  HoldOutcome = "build-gone"       // what is verified, and nobody took back, may be gone before phones have to install it
)

// Enforceable returns the gate of the newest verified release for one of the
// models that wait at the end of a hold, when the outcome is EndApproved, among
// gates with the newest first; last returns the newest approval of a release, nil
// for none, and opens reports whether what the policy would approve ends before the
// build may be gone. Where it does not, an older release that lasts is looked for. What
// is not verified is never approved by itself, nor what a person
// withdrew or declined, nor a higher major version that the policy keeps off, nor
// anything older than an approval that stands for one of the models.
func Enforceable(gates []Gate, waiting []string, last func(release string) *Approval, opens func(Gate) bool, now time.Time) (Gate, HoldOutcome) {
	outcome := EndNoVerified
	for _, gate := range gates {
		wanted := func(m string) bool { return slices.Contains(waiting, m) && slices.Contains(gate.ProductionModels, m) }
		if !slices.ContainsFunc(waiting, wanted) || gate.Phase == PhaseDeclined || gate.Phase == PhaseExpired {
			continue
		}
		a := last(gate.Release)
		switch {
		case a != nil && a.Withdrawn.IsZero() && !a.over(now) && slices.ContainsFunc(a.Models, wanted):
			return Gate{}, EndDecided
		case gate.Phase != PhaseVerified || gate.Branch != nil && gate.Branch.Held:
		case a != nil && !a.Withdrawn.IsZero():
			if outcome != EndBuildGone { // that one is looked at again, whatever else was taken back
				outcome = EndWithdrawn
			}
		case !opens(gate):
			outcome = EndBuildGone
		default:
			return gate, EndApproved
		}
	}
	return Gate{}, outcome
}
