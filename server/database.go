package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/certs"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/bolt"
)

// DatabaseInfo describes the database of a data directory.
type DatabaseInfo struct {
	URL          string      `json:"url"`
	Organization string      `json:"organization"`
	Topic        string      `json:"topic,omitempty"`
	CreatedAt    time.Time   `json:"created_at"` // of the installation
	Lab          bool        `json:"lab,omitempty"`
	FileBytes    int64       `json:"file_bytes"`
	UsedBytes    int64       `json:"used_bytes"` // of the file; the rest is reused before it grows
	Phones       int         `json:"phones"`     // removed ones included
	PhoneBytes   int64       `json:"phone_bytes"`
	Kinds        []bolt.Size `json:"kinds"`
}

// offlineWait is how long to wait for another process to close the database
// before it is taken for one that will not.
const offlineWait = 200 * time.Millisecond

// Errors about a database that is to be read without a server.
var (
	// ErrDatabaseLocked means that a running server has the database open.
	ErrDatabaseLocked = errors.New("a server is running")
	// ErrDatabaseOlder means that the database is of an older Kannuki, and that
	// only a start migrates it.
	ErrDatabaseOlder = errors.New("the database is of an older kannuki")
	// ErrDatabaseNewer means that only a newer Kannuki can read the database.
	ErrDatabaseNewer = errors.New("the database is of a newer kannuki")
)

// CutShortError says that the end of a database file is missing.
type CutShortError = bolt.CutShortError

// CheckDatabase reads the whole database of a data directory and reports what
// is wrong with it, or nil. It changes nothing. Its errors wrap
// [ErrDatabaseLocked] while a server runs, [ErrDatabaseOlder] for a database
// that a start would migrate first, and [ErrDatabaseNewer]. A badly damaged file can end the process:
// call it in one that may end.
func CheckDatabase(ctx context.Context, data string) error {
	return checkDatabase(ctx, data, bolt.Options{LockTimeout: offlineWait, ReadOnly: true})
}

// CheckStage is [CheckDatabase] for a folder of [StageDatabase]. It first
// migrates a database of an older Kannuki, as a start would do.
func CheckStage(ctx context.Context, stage string) error {
	return checkDatabase(ctx, stage, bolt.Options{LockTimeout: offlineWait})
}

func checkDatabase(ctx context.Context, data string, o bolt.Options) error {
	store, err := openDatabase(data, o)
	if err != nil {
		return err
	}
	return errors.Join(store.Check(ctx), store.Close())
}

// DescribeDatabase reads the database of a data directory without a server. It
// changes nothing, and its errors are those of [CheckDatabase].
func DescribeDatabase(ctx context.Context, data string) (DatabaseInfo, error) {
	store, err := openDatabase(data, bolt.Options{LockTimeout: offlineWait, ReadOnly: true})
	if err != nil {
		return DatabaseInfo{}, err
	}
	info, err := describeDatabase(ctx, store)
	return info, errors.Join(err, store.Close())
}

// openDatabase opens the database of a data directory. Its errors wrap
// [ErrDatabaseLocked], [ErrDatabaseOlder] and [ErrDatabaseNewer].
func openDatabase(data string, o bolt.Options) (*bolt.Store, error) {
	store, err := bolt.Open(DatabasePath(data), o)
	if errors.Is(err, bolt.ErrLocked) {
		return nil, fmt.Errorf("%w: %w", ErrDatabaseLocked, err)
	}
	if _, older := errors.AsType[*bolt.OlderError](err); older {
		return nil, fmt.Errorf("%w: %w", ErrDatabaseOlder, err)
	}
	if _, newer := errors.AsType[*bolt.NewerError](err); newer {
		return nil, fmt.Errorf("%w: %w", ErrDatabaseNewer, err)
	}
	return store, err
}

func describeDatabase(ctx context.Context, store *bolt.Store) (DatabaseInfo, error) {
	instance, err := store.Instance(ctx)
	if err != nil {
		return DatabaseInfo{}, fmt.Errorf("read installation: %w", err)
	}
	stats, err := store.Stats(ctx)
	if err != nil {
		return DatabaseInfo{}, fmt.Errorf("read database figures: %w", err)
	}
	kinds, err := store.Sizes(ctx)
	if err != nil {
		return DatabaseInfo{}, fmt.Errorf("read database: %w", err)
	}
	info := DatabaseInfo{
		URL: instance.URL, Organization: instance.Organization, Topic: instance.Topic, CreatedAt: instance.CreatedAt, Lab: instance.Lab,
		FileBytes: stats.FileBytes, UsedBytes: int64(stats.UsedPages) * int64(stats.PageBytes), Phones: bolt.CountPhones(kinds), Kinds: kinds,
	}
	if info.Phones > 0 {
		info.PhoneBytes = info.UsedBytes / int64(info.Phones)
	}
	return info, nil
}

// StageDatabase copies a database file into a new folder inside dir, as the
// database of a data directory, so that it can be opened and checked without
// touching the file itself. The caller removes the folder it returns. sum is the
// SHA-256 of the bytes that were copied, in hexadecimal: the file is read once, so
// it is of what is checked and restored even if the file changes meanwhile. The error
// wraps a [*CutShortError] where the end of the file is missing.
func StageDatabase(file, dir string) (stage, sum string, err error) {
	stage, err = os.MkdirTemp(dir, ".kannuki-stage-") // mode 0700
	if err != nil {
		return "", "", fmt.Errorf("copy database: %w", err)
	}
	content, err := os.Open(file) //nolint:gosec // the operator names the file
	if err == nil {
		staged := DatabasePath(stage)
		sum, err = copyDatabase(content, staged)
		if err = errors.Join(err, content.Close()); err == nil {
			err = bolt.CheckLength(staged)
		}
	}
	if err != nil {
		return "", "", errors.Join(fmt.Errorf("copy database: %w", err), os.RemoveAll(stage))
	}
	return stage, sum, nil
}

func copyDatabase(from io.Reader, to string) (sum string, err error) {
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // in our own new folder
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, h), from)
	return hex.EncodeToString(h.Sum(nil)), errors.Join(err, f.Sync(), f.Close())
}

// CheckRestore refuses a data directory that a database cannot be restored
// into: it must hold the configuration and the keys of the installation, and
// no database.
func CheckRestore(data string, getenv func(string) string) (Config, error) {
	if _, err := os.Lstat(DatabasePath(data)); err == nil {
		return Config{}, &SetupError{
			Code: "has-database", Params: map[string]string{"data": data},
			Err: fmt.Errorf("%s has a database already; restore into a folder that holds nothing but keys and config.yaml: %w", data, fs.ErrExist),
		}
	}
	config, err := LoadConfig(data, getenv)
	if err != nil {
		return Config{}, filesMissing(data, err)
	}
	if _, err := certs.OpenKeyring(filepath.Join(data, keysDir)); err != nil {
		return Config{}, filesMissing(data, err)
	}
	return config, nil
}

func filesMissing(data string, err error) error {
	return &SetupError{
		Code: "files-missing", Params: map[string]string{"data": data, "detail": err.Error()},
		Err: fmt.Errorf("put config.yaml and the folder keys back first: %w", err),
	}
}

// Restoration is a staged and checked database on its way into a data
// directory.
type Restoration struct {
	Stage  string // folder of StageDatabase
	Data   string // data directory that CheckRestore accepted
	File   string // the copy, and what it was when it was checked
	SHA256 string
	Actor  string
	Reason string
}

// Restore puts a database into its data directory. It appears whole or not at
// all, and never takes the place of another one. What the copy promised and a
// newer history may have used up is void in it ([bolt.Store.Restored]); the
// audit log of each segment says so.
func Restore(ctx context.Context, r Restoration, now time.Time) error {
	stage, data := r.Stage, r.Data
	store, err := openDatabase(stage, bolt.Options{LockTimeout: offlineWait})
	if err != nil {
		return err
	}
	err = restored(ctx, store, storage.AuditEntry{
		At: now.UTC(), Actor: r.Actor, Action: "backup.restore", Target: "database", Reason: r.Reason,
		Detail: map[string]string{"copy": r.File, "sha256": r.SHA256},
	})
	if err := errors.Join(err, store.Close()); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	// A link, unlike a rename, never takes the place of a file.
	if err := os.Link(DatabasePath(stage), filepath.Join(data, databaseFile)); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if err := syncFolder(data); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return nil
}

func restored(ctx context.Context, store *bolt.Store, entry storage.AuditEntry) error {
	segments, err := store.Segments(ctx)
	if err != nil {
		return err
	}
	if !slices.Contains(segments, storage.DefaultSegment) {
		segments = append(segments, storage.DefaultSegment)
	}
	for _, seg := range segments {
		if err := store.Restored(ctx, seg, entry); err != nil {
			return err
		}
	}
	return nil
}
