package bolt_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	bbolt "go.etcd.io/bbolt"

	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/bolt"
)

func create(t testing.TB) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "kannuki.db")
	if err := bolt.Create(path, storage.Instance{ID: "test"}, bolt.Options{}); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t testing.TB, path string) *bolt.Store {
	t.Helper()
	s, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func entry(action string) storage.AuditEntry {
	return storage.AuditEntry{At: time.Unix(1_800_000_000, 0), Actor: "kannuki", Action: action}
}

func TestCreate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "kannuki.db")
	want := storage.Instance{
		ID: "id", URL: "https://mdm.example.co.jp:8443", Organization: "例", Lab: true,
		CreatedAt: time.Unix(1_800_000_000, 0).UTC(),
	}
	if err := bolt.Create(path, want, bolt.Options{}); err != nil {
		t.Fatal(err)
	}
	err := bolt.Create(path, storage.Instance{ID: "other"}, bolt.Options{})
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("second Create: got error %v, want fs.ErrExist", err)
	}
	got, err := open(t, path).Instance(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("got %v, %v in the folder, want the database only", entries, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %v, %v, want 0600", info.Mode(), err)
	}
	if err := bolt.Create(filepath.Join(dir, "no", "folder"), want, bolt.Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without the folder: got error %v, want fs.ErrNotExist", err)
	}
}

func TestCreateAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "kannuki.db")
	errs := make(chan error)
	for i := range 8 {
		go func() { errs <- bolt.Create(path, storage.Instance{ID: strconv.Itoa(i)}, bolt.Options{}) }()
	}
	made := 0
	for range 8 {
		switch err := <-errs; {
		case err == nil:
			made++
		case !errors.Is(err, fs.ErrExist):
			t.Error(err)
		}
	}
	if made != 1 {
		t.Errorf("%d calls say they made the database, want 1", made)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	foreign := filepath.Join(dir, "foreign")
	db, err := bbolt.Open(foreign, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	held := create(t)
	open(t, held)

	for _, tc := range []struct {
		name, path, says string
		is               error
	}{
		{"a missing file", filepath.Join(dir, "missing"), "kannuki init", fs.ErrNotExist},
		{"an empty file", write("empty", nil), "empty", storage.ErrCorrupt},
		{"another kind of file", write("text", bytes.Repeat([]byte("text\n"), 5000)), "invalid", nil},
		{"a database of something else", foreign, "not a database of kannuki", nil},
		{"a file another process has open", held, "another process", bolt.ErrLocked},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := bolt.Open(tc.path, bolt.Options{LockTimeout: 10 * time.Millisecond})
			if err == nil || tc.is != nil && !errors.Is(err, tc.is) || !strings.Contains(err.Error(), tc.says) || !strings.Contains(err.Error(), tc.path) {
				t.Errorf("got error %v, want one that is %v, says %q and names the path", err, tc.is, tc.says)
			}
		})
	}
	if _, err := os.Stat(filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("Open made a file")
	}
}

func TestReopenKeepsAll(t *testing.T) {
	t.Parallel()
	path := create(t)
	s := open(t, path)
	fillStore(t, s, 3)
	want := dump(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	if diff := cmp.Diff(want, dump(t, s)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestBackup(t *testing.T) {
	t.Parallel()
	s := open(t, create(t))
	fillStore(t, s, 3)
	want := dump(t, s)

	path := filepath.Join(t.TempDir(), "copy.db")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	// A write in the middle of the copy must neither wait for it nor show in it.
	w := &writerFunc{w: f, before: func() {
		if err := s.RecordAudit(t.Context(), storage.DefaultSegment, []storage.AuditEntry{entry("during")}); err != nil {
			t.Error(err)
		}
	}}
	n, err := s.Backup(t.Context(), w)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != n {
		t.Errorf("got a file of %v bytes, %v, want %d", info.Size(), err, n)
	}
	saved := open(t, path)
	if err := saved.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(want, dump(t, saved)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// writerFunc calls before ahead of each write.
type writerFunc struct {
	w      *os.File
	before func()
}

func (w *writerFunc) Write(p []byte) (int, error) {
	w.before()
	return w.w.Write(p)
}

func TestBackupStops(t *testing.T) {
	t.Parallel()
	s := open(t, create(t))
	ctx, cancel := context.WithCancel(t.Context())
	f, err := os.Create(filepath.Join(t.TempDir(), "copy.db"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Backup(ctx, &writerFunc{f, cancel}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got error %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Backup(t.Context(), f); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a file that cannot be written: got error %v", err)
	}
}
