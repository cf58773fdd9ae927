package policy

import (
	"fmt"
	"slices"
	"strings"
)

// LaneError says why a gate cannot go through the emergency lane.
type LaneError struct {
	Group   string
	Release string
	Phase   Phase
	Why     LaneClosed
	Apps    []AppState // for LaneUntested and LaneBroken: those that keep it closed
}

// LaneClosed is why the emergency lane is closed.
type LaneClosed string

// Why the emergency lane is closed, in the order in which it is looked at.
const (
	LaneDecided   LaneClosed = "lane-decided"  // declined, expired or superseded
	LaneApproved  LaneClosed = "lane-approved" // an approval stands already
	LaneNotUrgent LaneClosed = "lane-no-flaw"  // no production phone lacks the fix of an exploited flaw
	LaneOff       LaneClosed = "lane-off"      // by policy
	LaneNoTest    LaneClosed = "lane-no-test"  // no app or no verification phone to test with
	LaneBroken    LaneClosed = "lane-broken"   // an app is known not to work
	LaneUntested  LaneClosed = "lane-untested" // a quick check is missing
	LaneStopped   LaneClosed = "lane-stopped"  // the rollout to be hurried stands still
	HurryNoFlaw   LaneClosed = "hurry-no-flaw" // LaneNotUrgent, of a rollout to be hurried
	LaneNoRollout LaneClosed = "lane-nothing"  // no ordinary approval stands whose rollout goes on
)

// Error names the reason and every app that keeps the lane closed.
func (e *LaneError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "emergency lane of group %s for release %s (%s): %s", e.Group, e.Release, e.Phase, e.Why)
	for i, a := range e.Apps {
		b.WriteString(listSeparator(i))
		fmt.Fprintf(&b, "%s (%s: %s)", a.Name, a.BundleID, a.State)
	}
	return b.String()
}

// LaneOpen returns nil when two people may approve the gate by the emergency lane
// as it is, and a *LaneError otherwise: each critical app works on every model
// class of production that can get the release, each important one on at least
// one, by a test of any method on the release itself, and none is broken. A
// verified gate is open too: the lane is quicker than an ordinary approval. A gate
// with an approval is not; see [HurryOpen].
func LaneOpen(g Gate) error {
	why := laneClosed(g)
	if why == "" {
		return nil
	}
	e := &LaneError{Group: g.Group, Release: g.Release, Phase: g.Phase, Why: why}
	if why == LaneBroken || why == LaneUntested {
		for _, a := range g.Urgent.Apps {
			if slices.Contains(g.Urgent.Missing, a.BundleID) && (why == LaneUntested || a.State == StatusBroken) {
				e.Apps = append(e.Apps, a)
			}
		}
	}
	return e
}

func laneClosed(g Gate) LaneClosed {
	switch g.Phase {
	case PhaseDeclined, PhaseExpired, PhaseSuperseded:
		return LaneDecided
	case PhasePaused, PhaseBlocked, PhaseDone, PhaseRollingOut, PhaseApproved, PhaseVerified, PhaseVerifying, PhaseHeld:
	}
	switch u := g.Urgent; {
	case g.Approval != "":
		return LaneApproved
	case u == nil:
		return LaneNotUrgent
	case u.Off:
		return LaneOff
	case len(u.Apps) == 0 || g.Counts.Verification == 0:
		return LaneNoTest
	case g.Phase == PhaseBlocked:
		return LaneBroken
	case len(u.Missing) > 0:
		return LaneUntested
	default:
		return ""
	}
}
