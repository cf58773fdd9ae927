package simulation

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kannuki-mdm/kannuki/mdm/apns"
	"github.com/kannuki-mdm/kannuki/mdm/apns/wake"
)

// The scheduler of pushes keeps the pace of timers, which the clock of a life does
// not move. So a life only notes what it asks of the scheduler, and the real one is
// asked the same afterwards, at the same moments of a bubble in which time is fake,
// with an Apple that is sometimes away, busy or done with a token.

// pushesEach is how many lives one is replayed of, and pushesOf which.
const (
	pushesEach = 7
	pushesOf   = 3
)

// What the scheduler is told, low enough that a life reaches it, and what
// mdm/apns/wake promises.
const (
	ceiling    = 12 // pushes in a minute
	apart      = time.Minute
	debounce   = time.Second
	slowest    = 3 * time.Second  // an answer of Apple takes
	maxBackoff = 16 * time.Minute // after an answer that never came
	maxProbe   = 61 * time.Second // between two tries whether Apple is back
)

// asked is one call to the scheduler, or the end of its process.
type asked struct {
	at   time.Duration
	what ask
	key  string
}

type ask int

const (
	askWake ask = iota
	askContact
	askDie   // the process ends,
	askStart // and another begins
)

// asks notes a call for the replay.
func (w *world) asks(what ask, key string) {
	w.asked = append(w.asked, asked{w.now.Sub(w.life.start), what, key})
}

// replays reports whether the pushes of a life are held, too.
func replays(l life, pl plant) bool {
	return pl.pushes != nil || pl.name == "" && l.seed%pushesEach == pushesOf
}

// replay asks the real scheduler what a life asked, and returns the book of it.
func replay(t *testing.T, l life, pl plant, list []asked) *pushes {
	t.Helper()
	p := &pushes{life: l, phones: map[string]*wanting{}, met: map[apns.Outcome]int{}}
	if pl.pushes != nil {
		p.plant = *pl.pushes
	}
	synctest.Test(t, func(t *testing.T) {
		p.begin = time.Now()
		for _, a := range list {
			p.next(t.Context(), a)
		}
		time.Sleep(time.Duration(l.days)*day - p.now())
		p.stop()
	})
	return p
}

// planted is a fault of the scheduler, made by lying to it.
type planted struct {
	options func(*wake.Options)
	deaf    func(asked) bool // whether it does not hear of a call; nil: it does of all
}

// pushes are Apple and the store for the scheduler, and the book that is kept of it.
type pushes struct {
	life  life
	begin time.Time
	plant planted
	sched *wake.Scheduler
	end   func() // ends the scheduler and waits for it; nil: none runs

	mu         sync.Mutex
	full       time.Duration // until when the ceiling lets nothing through, see count
	phones     map[string]*wanting
	met        map[apns.Outcome]int
	repeated   int // pushes to phones that had not come after two
	violations []violation
}

// wanting is what the book says of one phone.
type wanting struct {
	wanted, dead   bool
	under, polled  bool          // a push is under way, and the phone came meanwhile
	soonest, from  time.Duration // its next push may begin, and has to when the way is free
	pause, most    time.Duration // until when, at least and at most, Apple does not hear of it though it came
	came           time.Duration
	accepted, fail int // in a row, since it came
}

// now is the time since the life began.
func (p *pushes) now() time.Duration { return time.Since(p.begin) }

// on is a moment of the life as people read it.
func (p *pushes) on(at time.Duration) string { return p.life.start.Add(at).Format(time.DateTime) }

// next makes one call at its moment.
func (p *pushes) next(ctx context.Context, a asked) {
	if d := a.at - p.now(); d > 0 {
		time.Sleep(d)
	}
	synctest.Wait() // what happens at this moment anyway comes first
	heard := p.plant.deaf == nil || !p.plant.deaf(a)
	switch a.what {
	case askDie:
		p.stop()
	case askStart:
		p.stop()
		p.start(ctx)
	case askWake:
		p.wants(a.key)
		if heard {
			p.sched.Wake(a.key)
		}
	case askContact:
		p.comes(a.key)
		if heard {
			p.sched.Contact(a.key)
		}
	}
}

// start starts a scheduler. It knows nothing of what the one before was asked.
func (p *pushes) start(ctx context.Context) {
	o := wake.Options{PerMinute: ceiling, Now: time.Now, Rand: rand.NewChaCha8([32]byte{byte(p.life.seed)})}
	if p.plant.options != nil {
		p.plant.options(&o)
	}
	p.sched = wake.New(p, p, p, o)
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error)
	go func() { done <- p.sched.Run(ctx) }()
	p.end = func() {
		cancel()
		if err := <-done; err != nil {
			p.violated("", "the scheduler ended with %v", err)
		}
	}
}

// stop ends the scheduler, and with it all that was wanted of it.
func (p *pushes) stop() {
	if p.end == nil {
		return
	}
	synctest.Wait()
	p.mu.Lock()
	for _, key := range slices.Sorted(maps.Keys(p.phones)) {
		p.inTime(key, p.phones[key])
	}
	p.mu.Unlock()
	p.end()
	p.end, p.full = nil, 0
	clear(p.phones)
}

// violated notes that P12 does not hold.
func (p *pushes) violated(key, format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	if key != "" {
		what = strings.TrimPrefix(key, string(seg)+"/") + ": " + what
	}
	p.violations = append(p.violations, violation{"P12", p.life.start.Add(p.now()), what})
}

func (p *pushes) phone(key string) *wanting {
	if p.phones[key] == nil {
		p.phones[key] = &wanting{came: -1}
	}
	return p.phones[key]
}

// wants notes that a phone is to be pushed. That it is said often changes nothing.
func (p *pushes) wants(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if q := p.phone(key); !q.wanted {
		q.wanted, q.from = true, max(p.now()+debounce, q.most)
	}
}

// comes notes that a phone polled: nothing is wanted of it any more.
func (p *pushes) comes(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := p.phone(key)
	p.inTime(key, q)
	q.wanted, q.dead, q.came, q.soonest = false, false, p.now(), q.pause
	if q.polled = q.under; !q.under {
		q.accepted, q.fail = 0, 0
	}
}

// inTime holds that a phone that is wanted was pushed when it had to be.
func (p *pushes) inTime(key string, q *wanting) {
	if !q.wanted || q.dead || q.under {
		return
	}
	if now := p.now(); now > p.latest(q.from) {
		p.violated(key, "it should have been pushed at %s", p.on(q.from))
	}
}

// latest returns when a phone must be pushed that could be from a moment on: all
// others may go before it, each twice, and while Apple is away it waits. That Apple
// is back nobody knows before the next try.
func (p *pushes) latest(from time.Duration) time.Duration {
	queue := time.Duration(2*len(p.life.phones))*time.Minute/ceiling + 2*slowest
	latest := from + queue
	if back := from.Truncate(time.Hour); p.away(back - 1) {
		latest = max(latest, back+maxProbe+queue)
	}
	for at := from.Truncate(time.Hour); at <= latest; at += time.Hour {
		if p.away(at) {
			latest = max(latest, at+time.Hour+maxBackoff+queue)
		}
	}
	return latest
}

// count holds the ceiling for every span of time at once: each push moves the
// moment at which the next may follow under it, and one is let through at once.
func (p *pushes) count(key string) {
	const each = time.Minute / ceiling
	now := p.now()
	if p.full > now+time.Millisecond {
		p.violated(key, "pushed %s before the ceiling of %d in a minute allows it", p.full-now, ceiling)
	}
	p.full = max(p.full, now) + each
}

// Push implements wake.Pusher: Apple.
func (p *pushes) Push(_ context.Context, m apns.Push) apns.Result {
	key := string(m.Token)
	p.begins(key)
	about := p.dice("answer", key, p.now())
	time.Sleep(slowest * time.Duration(about%100) / 100)
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.answer(p.phone(key), about>>8%100)
	p.met[r.Outcome]++
	return r
}

// begins holds what must be so whenever a push begins.
func (p *pushes) begins(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q, now := p.phone(key), p.now()
	p.count(key)
	p.inTime(key, q)
	switch {
	case q.under:
		p.violated(key, "pushed while a push is under way")
	case !q.wanted && q.came != now:
		p.violated(key, "pushed although nothing is wanted of it since %s", p.on(q.came))
	case now < q.soonest:
		p.violated(key, "pushed again before %s", p.on(q.soonest))
	}
	if q.under = true; q.accepted > 1 {
		p.repeated++
	}
}

// answer is what Apple says to a push, and what follows of it for the next.
func (p *pushes) answer(q *wanting, dice uint64) apns.Result {
	now := p.now()
	r := apns.Result{Outcome: apns.Accepted, Status: 200}
	switch {
	case p.away(now):
		r = apns.Result{Outcome: apns.Unavailable, Err: errors.New("connection refused")}
		q.pause, q.most, q.soonest, q.from = now, now, now, now+maxBackoff
	case dice < 2:
		r = apns.Result{Outcome: apns.Unregistered, Status: 410, Reason: "Unregistered"}
		q.pause, q.most, q.soonest, q.dead = now+apart, now+apart, now+apart, !q.polled
	case dice < 6:
		r = apns.Result{Outcome: apns.TooMany, Status: 429, Reason: "TooManyRequests"}
		pause := min(2*time.Minute<<min(q.fail, 5), time.Hour)
		q.pause, q.most, q.soonest, q.from = now+pause, now+2*pause, now+pause, now+2*pause
	default:
		pauses := []time.Duration{5 * time.Minute, time.Hour, 23 * time.Hour}
		pause := pauses[min(q.accepted, len(pauses)-1)]
		q.pause, q.most, q.soonest, q.from = now+apart, now+apart, now+pause, now+pause+pause/20
	}
	if q.fail++; r.Outcome == apns.Accepted {
		q.fail, q.accepted = 0, q.accepted+1
	}
	if q.polled { // and may be wanted again
		q.accepted, q.fail, q.soonest, q.from = 0, 0, q.pause, max(q.most, now+debounce)
	}
	q.under, q.polled = false, false
	return r
}

// Target implements wake.Source: the token of a phone is its key.
func (p *pushes) Target(_ context.Context, key string) (wake.Target, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return wake.Target{Key: key, Token: []byte(key), Magic: "m", Topic: "t"}, !p.phone(key).dead, nil
}

// Pushed implements wake.Reporter.
func (p *pushes) Pushed(context.Context, string, time.Time, apns.Result) error { return nil }

// away reports whether Apple cannot be reached: for some hours of each tenth day.
func (p *pushes) away(at time.Duration) bool {
	d := p.dice("away", "", at.Truncate(day))
	from := at.Truncate(day) + time.Duration(d>>8%18)*time.Hour
	return d%10 == 0 && from <= at && at < from+time.Duration(1+d>>16%5)*time.Hour
}

// dice are a number that depends on nothing but what it is about.
func (p *pushes) dice(about, key string, at time.Duration) uint64 {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, p.life.seed, about, key, int64(at))
	return h.Sum64() >> 1
}

// deafening are plants about pushes.
func deafening() []plant {
	unheard := func(what ask, each uint32) *planted {
		return &planted{deaf: func(a asked) bool {
			h := fnv.New32a()
			_, _ = fmt.Fprint(h, a.key)
			return a.what == what && h.Sum32()%each == 0
		}}
	}
	return []plant{
		{
			name: "pushes know no ceiling", property: "P12", seed: 1,
			pushes: &planted{options: func(o *wake.Options) { o.PerMinute = 600_000 }},
		},
		{
			name: "a phone is pushed again at once", property: "P12", seed: 1,
			pushes: &planted{options: func(o *wake.Options) { o.MinInterval = time.Second }},
		},
		{name: "the waker forgets phones", property: "P12", seed: 1, pushes: unheard(askWake, 5)},
		{name: "the waker does not notice that phones came", property: "P12", seed: 1, pushes: unheard(askContact, 5)},
	}
}

// TestReplay: a life that is replayed meets all that Apple answers and phones that
// do not come for long, or what is held of pushes would hold little.
func TestReplay(t *testing.T) {
	t.Parallel()
	l := draw(pushesOf, small(pushesOf))
	p := replay(t, l, plant{}, live(t.Context(), l, options{}).asked)
	for _, o := range []apns.Outcome{apns.Accepted, apns.Unavailable, apns.Unregistered, apns.TooMany} {
		if p.met[o] == 0 {
			t.Errorf("no push was answered with %s", o)
		}
	}
	if p.repeated == 0 {
		t.Error("no phone was pushed a third time")
	}
	t.Logf("%v, %d repeated", p.met, p.repeated)
}
