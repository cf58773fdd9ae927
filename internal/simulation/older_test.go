package simulation

import (
	"maps"
	"math/rand/v2"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/memory"
)

const (
	kindBackup kind = "back up"
	kindOlder  kind = "restore an older copy"
)

// drawOlder draws when copies are made that take the place of what comes hours or
// days later, some of which is that a rollout is stopped, and when somebody confirms
// that. Clocks stay right: only a copy is to be confirmed.
func drawOlder(r *rand.Rand, l *life, events []event, add func(time.Duration, kind, int, int)) {
	hours := func(from, to int) time.Duration { return time.Duration(from+r.IntN(to-from)) * time.Hour }
	lost := func(copied, crash time.Duration) {
		add(copied, kindBackup, 0, 0)
		add(crash, kindOlder, 0, 0)
		add(crash+hours(1, confirming), kindConfirm, 0, 0)
	}
	for _, e := range events {
		switch last := time.Duration(l.days-quiet-2) * day; {
		case e.at < 3*day || e.at+3*day > last:
		case e.kind == kindApprove && r.IntN(2) == 0:
			copied := e.at + hours(6, 30)
			add(copied+hours(1, 8), pick(r, kindPause, kindPause, kindDecline, kindTakeOff), e.team, e.about)
			lost(copied, copied+hours(8, 40))
		case e.kind == kindApprove:
			lost(e.at-hours(1, 48), e.at+hours(1, 48))
		case e.kind == kindFeed && r.IntN(16) == 0:
			lost(e.at, e.at+hours(2, 7*24))
		}
	}
}

// backup is a copy of the records, and what the checks knew of them then.
type backup struct {
	store   memory.Copy
	audit   storage.AuditEntry
	copyDay int

	approvals map[string]bool
	rollouts  map[string]*rollout
	resumed   map[string]time.Time
	holds     map[string]*toldHold
	ends      map[string]overrideEnd
	leaks     leakBook
	places    map[string]place
}

// place is where people had put a phone, and in which enrolment.
type place struct {
	group, former string
	ring          storage.Ring
	epoch         uint64
	past          map[string]bool // UUIDs of commands it was handed
}

// backUp makes a copy, unless the server stands still: who restores that one has two
// things to confirm.
func (w *world) backUp(event) {
	w.learn()
	if w.halted() || w.book.doubt.cause != "" {
		return
	}
	b := &backup{
		store: w.disk.Copy(), audit: w.book.audit, copyDay: w.copyDay, approvals: maps.Clone(w.book.approvals), resumed: maps.Clone(w.book.resumed),
		rollouts: map[string]*rollout{}, holds: map[string]*toldHold{}, ends: maps.Clone(w.book.ends),
		leaks: leakBook{w.book.leaks.read, maps.Clone(w.book.leaks.told), w.book.leaks.twice}, places: map[string]place{},
	}
	for id, r := range w.book.rollouts {
		was := *r
		was.waiting, was.told = maps.Clone(r.waiting), maps.Clone(r.told)
		b.rollouts[id] = &was
	}
	for target, h := range w.book.holds {
		was := *h
		b.holds[target] = &was
	}
	for _, p := range w.phones {
		past := maps.Clone(p.past)
		maps.Copy(past, p.present)
		b.places[p.udid] = place{p.group, p.former, p.ring, p.epoch, past}
	}
	w.book.backup = b
	w.trace("a copy is made")
}

// restoreOlder has the machine be replaced by another with the copy that was made
// last: what people decided since is lost, and phones have gone on.
func (w *world) restoreOlder(event) {
	b := w.book.backup
	if b == nil || w.halted() || w.book.doubt.cause != "" {
		return
	}
	w.book.backup, w.fault, w.sweepNow = nil, fault{}, false
	held := map[string]string{}
	for _, p := range w.phones {
		held[p.udid], _ = p.told()
	}
	w.disk.Restore(b.store)
	for _, of := range []storage.Segment{seg, neighbour} {
		entry := storage.AuditEntry{At: w.serverNow(), Actor: "uid:0", Action: "backup.restore", Target: "database"}
		if err := w.disk.Restored(w.ctx, of, entry); err != nil {
			w.violated("P0", nil, "restoring: %v", err)
		}
	}
	w.trace("a copy is restored that was made on %s", b.audit.At.Format(time.DateTime))
	w.book.audit, w.copyDay, w.book.approvals, w.book.rollouts, w.book.resumed, w.book.holds, w.book.ends, w.book.leaks = b.audit, b.copyDay, b.approvals, b.rollouts, b.resumed, b.holds, b.ends, b.leaks
	w.book.neighbour = w.fingerprint(neighbour)
	w.changed = true
	w.doubts(storage.HaltRestore)
	w.book.doubt.told = held
	w.boot()
	for _, p := range w.phones {
		was := b.places[p.udid]
		p.group, p.former, p.ring = was.group, was.former, was.ring
		// Nobody remembers what it was told, nor until when.
		p.deadlines, p.toldAt = map[string]string{}, map[string]time.Time{}
		if stored, err := w.disk.Phone(w.ctx, seg, p.udid); err == nil && stored.Announced.Token == "" {
			p.stranger = p.token != ""
		}
		if p.epoch != was.epoch { // the copy knows no certificate of it, and counts its enrolments anew
			p.past, p.present = was.past, map[string]bool{}
			w.enrol(p, p.group, p.ring)
		}
	}
}

// outdated are plants about copies that are older than what they take the place of.
func outdated() []plant {
	return []plant{{
		name: "an older copy goes on by itself", property: "P13", seed: 31,
		store: reading(func(w *storage.World) {
			if w.Halt.Cause == storage.HaltRestore {
				w.Halt = storage.Halt{}
			}
		}),
	}}
}
