package policy

import (
	"maps"
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
// releases, but for an improvement that phones take by themselves afterwards. One whose
// place a newer release took is not: one person can decline that one. A group without
// any phone can be removed and made anew, so nothing is kept closed there.
//
// What broken results hide counts too, as their recorder can take them back alone. An
// improvement has no gate where a policy hides them all, before the change or after it:
// whoever asks compares worlds in which it is tested instead as well.
func Loosened(before, after *World, groupName string, now time.Time) []string {
	found := loosenedGates(before, after, groupName, now)
	if was, broken := before.unbroken(groupName); broken {
		is, _ := after.unbroken(groupName)
		found = unique(append(found, loosenedGates(was, is, groupName, now)...))
		slices.SortFunc(found, func(a, b string) int { return newestFirst(before.known[a], before.known[b]) })
	}
	return found
}

// unbroken returns the world without the results of a group that say broken, and
// whether there are any.
func (w *World) unbroken(groupName string) (*World, bool) {
	g := w.groups[groupName]
	if g == nil {
		return w, false
	}
	without, found := *g, false
	without.verdicts = make(map[appRelease][]verdictOf, len(g.verdicts))
	for key, list := range g.verdicts {
		works := slices.DeleteFunc(slices.Clone(list), func(v verdictOf) bool { return v.Result == ResultBroken })
		found = found || len(works) < len(list)
		without.verdicts[key] = works
	}
	if !found {
		return w, false
	}
	other := *w
	other.groups = maps.Clone(w.groups)
	other.groups[groupName] = &without
	return &other, true
}

func loosenedGates(before, after *World, groupName string, now time.Time) []string {
	g := before.groups[groupName]
	if g == nil || len(g.Census) == 0 {
		return nil
	}
	var found []string
	for _, gate := range Gates(before, groupName, now) {
		letIn := before.newlyLetIn(after, gate)
		if to := after.groups[groupName]; to != nil && !to.has(before.known[gate.Release]) {
			continue // hidden from the phones
		}
		if gate.Phase == PhaseExpired || gate.Phase == PhaseDeclined && !letIn {
			continue
		}
		is := Evaluate(after, groupName, gate.Release, now)
		if letIn && keepsOut(gate) || loosened(demands(before, gate, now), demands(after, is, now), recounts(g, after.groups[groupName])) || lessForOthers(gate, is) {
			found = append(found, gate.Release)
		}
	}
	return found
}

// keepsOut reports whether anything but a person's pause keeps production phones from the
// release of a gate: that somebody declined it, an app that is missing, on a model that an
// approval leaves out too, or that there is no app to open it by.
func keepsOut(g Gate) bool {
	blocking := func(a AppState) bool { return a.Importance != ImportanceInformational }
	return g.Phase == PhaseDeclined || len(g.Missing) > 0 || leavesOut(g) || !slices.ContainsFunc(g.Apps, blocking)
}

// leavesOut reports whether an approval does not cover a model on which an app is missing.
func leavesOut(gate Gate) bool {
	return slices.ContainsFunc(gate.Uncovered, func(u Uncovered) bool { return len(u.Missing) > 0 })
}

// newlyLetIn reports whether a gate is that of an improvement which phones of the group
// take by themselves after a change, and did not before.
func (w *World) newlyLetIn(after *World, gate Gate) bool {
	r, was, is := w.known[gate.Release], w.groups[gate.Group], after.groups[gate.Group]
	return is != nil && is.letsIn(r) && !was.letsIn(r)
}

// recounts reports whether other results count for a group than before, for other phones
// or for another time, or because one was taken back.
func recounts(was, is *group) bool {
	if is == nil {
		return false
	}
	a, b := was.policy, is.policy
	return a.ModelClass != b.ModelClass || a.CarryOver != b.CarryOver || a.VerdictDays != b.VerdictDays ||
		was.gatesImprovements() != is.gatesImprovements() || was.revoked() != is.revoked()
}

// revoked returns how many results of a group were taken back.
func (g *group) revoked() int {
	n := 0
	for _, list := range g.verdicts {
		for _, v := range list {
			if !v.RevokedAt.IsZero() {
				n++
			}
		}
	}
	return n
}

// loosened reports whether an app that was demanded no longer is, or less
// strictly; where other results count than before, also by fewer tests or not on a model
// that still needed one.
func loosened(was, is map[string]demand, recounts bool) bool {
	for id, d := range was {
		n := is[id]
		if strictness(n.importance) < strictness(d.importance) || d.broken && !n.broken {
			return true
		}
		tested := func(model string) bool { return !slices.Contains(n.models, model) }
		if recounts && (n.tests < d.tests || slices.ContainsFunc(d.models, tested)) {
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
		out[a.BundleID] = demand{importance: a.Importance, broken: a.State == StatusBroken}
	}
	return out
}

// demand is how strictly an app keeps a gate closed.
type demand struct {
	importance Importance
	broken     bool // a result says that it does not work
	// Of a critical app: how many model classes it still has to be tested on, and their
	// production models.
	tests  int
	models []string
}

// demandOf returns how strictly an app keeps a gate closed, if it does.
func (g *group) demandOf(app App, gate Gate) demand {
	d := demand{importance: app.Importance}
	i := slices.IndexFunc(gate.Apps, func(a AppState) bool { return a.BundleID == app.BundleID })
	if i < 0 {
		return d
	}
	state := gate.Apps[i]
	d.broken = state.State == StatusBroken
	if state.Importance != ImportanceCritical {
		return d
	}
	d.tests = len(state.MissingModels)
	for _, model := range gate.ProductionModels {
		if slices.Contains(state.MissingModels, g.class(model)) {
			d.models = append(d.models, model)
		}
	}
	return d
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
	a := g.approval(gate.Release, now)
	followed := a != nil && a.Override == nil && a.started(now)
	for _, app := range g.apps {
		demanded := slices.Contains(gate.Missing, app.BundleID)
		if followed {
			revoked, broken := g.stopping(app, approvalOf{a, w.known[gate.Release]}, now)
			demanded = revoked != nil || len(broken) > 0
		}
		if demanded {
			out[app.BundleID] = g.demandOf(app, gate)
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
