package simulation

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/memory"
)

// settled is what people settled of apps and groups, from a moment on: the
// simulation's own book of it.
type settled struct {
	from       time.Time
	importance []string // of businessApps
	teams      []team
}

// drawEdits draws when people change apps, groups and policies, move phones to
// another group, and look at what waits for a second person.
func drawEdits(r *rand.Rand, l *life, add func(time.Duration, kind, int, int)) {
	between := func() time.Duration { return time.Duration(r.Int64N(int64(l.days-quiet) * int64(day))) }
	for range l.days / 4 {
		at := between()
		add(at, kindEdit, r.IntN(len(l.teams)), 0)
		add(at+time.Duration(1+r.IntN(60))*time.Hour, kindCountersign, 0, 0)
	}
	for range l.days / 5 {
		at := between()
		add(at, kindShift, r.IntN(len(l.teams)), r.IntN(len(l.phones)))
		add(at+time.Duration(1+r.IntN(60))*time.Hour, kindCountersign, 0, 0)
	}
}

// withoutClocks leaves the server's clock right: in a life with edits, what counted
// at a moment is looked up by it.
func withoutClocks(events []event) []event {
	return slices.DeleteFunc(events, func(e event) bool { return e.kind == kindClock })
}

// importances are those of the business apps at first.
func importances() []string {
	var list []string
	for _, a := range businessApps() {
		list = append(list, a.importance)
	}
	return list
}

// settles notes what people settled. Who reads the teams of this life finds the
// newest.
func (w *world) settles(s settled) {
	s.from = w.serverNow()
	w.life.teams = s.teams
	w.book.settled = append(w.book.settled, s)
}

// settledAt returns what was settled at a moment.
func (w *world) settledAt(at time.Time) settled {
	found := w.book.settled[0]
	for _, s := range w.book.settled {
		if !s.from.After(at) {
			found = s
		}
	}
	return found
}

// closingAt returns the apps of a group that could keep its gates closed at a
// moment.
func (w *world) closingAt(group string, at time.Time) []app {
	s := w.settledAt(at)
	var list []app
	for _, i := range s.teams[w.teamIndex(group)].apps {
		if s.importance[i] != "informational" {
			list = append(list, app{businessApps()[i].bundleID, s.importance[i]})
		}
	}
	return list
}

// rulesAt returns what a group had decided beforehand at a moment.
func (w *world) rulesAt(group string, at time.Time) rules {
	return w.settledAt(at).teams[w.teamIndex(group)].rules
}

// shownAt is when what an approval says was settled: an override says what its
// proposer was shown.
func (w *world) shownAt(a storage.Approval) time.Time {
	if i := slices.IndexFunc(w.records.Proposals, func(p storage.Proposal) bool { return p.Approval == a.ID }); i >= 0 {
		return w.records.Proposals[i].At
	}
	return a.At
}

// edit is one that somebody thought of.
type edit struct {
	what string
	to   settled
	do   func(context.Context, fleet.Act) error
}

// think returns the edit that the dice choose.
func (w *world) think(e event) edit {
	was := w.settledAt(w.serverNow())
	to := settled{importance: slices.Clone(was.importance), teams: slices.Clone(was.teams)}
	t, dice := &to.teams[e.team], e.dice>>8
	i := int(dice>>4) % len(businessApps())
	switch dice % 4 {
	case 0:
		to.importance[i] = []string{"critical", "important", "informational"}[dice>>8%3]
		return edit{"make " + businessApps()[i].bundleID + " " + to.importance[i], to, w.settingApp(i, to)}
	case 1:
		t.apps = toggled(t.apps, i)
		return edit{fmt.Sprintf("have %s depend on %v", t.name, t.apps), to, w.settingGroup(*t, i)}
	case 2:
		to.importance[i] = []string{"critical", "important", "informational"}[dice>>8%3]
		t.apps = toggled(t.apps, int(dice>>12)%len(businessApps()))
		return edit{fmt.Sprintf("apply settings: %s, %s depends on %v", to.importance[i], t.name, t.apps), to, w.applying(i, *t, to)}
	default:
		d := &t.rules
		d.carryOver, d.verdictDays = dice>>8%2 == 0, []int{0, 12, 25}[dice>>9%3]
		d.onExpiry = []string{extendRisk, releaseToUsers, enforce}[dice>>12%3]
		d.waves = [][]string{nil, {"50%", "100%"}, {"20%", "60%", "100%"}}[dice>>16%3]
		d.soak = time.Duration(dice>>20%3) * day
		if w.life.classes {
			d.classed(dice >> 24)
		}
		return edit{"change the policy of " + t.name, to, func(ctx context.Context, a fleet.Act) error {
			_, err := w.fleet.SetPolicy(ctx, seg, a, t.rules.name, policyOf(*t))
			return err
		}}
	}
}

// toggled returns a list of apps with one more or less.
func toggled(apps []int, i int) []int {
	if at := slices.Index(apps, i); at >= 0 {
		return slices.Delete(slices.Clone(apps), at, at+1)
	}
	return append(slices.Clone(apps), i)
}

func (w *world) settingApp(i int, to settled) func(context.Context, fleet.Act) error {
	return func(ctx context.Context, a fleet.Act) error {
		_, err := w.fleet.SetApp(ctx, seg, a, businessApps()[i].bundleID, fleet.AppChange{Importance: &to.importance[i]})
		return err
	}
}

// settingGroup has a group depend on an app, or on it no more.
func (w *world) settingGroup(t team, i int) func(context.Context, fleet.Act) error {
	r := fleet.GroupRequest{Name: t.name}
	if id := businessApps()[i].bundleID; slices.Contains(t.apps, i) {
		r.Apps = []string{id}
	} else {
		r.RemoveApps = []string{id}
	}
	return func(ctx context.Context, a fleet.Act) error {
		_, err := w.fleet.SetGroup(ctx, seg, a, r)
		return err
	}
}

// applying makes a change of an app and a group in one, as files do.
func (w *world) applying(i int, t team, to settled) func(context.Context, fleet.Act) error {
	ids := []string{}
	for _, i := range t.apps {
		ids = append(ids, businessApps()[i].bundleID)
	}
	app := fleet.AppSettings{BundleID: businessApps()[i].bundleID, AppChange: fleet.AppChange{Importance: &to.importance[i]}}
	r := fleet.ApplyRequest{Settings: fleet.Settings{Apps: []fleet.AppSettings{app}, Groups: []fleet.GroupSettings{{Name: t.name, Apps: &ids}}}}
	return func(ctx context.Context, a fleet.Act) error {
		_, err := w.fleet.Apply(ctx, seg, a, r)
		return err
	}
}

// proposed is what the checks remember of an edit or move that waits for a second
// person.
type proposed struct {
	by    string
	shown string // of the settings, the gates and the places of phones
	then  func()
}

// edits has somebody change what was settled, or propose it where one person may
// not.
func (w *world) edits(e event) {
	x := w.think(e)
	if x.what == "change the policy of "+w.life.teams[e.team].name && w.life.teams[e.team].rules.name == "" {
		return // the built-in policy cannot be changed
	}
	w.change(e, x)
}

// shift has somebody move a production phone to another group.
func (w *world) shift(e event) {
	p, to := w.phone(e.about), w.life.teams[e.team].name
	if p == nil || p.group == to || p.group == "" {
		return
	}
	a := w.as(e.dice)
	check := w.watched(p, to, storage.RingProduction)
	put := func() { p.put(to, storage.RingProduction) }
	moved := w.decideThen("shift "+p.udid+" to "+to, func() error {
		_, err := w.fleet.Move(w.ctx, seg, a, p.udid, to, storage.RingProduction)
		return err
	}, put)
	if !moved {
		r := fleet.MoveRequest{Devices: []string{p.udid}, Group: to, Ring: storage.RingProduction}
		w.proposes("shift "+p.udid+" to "+to, a, put, func() (fleet.Proposed, error) { return w.fleet.ProposeMove(w.ctx, seg, a, r) })
		return
	}
	check()
}

// watched returns what holds of a move that one person makes: it gets the phone
// past no gate, and leaves none open behind it.
func (w *world) watched(p *phone, to string, ring storage.Ring) (check func()) {
	past, closed := "", w.keptClosed()
	if ring == storage.RingProduction {
		past = w.past(p, to)
	}
	return func() {
		if past != "" {
			w.violated("P5", p, "one person moved it past a closed gate to %s", past)
		}
		w.checkKept("move "+p.udid, closed)
	}
}

// put notes where people put a phone. Out of production it keeps the name of the
// group whose gates held it.
func (p *phone) put(group string, ring storage.Ring) {
	if ring == storage.RingProduction {
		p.former = ""
	} else if p.ring == storage.RingProduction {
		p.former = p.group
	}
	p.group, p.ring = group, ring
}

// origin is the group whose gates hold a phone, or held it last.
func (p *phone) origin() string {
	if p.ring == storage.RingProduction {
		return p.group
	}
	return p.former
}

// proposes has somebody propose what one person may not do, and returns what waits then.
func (w *world) proposes(what string, a fleet.Act, then func(), do func() (fleet.Proposed, error)) fleet.Proposed {
	var made fleet.Proposed
	done := w.decide("propose to "+what, func() error {
		var err error
		made, err = do()
		return err
	})
	if done && made.ID != "" {
		w.book.proposed[made.ID] = proposed{a.Actor, w.shown(made.ID), then}
	}
	return made
}

// shown stands for all that who proposes an edit was shown: the settings, the gates
// that would open, and where the phones are that would move.
func (w *world) shown(id string) string {
	i := slices.IndexFunc(w.records.Proposals, func(p storage.Proposal) bool { return p.ID == id })
	if i < 0 || w.records.Proposals[i].Edit == nil {
		return ""
	}
	terms := w.records.Proposals[i].Edit
	settings, err := json.Marshal([]any{w.records.Apps, w.records.Groups, w.records.Policies, w.records.Calendars})
	if err != nil {
		w.violated("P0", nil, "the settings: %v", err)
	}
	lines := []string{string(settings)}
	for _, g := range terms.Gates {
		lines = append(append(lines, g.Group, g.Release), w.gateLacks(g.Group, g.Release)...)
	}
	for _, m := range terms.Moves {
		j := slices.IndexFunc(w.phones, func(p *phone) bool { return p.udid == m.Phone })
		lines = append(lines, fmt.Sprint(m.Phone, w.phones[j].epoch, w.phones[j].group, w.phones[j].ring))
	}
	return strings.Join(lines, "\n")
}

// gateLacks returns what a gate lacks: apps, and models where an app has to work on each. A
// model that came with everything tested opens nothing, nor does one on which nothing rests.
func (w *world) gateLacks(group, release string) []string {
	var lines []string
	for _, a := range w.closing(group) {
		missing := w.untestedOn(group, release, a, w.modelsFor(group, release))
		if a.importance != "critical" && len(missing) > 0 {
			missing = []string{"any"}
		}
		for _, m := range missing {
			lines = append(lines, a.bundleID+" on "+m)
		}
	}
	return lines
}

// modelsFor returns the models of a group's production phones that a release is
// for.
func (w *world) modelsFor(group, release string) []string {
	var list []string
	r, _ := w.apple.find(release)
	w.production(func(of, model, _ string) {
		if of == group && r.isFor(model) {
			list = append(list, model)
		}
	})
	slices.Sort(list)
	return slices.Compact(list)
}

// countersign has somebody sign, refuse or withdraw the oldest edit that waits.
func (w *world) countersign(e event) {
	var found storage.Proposal
	for _, p := range w.records.Proposals {
		_, known := w.book.proposed[p.ID]
		if known && p.Edit != nil && p.State == storage.StateOpen && (found.ID == "" || p.At.Before(found.At)) {
			found = p
		}
	}
	if found.ID == "" {
		return
	}
	waits, a := w.book.proposed[found.ID], w.as(e.dice)
	switch e.dice >> 8 % 8 {
	case 0:
		w.decide("refuse an edit", func() error {
			_, err := w.fleet.Refuse(w.ctx, seg, a, found.ID)
			return err
		})
	case 1:
		w.decide("withdraw an edit", func() error {
			_, err := w.fleet.WithdrawProposal(w.ctx, seg, a, found.ID)
			return err
		})
	default:
		now, members := w.shown(found.ID), w.members()
		signed := w.decideThen("sign an edit", func() error {
			_, err := w.fleet.Sign(w.ctx, seg, a, found.ID)
			return err
		}, waits.then)
		if !signed {
			return
		}
		w.forgives(members)
		switch {
		case waits.by == a.Actor:
			w.violated("P5", nil, "%s proposed an edit and signed it", a.Actor)
		case now != waits.shown:
			w.violated("P5", nil, "an edit is made although what was shown has changed:\n%s", differences(waits.shown, now))
		}
	}
}

// keptClosed returns the gates that an app keeps closed to production phones, and
// which app.
func (w *world) keptClosed() map[string]string {
	closed := map[string]string{}
	w.production(func(group, model, runs string) {
		if len(w.closing(group)) == 0 {
			return
		}
		for _, r := range w.newestFirst {
			if !newer(r.version, runs) {
				return
			}
			gate := group + "/" + r.version
			if _, seen := closed[gate]; !seen && !r.improves() && w.signed(r.version, model) && !w.decidedOn(group, r.version) {
				closed[gate] = w.closes(group, r.version)
			}
		}
	})
	return closed
}

// closes returns why one person cannot approve a release for a group and models
// beside those it has, "" when one can.
func (w *world) closes(group, release string, also ...string) string {
	now, on := w.serverNow(), append(w.modelsFor(group, release), also...)
	for _, m := range on {
		if why := w.unverified(group, release, m, now); why != "" {
			return why
		}
	}
	// An app that has to work on any model has to on one of theirs.
	for _, a := range w.closing(group) {
		if !slices.ContainsFunc(on, func(m string) bool { return w.verified(group, a.bundleID, release, m, false, now) }) {
			return a.bundleID + " was not known to work on a model of theirs"
		}
	}
	return ""
}

// production calls visit with each production phone's group, model and release, as
// it told them.
func (w *world) production(visit func(group, model, runs string)) {
	for _, p := range w.phones {
		stored, err := w.disk.Phone(w.ctx, seg, p.udid)
		if err == nil && stored.Model != "" && p.group != "" && p.ring == storage.RingProduction {
			visit(p.group, stored.Model, stored.OS.Version)
		}
	}
}

// signed reports whether the server believes, and is right, that a release can be
// installed on a model.
func (w *world) signed(release, model string) bool {
	_, then := w.apple.signs(release, model, w.copyDay)
	_, now := w.apple.signs(release, model, w.day(w.now))
	return then && now
}

// decidedOn reports whether a group approved or declined a release.
func (w *world) decidedOn(group, release string) bool {
	_, approved := w.approval(group, release, w.serverNow())
	return approved || w.declined(group, release)
}

// declined reports whether a group declined a release.
func (w *world) declined(group, release string) bool {
	return slices.ContainsFunc(w.records.Declines, func(d storage.Decline) bool { return d.Group == group && d.Release == release })
}

// checkKept holds that no gate that was closed is open after an edit of one person.
func (w *world) checkKept(what string, closed map[string]string) {
	for gate, why := range closed {
		group, release, _ := strings.Cut(gate, "/")
		if why != "" && w.closes(group, release) == "" {
			w.violated("P5", nil, "one person did %q; it opens %s, where %s", what, gate, why)
			return
		}
	}
}

// past returns the release that a production phone could get in another group and
// can not where it is or was, "" for none.
func (w *world) past(p *phone, to string) string {
	stored, err := w.disk.Phone(w.ctx, seg, p.udid)
	from := p.origin()
	if err != nil || stored.Model == "" || from == "" || from == to || w.skew != 0 || w.halted() {
		return ""
	}
	for _, r := range w.newestFirst {
		if !newer(r.version, full(stored)) {
			return ""
		}
		switch {
		case !w.signed(r.version, stored.Model):
		case w.lets(from, r, stored):
			return ""
		case w.lets(to, r, stored):
			return r.version
		}
	}
	return ""
}

// lets reports whether a production phone of a group can get a release without another
// test. An improvement that has no gate there comes along with its base, if at all.
func (w *world) lets(group string, r release, p storage.Phone) bool {
	if w.hasGate(group, r.version) {
		return w.admits(group, r.version, p.Model)
	}
	base := version.Base(r.version)
	return w.improvementsOf(group) == policy.ImprovementsAccept &&
		(version.Base(p.OS.Version) == base || newer(base, p.OS.Version) && w.admits(group, base, p.Model))
}

// admits reports whether production phones of a group can get a release without
// another test.
func (w *world) admits(group, release, model string) bool {
	now := w.serverNow()
	if w.declined(group, release) {
		return false
	}
	a, ok := w.approval(group, release, now)
	if ok && a.WithdrawnAt.IsZero() && slices.Contains(a.Models, model) && (a.Override == nil || now.Before(a.Override.Until)) {
		return w.stopped(a, now) == ""
	}
	return w.closes(group, release, model) == ""
}

// hasty are plants about edits.
func hasty() []plant {
	return []plant{
		{
			name: "an edit that is proposed is made at once", property: "P5", seed: 18,
			store: func(_ *world, s *memory.Store) fleet.Store {
				return liar{Store: s, change: func(c *storage.WorldChange) {
					var next storage.WorldChange
					for _, p := range c.Proposals {
						if p.Edit != nil && p.State == storage.StateOpen && json.Unmarshal(p.Edit.Change, &next) == nil {
							c.Apps, c.Groups, c.Policies = next.Apps, next.Groups, next.Policies
						}
					}
				}}
			},
		},
		{
			name: "an edit is made whatever else was settled", property: "P5", seed: 20,
			store: reading(func(w *storage.World) {
				text, err := json.Marshal([]any{w.Apps, w.Calendars, w.Policies, w.Groups})
				if err != nil {
					return
				}
				digest := sha256.Sum256(text)
				for i, p := range w.Proposals {
					if p.Edit != nil {
						now := *p.Edit
						now.Before, w.Proposals[i].Edit = hex.EncodeToString(digest[:]), &now
					}
				}
			}),
		},
	}
}
