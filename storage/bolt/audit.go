package bolt

import (
	"context"
	"fmt"

	"github.com/kannuki-mdm/kannuki/storage"
)

const defaultLimit = 1000 // records of a list when the caller names no limit

// RecordAudit implements the store of package enroll.
func (s *Store) RecordAudit(ctx context.Context, seg storage.Segment, entries []storage.AuditEntry) error {
	err := s.updateIn(ctx, seg, func(t *tx) error {
		return t.appendAudit(seg, entries...)
	})
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
	err := s.viewIn(ctx, seg, func(t *tx) error {
		if after == ^uint64(0) {
			return nil
		}
		prefix := inSegment(seg)
		for r, err := range t.rows(bucketAudit, prefix, prefix.number(after+1)) {
			if err != nil || len(entries) == limit {
				return err
			}
			e, err := parse[storage.AuditEntry](t, bucketAudit, r)
			if err != nil {
				return err
			}
			entries = append(entries, e)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	return entries, nil
}

// appendAudit continues the chain of a segment.
func (t *tx) appendAudit(seg storage.Segment, entries ...storage.AuditEntry) error {
	if len(entries) == 0 {
		return nil
	}
	prefix := inSegment(seg)
	var before storage.AuditEntry
	if last := t.lastKey(bucketAudit, prefix); last != nil {
		var err error
		if before, err = load[storage.AuditEntry](t, bucketAudit, last); err != nil {
			return err
		}
	}
	for _, e := range entries {
		e.Seq, e.Prev = before.Seq+1, before.Hash
		e.Hash = e.Digest()
		if err := save(t, bucketAudit, prefix.number(e.Seq), e); err != nil {
			return fmt.Errorf("audit entry %q: %w", e.Action, err)
		}
		before = e
	}
	return nil
}
