package bolt

import (
	"context"
	"errors"
	"fmt"

	"github.com/kannuki-mdm/kannuki/storage"
)

// ForgetHolders implements the store of package fleet. Only phones are looked at
// whose holder changed, or that were told of, since nothing of theirs was to be
// forgotten; most sweeps find none and write nothing.
func (s *Store) ForgetHolders(ctx context.Context, seg storage.Segment, limit int) (forgot int, err error) {
	if limit <= 0 {
		limit = defaultLimit
	}
	some := false
	err = s.viewIn(ctx, seg, func(t *tx) error {
		for _, err := range t.rows(bucketHolderLook, inSegment(seg), nil) {
			some = true
			return err
		}
		return nil
	})
	if err == nil && some {
		err = s.updateIn(ctx, seg, func(t *tx) (err error) {
			forgot, err = t.forgetHolders(seg, limit)
			return err
		})
	}
	if err != nil {
		return 0, fmt.Errorf("forget who carried phones: %w", err)
	}
	return forgot, nil
}

// lookedAt is how many notices are looked at for each that may be forgotten at a
// time: a transaction in which little is found ends nevertheless.
const lookedAt = 10

// forgetHolders takes the reference out of at most limit notices, phone by phone. A
// notice that a channel is still to carry has its phone looked at again when none is,
// see saveHolder: meanwhile it keeps no other phone waiting.
func (t *tx) forgetHolders(seg storage.Segment, limit int) (forgot int, err error) {
	looks, err := t.keys(bucketHolderLook, inSegment(seg))
	if err != nil {
		return 0, err
	}
	looked := 0
	for _, look := range looks {
		if looked >= lookedAt*limit {
			return forgot, nil
		}
		udid := string(look[len(inSegment(seg)):])
		holder, err := t.holder(seg, udid)
		if err != nil {
			return forgot, err
		}
		of, err := t.keys(bucketHolder, inSegment(seg).text(udid))
		if err != nil {
			return forgot, err
		}
		for _, k := range of {
			if looked++; forgot == limit {
				return forgot, nil
			}
			at := inSegment(seg).number(trailingNumber(k))
			n, err := load[storage.Notice](t, bucketNotices, at)
			if err != nil {
				return forgot, missing(bucketNotices, at, err)
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
		if err := t.remove(bucketHolderLook, look); err != nil {
			return forgot, err
		}
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

// saveHolder brings the index of notices that name a holder from what a notice was
// to what it is, and has its phone looked at when the last channel is done with a
// notice that names somebody else than the phone's record.
func (t *tx) saveHolder(seg storage.Segment, before, after storage.Notice) error {
	switch after.Holder {
	case before.Holder:
		if after.Holder == "" || after.Has(storage.DeliveryPending) || !before.Has(storage.DeliveryPending) {
			return nil
		}
		holder, err := t.holder(seg, after.Phone)
		if err != nil || !after.HolderGone(holder) {
			return err
		}
		return t.put(bucketHolderLook, inSegment(seg).last(after.Phone), nil)
	case "":
		return t.remove(bucketHolder, holderKey(seg, after))
	default:
		return t.indexHolder(seg, after)
	}
}

// indexHolder adds a notice to the index, and has its phone looked at: by now
// somebody else may carry it.
func (t *tx) indexHolder(seg storage.Segment, n storage.Notice) error {
	if err := checkOptional("phone", n.Phone); err != nil {
		return err
	}
	return errors.Join(t.put(bucketHolder, holderKey(seg, n), nil), t.put(bucketHolderLook, inSegment(seg).last(n.Phone), nil))
}

func holderKey(seg storage.Segment, n storage.Notice) key {
	return inSegment(seg).text(n.Phone).number(n.Seq)
}

// holders returns what finds who carries a phone, reading each once.
func (t *tx) holders(seg storage.Segment) func(udid string) (string, error) {
	known := map[string]string{}
	return func(udid string) (string, error) {
		holder, ok := known[udid]
		if ok {
			return holder, nil
		}
		holder, err := t.holder(seg, udid)
		known[udid] = holder
		return holder, err
	}
}

// checkHolder compares a notice that names a holder with its indexes.
func (t *tx) checkHolder(seg storage.Segment, n storage.Notice, holders func(udid string) (string, error)) error {
	if k := holderKey(seg, n); !t.has(bucketHolder, k) {
		return corrupt(bucketHolder, k, errors.New("missing for a notice that names a holder"))
	}
	holder, err := holders(n.Phone)
	if k := inSegment(seg).last(n.Phone); err == nil && n.HolderGone(holder) && !t.has(bucketHolderLook, k) {
		return corrupt(bucketHolderLook, k, fmt.Errorf("missing, although notice %d names somebody else than its phone's record", n.Seq))
	}
	return err
}
