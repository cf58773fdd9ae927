package memory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// Notice implements the store of package fleet.
func (s *Store) Notice(ctx context.Context, seg storage.Segment, id string) (storage.Notice, error) {
	var n storage.Notice
	err := s.view(ctx, seg, func(in *segment) error {
		found, known := in.notices[id]
		if !known {
			return storage.ErrNotFound
		}
		n = copied(found)
		return nil
	})
	if err != nil {
		return storage.Notice{}, fmt.Errorf("notice %q: %w", id, err)
	}
	return n, nil
}

// noticesWhere returns copies of the first limit notices that are chosen, in the
// order of compare.
func (s *Store) noticesWhere(ctx context.Context, seg storage.Segment, limit int, chosen func(storage.Notice) bool, compare func(a, b storage.Notice) int) ([]storage.Notice, error) {
	if limit <= 0 {
		limit = defaultLimit
	}
	var notices []storage.Notice
	err := s.view(ctx, seg, func(in *segment) error {
		for n := range maps.Values(in.notices) {
			if chosen(n) {
				notices = append(notices, n)
			}
		}
		slices.SortFunc(notices, compare)
		notices = notices[:min(limit, len(notices))]
		for i := range notices {
			notices[i] = copied(notices[i])
		}
		return nil
	})
	return notices, err
}

// Notices implements the store of package fleet.
func (s *Store) Notices(ctx context.Context, seg storage.Segment, q storage.NoticeQuery) ([]storage.Notice, error) {
	chosen := func(n storage.Notice) bool {
		return (q.Before == 0 || n.Seq < q.Before) && (q.State == "" || n.Has(q.State))
	}
	newest := func(a, b storage.Notice) int { return cmp.Compare(b.Seq, a.Seq) }
	notices, err := s.noticesWhere(ctx, seg, q.Limit, chosen, newest)
	if err != nil {
		return nil, fmt.Errorf("notices: %w", err)
	}
	return notices, nil
}

// DueNotices implements the store of package fleet.
func (s *Store) DueNotices(ctx context.Context, seg storage.Segment, channel string, at time.Time, limit int) ([]storage.Notice, error) {
	next := func(n storage.Notice) time.Time {
		return n.Deliveries[slices.IndexFunc(n.Deliveries, func(d storage.Delivery) bool { return d.Channel == channel })].Next
	}
	chosen := func(n storage.Notice) bool {
		return slices.ContainsFunc(n.Deliveries, func(d storage.Delivery) bool {
			return d.Channel == channel && d.State == storage.DeliveryPending && !d.Next.After(stamp(at))
		})
	}
	notices, err := s.noticesWhere(ctx, seg, limit, chosen, func(a, b storage.Notice) int {
		return cmp.Or(next(a).Compare(next(b)), cmp.Compare(a.Seq, b.Seq))
	})
	if err != nil {
		return nil, fmt.Errorf("notices due by %q: %w", channel, err)
	}
	return notices, nil
}

// SettleDeliveries implements the store of package fleet.
func (s *Store) SettleDeliveries(ctx context.Context, seg storage.Segment, settled []storage.Settlement, audit ...storage.AuditEntry) error {
	err := s.update(ctx, "SettleDeliveries", seg, func(t *tx, in *segment) error {
		for _, each := range settled {
			n, known := in.notices[each.Notice]
			if !known {
				return fmt.Errorf("notice %q: %w", each.Notice, storage.ErrNotFound)
			}
			n, err := n.Settled(each)
			if err == nil {
				err = t.putNotice(in, n)
			}
			if err != nil {
				return fmt.Errorf("notice %q: %w", each.Notice, err)
			}
		}
		return t.appendAudit(in, audit...)
	})
	if err != nil {
		return fmt.Errorf("settle deliveries: %w", err)
	}
	return nil
}

// ForgetNotices implements the store of package fleet.
func (s *Store) ForgetNotices(ctx context.Context, seg storage.Segment, before time.Time, keep uint64, limit int) (int, error) {
	if limit <= 0 {
		limit = defaultLimit
	}
	gone := 0
	err := s.update(ctx, "ForgetNotices", seg, func(t *tx, in *segment) error {
		oldest := slices.SortedFunc(maps.Values(in.notices), func(a, b storage.Notice) int { return cmp.Compare(a.Seq, b.Seq) })
		for _, n := range oldest {
			if gone == limit || !n.Outdated(before, keep, in.lastNotice) {
				break
			}
			if !n.Has(storage.DeliveryPending) {
				remove(t, in.notices, n.ID)
				gone++
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("forget notices from before %s: %w", before.UTC().Format(time.RFC3339), err)
	}
	return gone, nil
}

// addNotices gives new notices their numbers; those that are on record stay as
// they are.
func (t *tx) addNotices(in *segment, notices []storage.Notice) error {
	for _, n := range notices {
		if err := errors.Join(checkName("notice", n.ID), n.Check()); err != nil {
			return err
		}
		if _, known := in.notices[n.ID]; known {
			continue
		}
		n.Seq = in.lastNotice + 1
		assign(t, &in.lastNotice, n.Seq)
		if err := t.putNotice(in, n); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) putNotice(in *segment, n storage.Notice) error {
	for _, d := range n.Deliveries {
		if err := checkName("channel", d.Channel); err != nil {
			return err
		}
	}
	n, err := stored(n)
	if err != nil {
		return fmt.Errorf("notice %q: %w", n.Kind, err)
	}
	put(t, in.notices, n.ID, n)
	return nil
}
