package memory

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/kannuki-mdm/kannuki/storage"
)

// ForgetHolders implements the store of package fleet.
func (s *Store) ForgetHolders(ctx context.Context, seg storage.Segment, limit int) (int, error) {
	if limit <= 0 {
		limit = defaultLimit
	}
	forgot := 0
	err := s.update(ctx, "ForgetHolders", seg, func(t *tx, in *segment) error {
		var stale []storage.Notice
		for _, n := range in.notices {
			holder := "" // of a notice about no phone, too
			if p, known := in.phones[n.Phone]; known {
				holder = p.Holder
			}
			if n.HolderGone(holder) {
				stale = append(stale, n)
			}
		}
		slices.SortFunc(stale, func(a, b storage.Notice) int { return cmp.Compare(a.Seq, b.Seq) })
		for _, n := range stale[:min(limit, len(stale))] {
			n.Holder = ""
			put(t, in.notices, n.ID, n)
			forgot++
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("forget who carried phones: %w", err)
	}
	return forgot, nil
}
