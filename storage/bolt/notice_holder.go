package bolt

import (
	"context"
	"errors"
	"fmt"

	"github.com/kannuki-mdm/kannuki/storage"
)

// ForgetHolders implements the store of package fleet. As with ForgetNotices, what
// may go is looked for in a read transaction, which reads each phone once.
func (s *Store) ForgetHolders(ctx context.Context, seg storage.Segment, limit int) (forgot int, err error) {
	if limit <= 0 {
		limit = defaultLimit
	}
	var stale []string
	err = s.viewIn(ctx, seg, func(t *tx) error {
		carried := map[string]string{}
		for r, err := range t.rows(bucketNotices, inSegment(seg), nil) {
			if err != nil || len(stale) == limit {
				return err
			}
			n, err := parse[storage.Notice](t, bucketNotices, r)
			if err != nil {
				return err
			}
			if n.Holder == "" {
				continue
			}
			holder, known := carried[n.Phone]
			if !known {
				if holder, err = t.holder(seg, n.Phone); err != nil {
					return err
				}
				carried[n.Phone] = holder
			}
			if n.HolderGone(holder) {
				stale = append(stale, n.ID)
			}
		}
		return nil
	})
	if err == nil && len(stale) > 0 {
		err = s.updateIn(ctx, seg, func(t *tx) (err error) {
			forgot, err = t.forgetHolders(seg, stale)
			return err
		})
	}
	if err != nil {
		return 0, fmt.Errorf("forget who carried phones: %w", err)
	}
	return forgot, nil
}

// forgetHolders takes the reference out of those notices of which it still may go.
func (t *tx) forgetHolders(seg storage.Segment, ids []string) (forgot int, err error) {
	for _, id := range ids {
		n, err := t.notice(seg, id)
		if errors.Is(err, storage.ErrNotFound) {
			continue
		}
		if err != nil {
			return forgot, err
		}
		holder, err := t.holder(seg, n.Phone)
		if err != nil {
			return forgot, err
		}
		if !n.HolderGone(holder) {
			continue
		}
		after := n
		after.Holder = ""
		if err := t.saveNotice(seg, n, after); err != nil {
			return forgot, err
		}
		forgot++
	}
	return forgot, nil
}

// holder returns who carries a phone, "" also without a record of it.
func (t *tx) holder(seg storage.Segment, udid string) (string, error) {
	p, err := t.phone(seg, udid)
	if errors.Is(err, storage.ErrNotFound) {
		return "", nil
	}
	return p.Holder, err
}
