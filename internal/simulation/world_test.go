// Package simulation lives through months of an installation in a fraction of a
// second: the real policy, use cases and queue, with phones, people, vendors and
// Apple that are played, one after the other in one goroutine, on a clock that
// nothing but the simulation moves. Whatever chance decides is drawn from a seed
// beforehand, so that each life can be repeated and made smaller.
//
// The package consists of tests only; docs/architecture.md, "Simulation", says
// what they hold.
package simulation

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/memory"
)

const seg = storage.DefaultSegment

// The server looks at every phone by itself each hour and rings alarms each five
// minutes; here it takes its time, because most looks find nothing.
const (
	sweepEvery = 26 * time.Hour
	ringEvery  = 2 * time.Hour
)

// errDied is what a store says when the process ends with it.
var errDied = errors.New("the process died")

// world is one life that is being lived.
type world struct {
	ctx    context.Context
	life   life
	plant  plant
	apple  apple
	disk   *memory.Store // what outlives the process
	front  fleet.Store   // what the server sees of it
	fleet  *fleet.Fleet
	phones []*phone

	newestFirst []release

	loc     *time.Location // of the installation
	now     time.Time
	skew    time.Duration // of the server's clock
	vendors map[string]int
	copyDay int // day of Apple's list that the server took last

	fault     fault
	faultless bool // faults happen to nobody: the life to compare with
	bootedAt  time.Time
	sweepNow  bool
	marked    bool // something was decided since the last sweep
	losing    bool // the next answer to a phone gets lost
	sweepAt   time.Time
	ringAt    time.Time
	offUntil  time.Time // the server's machine is off

	records storage.World // as stored when it was learned last
	tests   map[tested][]*storage.Verdict
	changed bool // since then
	words   int  // of phones that were stored
	book    book

	asked []asked // of the scheduler of pushes

	log        hash.Hash
	lines      func(string) // nil: nobody reads along
	violations []violation
}

// fault is one that waits for its moment.
type fault struct {
	left   int  // commits until it strikes; 0: none is armed
	commit bool // whether the one it strikes is stored
	err    error
	times  int // how many commits it strikes, one after the other
}

// violation is a property that did not hold.
type violation struct {
	property string
	at       time.Time
	what     string
}

func (v violation) String() string {
	return fmt.Sprintf("%s at %s: %s", v.property, v.at.Format("2006-01-02 15:04"), v.what)
}

// violated notes that a property does not hold.
func (w *world) violated(property string, p *phone, format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	if p != nil {
		what = fmt.Sprintf("%s (%s/%s, %s): %s", p.udid, p.group, p.ring, p.os, what)
	}
	v := violation{property, w.now, what}
	w.violations = append(w.violations, v)
	w.trace("VIOLATED %s", v)
}

// trace adds to what tells two runs apart, and to what a person reads.
func (w *world) trace(format string, args ...any) {
	line := w.now.Format("01-02 15:04:05 ") + fmt.Sprintf(format, args...) + "\n"
	_, _ = w.log.Write([]byte(line))
	if w.lines != nil {
		w.lines(line)
	}
}

// outcome is what came of a life.
type outcome struct {
	hash       string
	violations []violation
	end        string // where everybody and everything is
	asked      []asked
}

// violates returns the first violation of a property, "" for any.
func (o outcome) violates(property string) (violation, bool) {
	i := slices.IndexFunc(o.violations, func(v violation) bool { return property == "" || v.property == property })
	if i < 0 {
		return violation{}, false
	}
	return o.violations[i], true
}

// options are how a life is lived.
type options struct {
	plant     plant
	faultless bool
	lines     func(string)
}

// live lives a life to its end, or to the first violation.
func live(ctx context.Context, l life, o options) outcome {
	w := &world{
		ctx: ctx, life: l, plant: o.plant, faultless: o.faultless, lines: o.lines, log: sha256.New(), loc: zone(l.zone),
		now: l.start, sweepAt: l.start, ringAt: l.start, vendors: map[string]int{},
		apple: apple{start: l.start, releases: l.releases, stops: l.stops, shelf: shelfOf(l.seed), improves: l.improves}, newestFirst: newestFirst(l.releases), book: newBook(),
	}
	w.disk = memory.New(memory.Options{
		BeforeCommit: w.beforeCommit, AfterCommit: w.afterCommit,
		Trusting: !l.wire && o.plant.store == nil, // plants change what they read
	})
	w.front = w.disk
	if w.plant.store != nil {
		w.front = w.plant.store(w, w.disk)
	}
	if l.troubled {
		w.front = witness{w.front, w}
	}
	w.setUpNeighbour()
	w.boot()
	w.setUp()
	for _, p := range w.phones {
		p.follow(w)
	}
	for len(w.violations) == 0 && w.step() {
	}
	if len(w.violations) == 0 {
		w.checkEnd()
	}
	return outcome{hash: hex.EncodeToString(w.log.Sum(nil)[:8]), violations: w.violations, end: w.digest(), asked: w.asked}
}

// day returns the day of the life that a moment belongs to.
func (w *world) day(t time.Time) int { return int(t.Sub(w.life.start) / day) }

// serverNow is what the server's clock shows.
func (w *world) serverNow() time.Time { return w.now.Add(w.skew) }

// step lets whoever is next do something; false when the life is over. Events come
// before phones and those before the server's own sweep, so that the order is
// always the same.
func (w *world) step() bool {
	at, do := w.sweepAt, w.sweep
	if w.ringAt.Before(at) {
		at, do = w.ringAt, w.ring
	}
	if p := w.nextPhone(); p != nil && later(p.at, w.now).Before(at) {
		at, do = later(p.at, w.now), func() { p.act(w) }
	}
	if len(w.life.events) > 0 {
		if t := w.life.start.Add(w.life.events[0].at); !t.After(at) {
			at, do = t, w.happen
		}
	}
	if w.day(at) >= w.life.days {
		return false
	}
	w.now = later(at, w.now)
	do()
	if w.changed {
		w.learn()
	}
	return true
}

// nextPhone returns the phone that does something first. A deadline can have passed
// before a phone had it: then it is now, and the first of those goes before the others.
func (w *world) nextPhone() *phone {
	var next *phone
	for _, p := range w.phones {
		if !p.at.After(w.now) {
			return p
		}
		if next == nil || p.at.Before(next.at) {
			next = p
		}
	}
	return next
}

// happen lets the next event take place.
func (w *world) happen() {
	e := w.life.events[0]
	w.life.events = w.life.events[1:]
	if w.off() && !byName(e.kind).always {
		return
	}
	if e.kind == kindFeed {
		w.daily()
	}
	byName(e.kind).happen(w, e)
	w.settle()
	for _, p := range w.phones {
		p.follow(w)
	}
}

// boot starts the server on what the disk has.
func (w *world) boot() {
	w.bootedAt = w.serverNow()
	w.asks(askStart, "")
	w.missed()
	w.fleet = fleet.New(w.front, waker{w}, w.serverNow, fleet.Options{
		Organization: "Example", Location: w.loc, Facts: &catalog.Catalog{}, Ticks: w.ticks, InventoryEvery: w.life.asks,
	})
	if err := w.fleet.Load(w.ctx); err != nil {
		w.violated("P0", nil, "the server does not start: %v", err)
	}
}

// sweep is the server's own look at every phone.
func (w *world) sweep() {
	w.sweepAt = w.now.Add(sweepEvery)
	if w.now.Equal(w.offUntil) {
		w.boot()
	}
	w.look()
}

// look has the server look at every phone.
func (w *world) look() {
	if w.life.reminds {
		w.reminding(w.sweeps)
		return
	}
	if err := w.try(w.sweeps); err != nil {
		w.violated("P0", nil, "a sweep: %v", err)
	}
}

// sweeps is one look of the server at every phone.
func (w *world) sweeps() error {
	_, err := w.fleet.Sweep(w.ctx)
	return err
}

// ring wakes the phones with an alarm.
func (w *world) ring() {
	w.ringAt = w.now.Add(ringEvery)
	w.fleet.Ring()
	w.checkLanes()
	moved := false
	err := w.try(func() error {
		stopped, err := w.fleet.StopRollouts(w.ctx)
		if err != nil {
			return err
		}
		started, err := w.fleet.StartWaves(w.ctx)
		moved = moved || stopped || started
		return err
	})
	if err != nil {
		w.violated("P0", nil, "moving rollouts: %v", err)
	}
	if w.changed {
		w.learn()
	}
	w.checkStopped()
	w.checkTold()
	w.checkPlans()
	if moved {
		w.look()
	}
	w.remind()
	w.soonest()
}

// soonest has the server ring when the next wave of an emergency lane is due: it
// does so each five minutes.
func (w *world) soonest() {
	for _, a := range w.records.Approvals {
		for _, v := range a.Waves {
			if a.Lane != nil && v.Waits && v.Start.After(w.now) && v.Start.Before(w.ringAt) {
				w.ringAt = v.Start
			}
		}
	}
}

// settle is what follows a decision: a look at those it concerns.
func (w *world) settle() {
	if len(w.violations) > 0 || !w.marked {
		return
	}
	w.marked = false
	if w.changed {
		w.learn()
	}
	w.look()
}

// learn reads what is stored, past the server.
func (w *world) learn() {
	records, err := w.disk.World(w.ctx, seg)
	if err != nil {
		w.violated("P0", nil, "the records cannot be read: %v", err)
	}
	before := w.records
	w.records, w.tests, w.changed = records, testsOf(records), false
	w.checkHalt(before)
	w.checkDecisions()
	w.checkHurries()
	w.checkWaves()
}

// maxTries is how often somebody repeats what a fault ended.
const maxTries = 20

// try does something until no fault comes in between, in no time: that is how a
// phone repeats a message and a person a command. It returns what came of it in
// the end.
func (w *world) try(do func() error) error {
	for range maxTries {
		err := do()
		if w.sweepNow {
			w.sweepNow = false
			_ = w.sweeps()
		}
		switch {
		case errors.Is(err, errDied):
			w.trace("the server died and starts again")
			w.boot()
			_ = w.sweeps()
		case errors.Is(err, storage.ErrFull):
			w.trace("the disk is full")
		default:
			return err
		}
	}
	w.violated("P0", nil, "no end of faults")
	return errDied
}

// beforeCommit strikes with faults that leave nothing of a commit.
func (w *world) beforeCommit(string) error { return w.strike(false) }

// afterCommit strikes with faults of which the caller never hears that it is
// stored.
func (w *world) afterCommit(op string) error {
	w.changed = w.changed || op == "ChangeWorld"
	if op == "Exchange" || op == "UpdatePhone" {
		w.words++
	}
	return w.strike(true)
}

func (w *world) strike(stored bool) error {
	f := &w.fault
	if f.left == 0 || f.commit != stored {
		return nil
	}
	if f.left > 1 {
		f.left--
		return nil
	}
	if f.times--; f.times <= 0 {
		f.left = 0
	}
	if w.faultless {
		// The server that died looks at everything anew when it starts.
		w.sweepNow = errors.Is(f.err, errDied)
		f.left = 0
		return nil
	}
	return f.err
}

// waker is Apple's push service.
type waker struct{ *world }

// Wake reaches a phone within minutes, once it can be reached.
func (w waker) Wake(key string) {
	w.asks(askWake, key)
	udid := strings.TrimPrefix(key, string(seg)+"/")
	for _, p := range w.phones {
		if p.udid == udid && !p.woken && (w.plant.deaf == nil || !w.plant.deaf(p)) {
			p.woken = true
			p.wakeAt = p.nextOnline(w.world, w.now.Add(time.Duration(1+p.chance(5, "wake", w.now))*time.Minute))
			p.follow(w.world)
		}
	}
}

// Contact says that the phone came.
func (w waker) Contact(key string) { w.asks(askContact, key) }

// Heard says that the phone spoke and did not come.
func (w waker) Heard(key string) { w.asks(askHeard, key) }

// Cancel says that nothing is wanted of the phone any more.
func (w waker) Cancel(key string) { w.asks(askCancel, key) }

// endless is how many commands no session has.
const endless = 40

// session is one conversation: the phone polls and answers until there is
// nothing left.
func (w *world) session(p *phone) {
	p.woken = false
	p.polls()
	c := w.say(p, message{status: mdm.Idle})
	for n := 0; c != nil && len(w.violations) == 0; n++ {
		if n == endless {
			w.violated("P0", p, "the session has no end: %s again", c.RequestType)
			return
		}
		w.trace("%s gets %s", p.udid, c.RequestType)
		w.handed(p, c)
		m := p.answer(w, c)
		next := w.say(p, m)
		if c.RequestType == "DeclarativeManagement" && m.status == mdm.Acknowledged {
			w.synchronise(p)
		}
		c = next
	}
	if len(w.violations) == 0 {
		w.checkLeft(p)
		w.checkSession(p)
	}
}

// say sends a message to the command URL and returns the next command. A phone
// repeats what was not answered.
func (w *world) say(p *phone, m message) *mdm.Command {
	var c *mdm.Command
	err := w.telling(func() error {
		result, err := w.result(p, m)
		if err != nil {
			return err
		}
		stored, err := w.disk.Phone(w.ctx, seg, p.udid)
		if err != nil {
			return err
		}
		c, err = w.fleet.Report(w.ctx, seg, stored, result)
		if err == nil && w.losing {
			w.losing = false
			if !w.faultless {
				w.trace("%s never gets the answer", p.udid)
				c, err = w.fleet.Report(w.ctx, seg, stored, result)
			}
		}
		return err
	}, func() { w.hearsAnswer(p, m) })
	if err != nil {
		w.violated("P0", p, "a message was answered with %v", err)
	}
	return c
}

// telling is try for a word of a phone, which is heard as soon as it is stored: a server
// that dies with it knows it when it starts.
func (w *world) telling(do func() error, hear func()) error {
	heard := false
	return w.try(func() error {
		before := w.words
		err := do()
		if !heard && (err == nil || w.words != before) {
			heard = true
			hear()
		}
		return err
	})
}

// fetch asks for something by declarative management.
func (w *world) fetch(p *phone, endpoint string, data []byte) []byte {
	return w.exchange(p, endpoint, data, func() {})
}

func (w *world) exchange(p *phone, endpoint string, data []byte, hear func()) []byte {
	var body []byte
	err := w.telling(func() error {
		stored, err := w.disk.Phone(w.ctx, seg, p.udid)
		if err != nil {
			return err
		}
		reply, err := w.fleet.Declarative(w.ctx, seg, stored, &mdm.DeclarativeManagement{Endpoint: endpoint, Data: data})
		body = reply.Body
		return err
	}, hear)
	if err != nil {
		w.violated("P0", p, "%s was answered with %v", endpoint, err)
	}
	return body
}

// status sends a status report.
func (w *world) status(p *phone, data []byte) {
	w.exchange(p, "status", data, func() { w.hearsStatus(p) })
}
