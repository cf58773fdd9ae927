package policy

import (
	"slices"
	"time"
)

// Loosened returns the releases whose gates some business app keeps closed
// before a change of the world and no longer, or less strictly, after it,
// newest first. It looks at the gates the group has before the change. Where an approval
// leaves models out, what keeps these out counts too.
//
// It compares what keeps a gate closed and not phases: a gate that something
// else closes for a time (a person's pause, no verification phone) must not
// hide that an app no longer counts. Left out are gates of declined and expired
// releases, and of one whose place a newer release took that is looked at
// itself: an app that was verified there may go. A group without any phone can
// be removed and made anew, so nothing is kept closed there.
func Loosened(before, after *World, groupName string, now time.Time) []string {
	g := before.groups[groupName]
	if g == nil || len(g.Census) == 0 {
		return nil
	}
	var found, looked []string
	for _, gate := range slices.Concat(Gates(before, groupName, now), before.hiddenImprovements(g, now)) {
		switch gate.Phase {
		case PhaseDeclined, PhaseExpired:
			continue
		case PhaseSuperseded:
			if slices.Contains(looked, gate.Reasons[0].Params[ParamRelease]) {
				continue
			}
		case PhasePaused, PhaseBlocked, PhaseDone, PhaseRollingOut, PhaseApproved, PhaseVerified, PhaseVerifying, PhaseHeld:
		}
		looked = append(looked, gate.Release)
		is := Evaluate(after, groupName, gate.Release, now)
		if loosened(demands(before, gate, now), demands(after, is, now), widens(g, after.groups[groupName])) || lessForOthers(gate, is) {
			found = append(found, gate.Release)
		}
	}
	return found
}

// widens reports whether a group's results stand for other phones than before.
func widens(was, is *group) bool { return is != nil && was.policy.ModelClass != is.policy.ModelClass }

// loosened reports whether an app that was demanded no longer is, or less
// strictly; where results stand for other phones than before, also by fewer tests.
func loosened(was, is map[string]demand, widens bool) bool {
	for id, d := range was {
		if strictness(is[id].importance) < strictness(d.importance) || widens && is[id].tests < d.tests {
			return true
		}
	}
	return false
}

// lessForOthers reports whether a model that an approval does not cover could be added
// to it with less than before.
func lessForOthers(was, is Gate) bool {
	for _, u := range was.Uncovered {
		i := slices.IndexFunc(is.Uncovered, func(o Uncovered) bool { return o.Model == u.Model })
		if i >= 0 && loosened(missingOf(u), missingOf(is.Uncovered[i]), false) {
			return true
		}
	}
	return false
}

// missingOf returns the apps that keep a model out of an approval.
func missingOf(u Uncovered) map[string]demand {
	out := map[string]demand{}
	for _, a := range u.Missing {
		out[a.BundleID] = demand{importance: a.Importance}
	}
	return out
}

// demand is how strictly an app keeps a gate closed.
type demand struct {
	importance Importance
	tests      int // of a critical app: model classes that it still has to be tested on
}

// demands returns the apps that keep a gate closed, by bundle identifier. Once
// phones follow an ordinary approval, which then can be neither withdrawn nor
// made anew, only what stops it counts.
func demands(w *World, gate Gate, now time.Time) map[string]demand {
	out := map[string]demand{}
	g := w.groups[gate.Group]
	if g == nil || g.letsIn(w.known[gate.Release]) {
		return out
	}
	tests := map[string]int{}
	for _, a := range gate.Apps {
		if a.Importance == ImportanceCritical {
			tests[a.BundleID] = len(a.MissingModels)
		}
	}
	a := g.approval(gate.Release, now)
	followed := a != nil && a.Override == nil && a.started(now)
	for _, app := range g.apps {
		demanded := slices.Contains(gate.Missing, app.BundleID)
		if followed {
			revoked, broken := g.stopping(app, approvalOf{a, w.known[gate.Release]}, now)
			demanded = revoked != nil || len(broken) > 0
		}
		if demanded {
			out[app.BundleID] = demand{app.Importance, tests[app.BundleID]}
		}
	}
	return out
}

// strictness orders importances; "" is that of an app nobody asks for, and a
// damaged record counts as critical, as everywhere.
func strictness(i Importance) int {
	switch i {
	case "":
		return 0
	case ImportanceInformational:
		return 1
	case ImportanceImportant:
		return 2
	case ImportanceCritical:
		return 3
	default:
		return 3
	}
}
