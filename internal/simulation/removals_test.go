package simulation

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/memory"
)

// gone is the importance of an app that was removed.
const gone = "gone"

// drawRemovals draws when people remove apps, take all apps out of a group and have
// apps again: at any time, and while releases wait for their tests.
func drawRemovals(r *rand.Rand, l *life, add func(time.Duration, kind, int, int)) {
	some := func(at time.Duration, k kind) {
		add(at, k, r.IntN(len(l.teams)), 0)
		add(at+time.Duration(1+r.IntN(60))*time.Hour, kindCountersign, 0, 0)
	}
	for range l.days / 10 {
		some(time.Duration(r.Int64N(int64(l.days-quiet)*int64(day))), pick(r, kindRemove, kindEmpty))
	}
	for _, rel := range l.releases {
		if rel.posted >= 0 {
			at := time.Duration(rel.posted)*day + time.Duration(r.Int64N(int64(12*day)))
			some(at, pick(r, kindRemove, kindEmpty))
			add(at+time.Duration(1+r.IntN(9))*day, kindReturn, r.IntN(len(l.teams)), 0)
		}
	}
}

// without returns what was settled without an app.
func (s settled) without(i int) settled {
	to := settled{importance: slices.Clone(s.importance), teams: slices.Clone(s.teams)}
	to.importance[i] = gone
	for t := range to.teams {
		to.teams[t].apps = slices.DeleteFunc(slices.Clone(to.teams[t].apps), func(j int) bool { return i == j })
	}
	return to
}

// removes has somebody remove an app, or propose it.
func (w *world) removes(e event) {
	i := int(e.dice>>8) % len(businessApps())
	id := businessApps()[i].bundleID
	w.change(e, edit{"remove " + id, w.settledAt(w.serverNow()).without(i), func(ctx context.Context, a fleet.Act) error {
		_, err := w.fleet.RemoveApp(ctx, seg, a, id)
		return err
	}})
}

// empties has somebody take all apps out of a group, or propose it.
func (w *world) empties(e event) {
	was := w.settledAt(w.serverNow())
	to := settled{importance: was.importance, teams: slices.Clone(was.teams)}
	t := &to.teams[e.team]
	r := fleet.GroupRequest{Name: t.name}
	for _, i := range t.apps {
		r.RemoveApps = append(r.RemoveApps, businessApps()[i].bundleID)
	}
	t.apps = nil
	w.change(e, edit{"take all apps out of " + t.name, to, func(ctx context.Context, a fleet.Act) error {
		_, err := w.fleet.SetGroup(ctx, seg, a, r)
		return err
	}})
}

// returns has somebody add an app that was removed, and a group depend on it.
func (w *world) returns(e event) {
	was := w.settledAt(w.serverNow())
	to := settled{importance: slices.Clone(was.importance), teams: slices.Clone(was.teams)}
	i := int(e.dice>>8) % len(businessApps())
	id := businessApps()[i].bundleID
	if to.importance[i] == gone {
		to.importance[i] = []string{"critical", "important"}[e.dice>>12%2]
		w.change(e, edit{"add " + id + " again", to, func(ctx context.Context, a fleet.Act) error {
			_, err := w.fleet.AddApp(ctx, seg, a, fleet.AppRequest{BundleID: id, Importance: to.importance[i]})
			return err
		}})
	}
	if t := &to.teams[e.team]; !slices.Contains(t.apps, i) {
		t.apps = append(slices.Clone(t.apps), i)
		w.change(e, edit{"have " + t.name + " depend on " + id, to, w.settingGroup(*t, i)})
	}
}

// change has somebody make an edit, or propose it where one person may not, and reports
// whether one could.
func (w *world) change(e event, x edit) bool {
	closed, keeping, members, a := w.keptClosed(), w.keeping(), w.members(), w.as(e.dice)
	w.counts()
	if !w.alone(x, a) {
		return false
	}
	w.checkKept(x.what, closed)
	w.checkKeeping(x.what, keeping)
	w.owes(x.what, members)
	return true
}

// alone reports whether one person can make an edit. Where not, it is proposed, and a
// plant may have the server do without the second.
func (w *world) alone(x edit, a fleet.Act) bool {
	note := func() { w.settles(x.to) }
	if w.decideThen(x.what, func() error { return x.do(w.ctx, a) }, note) {
		return true
	}
	made := w.proposes(x.what, a, note, func() (fleet.Proposed, error) { return w.fleet.ProposeEdit(w.ctx, seg, a, x.do) })
	i := slices.IndexFunc(w.records.Proposals, func(p storage.Proposal) bool { return p.ID == made.ID })
	if w.plant.waives == nil || i < 0 || slices.ContainsFunc(w.records.Proposals[i].Edit.Gates, func(g storage.ShownGate) bool { return !w.plant.waives(w, g) }) {
		return false
	}
	delete(w.book.proposed, made.ID)
	return w.decideThen("nobody has to sign", func() error {
		_, err := w.fleet.Sign(w.ctx, seg, fleet.Act{Actor: "uid:nobody", Person: storage.Person{Name: "nobody"}, Reason: a.Reason}, made.ID)
		return err
	}, note)
}

// keeper is an app that keeps a gate closed.
type keeper struct{ group, release, app string }

// keeping returns every app that keeps a gate closed to production phones, by
// itself.
func (w *world) keeping() map[keeper]bool {
	found, now := map[keeper]bool{}, w.serverNow()
	w.production(func(group, model, runs string) {
		r, ok := w.apple.offered(model, w.copyDay)
		if !ok || !newer(r.version, runs) || w.decidedOn(group, r.version) || !w.signed(r.version, model) {
			return
		}
		for _, a := range w.closing(group) {
			broken := len(w.brokenResults(group, a.bundleID, r.version, now)) > 0
			if broken || !w.restsOn(storage.Approval{Group: group, Release: r.version}, a, model, false, now) {
				found[keeper{group, r.version, a.bundleID}] = true
			}
		}
	})
	return found
}

// checkKeeping holds that one person took away no app that kept a gate closed, also
// where the gate stays closed for want of any.
func (w *world) checkKeeping(what string, kept map[keeper]bool) {
	for k := range kept {
		if !slices.ContainsFunc(w.closing(k.group), func(a app) bool { return a.bundleID == k.app }) {
			w.violated("P5", nil, "one person did %q, although %s keeps %s/%s closed", what, k.app, k.group, k.release)
			return
		}
	}
}

// checkSettled holds that apps and groups are on record as people settled them.
func (w *world) checkSettled() {
	s := w.settledAt(w.serverNow())
	for i, a := range businessApps() {
		on := slices.IndexFunc(w.records.Apps, func(b storage.App) bool { return b.BundleID == a.bundleID })
		is := gone
		if on >= 0 {
			is = w.records.Apps[on].Importance
		}
		if is != s.importance[i] {
			w.violated("P5", nil, "%s is on record as %s, people made it %s", a.bundleID, is, s.importance[i])
		}
	}
	for _, t := range s.teams {
		want := []string{}
		for _, i := range t.apps {
			want = append(want, businessApps()[i].bundleID)
		}
		slices.Sort(want)
		on := slices.IndexFunc(w.records.Groups, func(g storage.Group) bool { return g.Name == t.name })
		if on < 0 || !slices.Equal(w.records.Groups[on].Apps, want) {
			w.violated("P5", nil, "%s is not on record with %v", t.name, want)
		}
	}
}

// bare are plants about apps that are removed.
func bare() []plant {
	const nothing = "com.example.nothing"
	return []plant{
		{
			name: "an app is removed whatever it keeps closed", property: "P5", seed: 89,
			store: func(_ *world, s *memory.Store) fleet.Store {
				return liar{Store: s, change: func(c *storage.WorldChange) {
					var next storage.WorldChange
					for _, p := range c.Proposals {
						if p.Edit != nil && p.State == storage.StateOpen && json.Unmarshal(p.Edit.Change, &next) == nil && len(next.RemoveApps) > 0 {
							c.RemoveApps, c.Groups = next.RemoveApps, next.Groups
						}
					}
				}}
			},
		},
		{
			name: "a group without apps counts as one whose app works", property: "P5", seed: 25,
			store: reading(func(w *storage.World) {
				for i, g := range w.Groups {
					if len(g.Apps) > 0 {
						continue
					}
					w.Groups[i].Apps = []string{nothing}
					for _, o := range w.Offers {
						if o.Group != g.Name {
							continue
						}
						for _, m := range models() {
							w.Verdicts = append(w.Verdicts, storage.Verdict{
								ID: fmt.Sprint(o.Release, g.Name, m), Group: g.Name, BundleID: nothing, Release: o.Release, Result: "works", Phone: "P000",
								Model: m, PhoneOS: o.Release, Ring: storage.RingVerification, AppVersion: "1.0", At: o.At, By: "uid:sato",
							})
						}
					}
				}
				w.Apps = append(w.Apps, storage.App{BundleID: nothing, Name: nothing, Importance: "important"})
			}),
		},
	}
}
