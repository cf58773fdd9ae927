package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kannuki-mdm/kannuki/storage"
)

const marker = "find-this-serial-number"

// storeWithPhone returns a store that holds one phone, with its audit entry.
func storeWithPhone(t *testing.T) *Store {
	t.Helper()
	s := newStore(t)
	err := s.updateIn(t.Context(), storage.DefaultSegment, func(t *tx) error {
		p := storage.Phone{UDID: "u", Serial: marker, Epoch: 1, State: storage.PhoneEnrolled}
		if _, err := t.savePhone(storage.DefaultSegment, nil, &p); err != nil {
			return err
		}
		return t.appendAudit(storage.DefaultSegment, storage.AuditEntry{Action: "a"}, storage.AuditEntry{Action: "b"})
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// phoneValue returns where in the file the phone's sealed record lies.
func phoneValue(t *testing.T, s *Store) (offset, length int) {
	t.Helper()
	file, err := os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	var value []byte
	err = s.view(t.Context(), func(t *tx) error {
		value = bytes.Clone(t.bolt.Bucket([]byte(bucketPhones)).Get(inSegment(storage.DefaultSegment).number(1)))
		return nil
	})
	if err != nil || bytes.Count(file, value) != 1 {
		t.Fatalf("the record is in the file %d times, %v", bytes.Count(file, value), err)
	}
	return bytes.Index(file, value), len(value)
}

// change rewrites bytes of a file that is open as a database.
func change(t *testing.T, path string, offset int, f func([]byte), length int) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, length)
	_, err = file.ReadAt(b, int64(offset))
	if err == nil {
		f(b)
		_, err = file.WriteAt(b, int64(offset))
	}
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestFlippedBitIsNeverServed(t *testing.T) {
	t.Parallel()
	s := storeWithPhone(t)
	offset, length := phoneValue(t, s)
	group := ""
	reads := map[string]func() error{
		"Phone": func() error { _, err := s.Phone(t.Context(), storage.DefaultSegment, "u"); return err },
		"Phones": func() error {
			_, err := s.Phones(t.Context(), storage.DefaultSegment, storage.PhoneQuery{})
			return err
		},
		"Phones of a group": func() error {
			_, err := s.Phones(t.Context(), storage.DefaultSegment, storage.PhoneQuery{Group: &group})
			return err
		},
		"UpdatePhone": func() error {
			_, err := s.UpdatePhone(t.Context(), storage.DefaultSegment, "u", 0, func(*storage.Phone) (storage.PhoneChange, error) {
				t.Error("the updater saw a damaged record")
				return storage.PhoneChange{}, nil
			})
			return err
		},
		"Check": func() error { return s.Check(t.Context()) },
	}
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	for range 100 {
		bit := random.IntN(length * 8)
		flip := func(b []byte) { b[bit/8] ^= 1 << (bit % 8) }
		change(t, s.path, offset, flip, length)
		for name, read := range reads {
			err := read()
			if !errors.Is(err, storage.ErrCorrupt) || !strings.Contains(err.Error(), "bucket phones, key 0764656661756c740000000000000001") {
				t.Errorf("seed %d, bit %d, %s: got error %v, want ErrCorrupt with bucket and key", seed, bit, name, err)
			}
		}
		change(t, s.path, offset, flip, length)
	}
	for name, read := range reads {
		if name == "UpdatePhone" {
			continue
		}
		if err := read(); err != nil {
			t.Errorf("%s after repair: %v", name, err)
		}
	}
}

func TestNoticesThatDoNotFit(t *testing.T) {
	t.Parallel()
	seg := inSegment(storage.DefaultSegment)
	told := storage.Notice{ID: "n", Phone: "u", Holder: "S-1", Deliveries: []storage.Delivery{{Channel: "log", State: storage.DeliveryPending}}}
	for name, spoil := range map[string]func(*tx) error{
		"ID lost":         func(t *tx) error { return t.remove(bucketNoticeID, seg.last("n")) },
		"ID of no notice": func(t *tx) error { return t.saveNumber(bucketNoticeID, seg.last("m"), 9) },
		"notice lost":     func(t *tx) error { return t.remove(bucketNotices, seg.number(1)) },
		"not due": func(t *tx) error {
			return t.remove(bucketNoticeDue, dueKey(storage.DefaultSegment, 1, told.Deliveries[0]))
		},
		"due without a notice": func(t *tx) error {
			return t.put(bucketNoticeDue, dueKey(storage.DefaultSegment, 9, told.Deliveries[0]), nil)
		},
		"holder not indexed": func(t *tx) error {
			return t.remove(bucketHolder, holderKey(storage.DefaultSegment, storage.Notice{Phone: "u", Seq: 1}))
		},
		"holder of no notice": func(t *tx) error {
			return t.put(bucketHolder, holderKey(storage.DefaultSegment, storage.Notice{Phone: "u", Seq: 9}), nil)
		},
		"holder not looked at": func(t *tx) error {
			before, err := t.notice(storage.DefaultSegment, "n")
			carried := before
			carried.Deliveries = []storage.Delivery{{Channel: "log", State: storage.DeliverySent}}
			return errors.Join(err, t.saveNotice(storage.DefaultSegment, before, carried), t.remove(bucketHolderLook, seg.last("u")))
		},
		"under another's place": func(t *tx) error { return save(t, bucketNotices, seg.number(2), storage.Notice{ID: "n", Seq: 1}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			must(s.updateIn(t.Context(), storage.DefaultSegment, func(t *tx) error { return t.addNotices(storage.DefaultSegment, []storage.Notice{told}) }))
			must(s.Check(t.Context()))
			must(s.update(t.Context(), spoil))
			if err := s.Check(t.Context()); !errors.Is(err, storage.ErrCorrupt) {
				t.Errorf("got error %v, want ErrCorrupt", err)
			}
		})
	}
}

func TestDamagedPageIsAnError(t *testing.T) {
	t.Parallel()
	s := storeWithPhone(t)
	offset, _ := phoneValue(t, s)
	page := offset - offset%s.pageBytes
	const header, elements = 16, 400
	sound := make([]byte, elements)
	change(t, s.path, page+header, func(b []byte) {
		copy(sound, b)
		for i := range b {
			b[i] = 0xff // where the page's keys are: now far outside of the file
		}
	}, elements)
	_, err := s.Phone(t.Context(), storage.DefaultSegment, "u")
	if !errors.Is(err, storage.ErrCorrupt) {
		t.Errorf("read: got error %v, want ErrCorrupt", err)
	}
	err = s.update(t.Context(), func(t *tx) error {
		return t.put(bucketPhones, inSegment(storage.DefaultSegment).number(1), nil)
	})
	if err == nil {
		t.Error("write: no error")
	}
	change(t, s.path, page+header, func(b []byte) { copy(b, sound) }, elements)
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("after repair: %v", err)
	}
}

func TestCheckFinds(t *testing.T) {
	t.Parallel()
	in := inSegment(storage.DefaultSegment)
	for name, damage := range map[string]func(*tx) error{
		"a value without a seal": func(t *tx) error {
			return t.bolt.Bucket([]byte(bucketBodies)).Put(in.last("d"), []byte("{}"))
		},
		"a value under another's key": func(t *tx) error {
			return t.bolt.Bucket([]byte(bucketAudit)).Put(in.number(3), bytes.Clone(t.bolt.Bucket([]byte(bucketAudit)).Get(in.number(2))))
		},
		"a phone its index does not name": func(t *tx) error { return t.remove(bucketUDID, in.last("u")) },
		"a phone without a record":        func(t *tx) error { return t.remove(bucketPhones, in.number(1)) },
		"an audit entry removed":          func(t *tx) error { return t.remove(bucketAudit, in.number(1)) },
		"an audit entry rewritten": func(t *tx) error {
			e, err := load[storage.AuditEntry](t, bucketAudit, in.number(1))
			e.Actor = "someone else"
			return errors.Join(err, save(t, bucketAudit, in.number(1), e))
		},
		"a record that is no JSON": func(t *tx) error { return t.put(bucketAudit, in.number(3), []byte("{")) },
		"a bucket removed":         func(t *tx) error { return t.bolt.DeleteBucket([]byte(bucketOffers)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := storeWithPhone(t)
			if err := s.Check(t.Context()); err != nil {
				t.Fatal(err)
			}
			err := s.update(t.Context(), func(t *tx) error {
				t.writes++
				return damage(t)
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Check(t.Context()); !errors.Is(err, storage.ErrCorrupt) {
				t.Errorf("got error %v, want ErrCorrupt", err)
			}
		})
	}
}

// FuzzDatabaseValue puts arbitrary bytes where a phone's record belongs.
func FuzzDatabaseValue(f *testing.F) {
	path := filepath.Join(f.TempDir(), "kannuki.db")
	if err := Create(path, storage.Instance{}, Options{}); err != nil {
		f.Fatal(err)
	}
	s := openStore(f, path)
	k := inSegment(storage.DefaultSegment).number(1)
	f.Add([]byte{})
	f.Add(seal(k, []byte(`{"udid":"u"}`)))
	f.Fuzz(func(t *testing.T, value []byte) {
		ctx := context.WithoutCancel(t.Context())
		err := s.update(ctx, func(t *tx) error {
			t.writes++
			return errors.Join(
				t.bolt.Bucket([]byte(bucketPhones)).Put(k, value),
				t.saveNumber(bucketUDID, inSegment(storage.DefaultSegment).last("u"), 1),
			)
		})
		if err != nil {
			t.Fatal(err)
		}
		p, err := s.Phone(ctx, storage.DefaultSegment, "u")
		if err != nil && !errors.Is(err, storage.ErrCorrupt) {
			t.Errorf("got error %v", err)
		}
		if err == nil && fmt.Sprintf("%x", value[:1]) != "01" {
			t.Errorf("%x was served as %+v", value, p)
		}
	})
}
