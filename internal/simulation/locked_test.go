package simulation

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/memory"
)

// lock is what a phone does while its screen is locked.
type lock struct {
	until time.Time
	pulls time.Time // it put something off: then it comes by itself; zero: nothing

	// of the session under way, by UUID
	putOff map[string]bool
	booted time.Time // start of the server that these are about
}

// drawLocks draws when phones are locked for hours: single ones, and all of a team
// when each is asked something.
func drawLocks(r *rand.Rand, l *life, add func(time.Duration, kind, int, int)) {
	for range len(l.phones) * l.days / 5 {
		add(time.Duration(r.Int64N(int64(l.days-quiet)*int64(day))), kindLock, 0, r.IntN(len(l.phones)))
	}
	for range l.days / 8 {
		add(time.Duration(r.Int64N(int64(l.days-quiet)*int64(day))), kindStorm, r.IntN(len(l.teams)), 0)
	}
}

// locks locks a phone for as long as the dice say.
func (w *world) locks(p *phone, dice uint64) {
	until := w.now.Add(time.Duration(2+dice%13) * time.Hour)
	// What the server asks of it waits as long.
	p.dueBy = p.dueBy.Add(until.Sub(later(w.now, p.lock.until)))
	p.lock.until = later(p.lock.until, until)
	w.trace("%s is locked until %s", p.udid, p.lock.until)
}

func (w *world) lockOne(e event) {
	if p := w.phone(e.about); p != nil {
		w.locks(p, e.dice)
	}
}

// storm has somebody ask everybody in a group, and all of them be locked.
func (w *world) storm(e event) {
	for i, p := range w.phones {
		if p.group != w.life.teams[e.team].name {
			continue
		}
		w.locks(p, e.dice>>(i%32))
		w.decide("refresh "+p.udid, func() error {
			_, err := w.fleet.Refresh(w.ctx, seg, w.as(e.dice), p.udid)
			return err
		})
	}
}

// locked reports whether the phone puts a command off: most answer some commands
// always, one in four none.
func (p *phone) locked(w *world, requestType string) bool {
	always := []string{"DeviceInformation", "ProfileList", "InstalledApplicationList"}
	return w.now.Before(p.lock.until) && (p.index%4 == 3 || !slices.Contains(always, requestType))
}

// polls says that the phone begins a session: it has forgotten what it put off.
func (p *phone) polls() { p.lock.pulls, p.lock.putOff = time.Time{}, nil }

// comesBack notes that the phone put a command off, and comes when it is unlocked.
func (p *phone) comesBack(w *world, uuid string) {
	if p.lock.putOff == nil {
		p.lock.putOff, p.lock.booted = map[string]bool{}, w.bootedAt
	}
	p.lock.putOff[uuid] = true
	p.lock.pulls = p.nextOnline(w, p.lock.until)
}

// unlock has a phone come by itself that put something off.
func (p *phone) unlock(w *world) {
	if p.lock.pulls.IsZero() || w.now.Before(p.lock.pulls) {
		return
	}
	p.lock.pulls, p.woken, p.wakeAt = time.Time{}, true, w.now
}

// checkAgain holds that nothing is handed out once more in the session in which it
// was put off, but by a server that started meanwhile.
func (w *world) checkAgain(p *phone, c *mdm.Command) {
	if p.lock.putOff[c.UUID] && p.lock.booted.Equal(w.bootedAt) {
		w.violated("P0", p, "it put off a %s and gets it again in the same session", c.RequestType)
	}
}

// checkLeft holds that a phone has everything once it can be spoken with: nothing
// that it put off is forgotten.
func (w *world) checkLeft(p *phone) {
	if len(p.lock.putOff) > 0 || !w.life.locked {
		return
	}
	rows, err := w.disk.Queue(w.ctx, seg, p.udid)
	stored, phoneErr := w.disk.Phone(w.ctx, seg, p.udid)
	if err != nil || phoneErr != nil {
		w.violated("P0", p, "its queue and record: %v, %v", err, phoneErr)
	}
	for _, r := range rows {
		if r.State == storage.CommandNotNow {
			w.violated("P0", p, "it put off a %s since %s and does not get it", r.RequestType, r.NotNowSince)
		}
	}
	if p.declarative() && stored.Announced.Token != p.token {
		w.violated("P0", p, "it was unlocked and has not got the set that was announced")
	}
}

// deferring is a store that changes what it is told of commands that were put off.
type deferring struct {
	liar

	exchange func(*storage.Exchange)
}

func (d deferring) Exchange(ctx context.Context, of storage.Segment, udid string, epoch uint64, x storage.Exchange) (storage.Exchanged, error) {
	d.exchange(&x)
	return d.liar.Exchange(ctx, of, udid, epoch, x)
}

// impatient are plants about what phones put off.
func impatient() []plant {
	through := func(exchange func(*storage.Exchange)) func(*world, *memory.Store) fleet.Store {
		return func(_ *world, s *memory.Store) fleet.Store { return deferring{liar{Store: s}, exchange} }
	}
	return []plant{
		{
			name: "what was put off is offered at once", property: "P0", seed: 12,
			store: through(func(x *storage.Exchange) {
				if x.Handout != nil && x.Status != nil && x.Status.State == storage.CommandNotNow {
					again := *x.Handout
					again.Skip = nil
					x.Handout = &again
				}
			}),
		},
		{
			name: "what was put off is taken for done for a day", property: "P0", seed: 12,
			store: phones(func(before, after *storage.Phone) {
				if !after.Sync.NotNowSince.IsZero() {
					// An hour later it would be asked whether it has what it was told.
					after.Sync.Acked, after.Sync.AckedAt = after.Announced.Token, after.Sync.NotNowSince.Add(day)
				}
			}),
		},
	}
}
