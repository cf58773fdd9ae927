package simulation

import (
	"cmp"
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
	askHeard
	askCancel
	askDie   // the process ends,
	askStart // and another begins
)

// askNothing is what a scheduler with a fault takes a call for.
const askNothing ask = -1

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
		for _, a := range p.talks(list) {
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
	takes   func(asked) ask // for what it takes a call; nil: for what it is
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
	sooner     int // that are to begin earlier, since the phone was heard
	violations []violation
}

// now is the time since the life began.
func (p *pushes) now() time.Duration { return time.Since(p.begin) }

// on is a moment of the life as people read it.
func (p *pushes) on(at time.Duration) string { return p.life.start.Add(at).Format(time.DateTime) }

// talks adds reports to what a life asked: the phones of a life come within minutes of
// a wish to push them, and seldom speak before that.
func (p *pushes) talks(list []asked) []asked {
	talk := slices.Clone(list)
	for _, a := range list {
		said := p.dice("talk", a.key, a.at)
		if a.what != askWake || said%4 != 0 {
			continue
		}
		for _, within := range []time.Duration{3 * time.Minute, 20 * time.Minute, 3 * time.Hour, 2 * day} {
			said = p.dice("talk", a.key, time.Duration(said))
			at := a.at + time.Duration(said%uint64(within))
			talk = append(talk, asked{at, askHeard, a.key})
		}
	}
	slices.SortStableFunc(talk, func(a, b asked) int { return cmp.Compare(a.at, b.at) })
	return slices.DeleteFunc(talk, func(a asked) bool { return a.at > time.Duration(p.life.days)*day })
}

// next makes one call at its moment.
func (p *pushes) next(ctx context.Context, a asked) {
	if d := a.at - p.now(); d > 0 {
		time.Sleep(d)
	}
	synctest.Wait() // what happens at this moment anyway comes first
	switch a.what {
	case askDie:
		p.stop()
	case askStart:
		p.stop()
		p.start(ctx)
	case askWake:
		p.wants(a.key)
	case askContact, askCancel:
		p.comes(a.key)
	case askHeard:
		p.hears(a.key)
	case askNothing: // is no call of a life
	}
	p.tell(a)
}

// tell tells the scheduler of a call.
func (p *pushes) tell(a asked) {
	what := a.what
	if p.plant.takes != nil {
		what = p.plant.takes(a)
	}
	switch what {
	case askWake:
		p.sched.Wake(a.key)
	case askContact:
		p.sched.Contact(a.key)
	case askHeard:
		p.sched.Heard(a.key)
	case askCancel:
		p.sched.Cancel(a.key)
	case askDie, askStart, askNothing:
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
		q.fail, q.accepted, q.unanswered, q.pushed = 0, q.accepted+1, !q.polled, now
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
	takes := func(what, as ask, each uint32) *planted {
		return &planted{takes: func(a asked) ask {
			h := fnv.New32a()
			_, _ = fmt.Fprint(h, a.key)
			if a.what == what && h.Sum32()%each == 0 {
				return as
			}
			return a.what
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
		{name: "the waker forgets phones", property: "P12", seed: 1, pushes: takes(askWake, askNothing, 5)},
		{name: "the waker does not notice that phones came", property: "P12", seed: 1, pushes: takes(askContact, askNothing, 5)},
		{name: "a phone that was heard is pushed no sooner", property: "P12", seed: 1, pushes: takes(askHeard, askNothing, 1)},
		{name: "a phone that was heard is pushed no more", property: "P12", seed: 1, pushes: takes(askHeard, askContact, 1)},
	}
}

// TestReplay: a life that is replayed meets all that Apple answers, phones that do not
// come for long and phones that speak before, or what is held of pushes would hold little.
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
	if p.sooner == 0 {
		t.Error("no phone was heard that is to be pushed the sooner for it")
	}
	t.Logf("%v, %d repeated, %d sooner", p.met, p.repeated, p.sooner)
}
