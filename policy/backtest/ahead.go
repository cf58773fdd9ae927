package backtest

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
)

// Present is a group as it is now, from which [Forward] plays on.
type Present struct {
	// Parts are the records as they are, the group's own and what it refers to.
	// Releases that are to come are among them, with postings in the future.
	Parts      policy.Parts
	Group      string
	Production []Cohort
	Testers    []Cohort // verification phones; of several of one model the newest version counts
	// Soaks is the least time between the waves of the approvals that have one of
	// their own, by identifier.
	Soaks map[string]time.Duration
	// Settled are the releases whose hold ended before today and was decided about.
	Settled []string
	Broken  []Broken // times in which the business apps do not work
	// Exploited are flaws that become known to be exploited.
	Exploited []Exploited
	Faults    []Fault // what goes wrong when phones install
	// ResumeDays is how many days after its automatic stop a person lets a rollout go
	// on: 0 to MaxDays.
	ResumeDays int
	Pulled     []Pulled // releases that Apple takes back
	Away       []Away   // production phones that are off for a while
	Silent     int      // percent of the production phones that nobody switches on, 0 to 100
	Now        time.Time
	Days       int // to play: 1 to MaxDays
}

// Cohort are phones that are alike and begin every wave together.
type Cohort struct {
	ID      string // of one of them: decides about waves
	Model   string
	Version string
	Count   int
	Told    policy.ToldWave // as they were told before today
}

// ErrNoPhones says that a Present has no production phone.
var ErrNoPhones = errors.New("no production phones")

// Forward plays the people and phones of a group on from today, under the policy
// of the way, and says what changes on which day. Records stay as they are
// and others come to them: whoever tests takes as long as the way says, counted from
// today for what is under way; a gate is approved the day after it could be for
// the first time; and phones install on their deadline. Each day is looked at as it is at
// midnight UTC, day 0 as it is now. It returns ErrDays, ErrShares, ErrFaults, ErrUnposted or ErrNoPhones, wrapped.
func Forward(p Present, w Way) (Forecast, error) {
	if err := w.check(); err != nil {
		return Forecast{}, err
	}
	switch {
	case w.Policy == nil:
		return Forecast{}, errors.New("a group is played on under a policy")
	case p.Days < 1 || p.Days > MaxDays:
		return Forecast{}, fmt.Errorf("%d days to play, want 1 to %d: %w", p.Days, MaxDays, ErrDays)
	case p.ResumeDays < 0 || p.ResumeDays > MaxDays:
		return Forecast{}, fmt.Errorf("a stopped rollout goes on after %d days, want 0 to %d: %w", p.ResumeDays, MaxDays, ErrDays)
	case len(p.Production) == 0:
		return Forecast{}, fmt.Errorf("group %s: %w", p.Group, ErrNoPhones)
	}
	if err := p.checkShares(); err != nil {
		return Forecast{}, err
	}
	r, err := newAhead(p, w)
	if err != nil {
		return Forecast{}, err
	}
	r.hurry(p.Now)
	r.install(p.Now)
	r.observe(0, p.Now, r.within(p.Now, r.past.from.AddDate(0, 0, 1)))
	for d := 1; d <= p.Days; d++ {
		now := r.past.from.AddDate(0, 0, d)
		r.counts = nil // days that pass change gates too
		r.pull(now)
		r.learn(now)
		r.giveBack(now)
		r.watch(now)
		r.record(now)
		r.hurry(now)
		r.approve(now)
		r.enforce(now)
		r.offer(now)
		r.start(now)
		r.install(now)
		r.usersInstall(now)
		end := now
		if d < p.Days {
			end = r.within(now, now.AddDate(0, 0, 1))
		}
		r.observe(d, now, end)
	}
	r.account()
	f := Forecast{From: date(r.past.from), Until: date(r.past.until), Run: r.result(), Days: r.ahead.days}
	return f, nil
}

// newAhead returns a replay that begins with what is on record.
func newAhead(p Present, w Way) (*replay, error) {
	midnight := p.Now.UTC().Truncate(24 * time.Hour)
	played := &past{from: midnight, until: midnight.AddDate(0, 0, p.Days)}
	for _, r := range p.Parts.Releases {
		if version.Valid(r.Version) && r.Class != policy.ClassImprovement {
			played.releases = append(played.releases, r)
		}
	}
	slices.SortFunc(played.releases, func(a, b policy.Release) int { return version.Order(b.Version, a.Version) })
	if err := played.addBroken(p.Broken); err != nil {
		return nil, err
	}
	if err := played.addExploited(p.Exploited); err != nil {
		return nil, err
	}
	faults, err := newFaults(p.Faults)
	if err != nil {
		return nil, err
	}
	r := &replay{
		past: played, way: w, parts: p.Parts, group: p.Group, steps: map[string]*step{}, stopped: map[string]bool{}, ends: map[time.Time]bool{},
		ahead: &ahead{
			ready: map[string]time.Time{}, phases: map[string]policy.Phase{}, alarms: map[string]int{}, soaks: map[string]time.Duration{},
			refused: map[string]bool{}, settled: map[string]bool{}, signing: map[string]time.Time{},
			faults: faults, resumeDays: p.ResumeDays, stopped: map[string]time.Time{}, pulled: map[time.Time][]string{},
		},
	}
	if err := r.ahead.addPulled(p.Pulled, p.Parts.Releases, midnight); err != nil {
		return nil, err
	}
	maps.Copy(r.ahead.soaks, p.Soaks)
	for _, release := range p.Settled {
		r.ahead.settled[release] = true
	}
	r.parts.Releases = played.exploitedAt(p.Now)
	r.parts.Verdicts, r.parts.Offers = slices.Clone(p.Parts.Verdicts), slices.Clone(p.Parts.Offers)
	r.parts.Approvals = slices.Clone(p.Parts.Approvals)
	i := slices.IndexFunc(p.Parts.Groups, func(g policy.Group) bool { return g.Name == p.Group })
	if i >= 0 {
		g := p.Parts.Groups[i]
		g.Policy, g.Calendar = w.Policy.Name, w.Policy.Calendar
		r.parts.Groups = []policy.Group{g}
		r.apps = appsOf(g, p.Parts)
	}
	// What policy the group has is for the way to say.
	r.parts.Policies, r.parts.Location = []policy.Policy{w.Policy.Policy}, w.Policy.location()
	r.addPhones(p)
	r.addOpen(p.Now)
	return r, nil
}

// appsOf returns the apps of a group in the newest version that is on record:
// that is what phones are taken to have and what is tested.
func appsOf(g policy.Group, parts policy.Parts) []policy.InstalledApp {
	var apps []policy.InstalledApp
	for _, id := range g.Apps {
		newest := appVersion
		see := func(bundleID, v string) {
			if bundleID == id && version.Valid(v) && (newest == appVersion || version.Newer(v, newest)) {
				newest = v
			}
		}
		for _, v := range parts.Verdicts {
			see(v.BundleID, v.AppVersion)
		}
		for _, a := range parts.Approvals {
			for _, f := range a.Floors {
				see(f.BundleID, f.MinVersion)
			}
		}
		apps = append(apps, policy.InstalledApp{BundleID: id, Version: newest})
	}
	return apps
}

// addPhones takes up the phones, those of one model one after the other, and a
// tester for each model of the verification phones.
func (r *replay) addPhones(p Present) {
	kinds := map[string]*kind{}
	of := func(c Cohort) *kind {
		if kinds[c.Model] == nil {
			kinds[c.Model] = &kind{model: c.Model, models: []string{c.Model}, joins: r.past.from}
		}
		return kinds[c.Model]
	}
	order := func(a, b Cohort) int {
		return cmp.Or(cmp.Compare(a.Model, b.Model), version.Order(b.Version, a.Version), cmp.Compare(a.ID, b.ID))
	}
	all, parted := 0, make([]int, len(p.Away)+1)
	for _, c := range slices.SortedFunc(slices.Values(p.Production), order) {
		on := phones{kind: of(c), id: c.ID, count: c.Count, os: c.Version, since: r.past.from, keeps: c.Told}
		r.phones = append(r.phones, p.part(on, &all, parted)...)
	}
	for _, c := range slices.SortedFunc(slices.Values(p.Testers), order) {
		if n := len(r.testers); n > 0 && r.testers[n-1].model == c.Model {
			continue
		}
		t := &phones{kind: of(c), id: c.ID, test: test{os: c.Version, arrived: r.past.from, began: r.past.from}}
		r.testers = append(r.testers, t)
	}
	for _, t := range r.testers {
		apps := r.gate(t.test.os, p.Now).Apps
		t.test.broken = !r.past.repaired(t.test.os, p.Now).IsZero() && slices.ContainsFunc(apps, func(a policy.AppState) bool { return a.State == policy.StatusBroken })
		t.test.done = !t.test.broken && !slices.ContainsFunc(apps, func(a policy.AppState) bool {
			return a.State != policy.StatusBroken && r.has(a.MissingModels, t.model)
		})
		if !t.test.done {
			r.step(t.test.os).begin(p.Now)
		}
	}
}

// addOpen finds the releases whose fate is told: those that wait for a decision
// now, and those that come.
func (r *replay) addOpen(now time.Time) {
	r.counts = nil
	gates := r.gates(now)
	for _, rel := range slices.Backward(r.past.releases) { // oldest first
		s := seen{Release: rel}
		for _, w := range rel.Models {
			if s.posted.IsZero() || w.Posted.Before(s.posted) {
				s.posted = w.Posted
			}
		}
		i := slices.IndexFunc(gates, func(g policy.Gate) bool { return g.Release == rel.Version })
		comes := s.posted.After(now) && !s.posted.After(r.past.until)
		if comes || i >= 0 && gates[i].Approval == "" && waits(gates[i].Phase) {
			r.past.seen = append(r.past.seen, s)
		}
	}
	slices.SortStableFunc(r.past.seen, func(a, b seen) int { return a.posted.Compare(b.posted) })
}

// waits reports whether people have yet to decide about a gate.
func waits(p policy.Phase) bool {
	return p == policy.PhaseHeld || p == policy.PhaseVerifying || p == policy.PhaseVerified || p == policy.PhaseBlocked
}

// told is what production phones were told when a group is played on.
type told struct {
	release, by string
	deadline    policy.LocalTime
}

// deadline returns when phones install what they are told: on the deadline of
// the wave and, in a forecast, not before their notice is over.
func (r *replay) deadline(p *phones, e *policy.Enforcement, now time.Time) policy.LocalTime {
	if r.ahead == nil {
		return e.Deadline
	}
	if p.told.release != e.Release || p.told.by != e.SourceID {
		p.told = told{e.Release, e.SourceID, policy.FormatLocal(now.Add(e.Notice), r.way.Policy.location())}
	}
	if e.Deadline.Compare(p.told.deadline) > 0 {
		return e.Deadline
	}
	return p.told.deadline
}

// rolls reports whether the next wave of an approval may start. Once all phones
// are there, none needs to.
func (r *replay) rolls(a *policy.Approval, now time.Time) bool {
	g := r.gate(a.Release, now)
	going := g.Phase == policy.PhaseApproved || g.Phase == policy.PhaseRollingOut || g.Phase == policy.PhaseDone
	return going && g.Approval == a.ID && a.SupersededBy == ""
}

// scheduleOf returns what the waves of an approval follow.
func (r *replay) scheduleOf(a *policy.Approval) policy.Schedule {
	s := r.way.Policy.schedule()
	if a.Lane != nil {
		s.Soak, s.Calendar, s.Notice = policy.LaneSoak, policy.Calendar{}, a.Notice(s.Notice)
		return s
	}
	if r.ahead != nil {
		if soak, ok := r.ahead.soaks[a.ID]; ok {
			s.Soak = soak
		}
	}
	return s
}
