package memory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/kannuki-mdm/kannuki/storage"
)

// defaultLimit is how many records a list has when the caller names no limit.
const defaultLimit = 1000

// Segments implements the store of package fleet.
func (s *Store) Segments(ctx context.Context) ([]storage.Segment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return nil, fmt.Errorf("segments: %w", err)
	}
	return slices.Sorted(maps.Keys(s.segments)), nil
}

// World implements the store of package fleet. A segment that does not exist
// yet has an empty world of revision 0.
func (s *Store) World(ctx context.Context, seg storage.Segment) (storage.World, error) {
	var w storage.World
	err := s.view(ctx, seg, func(in *segment) error {
		w = s.world(in)
		return nil
	})
	if err != nil {
		return storage.World{}, fmt.Errorf("world: %w", err)
	}
	return w, nil
}

// world reads the records of a segment. Nothing of them changes without their
// revision, so that a trusting store need not read the same twice.
func (s *Store) world(in *segment) storage.World {
	if s.o.Trusting && in.world != nil && in.world.Revision == in.revision {
		return *in.world
	}
	w := storage.World{
		Revision: in.revision, Halt: in.halt, Paused: copied(in.paused), LeaksTold: in.leaksTold,
		Apps: all(s, in.apps), Groups: all(s, in.groups), Verdicts: all(s, in.verdicts), Offers: all(s, in.offers),
		Approvals: all(s, in.approvals), Declines: all(s, in.declines), Proposals: all(s, in.proposals),
		Policies: all(s, in.policies), Calendars: all(s, in.calendars),
		HoldMarks: all(s, in.holdMarks), Problems: all(s, in.problems),
	}
	if s.o.Trusting {
		in.world = &w
	}
	return w
}

// all returns a map's records as callers get them, sorted by key.
func all[T any](s *Store, m map[string]T) []T {
	if len(m) == 0 {
		return nil
	}
	list := make([]T, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		list = append(list, given(s, m[k]))
	}
	return list
}

// ChangeWorld implements the store of package fleet. Removals come first;
// removing what does not exist is no error. Every call that succeeds counts as
// a change.
func (s *Store) ChangeWorld(ctx context.Context, seg storage.Segment, revision uint64, c storage.WorldChange) (uint64, error) {
	err := s.update(ctx, "ChangeWorld", seg, func(t *tx, in *segment) error {
		if in.revision != revision {
			return fmt.Errorf("revision is %d, not %d: %w", in.revision, revision, storage.ErrConflict)
		}
		for _, p := range c.Phones {
			if err := t.changePhone(in, p.UDID, p.Update); err != nil {
				return err
			}
		}
		if err := t.change(in, c); err != nil {
			return err
		}
		assign(t, &in.revision, revision+1)
		if c.Halt != nil {
			assign(t, &in.halt, copied(*c.Halt))
		}
		if c.Paused != nil {
			assign(t, &in.paused, copied(*c.Paused))
		}
		if c.LeaksTold != nil {
			assign(t, &in.leaksTold, *c.LeaksTold)
		}
		if err := t.addNotices(in, c.Notices); err != nil {
			return err
		}
		return t.appendAudit(in, c.Audit...)
	})
	if err != nil {
		return 0, fmt.Errorf("change world: %w", err)
	}
	return revision + 1, nil
}

func (t *tx) change(in *segment, c storage.WorldChange) error {
	for _, id := range c.RemoveApps {
		remove(t, in.apps, id)
	}
	for _, name := range c.RemoveGroups {
		remove(t, in.groups, name)
	}
	for _, name := range c.RemoveCalendars {
		remove(t, in.calendars, name)
	}
	for _, name := range c.RemovePolicies {
		remove(t, in.policies, name)
	}
	for _, d := range c.RemoveDeclines {
		remove(t, in.declines, d.Group+"\x00"+d.Release)
	}
	for _, m := range c.RemoveHoldMarks {
		remove(t, in.holdMarks, m.Group+"\x00"+m.Release)
	}
	return errors.Join(
		putAll(t, in.apps, c.Apps, func(a storage.App) []string { return []string{a.BundleID} }),
		putAll(t, in.groups, c.Groups, func(g storage.Group) []string { return []string{g.Name} }),
		putAll(t, in.verdicts, c.Verdicts, func(v storage.Verdict) []string { return []string{v.ID} }),
		putAll(t, in.offers, c.Offers, func(o storage.Offer) []string { return []string{o.Group, o.Release} }),
		putAll(t, in.approvals, c.Approvals, func(a storage.Approval) []string { return []string{a.ID} }),
		putAll(t, in.declines, c.Declines, func(d storage.Decline) []string { return []string{d.Group, d.Release} }),
		putAll(t, in.problems, c.Problems, func(p storage.Problem) []string { return []string{p.ID} }),
		putAll(t, in.proposals, c.Proposals, func(p storage.Proposal) []string { return []string{p.ID} }),
		putAll(t, in.calendars, c.Calendars, func(c storage.NamedCalendar) []string { return []string{c.Name} }),
		putAll(t, in.policies, c.Policies, func(p storage.Policy) []string { return []string{p.Name} }),
		putAll(t, in.holdMarks, c.HoldMarks, func(m storage.HoldMark) []string { return []string{m.Group, m.Release} }),
	)
}

// putAll stores records under their keys, the parts of which are divided by a
// byte that no name contains.
func putAll[T any](t *tx, m map[string]T, records []T, keyOf func(T) []string) error {
	for _, r := range records {
		parts := keyOf(r)
		key := parts[0]
		for i, part := range parts {
			if err := checkName("key", part); err != nil {
				return err
			}
			if i > 0 {
				key += "\x00" + part
			}
		}
		r, err := kept(t.store, r)
		if err != nil {
			return err
		}
		put(t, m, key, r)
	}
	return nil
}

// Catalog implements the store of package fleet.
func (s *Store) Catalog(ctx context.Context) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.usable(ctx)
	if err == nil && s.catalog == nil {
		err = storage.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	return bytes.Clone(s.catalog), nil
}

// PutCatalog implements the store of package fleet.
func (s *Store) PutCatalog(ctx context.Context, data []byte, audit ...storage.AuditEntry) error {
	err := s.update(ctx, "PutCatalog", storage.DefaultSegment, func(t *tx, in *segment) error {
		assign(t, &s.catalog, append([]byte{}, data...))
		for _, each := range s.segments {
			assign(t, &each.revision, each.revision+1)
		}
		return t.appendAudit(in, audit...)
	})
	if err != nil {
		return fmt.Errorf("put catalogue: %w", err)
	}
	return nil
}

// RecordAudit implements the store of package enroll.
func (s *Store) RecordAudit(ctx context.Context, seg storage.Segment, entries []storage.AuditEntry) error {
	err := s.update(ctx, "RecordAudit", seg, func(t *tx, in *segment) error { return t.appendAudit(in, entries...) })
	if err != nil {
		return fmt.Errorf("record audit: %w", err)
	}
	return nil
}

// Audit implements the store of package fleet.
func (s *Store) Audit(ctx context.Context, seg storage.Segment, after uint64, limit int) ([]storage.AuditEntry, error) {
	if limit <= 0 {
		limit = defaultLimit
	}
	var entries []storage.AuditEntry
	err := s.view(ctx, seg, func(in *segment) error {
		from := min(after, uint64(len(in.audit))) // sequences start at 1 and have no gaps
		for _, e := range in.audit[from:] {
			if len(entries) == limit {
				break
			}
			entries = append(entries, given(s, e))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	return entries, nil
}

// appendAudit continues the chain of a segment.
func (t *tx) appendAudit(in *segment, entries ...storage.AuditEntry) error {
	if len(entries) == 0 {
		return nil
	}
	var before storage.AuditEntry
	if n := len(in.audit); n > 0 {
		before = in.audit[n-1]
	}
	log := in.audit
	for _, e := range entries {
		e, err := kept(t.store, e)
		if err != nil {
			return fmt.Errorf("audit entry %q: %w", e.Action, err)
		}
		e.Seq, e.Prev = before.Seq+1, before.Hash
		e.Hash = e.Digest()
		log = append(log, e)
		before = e
	}
	assign(t, &in.audit, log)
	return nil
}
