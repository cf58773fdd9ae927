package fleet

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// How far the server's clock may move without a person.
const (
	maxJump = time.Hour           // while the server runs, in either direction
	maxBack = 5 * time.Minute     // backwards from one run to the next
	maxAway = 30 * 24 * time.Hour // forwards from one run to the next: a machine may have been off
)

// noteEvery is how often the time is kept for the next run, at most.
const noteEvery = 30 * time.Minute

// timekeeper compares the server's clock with one that nobody sets. The zero
// value knows no time yet.
type timekeeper struct {
	mu    sync.Mutex
	known bool
	wall  time.Time     // what the clock showed, or should have, ...
	ticks time.Duration // ... when the other one showed this
	wrong bool          // the clock was wrong when the server started
	noted time.Time     // for the next run
}

// start compares the clock with what was noted in an earlier run, zero for
// nothing. What it knows already it keeps.
func (k *timekeeper) start(noted, wall time.Time, ticks time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known {
		return
	}
	k.known, k.wall, k.ticks, k.noted = true, wall.Round(0), ticks, noted
	if !noted.IsZero() && (wall.Before(noted.Add(-maxBack)) || wall.After(noted.Add(maxAway))) {
		k.wall, k.wrong = noted, true
	}
}

// jumped reports whether the clock cannot be trusted, and what it should show at
// least.
func (k *timekeeper) jumped(wall time.Time, ticks time.Duration) (should time.Time, jumped bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.known {
		return wall, false
	}
	should = k.wall.Add(ticks - k.ticks)
	// Without Round the difference would be that of the clock nobody sets.
	return should, k.wrong || wall.Round(0).Sub(should).Abs() > maxJump
}

// note reports whether it is time to keep the time for the next run, and takes it
// for kept.
func (k *timekeeper) note(now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if since := now.Sub(k.noted); since >= 0 && since < noteEvery {
		return false
	}
	k.noted = now.Round(0)
	return true
}

// trust takes the clock for right.
func (k *timekeeper) trust(wall time.Time, ticks time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.known, k.wall, k.ticks, k.wrong = true, wall.Round(0), ticks, false
}

// startTime compares the clock with the time noted last.
func (f *Fleet) startTime(ctx context.Context) error {
	if f.o.Ticks == nil {
		return nil
	}
	noted, err := f.store.Clock(ctx)
	if err != nil {
		return wrap("read noted time", err)
	}
	f.keeper.start(noted, f.now(), f.o.Ticks())
	return nil
}

// keepTime halts every segment when the server's clock jumped. It comes before
// anything that could tell a phone to install something.
func (f *Fleet) keepTime(ctx context.Context) error {
	if f.o.Ticks == nil {
		return nil
	}
	now, ticks := f.now(), f.o.Ticks()
	should, jumped := f.keeper.jumped(now, ticks)
	if !jumped {
		return nil
	}
	f.o.Logger.WarnContext(ctx, "clock jumped: nothing begins until a person confirms it with rollout resume --after-clock-jump",
		"clock", now, "should_be", should)
	f.listenAnew(now)
	for _, w := range f.all() {
		if err := f.haltFor(ctx, w, storage.Halt{Cause: storage.HaltClock, At: now, Was: should}); err != nil {
			return err
		}
	}
	f.keeper.trust(now, ticks) // from here on it is a person who does
	return nil
}

// haltFor halts a segment that does not stand still already.
func (f *Fleet) haltFor(ctx context.Context, w *worldState, h storage.Halt) error {
	err := f.change(ctx, w, func(s *snapshot) (storage.WorldChange, error) {
		if s.halted() {
			return storage.WorldChange{}, errNothingToDo
		}
		entry := f.entry(Act{Actor: "kannuki"}, "engine.halt", string(w.segment), haltDetail(h))
		return storage.WorldChange{Halt: &h, Audit: []storage.AuditEntry{entry}}, nil
	})
	return wrap("halt", err)
}

func haltDetail(h storage.Halt) map[string]string {
	return map[string]string{"cause": h.Cause, "clock": h.At.Format(time.RFC3339), "should_be": h.Was.Format(time.RFC3339)}
}

// noteTime keeps the time for the next run, unless nobody knows whether it is
// right.
func (f *Fleet) noteTime(ctx context.Context) error {
	if f.o.Ticks == nil {
		return nil
	}
	for _, w := range f.all() {
		if w.current.Load().records.Halt.Cause == storage.HaltClock {
			return nil
		}
	}
	now := f.now()
	if !f.keeper.note(now) {
		return nil
	}
	return wrap("note time", f.store.NoteClock(ctx, now))
}

// halted reports whether nothing may begin.
func (s *snapshot) halted() bool { return s.records.Halt.Cause != "" }

// HaltView says that nothing begins until a person lets the engine go on.
type HaltView struct {
	Cause    string    `json:"cause"`     // clock or restore
	Since    time.Time `json:"since"`     // by the server's clock, which may be wrong
	ShouldBe time.Time `json:"should_be"` // what a clock that jumped should have shown; of a restore when it was made
	Now      time.Time `json:"now"`       // what the server's clock shows
	DryRun   bool      `json:"dry_run,omitempty"`
}

func (f *Fleet) haltView(h storage.Halt) *HaltView {
	if h.Cause == "" {
		return nil
	}
	return &HaltView{Cause: h.Cause, Since: h.At, ShouldBe: h.Was, Now: f.now()}
}

// EndHalt lets a segment go on that stands still for the cause given: a person
// has seen that the server's clock is right, or that the records of a restored
// copy are what is to hold. It is refused when nothing stands still, or for
// another cause.
func (f *Fleet) EndHalt(ctx context.Context, seg storage.Segment, a Act, cause string) (HaltView, error) {
	if cause != storage.HaltClock && cause != storage.HaltRestore {
		return HaltView{}, notOneOf("cause", cause, storage.HaltClock, storage.HaltRestore)
	}
	if strings.TrimSpace(a.Reason) == "" {
		return HaltView{}, invalid("reason", "reason-missing", "a decision about a gate needs a reason; it is kept in the audit log")
	}
	var ended storage.Halt
	err := f.decide(ctx, seg, a, func(s *snapshot) (storage.WorldChange, error) {
		switch ended = s.records.Halt; ended.Cause {
		case cause:
			c := f.datedBack(s)
			c.Halt, c.Audit = &storage.Halt{}, []storage.AuditEntry{f.entry(a, "engine.resume", string(seg), haltDetail(ended))}
			return c, nil
		case "":
			return storage.WorldChange{}, refused("not-halted", "nothing stands still; a single rollout is resumed by its release and group")
		default:
			return storage.WorldChange{}, refused("other-halt", "the engine stands still because of the %s, not the %s", ended.Cause, cause).
				with("cause", ended.Cause, "other", cause)
		}
	})
	if err != nil {
		return HaltView{}, err
	}
	if cause == storage.HaltClock && !a.DryRun && f.o.Ticks != nil {
		f.keeper.trust(f.now(), f.o.Ticks())
	}
	v := f.haltView(ended)
	v.DryRun = a.DryRun
	return *v, nil
}

// datedBack returns the change that has what was decided against a release while the
// clock ran ahead hold from now on, and not when the clock gets there. Results come
// along whatever they say: one that was seen before another must not come after it.
// What a breaker is not to look at ends now too. An approval whose time is yet to come
// names from now on what it rests on.
func (f *Fleet) datedBack(s *snapshot) storage.WorldChange {
	now := f.now()
	back := func(times ...*time.Time) (moved bool) {
		for _, t := range times {
			if t.After(now) {
				*t, moved = now, true
			}
		}
		return moved
	}
	var c storage.WorldChange
	for _, a := range s.records.Approvals {
		moved := back(&a.PausedAt, &a.WithdrawnAt, &a.Breaker.Since)
		if a.At.After(now) {
			a.Verdicts, moved = sortedUnion(a.Verdicts, s.restsByTime(a)), true
		}
		if o := a.Override; o != nil && !over(a, now) && o.EndToldAt.After(now) { // it stands again, and ends once more
			a, moved = standsAgain(a), true
		}
		if moved {
			c.Approvals = append(c.Approvals, a)
		}
	}
	for _, d := range s.records.Declines {
		if back(&d.At) {
			c.Declines = append(c.Declines, d)
		}
	}
	for _, o := range s.records.Offers {
		if back(&o.Withdrawn) {
			c.Offers = append(c.Offers, o)
		}
	}
	for _, v := range s.records.Verdicts {
		if back(&v.At, &v.RevokedAt) {
			c.Verdicts = append(c.Verdicts, v)
		}
	}
	for _, p := range s.records.Problems {
		if back(&p.At, &p.ClosedAt) {
			c.Problems = append(c.Problems, p)
		}
	}
	return c
}

// restsByTime returns the results that an approval rests on because of their times,
// beside those it names: on its release, and not taken back before it was given. Once
// times are those of two clocks, only names tell what was taken back later. One that
// was taken back since the clock was doubted counts as taken back later: if it was
// not, others were there in its place.
func (s *snapshot) restsByTime(a storage.Approval) []string {
	doubted := s.records.Halt.At
	if s.records.Halt.Was.Before(doubted) {
		doubted = s.records.Halt.Was
	}
	var ids []string
	for _, v := range s.records.Verdicts {
		works := v.Group == a.Group && v.Release == a.Release && v.Result != string(policy.ResultBroken) && v.Method != string(policy.MethodSmoke)
		before := !v.RevokedAt.IsZero() && !v.RevokedAt.After(a.At) && v.RevokedAt.Before(doubted)
		if works && !before && !v.At.After(a.At) {
			ids = append(ids, v.ID)
		}
	}
	return ids
}

// engineHalt translates a halt for the engine.
func engineHalt(h storage.Halt) policy.Halt {
	return policy.Halt{Cause: policy.HaltCause(h.Cause), At: h.At, Was: h.Was}
}
