package bolt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	bbolt "go.etcd.io/bbolt"

	"github.com/kannuki-mdm/kannuki/storage"
)

// firstSchema is the version a database starts with; each migration adds one.
const firstSchema = 1

// schema is the ordered list of migrations a binary knows: the first leads
// from version 1 to 2, the second from 2 to 3.
type schema []migration

// migration changes the records of one version into those of the next. It runs
// in a transaction with all others that are due, and only ever forward.
type migration func(*tx) error

// currentSchema returns the migrations of this binary.
func currentSchema() schema {
	return schema{addProposals, addPolicies, addHoldMarks, addNotices, addProblems, addCalendars, addHolders, addWaveNumbers, addModelClasses}
}

// addProposals leads to version 2, which knows proposals and approvals that end
// by themselves. An older binary would take such an approval for one without
// an end, so it must not open the database.
func addProposals(t *tx) error {
	_, err := t.bolt.CreateBucketIfNotExists([]byte(bucketProposals))
	return err
}

// addPolicies leads to version 3, in which a group names its policy. What a
// group did at the end of a hold was the same for all, the built-in policy's,
// and is not kept. An older binary would not see that a policy closes a gate.
func addPolicies(t *tx) error {
	_, err := t.bolt.CreateBucketIfNotExists([]byte(bucketPolicies))
	return err
}

// addHoldMarks leads to version 4, which remembers what was told about the end
// of a hold. An older binary would not remember it, and tell it again.
func addHoldMarks(t *tx) error {
	_, err := t.bolt.CreateBucketIfNotExists([]byte(bucketHoldMarks))
	return err
}

// addNotices leads to version 5, which knows notices. An older binary would
// change what somebody has to hear of and not tell.
func addNotices(t *tx) error {
	for _, b := range []bucket{bucketNotices, bucketNoticeID, bucketNoticeDue} {
		if _, err := t.bolt.CreateBucketIfNotExists([]byte(b)); err != nil {
			return err
		}
	}
	return nil
}

// addProblems leads to version 6, which knows what was reported broken and what
// stopped a rollout. An older binary would take a rollout that stopped for one
// that a person paused, and not stop any other.
func addProblems(t *tx) error {
	_, err := t.bolt.CreateBucketIfNotExists([]byte(bucketProblems))
	return err
}

// addCalendars leads to version 7, in which a policy names a calendar. An older
// binary would start the waves of such a policy on any day.
func addCalendars(t *tx) error {
	_, err := t.bolt.CreateBucketIfNotExists([]byte(bucketCalendars))
	return err
}

// addHolders leads to version 8, which knows the notices that name a holder by
// their phones. An older binary would add notices that are then never looked at.
func addHolders(t *tx) error {
	for _, b := range []bucket{bucketHolder, bucketHolderLook} {
		if _, err := t.bolt.CreateBucketIfNotExists([]byte(b)); err != nil {
			return err
		}
	}
	for r, err := range t.rows(bucketNotices, nil, nil) {
		if err != nil {
			return err
		}
		n, err := parse[storage.Notice](t, bucketNotices, r)
		if err == nil && n.Holder != "" {
			err = t.indexHolder(segmentOf(r.key), n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// addWaveNumbers leads to version 9, in which the waves of a policy are texts that
// can say a number of phones. Records of before read as they are, but an older
// binary cannot read those written from now on.
func addWaveNumbers(*tx) error { return nil }

// addModelClasses leads to version 10, in which a policy says what phones a result stands
// for. Groups said it once, all the same; what they said is not read any more, and goes when
// one is written. An older binary would ask for tests that the policy does not.
func addModelClasses(*tx) error { return nil }

func (s schema) version() uint64 { return firstSchema + uint64(len(s)) }

// NewerError says that a database was written by a newer Kannuki, whose
// records this one cannot read.
type NewerError struct {
	Path     string
	Database uint64 // schema version of the database
	Binary   uint64 // schema version this binary knows
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("database %s has schema %d, this kannuki knows up to %d: run the newer kannuki, or restore the copy it made at %s",
		e.Path, e.Database, e.Binary, copyName(e.Path, e.Database))
}

// OlderError says that a database was written by an older Kannuki, and has to
// be migrated before this one can read it.
type OlderError struct {
	Path     string
	Database uint64 // schema version of the database
	Binary   uint64 // schema version this binary works with
}

func (e *OlderError) Error() string {
	return fmt.Sprintf("database %s has schema %d, this kannuki works with %d: `kannuki serve` migrates it and keeps a copy at %s",
		e.Path, e.Database, e.Binary, copyName(e.Path, e.Binary))
}

// fit sees that an open database has the version of s: an older one is
// migrated, or with readOnly refused.
func (s schema) fit(db *bbolt.DB, path string, readOnly bool) error {
	have, err := schemaVersion(db)
	if err != nil {
		return fmt.Errorf("open database %s: %w", path, err)
	}
	want := s.version()
	if have > want {
		return &NewerError{Path: path, Database: have, Binary: want}
	}
	if have == want {
		return nil
	}
	if readOnly {
		return &OlderError{Path: path, Database: have, Binary: want}
	}
	return s.migrate(db, path, have)
}

// migrate brings an open database from the version it has to that of s, and
// keeps a copy of what it was.
func (s schema) migrate(db *bbolt.DB, path string, have uint64) error {
	want := s.version()
	if err := copyDatabase(db, copyName(path, want)); err != nil {
		return fmt.Errorf("copy database %s before changing it: %w", path, err)
	}
	err := db.Update(func(b *bbolt.Tx) error {
		t := &tx{bolt: b, ctx: context.Background(), packer: &packer{}}
		for _, step := range s[have-firstSchema:] {
			if err := step(t); err != nil {
				return err
			}
		}
		return t.saveNumber(bucketMeta, key(metaSchema), want)
	})
	if err != nil {
		return fmt.Errorf("migrate database %s from schema %d to %d (nothing was changed): %w", path, have, want, err)
	}
	return nil
}

// schemaVersion returns a database's version; at least firstSchema.
func schemaVersion(db *bbolt.DB) (version uint64, err error) {
	err = db.View(func(b *bbolt.Tx) error {
		if b.Bucket([]byte(bucketMeta)) == nil {
			return errors.New("not a database of kannuki")
		}
		version, err = (&tx{bolt: b}).loadNumber(bucketMeta, key(metaSchema))
		if err == nil && version < firstSchema {
			return fmt.Errorf("schema version %d: %w", version, storage.ErrCorrupt)
		}
		return err
	})
	return version, err
}

func copyName(path string, version uint64) string {
	return fmt.Sprintf("%s.before-v%d", path, version)
}

// copyDatabase writes a complete copy under the given name, replacing one that
// an interrupted start left behind.
func copyDatabase(db *bbolt.DB, path string) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*")
	if err != nil {
		return err
	}
	temp := f.Name()
	err = db.View(func(b *bbolt.Tx) error {
		_, err := b.WriteTo(f)
		return err
	})
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return syncFile(filepath.Dir(path))
}
