package bolt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	bbolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/kannuki-mdm/kannuki/storage"
)

const (
	defaultLockTimeout = 5 * time.Second
	filePermissions    = 0o600
)

// ErrLocked is returned by [Open] when another process holds the database.
var ErrLocked = errors.New("another process has the database open")

// Create makes a new database at path that holds nothing but the installation's
// record and the default segment. It refuses a path that exists, with an error
// that wraps [fs.ErrExist]. The database appears under its name complete and
// on disk or not at all: bbolt's own initialisation does not survive a power
// cut, so it happens under another name in the same folder.
func Create(path string, inst storage.Instance, o Options) error {
	if err := create(path, inst, o); err != nil {
		return fmt.Errorf("create database %s: %w", path, err)
	}
	return nil
}

func create(path string, inst storage.Instance, o Options) error {
	// Asked first for the plain error; the link below decides.
	if _, err := os.Lstat(path); err == nil {
		return fs.ErrExist
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*") // mode 0600
	if err != nil {
		return err
	}
	temp := f.Name()
	// The name below is what counts; the temporary one is only tidied away.
	defer func() { _ = os.Remove(temp) }()
	if err := f.Close(); err != nil {
		return err
	}
	if err := initialize(temp, inst, o); err != nil {
		return err
	}
	if err := syncFile(temp); err != nil {
		return err
	}
	// A link, unlike a rename, fails when another process was faster.
	if err := os.Link(temp, path); err != nil {
		return err
	}
	return syncFile(filepath.Dir(path))
}

// initialize fills a new database file.
func initialize(path string, inst storage.Instance, o Options) error {
	db, _, err := openFile(path, o)
	if err != nil {
		return err
	}
	err = db.Update(func(b *bbolt.Tx) error {
		for _, name := range allBuckets() {
			if _, err := b.CreateBucket([]byte(name)); err != nil {
				return err
			}
		}
		t := &tx{bolt: b, ctx: context.Background(), packer: &packer{}}
		if err := t.saveNumber(bucketMeta, key(metaSchema), currentSchema().version()); err != nil {
			return err
		}
		if err := save(t, bucketMeta, key(metaInstance), inst); err != nil {
			return err
		}
		return t.ensureSegment(storage.DefaultSegment)
	})
	return errors.Join(err, db.Close())
}

// Open opens the database at path and locks it against other processes.
//
// A missing file is an error that wraps [fs.ErrNotExist], a file another
// process has open one that wraps [ErrLocked], a database of a newer Kannuki a
// [*NewerError]. A database of an older Kannuki is first copied to
// path.before-vN, where N is the schema it is about to get, and then migrated
// in one transaction; when o is read-only it is an [*OlderError] instead.
//
// A file whose pages are damaged can end the process: bbolt walks all pages
// when it opens a file, and panics on a goroutine of its own, out of reach.
func Open(path string, o Options) (*Store, error) {
	return openSchema(path, o, currentSchema())
}

func openSchema(path string, o Options, want schema) (*Store, error) {
	db, file, err := openExisting(path, o)
	if err != nil {
		return nil, err
	}
	if err := want.fit(db, path, o.ReadOnly); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	p := &packer{}
	return &Store{db: db, file: file, path: path, pageBytes: db.Info().PageSize, packer: p, writer: startWriter(db, p)}, nil
}

func openExisting(path string, o Options) (*bbolt.DB, *os.File, error) {
	switch size, err := fileSize(path); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, fmt.Errorf("no database at %s: run `kannuki init` to create one: %w", path, fs.ErrNotExist)
	case err != nil:
		return nil, nil, fmt.Errorf("open database: %w", err)
	case size == 0: // bbolt would take it for a new one
		return nil, nil, fmt.Errorf("open database %s: the file is empty: %w", path, storage.ErrCorrupt)
	}
	if err := CheckLength(path); err != nil {
		return nil, nil, fmt.Errorf("open database %s: %w", path, err)
	}
	db, file, err := openFile(path, o)
	if errors.Is(err, bolterrors.ErrTimeout) {
		err = ErrLocked
	}
	if err != nil {
		return nil, nil, fmt.Errorf("open database %s: %w", path, err)
	}
	return db, file, nil
}

// openFile opens a file that exists with the settings Kannuki runs with. The
// list of free pages is rebuilt when opening instead of being written with
// every commit: about ten times the commits a second once a large file has
// many free pages.
//
// Who waits for the lock of a file may get it when another file has taken its
// place, as a compaction does. What is written to the old one then would be
// lost, so the one that stands there now is opened in its stead. The file it
// returns is closed with the database.
func openFile(path string, o Options) (*bbolt.DB, *os.File, error) {
	for {
		var opened *os.File // bbolt closes it
		db, err := bbolt.Open(path, filePermissions, &bbolt.Options{
			Timeout:         cmp.Or(o.LockTimeout, defaultLockTimeout),
			NoFreelistSync:  true,
			FreelistType:    bbolt.FreelistMapType,
			InitialMmapSize: mapBytes(runtime.GOOS),
			ReadOnly:        o.ReadOnly,
			PreLoadFreelist: true, // of a read-only database too: Stats counts free pages
			OpenFile: func(name string, flag int, perm os.FileMode) (f *os.File, err error) {
				f, err = os.OpenFile(name, flag&^os.O_CREATE, perm) //nolint:gosec // the operator names the file
				opened = f
				return f, err
			},
		})
		if err != nil {
			return nil, nil, err
		}
		switch same, err := standsAt(opened, path); {
		case err != nil:
			return nil, nil, errors.Join(err, db.Close())
		case same:
			return db, opened, nil
		}
		if err := db.Close(); err != nil {
			return nil, nil, err
		}
	}
}

// standsAt reports whether an open file is the one that a path leads to.
func standsAt(f *os.File, path string) (bool, error) {
	is, err := f.Stat()
	if err != nil {
		return false, err
	}
	at, err := os.Stat(path)
	return err == nil && os.SameFile(is, at), err
}

func fileSize(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// syncFile brings a file's content, or a folder's names, to the disk.
func syncFile(path string) error {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
