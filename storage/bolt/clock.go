package bolt

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// Clock implements the store of package fleet.
func (s *Store) Clock(ctx context.Context) (time.Time, error) {
	var at time.Time
	err := s.view(ctx, func(t *tx) (err error) {
		at, err = load[time.Time](t, bucketMeta, key(metaClock))
		if errors.Is(err, storage.ErrNotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("noted time: %w", err)
	}
	return at, nil
}

// NoteClock implements the store of package fleet.
func (s *Store) NoteClock(ctx context.Context, at time.Time) error {
	err := s.updateIn(ctx, storage.DefaultSegment, func(t *tx) error {
		return save(t, bucketMeta, key(metaClock), at.UTC().Truncate(time.Microsecond))
	})
	if err != nil {
		return fmt.Errorf("note time: %w", err)
	}
	return nil
}
