package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	bbolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/kannuki-mdm/kannuki/storage"
)

// compactBytes is how much one transaction of a compaction carries.
const compactBytes = 16 << 20

// CompactTo writes the records to a new database at path, which must not exist,
// without the pages that hold nothing. The copy is on disk when it returns; after
// an error, whatever is there is no copy.
func (s *Store) CompactTo(path string) error {
	if err := s.compactTo(path); err != nil {
		return fmt.Errorf("compact %s: %w", s.path, err)
	}
	return nil
}

func (s *Store) compactTo(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, filePermissions) //nolint:gosec // the caller names the file
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	to, _, err := openFile(path, Options{})
	if err != nil {
		return err
	}
	to.NoSync = true // nobody reads it before it is whole
	to.AllocSize = 0 // no room beyond what it takes
	err = bbolt.Compact(to, s.db, compactBytes)
	return errors.Join(err, to.Close(), syncFile(path))
}

// StandsAt reports whether path leads to the file that is open here, not to
// another that has taken its place.
func (s *Store) StandsAt(path string) (bool, error) {
	same, err := standsAt(s.file, path)
	if err != nil {
		return false, fmt.Errorf("look at %s: %w", path, err)
	}
	return same, nil
}

// Header is what a database file says of itself.
type Header struct {
	Schema   uint64 // version of its records
	Newer    bool   // than this binary, which cannot read them
	Instance storage.Instance
}

// ErrNotDatabase is returned by [ReadHeader] for a file of another kind.
var ErrNotDatabase = errors.New("not a database of kannuki")

// ReadHeader reads what a database file says of itself, and neither checks nor
// changes anything else of it. The error wraps [ErrNotDatabase] for a file of
// another kind, [ErrLocked] while a process has it open, [storage.ErrCorrupt] for
// a database that is damaged where this looks, and what the system said of a file
// that cannot be read. A header beside ErrCorrupt is what could be read of it.
func ReadHeader(ctx context.Context, path string) (Header, error) {
	h, err := readHeader(ctx, path)
	if err != nil {
		return h, fmt.Errorf("read %s: %w", path, err)
	}
	return h, nil
}

func readHeader(ctx context.Context, path string) (h Header, err error) {
	first, second, err := findMarks(path)
	switch {
	case err != nil:
		return h, err
	case !first && !second:
		return h, ErrNotDatabase
	case !first:
		defer func() {
			err = errors.Join(fmt.Errorf("its first page is damaged: %w", storage.ErrCorrupt), err)
		}()
	}
	if err := CheckLength(path); err != nil {
		return h, err
	}
	// Without the list of free pages not every page is read, which in a damaged
	// file could end the process.
	db, err := bbolt.Open(path, filePermissions, &bbolt.Options{ReadOnly: true, Timeout: headerWait})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return h, ErrLocked
	}
	if err != nil {
		return h, fmt.Errorf("%w: %w", storage.ErrCorrupt, err)
	}
	s := &Store{db: db, path: path, packer: &packer{}}
	err = s.view(ctx, func(t *tx) error {
		if t.bolt.Bucket([]byte(bucketMeta)) == nil {
			return ErrNotDatabase
		}
		if h.Schema, err = t.loadNumber(bucketMeta, key(metaSchema)); err != nil {
			return err
		}
		h.Newer = h.Schema > currentSchema().version()
		h.Instance, err = load[storage.Instance](t, bucketMeta, key(metaInstance))
		return err
	})
	if errors.Is(err, storage.ErrNotFound) {
		err = ErrNotDatabase
	}
	return h, errors.Join(err, db.Close())
}

// headerWait is short: who lists files does not wait for one in use.
const headerWait = 10 * time.Millisecond

// findMarks looks for the marks of bbolt in the first two pages of a file: each
// stands behind the head of its page (bbolt, type meta), and either is enough to
// open it. Many files are no database, and opening one that is none says nothing
// of it. The second page begins at the size of the first, a power of two that
// only the first tells, so it is looked for where bbolt does.
func findMarks(path string) (first, second bool, err error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the folder
	if err != nil {
		return false, false, err
	}
	first, err = markAt(f, 0)
	for size := int64(minPage); size <= maxPage && err == nil && !first && !second; size *= 2 {
		second, err = markAt(f, size)
	}
	return first, second, errors.Join(err, f.Close())
}

// Sizes of pages that bbolt tries, bytes.
const (
	minPage = 1 << 10
	maxPage = minPage << 14
)

// markAt reports whether the page at an offset has the mark of bbolt. A file
// that ends before has none.
func markAt(f io.ReaderAt, offset int64) (bool, error) {
	var head [markBegin + 4]byte
	_, err := f.ReadAt(head[:], offset)
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	return bytes.Equal(head[markBegin:], magic()), err
}
