package bolt

import (
	"context"
	"fmt"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// CancelCommand implements the store of package fleet.
func (s *Store) CancelCommand(ctx context.Context, seg storage.Segment, udid, uuid, reason string, at time.Time, audit storage.AuditEntry) (storage.Command, error) {
	var command storage.Command
	err := s.updateIn(ctx, seg, func(t *tx) error {
		h, err := t.find(seg, udid)
		if err != nil {
			return err
		}
		r, err := t.rowByUUID(seg, h.num, uuid)
		if err != nil {
			return err
		}
		if r.over(h.epoch) {
			return fmt.Errorf("it is %s: %w", r.State, storage.ErrConflict)
		}
		r.State, r.Error, r.NotNowSince, r.FinishedAt = storage.CommandCancelled, reason, time.Time{}, stored(at)
		if err = t.saveRow(r); err != nil {
			return err
		}
		if command, err = t.command(seg, r); err != nil {
			return err
		}
		if err := t.trimQueue(seg, h); err != nil {
			return err
		}
		return t.appendAudit(seg, audit)
	})
	if err != nil {
		return storage.Command{}, fmt.Errorf("cancel command %q of %q: %w", uuid, udid, err)
	}
	return command, nil
}
