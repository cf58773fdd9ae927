package backtest

import (
	"fmt"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
)

// The group of a replay and what its people and phones are called. All
// business apps are tested together, so one stands for them.
const (
	group      = "backtest"
	app        = "app"
	appVersion = "1.0"
)

// replay is one run while it goes on.
type replay struct {
	past    *past
	way     Way
	parts   policy.Parts
	world   *policy.World      // made of parts, nil after they changed
	counts  *policy.World      // world with the phones counted, nil after they or parts changed
	shown   []policy.Gate      // of counts, nil when they may be others by now
	ends    map[time.Time]bool // days on which a result expires
	phones  []*phones
	testers []*phones        // one for each kind
	steps   map[string]*step // by release, those seen and those of older branches
	stopped map[string]bool  // approvals whose waves a broken app stops
	ledger  ledger
	group   string                // whose gates are asked for
	apps    []policy.InstalledApp // its business apps, as every phone has them
	ahead   *ahead                // nil when the past is replayed
}

// phones are production phones of one kind, and their verification phone, with
// which only those in replay.testers test.
type phones struct {
	*kind
	id        string // decides about waves
	count     int    // of the kind's phones
	off       bool   // nobody switches them on
	os        string
	since     time.Time        // on os
	stretches []policy.Stretch // what they ran before
	test      test
	told      told
	keeps     policy.ToldWave
	due       time.Time // when they install what they are told, zero for nothing
	// Of a forecast: off for a while, the approval that they last followed, and what
	// went wrong. What they recovered from does not befall them again.
	leaves, returns   time.Time
	by                string
	failed, recovered string    // releases
	fell              time.Time // silent since
}

// test is what a verification phone is doing.
type test struct {
	os       string
	arrived  time.Time // on os
	began    time.Time // of the full test, which may have begun on an older patch
	smoked   bool      // os passed a smoke test
	broken   bool      // the apps were found not to work on os
	repaired time.Time // when they work again; zero: nobody knows
	done     bool      // os has its result, or is not to be tested
}

func newReplay(p *past, w Way) *replay {
	r := &replay{
		past: p, way: w, steps: map[string]*step{}, stopped: map[string]bool{}, ends: map[time.Time]bool{},
		group: group, apps: []policy.InstalledApp{{BundleID: app, Version: appVersion}},
	}
	r.parts.Apps = []policy.App{{BundleID: app, Importance: policy.ImportanceCritical}}
	r.parts.Groups = []policy.Group{{Name: group, Apps: []string{app}, Candidate: policy.CandidateManual, Policy: group}}
	decided := policy.Policy{CarryOver: w.Strategy.carries(), ModelClass: p.modelClass}
	if w.Policy != nil {
		decided = w.Policy.Policy
	}
	decided.Name = group
	r.parts.Policies = []policy.Policy{decided}
	r.parts.Releases, r.parts.Screens = p.exploitedAt(p.from), p.screens
	return r
}

func (r *replay) run() Run {
	for now := r.past.from; !now.After(r.past.until); now = now.AddDate(0, 0, 1) {
		r.news(now)
		r.record(now)
		r.hurry(now)
		r.approve(now)
		r.offer(now)
		r.start(now)
		r.install(now)
		r.usersInstall(now)
		if now.Before(r.past.until) {
			r.within(now, now.AddDate(0, 0, 1))
		}
	}
	r.account()
	return r.result()
}

// news takes up what the day brings: what Apple posted or withdrew, phones of a
// new model, and what became known to be exploited.
func (r *replay) news(now time.Time) {
	if r.past.dates[now] || r.ends[now] {
		r.counts = nil
	}
	for i := range r.past.kinds {
		k := &r.past.kinds[i]
		if !k.joins.Equal(now) {
			continue
		}
		tester := &phones{kind: k, test: test{os: k.start, arrived: now, began: now, done: k.joins.Equal(r.past.from)}}
		for j, count := range r.split(k.count) {
			p := tester
			if j > 0 {
				p = &phones{kind: k}
			}
			p.id, p.count, p.os, p.since = fmt.Sprintf("%s %d", k.model, j), count, k.start, now
			r.phones = append(r.phones, p)
		}
		r.testers, r.counts = append(r.testers, tester), nil
		if !tester.test.done {
			r.step(k.start).begin(now)
		}
	}
	for _, since := range r.past.known {
		if since.Equal(now) {
			r.parts.Releases = r.past.exploitedAt(now)
			r.changed()
		}
	}
}

// record writes down the results of the tests that are over: everything works,
// except while it was said not to.
func (r *replay) record(now time.Time) {
	for _, p := range r.testers {
		t := &p.test
		if r.recordBroken(p, now) {
			continue
		}
		smoked := (r.way.Strategy.carries() || r.way.lane()) && !now.Before(t.arrived.AddDate(0, 0, r.way.SmokeDays))
		tested := !now.Before(t.began.AddDate(0, 0, r.way.TestDays))
		switch {
		case smoked && r.carried(p, now):
			t.done = true
			r.verdict(p, policy.MethodSmoke, policy.ResultWorks, now)
		case tested && (t.began.Equal(t.arrived) || smoked):
			t.done = true
			r.verdict(p, policy.MethodFull, policy.ResultWorks, now)
		case smoked && !t.smoked && r.way.lane() && r.gate(t.os, now).Urgent != nil:
			t.smoked = true
			r.verdict(p, policy.MethodSmoke, policy.ResultWorks, now)
		}
	}
}

// carried reports whether a smoke test is all that the gate of the release that
// a tester tests still lacks for the phones of this kind.
func (r *replay) carried(p *phones, now time.Time) bool {
	provisional := false
	for _, a := range r.gate(p.test.os, now).Apps {
		switch {
		case r.has(a.Provisional, p.model):
			provisional = true
		case r.has(a.MissingModels, p.model):
			return false
		}
	}
	return provisional
}

// has reports whether a model is in one of the model classes.
func (r *replay) has(classes []string, model string) bool {
	return slices.Contains(classes, r.snapshot().ClassOf(r.group, model))
}

// verdict records what a test on a verification phone came to.
func (r *replay) verdict(p *phones, method policy.Method, result policy.Result, now time.Time) {
	if days := r.parts.Policies[0].VerdictDays; days > 0 {
		r.ends[now.AddDate(0, 0, days)] = true
	}
	for _, a := range r.apps {
		r.parts.Verdicts = append(r.parts.Verdicts, policy.Verdict{
			ID:       a.BundleID + " " + p.test.os + " " + p.model + " " + string(method) + " " + string(result) + " " + date(now),
			BundleID: a.BundleID, AppVersion: a.Version, Release: p.test.os, Model: p.model, Group: r.group,
			Phone: "tester " + p.model, Ring: policy.RingVerification, PhoneOS: p.test.os, Result: result, Method: method,
			By: "tester", At: now, AllowedTester: true,
		})
	}
	r.changed()
	if result != policy.ResultBroken {
		r.step(p.test.os).finish(now)
	}
}

// offer gives verification phones the newest release, when their testers are
// free or give up what they test. They install it on the same day.
func (r *replay) offer(now time.Time) {
	gates := r.gates(now)
	for _, p := range r.testers {
		i := slices.IndexFunc(gates, func(g policy.Gate) bool { return r.tests(p, g, now) && !r.ahead.leaves(g) })
		if i < 0 || r.offered(gates[i].Release) || version.AtLeast(p.test.os, gates[i].Release) {
			continue
		}
		urgent := r.way.lane() && gates[i].Urgent != nil
		if r.free(gates[i], now) && (urgent || !r.ahead.awaits(gates)) {
			r.parts.Offers = append(r.parts.Offers, policy.Offer{Group: r.group, Release: gates[i].Release, At: now})
			r.changed()
			r.ahead.note(Event{Kind: EventOffered, Release: gates[i].Release})
		}
	}
	for _, p := range r.testers {
		target := policy.TargetFor(r.snapshot(), r.facts(p, policy.RingVerification, p.test.os), now)
		if target.Enforce != nil {
			r.move(p, target.Enforce.Release, now)
		}
	}
}

// free reports whether no tester who would get the release of a gate has a test
// under way that the strategy wants finished: an offer is to the whole ring.
func (r *replay) free(g policy.Gate, now time.Time) bool {
	return !slices.ContainsFunc(r.testers, func(p *phones) bool {
		gets := version.Newer(g.Release, p.test.os) && r.tests(p, g, now)
		return gets && !p.test.done && !r.way.takesUp(r.gate(p.test.os, now), g)
	})
}

// tests reports whether a tester can get the release of a gate, and production has a model
// that theirs stands for.
func (r *replay) tests(p *phones, g policy.Gate, now time.Time) bool {
	i := slices.IndexFunc(r.parts.Releases, func(rel policy.Release) bool { return rel.Version == g.Release })
	if i < 0 {
		return false
	}
	w, gets := window(r.parts.Releases[i], p.model)
	return gets && !w.Posted.After(now) && slices.ContainsFunc(g.ProductionModels, func(m string) bool {
		return r.has([]string{r.snapshot().ClassOf(r.group, m)}, p.model)
	})
}

func (r *replay) offered(release string) bool {
	return slices.ContainsFunc(r.parts.Offers, func(o policy.Offer) bool { return o.Release == release })
}

// move begins the test of a release.
func (r *replay) move(p *phones, release string, now time.Time) {
	began := now
	switch {
	case p.test.done:
	case r.way.Strategy.carries() && version.Line(p.test.os) == version.Line(release):
		began = p.test.began
	default:
		r.step(p.test.os).dropped = true
	}
	p.test, r.counts = test{os: release, arrived: now, began: began}, nil
	r.step(release).begin(now)
}

// install lets production phones do what they are told, on its deadline.
func (r *replay) install(now time.Time) {
	clock := policy.FormatLocal(now, r.way.Policy.location())
	w := r.snapshot() // no target depends on what other phones install
	newest := ""
	for _, a := range r.parts.Approvals {
		if newest == "" || version.Newer(a.Release, newest) {
			newest = a.Release
		}
	}
	for _, p := range r.phones {
		if !p.reachable(now) || !version.Newer(newest, p.os) {
			continue // no approval, nothing to install
		}
		e := policy.TargetFor(w, r.facts(p, policy.RingProduction, p.os), now).Enforce
		p.due = time.Time{}
		if e == nil {
			p.told = told{} // what was taken back is told anew
			continue
		}
		if e.Wave > 0 {
			p.keeps = policy.ToldWave{Approval: e.SourceID, Wave: e.Wave}
		}
		deadline := r.deadline(p, e, now)
		switch {
		case p.failed == e.Release:
		case deadline.Compare(clock) > 0:
			p.due = r.instant(deadline)
		default:
			r.installs(p, e.Release, e.SourceID, now)
		}
	}
}

// take notes that production phones install a release.
func (r *replay) take(p *phones, release string, now time.Time) {
	p.ranUntil(r.group, now)
	p.os, r.counts = release, nil
	r.ledger.restarts += p.count
	r.step(p.os).install(now, p.count)
}

// facts are what a phone of the kind reports: supervised, and able to do all
// that it is told.
func (r *replay) facts(p *phones, ring policy.Ring, os string) policy.Facts {
	return policy.Facts{
		Phone: p.id, Group: r.group, Ring: ring, OSVersion: os, Model: p.model, Supervised: policy.Supervised,
		Capabilities: policy.Capabilities{Known: true, Settings: true, Enforcement: true},
		Apps:         r.apps, AppsKnown: true, Told: p.keeps,
	}
}

// gates returns the gates of the group, newest release first. They are computed
// anew when records or phones changed, and on days on which time changes them.
func (r *replay) gates(now time.Time) []policy.Gate {
	if w := r.snapshot(); r.shown == nil {
		r.shown = policy.Gates(w, r.group, now)
		for _, g := range r.shown {
			r.step(g.Release).superseded = r.step(g.Release).superseded || g.Phase == policy.PhaseSuperseded
		}
	}
	return r.shown
}

// gate returns one of them, an empty one when all production phones are there.
func (r *replay) gate(release string, now time.Time) policy.Gate {
	gates := r.gates(now)
	i := slices.IndexFunc(gates, func(g policy.Gate) bool { return g.Release == release })
	if i < 0 {
		return policy.Gate{}
	}
	return gates[i]
}

// changed says that parts are no longer those of the world.
func (r *replay) changed() { r.world, r.counts = nil, nil }

// snapshot returns the world as it is at the moment.
func (r *replay) snapshot() *policy.World {
	if r.counts != nil {
		return r.counts
	}
	r.shown = nil
	if r.world == nil {
		r.world = policy.NewWorld(r.parts)
	}
	var census []policy.Census
	for _, p := range r.phones { // those of one kind follow each other
		if n := len(census); n > 0 && census[n-1].Model == p.model && census[n-1].OSVersion == p.os {
			census[n-1].Count += p.count
			continue
		}
		census = append(census, policy.Census{Ring: policy.RingProduction, Model: p.model, OSVersion: p.os, Count: p.count})
	}
	for _, p := range r.testers {
		census = append(census, policy.Census{Ring: policy.RingVerification, Model: p.model, OSVersion: p.test.os, Count: 1})
	}
	r.counts = r.world.WithCensus(map[string][]policy.Census{r.group: census})
	return r.counts
}

// step returns what became of a release so far.
func (r *replay) step(release string) *step {
	s := r.steps[release]
	if s == nil {
		s = &step{}
		r.steps[release] = s
	}
	return s
}
