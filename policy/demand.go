package policy

import (
	"maps"
	"slices"
	"time"
)

// Loosened returns the releases whose gates wait for some result before a change of
// the world and no longer, or less strictly, after it, newest first. It looks at the
// gates the group has before the change, and at the models that an approval leaves out.
// The change is one of settings or of the phones that there are; that results were
// recorded is no loosening, and not for this function to tell.
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
		if before.loosens(after, gate, now) {
			found = append(found, gate.Release)
		}
	}
	return found
}

// loosens reports whether less keeps the release of a gate from phones after a change
// of the world.
func (w *World) loosens(after *World, gate Gate, now time.Time) bool {
	r, from, to := w.known[gate.Release], w.groups[gate.Group], after.groups[gate.Group]
	was := w.demands(gate, now)
	switch {
	case gate.Phase == PhaseExpired, to != nil && !to.has(r):
		return false // nobody can install it, or it is hidden from the phones
	case to != nil && to.letsIn(r):
		return len(was) > 0 || len(gate.Missing) > 0 || closedByPeople(gate) // phones take it by themselves
	case gate.Phase == PhaseDeclined, len(was) == 0:
		return false
	}
	is := after.demands(Evaluate(after, gate.Group, gate.Release, now), now)
	return lessThan(is, was, func(model string) bool { return to.inProduction(model) < from.inProduction(model) })
}

// closedByPeople reports whether a gate is closed by a decision or by there being no app
// to open it, whatever was tested. A pause is for a time.
func closedByPeople(gate Gate) bool {
	blocking := func(a AppState) bool { return a.Importance != ImportanceInformational }
	return gate.Phase == PhaseDeclined || !slices.ContainsFunc(gate.Apps, blocking)
}

// inProduction returns how many production phones of a model a group has; none without
// a group.
func (g *group) inProduction(model string) int {
	n := 0
	if g == nil {
		return n
	}
	for _, c := range g.Census {
		if c.Ring != RingVerification && c.Model == model {
			n += c.Count
		}
	}
	return n
}

// demand is one result that a gate waits for: of an app, for production phones of a
// model, or with "" for any of them.
type demand struct{ app, model string }

// strictness is how strictly a result is demanded.
type strictness struct {
	critical bool   // otherwise important: no other app keeps a gate closed
	broken   bool   // there is one, which says that it does not work
	class    string // of a critical app not tested on the model: the model class that a test is to be made on
}

func (s strictness) weakerThan(was strictness) bool {
	return was.critical && !s.critical || was.broken && !s.broken || was.class != "" && s.class == ""
}

// lessThan reports whether less is demanded than was: a demand is gone, or weaker, or one
// test does where it took two. What was demanded for the phones of a model may go as they
// leave; what is demanded for any phone stays.
func lessThan(is, was map[demand]strictness, leave func(model string) bool) bool {
	classes := map[demand]string{} // by app and class now: the class that was
	for d, s := range was {
		n, still := is[d]
		switch {
		case !still && d.model != "" && leave(d.model):
			continue
		case !still, n.weakerThan(s):
			return true
		case s.class == "":
			continue
		}
		test := demand{d.app, n.class}
		if other, known := classes[test]; known && other != s.class {
			return true
		}
		classes[test] = s.class
	}
	return false
}

// demands returns what a gate waits for. Once phones follow an ordinary approval, which
// then can be neither withdrawn nor made anew, it is what stops that and what keeps
// models out that it does not cover.
func (w *World) demands(gate Gate, now time.Time) map[demand]strictness {
	g, out := w.groups[gate.Group], map[demand]strictness{}
	if g == nil {
		return out
	}
	for _, app := range gate.Apps {
		if !w.demanded(g, app, gate, w.halt.time(now)) {
			continue
		}
		out[demand{app: app.BundleID}] = g.strictness(app, "")
		for _, model := range gate.ProductionModels {
			if s := g.strictness(app, model); s.class != "" {
				out[demand{app.BundleID, model}] = s
			}
		}
	}
	for _, u := range gate.Uncovered {
		for _, app := range u.Missing {
			out[demand{app.BundleID, u.Model}] = g.strictness(app, u.Model)
		}
	}
	return out
}

// demanded reports whether a gate waits for a result of an app.
func (w *World) demanded(g *group, s AppState, gate Gate, now time.Time) bool {
	a := g.approval(gate.Release, now)
	if a == nil || a.Override != nil || !a.started(now) {
		return slices.Contains(gate.Missing, s.BundleID)
	}
	app := App{BundleID: s.BundleID, Importance: s.Importance}
	revoked, broken := g.stopping(app, approvalOf{a, w.known[gate.Release]}, now)
	return revoked != nil || len(broken) > 0
}

// strictness returns how strictly a result of an app is demanded for a model.
func (g *group) strictness(app AppState, model string) strictness {
	s := strictness{critical: app.Importance == ImportanceCritical, broken: app.State == StatusBroken}
	if class := g.class(model); model != "" && s.critical && slices.Contains(app.MissingModels, class) {
		s.class = class
	}
	return s
}
