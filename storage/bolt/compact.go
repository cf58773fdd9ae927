package bolt

import (
	"bytes"
	"context"
	"encoding/binary"
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
	to, err := openFile(path, Options{})
	if err != nil {
		return err
	}
	to.NoSync = true // nobody reads it before it is whole
	to.AllocSize = 0 // no room beyond what it takes
	err = bbolt.Compact(to, s.db, compactBytes)
	return errors.Join(err, to.Close(), syncFile(path))
}

// Header is what a database file says of itself.
type Header struct {
	Schema   uint64 // version of its records, which may be newer than this binary
	Instance storage.Instance
}

// ErrNotDatabase is returned by [ReadHeader] for a file of another kind.
var ErrNotDatabase = errors.New("not a database of kannuki")

// ReadHeader reads what a database file says of itself, and neither checks nor
// changes anything else of it. The error wraps [ErrNotDatabase] for a file of
// another kind, [ErrLocked] while a process has it open, and
// [storage.ErrCorrupt] for a database that is damaged where this looks.
func ReadHeader(ctx context.Context, path string) (Header, error) {
	h, err := readHeader(ctx, path)
	if err != nil {
		return Header{}, fmt.Errorf("read %s: %w", path, err)
	}
	return h, nil
}

func readHeader(ctx context.Context, path string) (h Header, err error) {
	if is, err := hasMagic(path); err != nil || !is {
		return h, errors.Join(err, ErrNotDatabase)
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

// hasMagic reports whether a file begins with a page of bbolt: its mark stands
// behind the head of the page (bbolt, type meta). Many files are none, and
// opening one that is none as a database says nothing of it.
func hasMagic(path string) (bool, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the folder
	if err != nil {
		return false, err
	}
	var head [20]byte
	_, err = io.ReadFull(f, head[:])
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	mark := binary.NativeEndian.AppendUint32(nil, 0xED0CDAED)
	return bytes.Equal(head[16:], mark), errors.Join(err, f.Close())
}
