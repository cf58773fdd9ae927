package simulation

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// The releases of a life with orders of acts: one, and the one that takes its place
// within days.
const (
	replacedRelease = 2
	replacingOne    = 3
)

// drawReplaced has Apple replace a release before anybody tests it. Half of the testers
// of each group are on neither when somebody may have declined the newer one, so that they
// can test the older.
func drawReplaced(r *rand.Rand, l *life) {
	l.ordered = true
	first := 3 + r.IntN(4)
	next := first + 1 + r.IntN(3)
	of := func(v, build string, posted int) release {
		return release{version: v, build: build, posted: posted, models: []string{modelA, modelB}, pulled: never}
	}
	l.releases = append(l.releases[:replacedRelease:replacedRelease], of("26.1", "23B2", first), of("26.1.1", "23B3", next), of("26.2", "23C1", next+16+r.IntN(4)))
	for i := range l.phones {
		p := &l.phones[i]
		if p.model == modelOld {
			p.model, p.born = modelA, firstNew
		}
		if at := i / len(l.teams); at == 2 || at == 3 {
			p.ring, p.model, p.hours, p.supervised = storage.RingVerification, []string{modelA, modelB}[at%2], always, true
			p.drawer, p.full, p.failures = [2]int{1, next + 5}, [2]int{}, 0
		}
	}
}

// drawOrders draws in which order people take apps away, decline what took the place of a
// release, and put apps back; then that they test the older release, and approve it.
func drawOrders(r *rand.Rand, l *life, add func(time.Duration, kind, int, int)) {
	hours := func(from, to int) time.Duration { return time.Duration(from+r.IntN(to-from)) * time.Hour }
	posted := time.Duration(l.releases[replacingOne].posted) * day
	for team := range l.teams {
		tests := func(at time.Duration, release int) time.Duration {
			add(at, kindOffer, team, release)
			for range 3 {
				at += hours(18, 26)
				add(at, kindTest, team, release)
			}
			return at
		}
		at := tests(posted+hours(3, 8), replacingOne)
		for _, k := range order(r) {
			at += hours(1, 6)
			add(at, k, team, replacingOne)
			if r.IntN(5) == 0 {
				add(at+hours(1, 3), kindCountersign, 0, 0)
			}
		}
		at = tests(max(at, posted+5*day)+hours(1, 4), replacedRelease)
		for range 3 {
			at += hours(2, 12)
			add(at, kindApprove, team, replacedRelease)
		}
	}
}

// order returns acts of which one person makes each: an edit and a decline at least.
func order(r *rand.Rand) []kind {
	acts := []kind{kindDrop, kindDecline}
	for range r.IntN(4) {
		acts = append(acts, pick(r, kindDrop, kindDrop, kindReturn, kindRemove, kindEmpty, kindEdit))
	}
	if r.IntN(3) == 0 {
		r.Shuffle(len(acts), func(i, j int) { acts[i], acts[j] = acts[j], acts[i] })
	}
	return acts
}

// withoutStories leaves out what was drawn about the releases of orders.
func withoutStories(events []event) []event {
	return slices.DeleteFunc(events, func(e event) bool {
		return byName(e.kind).ofRelease && (e.about == replacedRelease || e.about == replacingOne)
	})
}

// drops has somebody take one app out of a group, or propose it.
func (w *world) drops(e event) {
	was := w.settledAt(w.serverNow())
	to := settled{importance: was.importance, teams: slices.Clone(was.teams)}
	t := &to.teams[e.team]
	if len(t.apps) == 0 {
		return
	}
	i := t.apps[e.dice>>8%uint64(len(t.apps))]
	t.apps = toggled(t.apps, i)
	w.change(e, edit{"take " + businessApps()[i].bundleID + " out of " + t.name, to, w.settingGroup(*t, i)})
}

// debt is of an app that keeps a gate closed, or did until one person took it away: what is
// owed to the gate is a test of it.
type debt struct{ group, release, app string }

// owed is on which models that is, and by what it came.
type owed struct {
	importance string
	models     []string
	what       string // "": nobody took it away yet
}

// demands returns every app that keeps a gate closed to production phones, whether or
// not a newer release took the place of that.
func (w *world) demands() map[debt]owed {
	found := map[debt]owed{}
	for _, t := range w.life.teams {
		for _, r := range w.newestFirst {
			models := w.waitingModels(t.name, r)
			if len(models) == 0 || w.concluded(t.name, r.version) {
				continue
			}
			for _, a := range w.closing(t.name) {
				if missing := w.untestedOn(t.name, r.version, a, models); len(missing) > 0 {
					found[debt{t.name, r.version, a.bundleID}] = owed{importance: a.importance, models: missing}
				}
			}
		}
	}
	return found
}

// waitingModels returns the models of a group's production phones that could get a release.
func (w *world) waitingModels(group string, r release) []string {
	var list []string
	w.production(func(of, model, runs string) {
		if of == group && newer(r.version, runs) && w.signed(r.version, model) && !slices.Contains(list, model) {
			list = append(list, model)
		}
	})
	return list
}

// concluded reports whether no app can keep a gate closed any more: the release is declined,
// its rollout is under way, or phones take it by themselves.
func (w *world) concluded(group, release string) bool {
	if version.Extra(release) != "" && w.improvementsOf(group) == policy.ImprovementsAccept {
		return true
	}
	now := w.serverNow()
	a, approved := w.approval(group, release, now)
	return w.declined(group, release) || approved && a.Override == nil && !passed(a.WithdrawnAt, now) && begun(a.Waves[0], now)
}

// untestedOn returns the models on which an app is not known to work.
func (w *world) untestedOn(group, release string, a app, models []string) []string {
	now := w.serverNow()
	if len(w.brokenResults(group, a.bundleID, release, now)) > 0 {
		return models
	}
	return slices.DeleteFunc(slices.Clone(models), func(m string) bool {
		return w.restsOn(storage.Approval{Group: group, Release: release}, a, m, false, now)
	})
}

// member is an app that a group depends on.
type member struct{ group, app string }

// members returns the importance of every app that can keep gates closed.
func (w *world) members() map[member]string {
	list := map[member]string{}
	for _, t := range w.life.teams {
		for _, a := range w.closing(t.name) {
			list[member{t.name, a.bundleID}] = a.importance
		}
	}
	return list
}

// weakened returns which apps keep gates closed no longer, or less strictly.
func (w *world) weakened(before map[member]string) map[member]bool {
	now, list := w.members(), map[member]bool{}
	for m, was := range before {
		if is := now[m]; is == "" || was == "critical" && is != was {
			list[m] = true
		}
	}
	return list
}

// counts remembers which apps keep gates closed now: whatever becomes of a gate meanwhile,
// they counted in it.
func (w *world) counts() {
	for d, o := range w.demands() {
		was := w.book.owed[d]
		for _, m := range o.models {
			if !slices.Contains(was.models, m) {
				was.models = append(slices.Clone(was.models), m)
			}
		}
		if was.importance != "critical" {
			was.importance = o.importance
		}
		w.book.owed[d] = was
	}
}

// owes notes what is owed since one person took apps away that ever counted in a gate. One
// that was tested there, or in a gate that only two people can open, may go.
func (w *world) owes(what string, before map[member]string) {
	weakened := w.weakened(before)
	for d, o := range w.book.owed {
		if !weakened[member{d.group, d.app}] || !w.belong(d.group, d.release, o.models) {
			continue
		}
		if w.concluded(d.group, d.release) || len(w.untestedOn(d.group, d.release, app{d.app, o.importance}, o.models)) == 0 {
			delete(w.book.owed, d)
			continue
		}
		o.what = what
		w.book.owed[d] = o
	}
}

// belong reports whether a phone of one of some models could get a release and is held by
// the group's gates, or was last. A group that has none is as good as a new one, and who
// comes from another is judged by its gates.
func (w *world) belong(group, release string, models []string) bool {
	return slices.ContainsFunc(w.phones, func(p *phone) bool {
		stored, err := w.disk.Phone(w.ctx, seg, p.udid)
		return err == nil && p.origin() == group && slices.Contains(models, stored.Model) && newer(release, stored.OS.Version)
	})
}

// forgives forgets apps that two people have taken away by now.
func (w *world) forgives(before map[member]string) {
	weakened := w.weakened(before)
	for d := range w.book.owed {
		if weakened[member{d.group, d.app}] {
			delete(w.book.owed, d)
		}
	}
}

// unpaid returns an app that one person took away from a closed gate and that nobody
// tested there since, on models, "" for none.
func (w *world) unpaid(group, release string, models []string) string {
	for d, o := range w.book.owed {
		if d.group != group || d.release != release || o.what == "" {
			continue
		}
		on := slices.DeleteFunc(slices.Clone(o.models), func(m string) bool { return !slices.Contains(models, m) })
		if len(w.untestedOn(group, release, app{d.app, o.importance}, on)) > 0 {
			return d.app + " kept it closed until one person did \"" + o.what + "\""
		}
	}
	return ""
}

// disorderly are plants about orders of acts.
func disorderly() []plant {
	return []plant{
		{
			name: "one person takes from a replaced release what keeps it closed", property: "P5", seed: 97,
			waives: func(w *world, g storage.ShownGate) bool {
				r, _ := w.apple.find(g.Release)
				return slices.ContainsFunc(w.newestFirst, func(n release) bool {
					return newer(n.version, r.version) && n.listed(w.copyDay) && !n.improves() && !w.declined(g.Group, n.version)
				})
			},
		},
		{
			name: "one person lets improvements in that nobody tested", property: "P5", seed: 56,
			waives: func(w *world, g storage.ShownGate) bool { return version.Extra(g.Release) != "" },
		},
		{
			name: "one person lets improvements in that were declined", property: "P5", seed: 56,
			waives: func(w *world, g storage.ShownGate) bool {
				return version.Extra(g.Release) != "" && w.declined(g.Group, g.Release)
			},
		},
	}
}
