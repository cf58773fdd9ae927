package bolt

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/kannuki-mdm/kannuki/storage"
)

// Phone implements the store of package fleet.
func (s *Store) Phone(ctx context.Context, seg storage.Segment, udid string) (storage.Phone, error) {
	var p storage.Phone
	err := s.viewIn(ctx, seg, func(t *tx) (err error) {
		p, err = t.phone(seg, udid)
		return err
	})
	if err != nil {
		return storage.Phone{}, fmt.Errorf("phone %q: %w", udid, err)
	}
	return p, nil
}

// PhonesBySerial implements the store of package fleet.
func (s *Store) PhonesBySerial(ctx context.Context, seg storage.Segment, serial string) ([]storage.Phone, error) {
	var phones []storage.Phone
	err := s.viewIn(ctx, seg, func(t *tx) error {
		return t.indexedPhones(seg, bucketSerial, serial, 0, func(p storage.Phone) bool {
			if p.Serial == serial {
				phones = append(phones, p)
			}
			return true
		})
	})
	if err != nil {
		return nil, fmt.Errorf("phones with serial number %q: %w", serial, err)
	}
	return phones, nil
}

// Phones implements the store of package fleet.
func (s *Store) Phones(ctx context.Context, seg storage.Segment, q storage.PhoneQuery) ([]storage.Phone, error) {
	if q.Limit <= 0 {
		q.Limit = defaultLimit
	}
	var phones []storage.Phone
	err := s.viewIn(ctx, seg, func(t *tx) error {
		if q.After == ^uint64(0) {
			return nil
		}
		collect := func(p storage.Phone) bool {
			if matches(q, p) {
				phones = append(phones, p)
			}
			return len(phones) < q.Limit
		}
		if q.Group != nil {
			return t.indexedPhones(seg, bucketGroup, *q.Group, q.After, collect)
		}
		return t.phones(seg, q.After, q.Limit, collect)
	})
	if err != nil {
		return nil, fmt.Errorf("phones: %w", err)
	}
	return phones, nil
}

func matches(q storage.PhoneQuery, p storage.Phone) bool {
	switch {
	case q.Group != nil && *q.Group != p.Group:
		return false
	case q.Ring != "" && q.Ring != p.Ring:
		return false
	case p.State == storage.PhoneRemoved:
		return q.Removed
	case p.State == storage.PhoneAuthenticating:
		return q.Enrolling
	}
	return true
}

// phones calls f with each phone above a number until f returns false, which
// is expected after about so many.
func (t *tx) phones(seg storage.Segment, after uint64, expected int, f func(storage.Phone) bool) error {
	prefix := inSegment(seg)
	size := min(expected, decodeBatch)
	batch := make([]row, 0, size)
	for r, err := range t.rows(bucketPhones, prefix, prefix.number(after+1)) {
		if err != nil {
			return err
		}
		if batch = append(batch, r); len(batch) < size {
			continue
		}
		if more, err := t.decodePhones(batch, f); err != nil || !more {
			return err
		}
		batch = batch[:0]
	}
	_, err := t.decodePhones(batch, f)
	return err
}

// decodeBatch is how many phones are decoded together at most: enough to occupy
// every processor, few enough to waste little.
const decodeBatch = 256

// decodePhones decodes phones on all processors, because that is what reading
// many phones costs, and calls f with each in order until f returns false.
func (t *tx) decodePhones(rows []row, f func(storage.Phone) bool) (more bool, err error) {
	phones, errs := make([]storage.Phone, len(rows)), make([]error, len(rows))
	var decoders sync.WaitGroup
	workers := min(runtime.GOMAXPROCS(0), len(rows))
	for first := range workers {
		decoders.Go(func() {
			for i := first; i < len(rows); i += workers {
				phones[i], errs[i] = parse[storage.Phone](t, bucketPhones, rows[i])
			}
		})
	}
	decoders.Wait()
	for i, p := range phones {
		if errs[i] != nil {
			return false, errs[i]
		}
		if !f(p) {
			return false, nil
		}
	}
	return true, nil
}

// indexedPhones is phones for those that an index lists under a value.
func (t *tx) indexedPhones(seg storage.Segment, index bucket, value string, after uint64, f func(storage.Phone) bool) error {
	prefix := inSegment(seg).text(value)
	for r, err := range t.rows(index, prefix, prefix.number(after+1)) {
		if err != nil {
			return err
		}
		k := inSegment(seg).number(trailingNumber(r.key))
		p, err := load[storage.Phone](t, bucketPhones, k)
		if err != nil {
			return missing(bucketPhones, k, err)
		}
		if !f(p) {
			return nil
		}
	}
	return nil
}

// missing makes a record that must exist, because an index names it, a damaged
// one.
func missing(b bucket, k key, err error) error {
	if errors.Is(err, storage.ErrNotFound) {
		return corrupt(b, k, errors.New("an index names it, but it is missing"))
	}
	return err
}

// handle is what the index of UDIDs says of a phone. It is all that its queue
// needs to know, so that handing out a command reads no phone.
type handle struct{ num, epoch uint64 }

// find returns a phone's handle, or storage.ErrNotFound.
func (t *tx) find(seg storage.Segment, udid string) (handle, error) {
	k := inSegment(seg).last(udid)
	content, err := t.get(bucketUDID, k)
	switch {
	case err != nil:
		return handle{}, err
	case content == nil:
		return handle{}, storage.ErrNotFound
	case len(content) != 16:
		return handle{}, corrupt(bucketUDID, k, fmt.Errorf("handle of %d bytes", len(content)))
	}
	return handle{num: trailingNumber(content[:8]), epoch: trailingNumber(content)}, nil
}

func (t *tx) phone(seg storage.Segment, udid string) (storage.Phone, error) {
	h, err := t.find(seg, udid)
	if err != nil {
		return storage.Phone{}, err
	}
	k := inSegment(seg).number(h.num)
	p, err := t.loadPhone(k)
	return p, missing(bucketPhones, k, err)
}

// savePhone stores a phone and its indexes and returns the record. Without an
// old state the phone is new and gets its number, which is set in p.
func (t *tx) savePhone(seg storage.Segment, old, p *storage.Phone) ([]byte, error) {
	var stale []indexEntry
	carried := ""
	if old != nil {
		stale, carried = phoneIndexes(seg, *old), old.Holder
	} else {
		last, err := t.loadNumber(bucketMeta, key(metaNumber))
		if err != nil {
			return nil, err
		}
		p.Num = last + 1
	}
	content, err := pack(t.packer, bucketPhones, *p)
	if err != nil {
		return nil, err
	}
	if err := checkPhone(*p); err != nil {
		return nil, err
	}
	if old == nil {
		if err := t.saveNumber(bucketMeta, key(metaNumber), p.Num); err != nil {
			return nil, err
		}
	}
	return content, t.putPhone(seg, stale, carried, *p, content)
}

func checkPhone(p storage.Phone) error {
	return errors.Join(
		checkOptional("serial number", p.Serial),
		checkOptional("group", p.Group),
		checkOptional("announced token", p.Announced.Token),
		checkOptional("manifest token", p.Sync.Manifest),
	)
}

// putPhone stores an encoded phone and replaces its stale index entries. Notices
// are to be looked at when it was carried by somebody else before.
func (t *tx) putPhone(seg storage.Segment, stale []indexEntry, carried string, p storage.Phone, content []byte) error {
	if carried != "" && carried != p.Holder {
		if err := t.put(bucketHolderLook, inSegment(seg).last(p.UDID), nil); err != nil {
			return err
		}
	}
	if err := t.put(bucketPhones, inSegment(seg).number(p.Num), content); err != nil {
		return err
	}
	if err := t.put(bucketUDID, inSegment(seg).last(p.UDID), key(nil).number(p.Num).number(p.Epoch)); err != nil {
		return err
	}
	fresh := phoneIndexes(seg, p)
	for _, e := range stale {
		if !slices.Contains(fresh, e) {
			if err := t.remove(e.bucket, key(e.key)); err != nil {
				return err
			}
		}
	}
	for _, e := range fresh {
		if err := t.put(e.bucket, key(e.key), nil); err != nil {
			return err
		}
	}
	return nil
}

// indexEntry is a key that says something by being there.
type indexEntry struct {
	bucket bucket
	key    string
}

func phoneIndexes(seg storage.Segment, p storage.Phone) []indexEntry {
	entry := func(b bucket, value string) indexEntry {
		return indexEntry{b, string(inSegment(seg).text(value).number(p.Num))}
	}
	entries := []indexEntry{entry(bucketGroup, p.Group)}
	if p.Serial != "" {
		entries = append(entries, entry(bucketSerial, p.Serial))
	}
	for _, token := range []string{p.Announced.Token, p.Sync.Manifest} {
		if token != "" {
			entries = append(entries, entry(bucketSetUse, token))
		}
	}
	return entries
}
