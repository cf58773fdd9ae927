package memory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// Copy is all that a store held at a moment, as a backup has it.
type Copy struct {
	segments          map[storage.Segment]*segment
	catalog           []byte
	lastNum           uint64
	clock             time.Time
	links, challenges map[string]place
	certificates      map[string]storage.Segment
}

// Copy returns what the store holds now.
func (s *Store) Copy() Copy {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Copy{s.segments, s.catalog, s.lastNum, s.clock, s.links, s.challenges, s.certificates}.clone()
}

// Restore has the store hold what a copy of it holds, which can be restored again.
// [Store.Restored] brings each segment of it into the present.
func (s *Store) Restore(c Copy) {
	c = c.clone()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.segments, s.catalog, s.lastNum, s.clock = c.segments, c.catalog, c.lastNum, c.clock
	s.links, s.challenges, s.certificates = c.links, c.challenges, c.certificates
}

// clone returns a copy that shares no map and no list that grows with another.
func (c Copy) clone() Copy {
	c.links, c.challenges, c.certificates = maps.Clone(c.links), maps.Clone(c.challenges), maps.Clone(c.certificates)
	c.segments = maps.Clone(c.segments)
	for name, in := range c.segments {
		next := *in
		next.world = nil // later records can have the same revision
		next.order, next.audit = slices.Clone(in.order), slices.Clone(in.audit)
		next.grants, next.certificates, next.phones = maps.Clone(in.grants), maps.Clone(in.certificates), maps.Clone(in.phones)
		next.queues, next.sets, next.bodies = maps.Clone(in.queues), maps.Clone(in.sets), maps.Clone(in.bodies)
		next.apps, next.groups, next.verdicts = maps.Clone(in.apps), maps.Clone(in.groups), maps.Clone(in.verdicts)
		next.offers, next.approvals, next.declines = maps.Clone(in.offers), maps.Clone(in.approvals), maps.Clone(in.declines)
		next.proposals, next.problems, next.policies = maps.Clone(in.proposals), maps.Clone(in.problems), maps.Clone(in.policies)
		next.calendars, next.holdMarks, next.notices = maps.Clone(in.calendars), maps.Clone(in.holdMarks), maps.Clone(in.notices)
		c.segments[name] = &next
	}
	return c
}

// Restored brings a segment of an older copy into the present as the other stores
// do: links that led to no certificate are revoked, commands that are not over
// cancelled, phones are told again what they were told, and nothing begins until a
// person lets it. This store has no tokens. The times are those of the entry, which
// gets the numbers of each and is always written.
func (s *Store) Restored(ctx context.Context, seg storage.Segment, audit storage.AuditEntry) error {
	err := s.update(ctx, "Restored", seg, func(t *tx, in *segment) error {
		at := stamp(audit.At)
		grants, err := t.revokeGrants(seg, in, at)
		if err != nil {
			return err
		}
		commands := t.cancelCommands(in, at)
		phones, err := t.announceAgain(in, at)
		if err != nil {
			return err
		}
		assign(t, &in.halt, storage.Halt{Cause: storage.HaltRestore, At: at, Was: at})
		assign(t, &in.revision, in.revision+1)
		entry := audit
		entry.Detail = map[string]string{}
		maps.Copy(entry.Detail, audit.Detail)
		for name, n := range map[string]int{"grants": grants, "phones": phones, "commands": commands} {
			entry.Detail[name] = strconv.Itoa(n)
		}
		return t.appendAudit(in, entry)
	})
	if err != nil {
		return fmt.Errorf("restored segment %q: %w", seg, err)
	}
	return nil
}

func (t *tx) revokeGrants(seg storage.Segment, in *segment, at time.Time) (n int, err error) {
	for _, id := range slices.Sorted(maps.Keys(in.grants)) {
		old := in.grants[id]
		if old.Certificate != "" || !old.RevokedAt.IsZero() {
			continue
		}
		g := old
		g.RevokedAt = at
		if err := t.saveGrant(seg, in, old, g); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func (t *tx) cancelCommands(in *segment, at time.Time) (n int) {
	for _, udid := range in.order {
		p, rows := in.phones[udid], slices.Clone(in.queues[udid])
		before := n
		for i, c := range rows {
			if !over(c, p.Epoch) {
				rows[i] = cancelled(c, "restored from a backup", at)
				n++
			}
		}
		if n > before {
			put(t, in.queues, udid, rows)
			t.trimQueue(in, p)
		}
	}
	return n
}

// announceAgain dates what phones were told anew and forgets that they
// acknowledged it.
func (t *tx) announceAgain(in *segment, at time.Time) (n int, err error) {
	for _, udid := range in.order {
		p := in.phones[udid].Clone()
		p.Restored(at)
		if p.Announced.Token != "" {
			n++
		}
		if err := t.savePhone(in, &p); err != nil {
			return n, err
		}
	}
	return n, nil
}
