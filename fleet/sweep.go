package fleet

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// sessionLife is how long an idle conversation is remembered.
const sessionLife = 30 * time.Minute

// Sweeper looks at every phone again: at its start, whenever something
// changed, and at an interval that makes the marks dispensable. Nothing
// depends on an event having been noticed.
type Sweeper struct {
	fleet    *Fleet
	interval time.Duration
	marks    chan struct{}
}

// NewSweeper returns a sweeper that looks at all phones at least once per
// interval of wall time; zero means an hour.
func NewSweeper(f *Fleet, interval time.Duration) *Sweeper {
	if interval <= 0 {
		interval = time.Hour
	}
	return &Sweeper{fleet: f, interval: interval, marks: make(chan struct{}, 1)}
}

// Mark asks for a sweep soon. It never blocks; several marks are one sweep.
func (s *Sweeper) Mark() {
	select {
	case s.marks <- struct{}{}:
	default:
	}
}

// ringsPerSweep is how often alarms are looked at for each sweep.
const ringsPerSweep = 12

// Run sweeps until the context ends, and rings the alarms in between.
func (s *Sweeper) Run(ctx context.Context) error {
	ticker, alarm := time.NewTicker(s.interval), time.NewTicker(max(s.interval/ringsPerSweep, time.Millisecond))
	defer ticker.Stop()
	defer alarm.Stop()
	for {
		if _, err := s.fleet.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.fleet.o.Logger.ErrorContext(ctx, "sweep", "error", err)
		}
		if !s.wait(ctx, ticker.C, alarm.C) {
			return nil
		}
	}
}

// wait rings alarms, and moves rollouts, until it is time for a sweep; false
// means that the context ended.
func (s *Sweeper) wait(ctx context.Context, sweep, alarm <-chan time.Time) bool {
	for {
		select {
		case <-ctx.Done():
			return false
		case <-sweep:
			return true
		case <-s.marks:
			return true
		case <-alarm:
			s.fleet.Ring()
			if s.fleet.moveRollouts(ctx) {
				return true // and the sweep reminds
			}
			s.fleet.remind(ctx, nil) // of nothing that was just stopped
		}
	}
}

// moveRollouts stops the rollouts that go wrong and starts the waves that are
// due, in this order, and reports whether phones have something to learn of it.
// Phones wait for neither, on a full disk for instance.
func (f *Fleet) moveRollouts(ctx context.Context) bool {
	stopped, err := f.StopRollouts(ctx)
	if err != nil && ctx.Err() == nil {
		f.o.Logger.ErrorContext(ctx, "stop rollouts", "error", err)
	}
	started, err := f.StartWaves(ctx)
	if err != nil && ctx.Err() == nil {
		f.o.Logger.ErrorContext(ctx, "start waves", "error", err)
	}
	return stopped || started
}

// Sweep looks at every phone of every segment once and wakes those that have
// something to learn or to answer. It returns how many it woke.
func (f *Fleet) Sweep(ctx context.Context) (int, error) {
	f.sessions.expire(f.now().Add(-sessionLife))
	f.worldsMu.RLock()
	incomplete := f.incomplete
	f.worldsMu.RUnlock()
	if incomplete {
		if err := f.Load(ctx); err != nil {
			return 0, err
		}
	}
	if err := f.keepTime(ctx); err != nil {
		return 0, err
	}
	if err := f.noteTime(ctx); err != nil && ctx.Err() == nil {
		f.o.Logger.ErrorContext(ctx, "note the time", "error", err)
	}
	f.moveRollouts(ctx)
	woken := 0
	looked := map[*worldState]*gated{}
	for _, w := range f.all() {
		// Nor do they wait for holds.
		j := f.gatedNow(w, w.current.Load())
		for _, tell := range []func(context.Context, *worldState, *gated) error{f.tellHolds, f.tellBranches, f.tellUrgent, f.tellDeclined, f.tellOverrides, f.tellLeaks} {
			if err := tell(ctx, w, j); err != nil && ctx.Err() == nil {
				f.o.Logger.ErrorContext(ctx, "tell of releases", "error", err)
			}
			j = f.gatedSince(w, j)
		}
		looked[w] = j
		if err := f.retestLeaks(ctx, w); err != nil && ctx.Err() == nil {
			f.o.Logger.ErrorContext(ctx, "offer releases of unapproved updates", "error", err)
		}
		n, err := f.sweepWorld(ctx, w)
		woken += n
		if err != nil {
			return woken, err
		}
		if _, err := f.store.SweepDeclarations(ctx, w.segment); err != nil {
			return woken, wrap("sweep declarations", err)
		}
		if err := f.forgetNotices(ctx, w); err != nil {
			return woken, err
		}
		if err := f.forgetHolders(ctx, w); err != nil {
			return woken, err
		}
	}
	f.remind(ctx, looked)
	return woken, nil
}

func (f *Fleet) sweepWorld(ctx context.Context, w *worldState) (int, error) {
	waiting, err := f.store.Waiting(ctx, w.segment)
	if err != nil {
		return 0, wrap("read queues", err)
	}
	woken := 0
	err = f.eachPhone(ctx, w, storage.PhoneQuery{}, func(p *storage.Phone, at uint64) error {
		w.census.heal(p, at)
		// What was queued must not wait for the phone when it was stopped.
		if ownQueued(p) {
			stopped, err := f.stopQueued(ctx, w, *p)
			if err != nil && !errors.Is(err, storage.ErrConflict) {
				return err
			}
			p = &stopped
		}
		due, err := f.due(w, p)
		if err != nil {
			return err
		}
		if _, queued := slices.BinarySearch(waiting, p.UDID); due || queued {
			f.waker.Wake(wakeKey(w.segment, p.UDID))
			woken++
		}
		return nil
	})
	return woken, err
}

// due reports whether the phone has something to learn or to answer, apart from
// its queue.
func (f *Fleet) due(w *worldState, p *storage.Phone) (bool, error) {
	if f.stale(p.InfoAt) {
		return true, nil
	}
	if _, apps := f.appsDue(w.current.Load(), p); apps {
		return true, nil
	}
	if moved, err := f.moved(w, p); moved || err != nil {
		return moved, err
	}
	if len(f.appsToSend(w.current.Load(), p)) > 0 {
		return true, nil
	}
	return f.legacyDue(w, p)
}

// eachPhone visits the phones that match, a page at a time, so that no read
// transaction stays open while something slow happens. It tells the census's
// moment before each was read.
func (f *Fleet) eachPhone(ctx context.Context, w *worldState, q storage.PhoneQuery, visit func(p *storage.Phone, at uint64) error) error {
	q.Limit = pageSize
	for {
		at := w.census.moment()
		phones, err := f.store.Phones(ctx, w.segment, q)
		if err != nil {
			return wrap("read phones", err)
		}
		for i := range phones {
			if err := visit(&phones[i], at); err != nil {
				return err
			}
		}
		if len(phones) < pageSize {
			return nil
		}
		q.After = phones[len(phones)-1].Num
	}
}
