package bolt

import (
	"context"
	"errors"
	"fmt"

	"github.com/kannuki-mdm/kannuki/storage"
)

// Check reads the whole database and reports what is wrong with it: the
// structure of the file, the checksum of every record, phones and their index
// that do not fit, and the audit chain of every segment. The errors wrap
// [storage.ErrCorrupt]. It runs beside reads and writes.
//
// A badly damaged file can make bbolt's own check run for long or end the
// process; doctor therefore runs it in a process of its own.
func (s *Store) Check(ctx context.Context) error {
	err := s.view(ctx, func(t *tx) error {
		var faults []error
		for err := range t.bolt.Check() { // to its end: it runs in a goroutine
			faults = append(faults, fmt.Errorf("%w: %w", storage.ErrCorrupt, err))
		}
		if len(faults) > 0 {
			return errors.Join(faults...)
		}
		for _, b := range allBuckets() {
			if t.bolt.Bucket([]byte(b)) == nil {
				return fmt.Errorf("bucket %s is missing: %w", b, storage.ErrCorrupt)
			}
			for _, err := range t.rows(b, nil, nil) {
				if err != nil {
					return err
				}
			}
		}
		return t.checkSegments()
	})
	if err != nil {
		return fmt.Errorf("check: %w", err)
	}
	return nil
}

func (t *tx) checkSegments() error {
	states, err := list[segmentState](t, bucketSegments, nil)
	if err != nil {
		return err
	}
	for _, st := range states {
		err := errors.Join(t.checkPhones(st.Name), t.checkNotices(st.Name), t.checkAudit(st.Name))
		if err != nil {
			return fmt.Errorf("segment %q: %w", st.Name, err)
		}
	}
	return nil
}

func (t *tx) checkPhones(seg storage.Segment) error {
	var fault error
	phones, indexed := 0, 0
	err := t.phones(seg, 0, decodeBatch, func(p storage.Phone) bool {
		phones++
		k := inSegment(seg).last(p.UDID)
		h, err := t.find(seg, p.UDID)
		if err == nil && h != (handle{p.Num, p.Epoch}) {
			err = corrupt(bucketUDID, k, fmt.Errorf("names number %d and epoch %d, the phone has %d and %d", h.num, h.epoch, p.Num, p.Epoch))
		}
		err = missing(bucketUDID, k, err)
		fault = err
		return err == nil
	})
	for _, rowErr := range t.rows(bucketUDID, inSegment(seg), nil) {
		indexed++
		err = errors.Join(err, rowErr)
	}
	if err == nil && fault == nil && phones != indexed {
		fault = fmt.Errorf("%d phones, %d UDIDs: %w", phones, indexed, storage.ErrCorrupt)
	}
	return errors.Join(err, fault)
}

func (t *tx) checkAudit(seg storage.Segment) error {
	var before storage.AuditEntry
	for r, err := range t.rows(bucketAudit, inSegment(seg), nil) {
		if err != nil {
			return err
		}
		e, err := parse[storage.AuditEntry](t, bucketAudit, r)
		if err != nil {
			return err
		}
		if err := storage.VerifyAudit(before, []storage.AuditEntry{e}); err != nil {
			return err
		}
		before = e
	}
	return nil
}
