package simulation

import (
	"math/rand/v2"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// doubt is why nothing may begin until a person has looked; the zero value is
// none.
type doubt struct {
	cause string
	since time.Time         // of the simulation's clock
	told  map[string]string // what phones were announced by then, by UDID
}

// jump is how far a clock may move without a person.
const jump = time.Hour

// confirming is within how many hours somebody looks after the clock was set or a
// copy was restored; and however long that takes, after so many days.
const (
	confirming   = 40
	confirmAfter = 2 * day
)

// drawHalts draws when a copy is restored, and when somebody confirms that, or a
// clock that jumped.
func drawHalts(r *rand.Rand, l *life, events []event, add func(time.Duration, kind, int, int)) {
	hours := func() time.Duration { return time.Duration(1+r.IntN(confirming)) * time.Hour }
	for _, e := range events {
		if e.kind == kindClock {
			add(e.at+hours(), kindConfirm, 0, 0)
		}
	}
	if r.IntN(10) == 0 {
		at := time.Duration(r.Int64N(int64(l.days-quiet))) * day
		add(at+hours(), kindRestore, 0, 0)
		add(at+hours()+confirming*time.Hour, kindConfirm, 0, 0)
	}
}

// ticks is the clock of the server's machine that nobody sets.
func (w *world) ticks() time.Duration { return w.now.Sub(w.life.start) }

// doubts remembers that nothing may begin from now on.
func (w *world) doubts(cause string) {
	if w.book.doubt.cause != "" {
		return
	}
	d := doubt{cause: cause, since: w.now, told: map[string]string{}}
	for _, p := range w.phones {
		if stored, err := w.disk.Phone(w.ctx, seg, p.udid); err == nil && stored.Announced.Enforcement != nil {
			d.told[p.udid] = stored.Announced.Enforcement.Release
		}
	}
	w.book.doubt = d
}

// reset sets the server's clock; one that jumps is to be confirmed.
func (w *world) reset(skew time.Duration) {
	if (skew - w.skew).Abs() > jump {
		w.doubts(storage.HaltClock)
	}
	w.book.reset = w.book.reset || skew != w.skew
	w.clockSet(w.now.Add(w.skew), w.now.Add(skew))
	w.skew = skew
	w.trace("the server's clock is %s off", w.skew)
}

// missed is what a start does to a doubt that the server had not noticed: of the
// time in which it did not run it knows only when it noted the time last. A clock
// that went forward looks like a machine that was off.
func (w *world) missed() {
	records, err := w.disk.World(w.ctx, seg)
	noted, clockErr := w.disk.Clock(w.ctx)
	if err != nil || clockErr != nil {
		w.violated("P0", nil, "the records cannot be read: %v, %v", err, clockErr)
	}
	if records.Halt.Cause == "" && !w.serverNow().Before(noted.Add(-5*time.Minute)) {
		w.book.doubt = doubt{}
	}
}

// restore puts a copy of the records in place that was made just now.
func (w *world) restore(event) {
	err := w.try(func() error {
		records, err := w.disk.World(w.ctx, seg)
		if err != nil || records.Halt.Cause != "" {
			return err
		}
		now := w.serverNow()
		_, err = w.disk.ChangeWorld(w.ctx, seg, records.Revision, storage.WorldChange{
			Halt:  &storage.Halt{Cause: storage.HaltRestore, At: now, Was: now},
			Audit: []storage.AuditEntry{{At: now, Actor: "kannuki", Action: "backup.restore", Target: string(seg)}},
		})
		return err
	})
	if err != nil {
		w.violated("P0", nil, "restoring: %v", err)
	}
	w.trace("a copy was restored")
	w.doubts(storage.HaltRestore)
	w.boot()
}

// confirm has somebody look at why the server stands still, and let it go on, here
// and, of the clock that both have, at the neighbour's.
func (w *world) confirm(e event) {
	w.learn()
	h := w.records.Halt
	if h.Cause == "" {
		return
	}
	done := w.decide("confirm after a "+h.Cause, func() error {
		_, err := w.fleet.EndHalt(w.ctx, seg, w.as(e.dice), h.Cause)
		return err
	})
	if !done {
		return
	}
	w.book.doubt = doubt{}
	err := w.try(func() error {
		_, err := w.fleet.EndHalt(w.ctx, neighbour, w.as(e.dice), h.Cause)
		return err
	})
	if err != nil && refusal(err) == "" {
		w.violated("P0", nil, "the neighbour confirms a %s: %v", h.Cause, err)
	}
}

// overdue has somebody confirm what waits for too long, or until the end.
func (w *world) overdue(e event) {
	if d := w.book.doubt; e.about >= w.life.days-quiet || d.cause != "" && w.now.Sub(d.since) > confirmAfter || w.halted() && d.cause == "" {
		w.confirm(e)
	}
}

// halted reports whether the server stands still until a person lets it go on.
func (w *world) halted() bool { return w.records.Halt.Cause != "" }

// decided is the time that decisions are read for: while a clock that went back
// waits for somebody, it is as it should have been.
func (w *world) decided() time.Time {
	if w.records.Halt.Cause == storage.HaltClock {
		return later(w.serverNow(), w.records.Halt.Was)
	}
	return w.serverNow()
}

// checkDoubt holds that a phone is told nothing that it was not announced before
// somebody had to look.
func (w *world) checkDoubt(p *phone, release string) {
	if d := w.book.doubt; d.cause != "" && d.told[p.udid] != release {
		w.violated("P13", p, "it is told to install %s although nobody confirmed the %s of %s", release, d.cause, d.since)
	}
}

// checkHalt holds that the server stands still for a reason only, and that no wave
// begins meanwhile.
func (w *world) checkHalt(before storage.World) {
	if w.records.Halt.Cause == storage.HaltClock && !w.book.reset {
		w.violated("P13", nil, "it stands still because of a clock that nobody set")
	}
	if w.book.doubt.cause == "" {
		return
	}
	type wave struct {
		approval string
		i        int
	}
	waited := map[wave]bool{}
	for _, a := range before.Approvals {
		for i, v := range a.Waves {
			waited[wave{a.ID, i}] = v.Waits
		}
	}
	for _, a := range w.records.Approvals {
		for i, v := range a.Waves {
			if waited[wave{a.ID, i}] && !v.Waits {
				w.violated("P13", nil, "wave %d of %s/%s begins although nobody confirmed the %s", i+1, a.Group, a.Release, w.book.doubt.cause)
			}
		}
	}
}

// unconfirmed are plants about what a person has to confirm.
func unconfirmed() []plant {
	forgets := func(cause string, seed uint64) plant {
		return plant{
			name: "a halt is forgotten, of a " + cause, property: "P13", seed: seed,
			store: reading(func(w *storage.World) {
				if w.Halt.Cause == cause {
					w.Halt = storage.Halt{}
				}
			}),
		}
	}
	return []plant{forgets(storage.HaltClock, 10), forgets(storage.HaltRestore, 9)}
}
