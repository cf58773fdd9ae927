package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// Notice implements the store of package fleet.
func (s *Store) Notice(ctx context.Context, seg storage.Segment, id string) (storage.Notice, error) {
	var n storage.Notice
	err := s.viewIn(ctx, seg, func(t *tx) (err error) {
		n, err = t.notice(seg, id)
		return err
	})
	if err != nil {
		return storage.Notice{}, fmt.Errorf("notice %q: %w", id, err)
	}
	return n, nil
}

// Notices implements the store of package fleet.
func (s *Store) Notices(ctx context.Context, seg storage.Segment, q storage.NoticeQuery) ([]storage.Notice, error) {
	if q.Limit <= 0 {
		q.Limit = defaultLimit
	}
	var notices []storage.Notice
	err := s.viewIn(ctx, seg, func(t *tx) error {
		for r, err := range t.rowsBackwards(bucketNotices, inSegment(seg), q.Before) {
			if err != nil || len(notices) == q.Limit {
				return err
			}
			n, err := parse[storage.Notice](t, bucketNotices, r)
			if err != nil {
				return err
			}
			if q.State == "" || n.Has(q.State) {
				notices = append(notices, n)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("notices: %w", err)
	}
	return notices, nil
}

// DueNotices implements the store of package fleet.
func (s *Store) DueNotices(ctx context.Context, seg storage.Segment, channel string, at time.Time, limit int) ([]storage.Notice, error) {
	if limit <= 0 {
		limit = defaultLimit
	}
	var notices []storage.Notice
	err := s.viewIn(ctx, seg, func(t *tx) error {
		prefix := inSegment(seg).text(channel)
		end := prefix.number(micros(at)).number(^uint64(0))
		for r, err := range t.rows(bucketNoticeDue, prefix, nil) {
			if err != nil || len(notices) == limit || bytes.Compare(r.key, end) > 0 {
				return err
			}
			k := inSegment(seg).number(trailingNumber(r.key))
			n, err := load[storage.Notice](t, bucketNotices, k)
			if err != nil {
				return missing(bucketNotices, k, err)
			}
			notices = append(notices, n)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("notices due by %q: %w", channel, err)
	}
	return notices, nil
}

// SettleDeliveries implements the store of package fleet.
func (s *Store) SettleDeliveries(ctx context.Context, seg storage.Segment, settled []storage.Settlement, audit ...storage.AuditEntry) error {
	err := s.updateIn(ctx, seg, func(t *tx) error {
		for _, each := range settled {
			before, err := t.notice(seg, each.Notice)
			if err != nil {
				return fmt.Errorf("notice %q: %w", each.Notice, err)
			}
			after, err := before.Settled(each)
			if err == nil {
				err = t.saveNotice(seg, before, after)
			}
			if err != nil {
				return fmt.Errorf("notice %q: %w", each.Notice, err)
			}
		}
		return t.appendAudit(seg, audit...)
	})
	if err != nil {
		return fmt.Errorf("settle deliveries: %w", err)
	}
	return nil
}

// ForgetNotices implements the store of package fleet. As with Forget, what may
// go is looked for in a read transaction.
func (s *Store) ForgetNotices(ctx context.Context, seg storage.Segment, before time.Time, keep uint64, limit int) (gone int, err error) {
	if limit <= 0 {
		limit = defaultLimit
	}
	var old []storage.Notice
	err = s.viewIn(ctx, seg, func(t *tx) error {
		last := t.lastNotice(seg)
		for r, err := range t.rows(bucketNotices, inSegment(seg), nil) {
			if err != nil || len(old) == limit {
				return err
			}
			n, err := parse[storage.Notice](t, bucketNotices, r)
			if err != nil {
				return err
			}
			if !n.Outdated(before, keep, last) {
				return nil
			}
			if !n.Has(storage.DeliveryPending) {
				old = append(old, n)
			}
		}
		return nil
	})
	if err == nil && len(old) > 0 {
		err = s.updateIn(ctx, seg, func(t *tx) (err error) {
			gone, err = t.forgetNotices(seg, old)
			return err
		})
	}
	if err != nil {
		return 0, fmt.Errorf("forget notices from before %s: %w", before.UTC().Format(time.RFC3339), err)
	}
	return gone, nil
}

// forgetNotices removes those that are still without a pending delivery.
func (t *tx) forgetNotices(seg storage.Segment, old []storage.Notice) (gone int, err error) {
	for _, n := range old {
		n, err := t.notice(seg, n.ID)
		if errors.Is(err, storage.ErrNotFound) {
			continue
		}
		if err != nil {
			return gone, err
		}
		if n.Has(storage.DeliveryPending) {
			continue
		}
		err = errors.Join(t.remove(bucketNotices, inSegment(seg).number(n.Seq)), t.remove(bucketNoticeID, inSegment(seg).last(n.ID)), t.remove(bucketHolder, holderKey(seg, n)))
		if err != nil {
			return gone, err
		}
		gone++
	}
	return gone, nil
}

// addNotices gives new notices their numbers; those that are on record stay as
// they are.
func (t *tx) addNotices(seg storage.Segment, notices []storage.Notice) error {
	if len(notices) == 0 {
		return nil
	}
	last := t.lastNotice(seg)
	for _, n := range notices {
		if err := errors.Join(checkName("notice", n.ID), n.Check()); err != nil {
			return err
		}
		if t.has(bucketNoticeID, inSegment(seg).last(n.ID)) {
			continue
		}
		last++
		n.Seq = last
		if err := t.saveNumber(bucketNoticeID, inSegment(seg).last(n.ID), n.Seq); err != nil {
			return err
		}
		if err := t.saveNotice(seg, storage.Notice{}, n); err != nil {
			return fmt.Errorf("notice %q: %w", n.Kind, err)
		}
	}
	return nil
}

// lastNotice returns the number of a segment's newest notice, 0 without one.
func (t *tx) lastNotice(seg storage.Segment) uint64 {
	last := t.lastKey(bucketNotices, inSegment(seg))
	if last == nil {
		return 0
	}
	return trailingNumber(last)
}

func (t *tx) notice(seg storage.Segment, id string) (storage.Notice, error) {
	seq, err := t.loadNumber(bucketNoticeID, inSegment(seg).last(id))
	if err != nil {
		return storage.Notice{}, err
	}
	if seq == 0 {
		return storage.Notice{}, storage.ErrNotFound
	}
	k := inSegment(seg).number(seq)
	n, err := load[storage.Notice](t, bucketNotices, k)
	return n, missing(bucketNotices, k, err)
}

// saveNotice stores a notice and brings the index of what is due from what it
// was to what it is.
func (t *tx) saveNotice(seg storage.Segment, before, after storage.Notice) error {
	for _, d := range before.Deliveries {
		if d.State == storage.DeliveryPending {
			if err := t.remove(bucketNoticeDue, dueKey(seg, before.Seq, d)); err != nil {
				return err
			}
		}
	}
	for _, d := range after.Deliveries {
		if err := checkName("channel", d.Channel); err != nil {
			return err
		}
		if d.State == storage.DeliveryPending {
			if err := t.put(bucketNoticeDue, dueKey(seg, after.Seq, d), nil); err != nil {
				return err
			}
		}
	}
	if err := t.saveHolder(seg, before, after); err != nil {
		return err
	}
	return save(t, bucketNotices, inSegment(seg).number(after.Seq), after)
}

func dueKey(seg storage.Segment, seq uint64, d storage.Delivery) key {
	return inSegment(seg).text(d.Channel).number(micros(d.Next)).number(seq)
}

// micros returns a time as a number that sorts as times do. What lies before
// 1970, the zero time above all, is the earliest.
func micros(at time.Time) uint64 {
	return uint64(max(at.UnixMicro(), 0))
}

// checkNotices compares the notices with their indexes.
func (t *tx) checkNotices(seg storage.Segment) error {
	notices, pending, named := 0, 0, 0
	holders := t.holders(seg)
	for r, err := range t.rows(bucketNotices, inSegment(seg), nil) {
		if err != nil {
			return err
		}
		n, err := parse[storage.Notice](t, bucketNotices, r)
		if err != nil {
			return err
		}
		notices++
		if seq, err := t.loadNumber(bucketNoticeID, inSegment(seg).last(n.ID)); err != nil || seq != n.Seq || trailingNumber(r.key) != n.Seq {
			return errors.Join(err, corrupt(bucketNotices, r.key, fmt.Errorf("has number %d, its ID %q leads to %d", n.Seq, n.ID, seq)))
		}
		if n.Holder != "" {
			named++
			if err := t.checkHolder(seg, n, holders); err != nil {
				return err
			}
		}
		for _, d := range n.Deliveries {
			if d.State != storage.DeliveryPending {
				continue
			}
			pending++
			if k := dueKey(seg, n.Seq, d); !t.has(bucketNoticeDue, k) {
				return corrupt(bucketNoticeDue, k, errors.New("missing for a pending delivery"))
			}
		}
	}
	ids, err := t.keys(bucketNoticeID, inSegment(seg))
	if err != nil {
		return err
	}
	due, err := t.keys(bucketNoticeDue, inSegment(seg))
	if err != nil {
		return err
	}
	who, err := t.keys(bucketHolder, inSegment(seg))
	if err == nil && (len(ids) != notices || len(due) != pending || len(who) != named) {
		err = fmt.Errorf("%d notices and %d IDs, %d pending deliveries and %d that are due, %d that name a holder and %d known by that: %w",
			notices, len(ids), pending, len(due), named, len(who), storage.ErrCorrupt)
	}
	return err
}
