package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/kannuki-mdm/kannuki/storage"
)

// segmentState is what a segment has exactly one of.
type segmentState struct {
	Name     storage.Segment `json:"name"`
	Revision uint64          `json:"revision,omitzero"` // of its world
	Halt     storage.Halt    `json:"halt,omitzero"`

	Paused storage.PausedChannels `json:"paused,omitempty"`

	LeaksTold uint64 `json:"leaksTold,omitzero"`
}

// ensureSegment makes a segment exist.
func (t *tx) ensureSegment(seg storage.Segment) error {
	if t.has(bucketSegments, inSegment(seg)) {
		return nil
	}
	return save(t, bucketSegments, inSegment(seg), segmentState{Name: seg})
}

// segment returns a segment's state; one that does not exist yet has none.
func (t *tx) segment(seg storage.Segment) (segmentState, error) {
	st, err := load[segmentState](t, bucketSegments, inSegment(seg))
	if errors.Is(err, storage.ErrNotFound) {
		return segmentState{Name: seg}, nil
	}
	return st, err
}

// Segments implements the store of package fleet.
func (s *Store) Segments(ctx context.Context) ([]storage.Segment, error) {
	var names []storage.Segment
	err := s.view(ctx, func(t *tx) error {
		states, err := list[segmentState](t, bucketSegments, nil)
		for _, st := range states {
			names = append(names, st.Name)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("segments: %w", err)
	}
	slices.Sort(names) // the keys sort by length first
	return names, nil
}

// World implements the store of package fleet. A segment that does not exist
// yet has an empty world of revision 0.
func (s *Store) World(ctx context.Context, seg storage.Segment) (storage.World, error) {
	var w storage.World
	err := s.viewIn(ctx, seg, func(t *tx) error {
		st, err := t.segment(seg)
		w.Revision, w.Halt, w.Paused, w.LeaksTold = st.Revision, st.Halt, st.Paused, st.LeaksTold
		prefix := inSegment(seg)
		return errors.Join(err,
			fill(t, &w.Apps, bucketApps, prefix),
			fill(t, &w.Groups, bucketGroups, prefix),
			fill(t, &w.Calendars, bucketCalendars, prefix),
			fill(t, &w.Policies, bucketPolicies, prefix),
			fill(t, &w.Verdicts, bucketVerdicts, prefix),
			fill(t, &w.Offers, bucketOffers, prefix),
			fill(t, &w.Approvals, bucketApprovals, prefix),
			fill(t, &w.Declines, bucketDeclines, prefix),
			fill(t, &w.HoldMarks, bucketHoldMarks, prefix),
			fill(t, &w.Proposals, bucketProposals, prefix),
			fill(t, &w.Problems, bucketProblems, prefix),
		)
	})
	if err != nil {
		return storage.World{}, fmt.Errorf("world: %w", err)
	}
	return w, nil
}

func fill[T any](t *tx, to *[]T, b bucket, prefix key) error {
	all, err := list[T](t, b, prefix)
	*to = all
	return err
}

// ChangeWorld implements the store of package fleet. Removals come first;
// removing what does not exist is no error. Every call that succeeds counts as
// a change.
func (s *Store) ChangeWorld(ctx context.Context, seg storage.Segment, revision uint64, c storage.WorldChange) (uint64, error) {
	err := s.updateIn(ctx, seg, func(t *tx) error {
		st, err := t.segment(seg)
		if err != nil {
			return err
		}
		if st.Revision != revision {
			return fmt.Errorf("revision is %d, not %d: %w", st.Revision, revision, storage.ErrConflict)
		}
		for _, p := range c.Phones {
			if _, err := t.updatePhone(seg, p.UDID, p.Update); err != nil {
				return err
			}
		}
		if err := t.applyChange(seg, c); err != nil {
			return err
		}
		st.Revision++
		if c.Halt != nil {
			st.Halt = *c.Halt
		}
		if c.Paused != nil {
			st.Paused = *c.Paused
		}
		if c.LeaksTold != nil {
			st.LeaksTold = *c.LeaksTold
		}
		if err := save(t, bucketSegments, inSegment(seg), st); err != nil {
			return err
		}
		if err := t.addNotices(seg, c.Notices); err != nil {
			return err
		}
		return t.appendAudit(seg, c.Audit...)
	})
	if err != nil {
		return 0, fmt.Errorf("change world: %w", err)
	}
	return revision + 1, nil
}

func (t *tx) applyChange(seg storage.Segment, c storage.WorldChange) error {
	in := inSegment(seg)
	for _, id := range c.RemoveApps {
		if err := t.remove(bucketApps, in.last(id)); err != nil {
			return err
		}
	}
	for _, name := range c.RemoveGroups {
		if err := t.remove(bucketGroups, in.last(name)); err != nil {
			return err
		}
	}
	for _, name := range c.RemoveCalendars {
		if err := t.remove(bucketCalendars, in.last(name)); err != nil {
			return err
		}
	}
	for _, name := range c.RemovePolicies {
		if err := t.remove(bucketPolicies, in.last(name)); err != nil {
			return err
		}
	}
	for _, d := range c.RemoveDeclines {
		if err := t.remove(bucketDeclines, in.text(d.Group).last(d.Release)); err != nil {
			return err
		}
	}
	for _, m := range c.RemoveHoldMarks {
		if err := t.remove(bucketHoldMarks, in.text(m.Group).last(m.Release)); err != nil {
			return err
		}
	}
	one := func(id string) (key, error) { return in.last(id), checkName("key", id) }
	two := func(group, release string) (key, error) {
		return in.text(group).last(release), errors.Join(checkName("group", group), checkName("release", release))
	}
	return errors.Join(
		saveAll(t, bucketApps, c.Apps, func(a storage.App) (key, error) { return one(a.BundleID) }),
		saveAll(t, bucketGroups, c.Groups, func(g storage.Group) (key, error) { return one(g.Name) }),
		saveAll(t, bucketCalendars, c.Calendars, func(c storage.NamedCalendar) (key, error) { return one(c.Name) }),
		saveAll(t, bucketPolicies, c.Policies, func(p storage.Policy) (key, error) { return one(p.Name) }),
		saveAll(t, bucketVerdicts, c.Verdicts, func(v storage.Verdict) (key, error) { return one(v.ID) }),
		saveAll(t, bucketOffers, c.Offers, func(o storage.Offer) (key, error) { return two(o.Group, o.Release) }),
		saveAll(t, bucketApprovals, c.Approvals, func(a storage.Approval) (key, error) { return one(a.ID) }),
		saveAll(t, bucketDeclines, c.Declines, func(d storage.Decline) (key, error) { return two(d.Group, d.Release) }),
		saveAll(t, bucketHoldMarks, c.HoldMarks, func(m storage.HoldMark) (key, error) { return two(m.Group, m.Release) }),
		saveAll(t, bucketProposals, c.Proposals, func(p storage.Proposal) (key, error) { return one(p.ID) }),
		saveAll(t, bucketProblems, c.Problems, func(p storage.Problem) (key, error) { return one(p.ID) }),
	)
}

func saveAll[T any](t *tx, b bucket, records []T, keyOf func(T) (key, error)) error {
	for _, r := range records {
		k, err := keyOf(r)
		if err == nil {
			err = save(t, b, k, r)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", b, err)
		}
	}
	return nil
}

// Catalog implements the store of package fleet.
func (s *Store) Catalog(ctx context.Context) ([]byte, error) {
	var data []byte
	err := s.view(ctx, func(t *tx) error {
		content, err := t.get(bucketMeta, key(metaCatalog))
		if err == nil && content == nil {
			err = storage.ErrNotFound
		}
		data = bytes.Clone(content)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	return data, nil
}

// PutCatalog implements the store of package fleet.
func (s *Store) PutCatalog(ctx context.Context, data []byte, audit ...storage.AuditEntry) error {
	err := s.updateIn(ctx, storage.DefaultSegment, func(t *tx) error {
		if err := t.put(bucketMeta, key(metaCatalog), data); err != nil {
			return err
		}
		states, err := list[segmentState](t, bucketSegments, nil)
		if err != nil {
			return err
		}
		for _, st := range states {
			st.Revision++
			if err := save(t, bucketSegments, inSegment(st.Name), st); err != nil {
				return err
			}
		}
		return t.appendAudit(storage.DefaultSegment, audit...)
	})
	if err != nil {
		return fmt.Errorf("put catalogue: %w", err)
	}
	return nil
}
