// Package wake decides when a phone that should poll is pushed. It stands
// between whoever wants a phone awake and the push client: however often a
// phone is wanted, it keeps one flag for it, spreads pushes evenly below a
// ceiling, and repeats them until the phone has polled. It stores nothing and
// forgets everything with the process; the caller wakes what still has work
// when it starts. No result makes it give a phone up.
package wake

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/kannuki-mdm/kannuki/mdm/apns"
)

// Target is what a push to a phone needs at the moment.
type Target struct {
	Key          string
	Token        []byte
	Magic, Topic string
}

// Pusher sends one push. [apns.Client] is one; an installation with several
// push certificates chooses among clients by the push's topic.
type Pusher interface {
	Push(ctx context.Context, p apns.Push) apns.Result
}

// Source knows the phones' newest push data.
type Source interface {
	// Target returns what a push to the phone needs. False means that the phone
	// cannot be pushed: it is unknown, gone, or its token is dead.
	Target(ctx context.Context, key string) (Target, bool, error)
}

// Reporter keeps what became of pushes.
type Reporter interface {
	// Pushed records a result. With [apns.Unregistered] it also decides: if
	// the phone sent a TokenUpdate after r.Since the result is void, otherwise
	// the token is dead and the Source must say so until the next TokenUpdate.
	Pushed(ctx context.Context, key string, at time.Time, r apns.Result) error
}

// Options are what a [Scheduler] may be told. Now is required.
type Options struct {
	PerMinute   int           // ceiling of pushes; 0 means 6,000
	MinInterval time.Duration // between two accepted pushes to a phone; 0 means 60 seconds
	Debounce    time.Duration // from the first Wake to the push; 0 means 1 second
	Workers     int           // pushes at the same time; 0 means 8
	Now         func() time.Time
	Logger      *slog.Logger // results, at Debug; nil logs nothing
	Rand        io.Reader    // for jitter; nil means crypto/rand
}

// Scheduler keeps one flag for every phone that should poll. Its methods are
// safe for concurrent use. Now must run at the pace of timers; it may be a
// clock that is set while the process runs, as [time.Now] is.
type Scheduler struct {
	pusher   Pusher
	source   Source
	reporter Reporter
	options  Options
	limiter  *rate.Limiter
	epoch    time.Time     // times of phones and gates count from here
	kick     chan struct{} // tells Run to look again

	mu      sync.Mutex
	running bool
	phones  map[string]*phone
	queue   queue
	gates   map[string]*gate
	states  [dead + 1]int // phones in each state
	totals  Stats         // only what does not follow from the above
}

// New returns a scheduler. It panics when p, s, rep or o.Now is nil, which is
// a mistake in the program.
func New(p Pusher, s Source, rep Reporter, o Options) *Scheduler {
	if p == nil || s == nil || rep == nil || o.Now == nil {
		panic("wake.New: pusher, source, reporter and clock are required")
	}
	if o.PerMinute <= 0 {
		o.PerMinute = 6000
	}
	if o.MinInterval <= 0 {
		o.MinInterval = time.Minute
	}
	if o.Debounce <= 0 {
		o.Debounce = time.Second
	}
	if o.Workers <= 0 {
		o.Workers = 8
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	return &Scheduler{
		pusher:   p,
		source:   s,
		reporter: rep,
		options:  o,
		// A tenth of a second's worth at once makes up for late timers.
		limiter: rate.NewLimiter(rate.Limit(o.PerMinute)/60, max(1, o.PerMinute/600)),
		epoch:   o.Now(),
		kick:    make(chan struct{}, 1),
		phones:  map[string]*phone{},
		gates:   map[string]*gate{},
		totals:  Stats{ByOutcome: map[apns.Outcome]int{}},
	}
}

// Wake asks for the phone to be pushed until it polls. It never blocks, works
// before and after Run too, and changes nothing while the phone is wanted
// already: Apple keeps one push per phone, so more of them tell it nothing.
func (s *Scheduler) Wake(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.phones[key]
	if p == nil {
		// The key may be cut from a large buffer; a copy keeps that from living on.
		p = &phone{key: strings.Clone(key), index: notQueued}
		s.phones[p.key] = p
	}
	switch p.state {
	case unknown, resting, dead:
		s.schedule(p, waiting, max(s.now()+s.options.Debounce, p.notBefore))
	case busy:
		p.wanted = true
	case waiting, unanswered, parked:
	}
}

// Contact says that the phone polled, which is what a push is for. It ends the
// wish to push it, and its back-off. Call it before looking for work for the
// phone: then a Wake for work that comes in later cannot get lost.
func (s *Scheduler) Contact(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.phones[key]
	switch {
	case p == nil:
	case p.state == busy:
		p.wanted, p.contacted = false, true
	default:
		s.rest(p)
	}
}

// Heard says that the phone spoke without polling, as when it reports. The wish to push
// it stands; but it is switched on, so that a push it has not answered, which Apple may
// have lost, is repeated sooner.
func (s *Scheduler) Heard(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.phones[key]; p != nil && p.state == unanswered {
		pushed := p.notBefore - s.options.MinInterval // as settle has it
		soonest := max(s.now()+s.options.Debounce, p.notBefore, pushed+s.heardRepeat(p.accepted))
		s.schedule(p, unanswered, min(p.due, soonest))
	}
}

// Cancel says that nothing is wanted of the phone any more, for instance because it was
// removed. Before a Wake it has the phone pushed anew, however often it was in vain.
func (s *Scheduler) Cancel(key string) {
	s.Contact(key)
}

// Resume tries stopped topics again at once: the reason was removed, for
// instance by a new push certificate.
func (s *Scheduler) Resume() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.gates {
		s.open(g)
	}
}

// Stats says how waking stands. Counts of phones are as of now, counts of
// pushes since the start.
type Stats struct {
	Waiting    int // phones wanted and not pushed yet, those of stopped topics included
	Parked     int // of these, phones of stopped topics
	Unanswered int // phones pushed that have not polled since; they are pushed again
	Dead       int // phones wanted that cannot be pushed

	Sent      int // pushes Apple accepted
	Failed    int // all others, and look-ups that returned an error
	ByOutcome map[apns.Outcome]int
	SentAt    time.Time // of the last accepted push

	LastError   string // of a push, look-up or report
	LastErrorAt time.Time
	Stopped     []Stop // by topic
}

// Stop is a topic that is not pushed to at the moment.
type Stop struct {
	Topic   string
	Outcome apns.Outcome // BadToken here: all of the last pushes got it
	Detail  string
	Since   time.Time
	Until   time.Time // of the next try
}

// Stats returns the figures. What it holds belongs to the caller.
func (s *Scheduler) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.totals
	out.Waiting = s.states[waiting] + s.states[busy] + s.states[parked]
	out.Parked = s.states[parked]
	out.Unanswered = s.states[unanswered]
	out.Dead = s.states[dead]
	out.ByOutcome = make(map[apns.Outcome]int, len(s.totals.ByOutcome))
	for o, n := range s.totals.ByOutcome {
		out.ByOutcome[o] = n
	}
	for _, g := range s.gates {
		if g.closed {
			out.Stopped = append(out.Stopped, Stop{
				Topic: g.topic, Outcome: g.outcome, Detail: g.detail, Since: s.epoch.Add(g.since), Until: s.epoch.Add(g.until),
			})
		}
	}
	slices.SortFunc(out.Stopped, func(a, b Stop) int { return strings.Compare(a.Topic, b.Topic) })
	return out
}

// now is the time since the epoch. The clock's monotonic part counts, so that
// setting the wall clock neither delays pushes nor doubles them.
func (s *Scheduler) now() time.Duration {
	return s.options.Now().Sub(s.epoch)
}

// fail keeps an error for Stats. The caller holds the lock.
func (s *Scheduler) fail(text string) {
	s.totals.LastError = text
	s.totals.LastErrorAt = s.options.Now()
}

// look makes Run look at the queue. It never blocks.
func (s *Scheduler) look() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}
