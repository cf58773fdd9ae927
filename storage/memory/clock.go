package memory

import (
	"context"
	"fmt"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// Clock implements the store of package fleet.
func (s *Store) Clock(ctx context.Context) (time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return time.Time{}, fmt.Errorf("noted time: %w", err)
	}
	return s.clock, nil
}

// NoteClock implements the store of package fleet.
func (s *Store) NoteClock(ctx context.Context, at time.Time) error {
	err := s.update(ctx, "NoteClock", storage.DefaultSegment, func(t *tx, _ *segment) error {
		assign(t, &s.clock, at.UTC().Truncate(time.Microsecond))
		return nil
	})
	if err != nil {
		return fmt.Errorf("note time: %w", err)
	}
	return nil
}
