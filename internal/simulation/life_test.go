package simulation

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

const day = 24 * time.Hour

// quiet is the end of every life in which nobody does anything any more, long
// enough for what was begun to come to its end.
const quiet = 9

// life is everything that chance decides about one run, drawn beforehand from a
// seed, so that parts can be left out while the rest stays as it is.
type life struct {
	seed     uint64
	start    time.Time
	days     int
	zone     string        // by whose days the installation counts
	wire     bool          // messages are property lists, encoded and decoded; records are copied
	asks     time.Duration // how old a phone's answer may get before it is asked again
	teams    []team
	phones   []character
	releases []release
	flaws    []flaw
	reminds  bool // people are reminded of phones that are late
	locked   bool // phones are locked for hours
	troubled bool // phones fail, fall silent and lose apps
	events   []event

	rearranged bool // people change calendars
	failing    bool // phones without declarations fail
	onceMore   bool // rollouts are hurried twice
	counts     bool // waves are numbers of phones
	improves   bool // Apple improves releases in the background
	classes    bool // results stand for more than a model
	ordered    bool // one person does one thing after the other about a release that was replaced

	majors  bool     // there are two major versions
	deliver []string // how each business app comes to phones; nil: none does
	stops   int      // on which day Apple stops maintaining the older
}

// team is a group as people set it up.
type team struct {
	name      string
	apps      []int // into businessApps
	auto      bool  // candidates are given out by themselves
	notice    time.Duration
	rules     rules
	hurry     hurry
	reminders reminders

	shares  bool // what phones show stops a rollout, see onlyShares
	reports int  // phones on which an app has to be reported broken to stop a rollout; 0: as without a policy
}

// app is a business app; its vendor's newest version is part of the world.
type app struct{ bundleID, importance string }

func businessApps() []app {
	return []app{
		{"com.example.pos", "critical"},
		{"com.example.scan", "important"},
		{"com.example.news", "informational"},
	}
}

// character is what a phone and its user are like.
type character struct {
	index      int // in the life as it was drawn
	udid       string
	model      string
	zone       string
	born       string // release it comes with
	supervised bool
	team       int // -1: no group
	ring       storage.Ring
	user       user
	hours      hours
	drawer     [2]int // from and to which day it lies in a drawer; equal: never
	full       [2]int // days on which it has no space for an update
	failures   int    // installations that fail before one succeeds
	shopper    shopper
}

// user is what the holder of a phone does about updates.
type user int

const (
	postpones user = iota // until the deadline comes
	eager                 // installs what is downloaded at the end of the day
	curious               // and looks for what Apple offers
)

// hours are when a phone can be reached.
type hours int

const (
	always hours = iota
	office       // on weekdays from 8 to 20
	flaky        // in half of all hours
)

// event is something that happens once in a life. What it is about is settled
// when it happens, by its dice.
type event struct {
	index int // in the life as it was drawn
	at    time.Duration
	kind  kind
	team  int
	about int // release or phone, as the kind needs it
	dice  uint64
}

// kind names an event; the table of all is kinds.
type kind string

// The models: two for the newest line, one that stays on an older line, which
// knows no declarations.
const (
	modelA    = "iPhone14,5"
	modelB    = "iPhone15,2"
	modelOld  = "iPhone10,4"
	firstNew  = "26.0"
	firstOld  = "15.8.1"
	oldShare  = 0.12 // of all phones
	drawShare = 0.2  // of the phones that lie in a drawer for a while
)

// size is how large lives are. In slow ones people leave most releases alone, so
// that holds end.
type size struct {
	phones, days int
	slow         bool
	flawed       bool // flaws are exploited
	onceMore     bool // rollouts are hurried twice
	improves     bool // Apple improves releases in the background
	complains    bool // users report that apps do not work
	locked       bool // phones are locked for hours
	majors       bool // Apple maintains two major versions
	delivers     bool // apps are brought to phones first
	edited       bool // people edit apps, groups and policies
	reminds      bool // people are reminded of phones that are late
	troubled     bool // phones fail, fall silent and lose apps
	older        bool // copies are restored that are older than the crash
	rearranged   bool // people change calendars
	removed      bool // people remove apps
	failing      bool // phones without declarations fail
	counts       bool // waves are numbers of phones
	classes      bool // results stand for more than a model
	ordered      bool // one person does one thing after the other about a release that was replaced
}

// What phones say each day is most of what a life costs, and hardly ever news. In
// most lives they are asked every third day and say it without an encoding between
// them and the server; one in so many is lived as it is.
const (
	seldom    = 3 * day
	dailyEach = 8
	wireEach  = 10
)

// draw makes the life of a seed.
func draw(seed uint64, of size) life {
	r := numbers(seed, peopleStream)
	l := life{seed: seed, days: of.days, wire: seed%wireEach == 0, asks: seldom, start: time.Date(2025, time.Month(1+r.IntN(12)), 1+r.IntN(28), 6, 0, 0, 0, time.UTC)}
	if seed%dailyEach == 0 {
		l.asks = day
	}
	l.teams = []team{
		{name: "sales", apps: []int{0, 1}, notice: 24 * time.Hour},
		{name: "store", apps: []int{1 - r.IntN(2), 2}, auto: r.IntN(2) == 0, notice: time.Duration(2+r.IntN(40)) * time.Hour},
	}
	r = numbers(seed, rulesStream)
	l.zone = pick(r, "UTC", "Asia/Tokyo", "America/New_York")
	for i := range l.teams {
		l.teams[i].rules = drawRules(r, l.teams[i].name, l.start, of)
	}
	r = numbers(seed, phonesStream)
	for i := range of.phones {
		l.phones = append(l.phones, drawPhone(r, i, of, len(l.teams)))
	}
	l.releases = drawReleases(numbers(seed, releasesStream), of.days)
	if of.ordered {
		drawReplaced(numbers(seed, replacedStream), &l)
	}
	l.majors, l.stops = of.majors, never
	if of.majors {
		drawMajors(numbers(seed, majorsStream), &l)
	}
	l.reminds = of.reminds
	if of.reminds {
		drawReminders(numbers(seed, remindersStream), &l)
	}
	if of.delivers {
		drawShoppers(numbers(seed, shoppersStream), &l)
	}
	if of.failing {
		l.failing, l.troubled = true, true
		drawOldPhones(numbers(seed, oldPhonesStream), &l)
	}
	if of.counts {
		drawCounts(numbers(seed, countsStream), &l)
	}
	if of.classes {
		drawClasses(numbers(seed, classesStream), &l)
	}
	if l.improves = of.improves; l.improves {
		drawImprovements(numbers(seed, improvementsStream), &l)
	}
	l.events = drawEvents(&l, of)
	return l
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func drawPhone(r *rand.Rand, i int, of size, teams int) character {
	c := character{
		index: i, udid: fmt.Sprintf("P%03d", i), model: pick(r, modelA, modelB), born: firstNew, supervised: r.Float64() < 0.9,
		zone: pick(r, "Asia/Tokyo", "America/New_York", "Europe/Berlin", "Pacific/Kiritimati", "Pacific/Pago_Pago"),
		team: i % teams, ring: storage.RingProduction,
		user: pick(r, postpones, postpones, eager, curious), hours: pick(r, always, always, office, flaky),
	}
	if r.Float64() < oldShare {
		c.model, c.born = modelOld, firstOld
	}
	// The first of each group test, one on each model; one more phone has no group.
	switch tester := i / teams; {
	case i == of.phones-1 && i > 2*teams:
		c.team, c.ring = -1, ""
	case tester < 2:
		c.ring, c.model, c.born, c.hours = storage.RingVerification, []string{modelA, modelB}[tester], firstNew, always
		return c
	case tester == 2 && i%teams == 0:
		c.ring, c.model, c.born, c.hours = storage.RingVerification, modelOld, firstOld, always
		c.supervised = true
		return c
	}
	span := func() [2]int {
		from := r.IntN(of.days)
		return [2]int{from, from + 1 + r.IntN(of.days/3)}
	}
	if r.Float64() < drawShare {
		c.drawer = span()
	}
	if r.Float64() < 0.15 {
		c.full = span()
	}
	c.failures = max(0, r.IntN(8)-5)
	return c
}

// diary is what happens in a life, while it is drawn.
type diary struct {
	seed   uint64
	last   time.Duration // nothing but Apple's feed comes later
	dice   *rand.Rand    // of the part that is being drawn
	events []event
}

// from goes on with the part that draws from a stream, and returns that.
func (d *diary) from(of stream) *rand.Rand {
	d.dice = numbers(d.seed, of)
	return d.dice
}

func (d *diary) add(at time.Duration, k kind, team, about int) {
	// No two events at one time, so that leaving one out moves no other.
	at = at.Truncate(time.Minute) + time.Duration(len(d.events)%50)*time.Second
	if at >= 0 && at < d.last || k == kindFeed {
		d.events = append(d.events, event{at: at, kind: k, team: team, about: about, dice: d.dice.Uint64()})
	}
}

// drawEvents draws what people, vendors, Apple's feed and faults do.
func drawEvents(l *life, of size) []event {
	d := &diary{seed: l.seed, last: time.Duration(l.days-quiet) * day}
	r := d.from(eventsStream)
	for n := range l.days {
		d.add(time.Duration(n)*day, kindFeed, 0, n)
	}
	for team := range l.teams {
		for i, rel := range l.releases {
			drawStory(r, time.Duration(rel.posted)*day, team, i, d.add, of.slow)
		}
	}
	for _, k := range kinds() {
		if k.perMonth == 0 {
			continue
		}
		// At least one chance in each life, however small it is.
		n := int(k.perMonth*float64(l.days)/30 + r.Float64())
		for range n {
			about := r.IntN(len(l.phones))
			if k.ofRelease {
				about = r.IntN(len(l.releases))
			}
			at := time.Duration(r.Int64N(int64(d.last)))
			d.add(at, k.name, r.IntN(len(l.teams)), about)
		}
	}
	drawMore(d, l, of)
	slices.SortStableFunc(d.events, func(a, b event) int { return cmp.Compare(a.at, b.at) })
	for i := range d.events {
		d.events[i].index = i
	}
	return d.events
}

// drawMore draws what only some lives have, and leaves out what does not go with it.
func drawMore(d *diary, l *life, of size) {
	if of.flawed {
		drawFlaws(d.from(flawsStream), l, d.add)
	}
	if of.complains {
		drawReports(d.from(reportsStream), l, d.add)
	}
	drawHalts(d.from(haltsStream), l, d.events, d.add)
	if of.flawed {
		drawLateFlaws(d.from(lateFlawsStream), l, d.add)
	}
	if l.onceMore = of.onceMore; l.onceMore {
		drawOnceMore(d.from(onceMoreStream), l, d.events, d.add)
	}
	if of.improves {
		drawImproving(d.from(improvingStream), l, d.add)
		drawLettingIn(d.from(lettingInStream), l, d.add)
	}
	if l.locked = of.locked; l.locked {
		drawLocks(d.from(locksStream), l, d.add)
	}
	if l.troubled = l.troubled || of.troubled; of.troubled {
		drawTroubles(d.from(troublesStream), l, d.add)
		d.events = withoutStops(d.events)
	}
	if of.classes {
		drawJoining(d.from(joiningStream), l, d.add)
	}
	drawChanges(d, l, of)
	if of.older {
		d.events = withoutClocks(d.events)
		drawOlder(d.from(olderStream), l, d.events, d.add)
	}
	if of.majors && of.slow {
		d.from(undecidedStream)
		drawUndecided(l, d.add)
	}
	if of.failing {
		drawFailing(d.from(failingStream), l, d.add)
		d.events = withoutStops(d.events)
	}
}

// drawChanges draws how people change what they settled.
func drawChanges(d *diary, l *life, of size) {
	if of.edited {
		drawEdits(d.from(editsStream), l, d.add)
	}
	if l.rearranged = of.rearranged; l.rearranged {
		drawCalendars(d.from(calendarsStream), l, d.add)
	}
	if of.removed {
		drawRemovals(d.from(removalsStream), l, d.add)
	}
	if of.ordered {
		d.events = withoutStories(d.events)
		drawOrders(d.from(ordersStream), l, d.add)
	}
	if of.edited || of.rearranged || of.removed || of.ordered || of.improves {
		d.events = withoutClocks(d.events)
	}
}

// drawStory draws what a group plans to do about a release: offer it, test it,
// approve it. Chance and other people come between.
func drawStory(r *rand.Rand, posted time.Duration, team, rel int, add func(time.Duration, kind, int, int), slow bool) {
	if slow && r.Float64() < 0.4 {
		return
	}
	hours := func(from, to int) time.Duration { return time.Duration(from+r.IntN(to-from)) * time.Hour }
	at := posted + hours(5, 96)
	if !slow && r.Float64() < 0.25 { // they cannot wait for tests
		add(at, kindPropose, team, rel)
		add(at+hours(1, 30), kindSign, team, rel)
		add(at+hours(31, 60), kindSign, team, rel)
	}
	add(at, kindOffer, team, rel)
	for range 2 + r.IntN(2) { // rounds of testing
		at += hours(20, 90)
		add(at, kindTest, team, rel)
	}
	if slow && r.Float64() < 0.7 { // nobody decides about it
		return
	}
	at += hours(2, 60)
	add(at, kindApprove, team, rel)
	if r.Float64() < 0.2 {
		add(at+hours(1, 15), kindTakeOff, team, rel)
	}
	if r.Float64() < 0.3 {
		add(at+hours(1, 60), kindPause, team, rel)
		add(at+hours(60, 150), kindResume, team, rel)
	}
}
