package server_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/server"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/bolt"
)

// hollow makes a data directory whose database is mostly empty: what a large
// catalogue took is free since a small one took its place.
func hollow(t *testing.T) string {
	t.Helper()
	data := t.TempDir()
	file := filepath.Join(data, "kannuki.db")
	if err := bolt.Create(file, storage.Instance{ID: "test", URL: "https://mdm.example.com"}, bolt.Options{}); err != nil {
		t.Fatal(err)
	}
	store, err := bolt.Open(file, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(store.PutCatalog(t.Context(), make([]byte, 40<<20)), store.PutCatalog(t.Context(), []byte("small")), store.Close())
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func folderOf(t *testing.T, data string) string {
	t.Helper()
	entries, err := os.ReadDir(data)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func TestCompact(t *testing.T) {
	t.Parallel()
	data := hollow(t)
	c := server.Compaction{Data: data, Actor: "uid:1", Reason: "tidy", DryRun: true, Check: server.CheckDatabase}
	tried, err := server.Compact(t.Context(), c, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if got := folderOf(t, data); got != "kannuki.db" {
		t.Errorf("after trying: %s", got)
	}
	c.DryRun = false
	done, err := server.Compact(t.Context(), c, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if done.Freed != tried.Freed || done.Freed < 30<<20 {
		t.Errorf("freed %d bytes, the trial said %d, want more than 30 MiB", done.Freed, tried.Freed)
	}
	if got, want := folderOf(t, data), "kannuki.db kannuki.db.before-compact"; got != want {
		t.Errorf("folder holds %s, want %s", got, want)
	}
	info, err := os.Stat(filepath.Join(data, "kannuki.db"))
	if err != nil || info.Size() != done.After || info.Mode().Perm() != 0o600 {
		t.Errorf("the database is %v, %v, want %d bytes and mode 0600", info, err, done.After)
	}
	store, err := bolt.Open(filepath.Join(data, "kannuki.db"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	catalog, err := store.Catalog(t.Context())
	if err != nil || string(catalog) != "small" {
		t.Errorf("catalogue %q, %v", catalog, err)
	}
	if _, err := server.Compact(t.Context(), c, time.Now()); err == nil || !strings.Contains(err.Error(), "still there") {
		t.Errorf("with the old file still there: %v", err)
	}
	if err := os.Remove(done.Kept); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Compact(t.Context(), c, time.Now()); !errors.Is(err, server.ErrDatabaseLocked) {
		t.Errorf("beside a server: %v, want %v", err, server.ErrDatabaseLocked)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestCompactNothing: where the new file would be no smaller, the old one stays as it
// is, and that is said.
func TestCompactNothing(t *testing.T) {
	t.Parallel()
	data := hollow(t)
	file := filepath.Join(data, "kannuki.db")
	c := server.Compaction{Data: data, Actor: "uid:1", Reason: "tidy", Check: server.CheckDatabase}
	first, err := server.Compact(t.Context(), c, time.Now())
	if err := errors.Join(err, os.Remove(first.Kept)); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, dry := range []bool{true, false} {
		c.DryRun = dry
		done, err := server.Compact(t.Context(), c, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if !done.Left || done.Kept != "" || done.Freed != 0 || done.After < done.Before || done.DryRun != dry {
			t.Errorf("dry run %t: %+v, want it left alone", dry, done)
		}
	}
	after, err := os.ReadFile(file)
	if err != nil || !slices.Equal(before, after) || folderOf(t, data) != "kannuki.db" {
		t.Errorf("the database was changed; %v; the folder holds %s", err, folderOf(t, data))
	}
}

// TestCompactKeepsWhatItHad: a new file that is not found whole changes nothing.
func TestCompactKeepsWhatItHad(t *testing.T) {
	t.Parallel()
	data := hollow(t)
	before, err := os.ReadFile(filepath.Join(data, "kannuki.db"))
	if err != nil {
		t.Fatal(err)
	}
	planted := errors.New("planted")
	_, err = server.Compact(t.Context(), server.Compaction{
		Data: data, Check: func(context.Context, string) error { return fmt.Errorf("not whole: %w", planted) },
	}, time.Now())
	if !errors.Is(err, planted) {
		t.Errorf("got %v, want %v", err, planted)
	}
	after, err := os.ReadFile(filepath.Join(data, "kannuki.db"))
	if err != nil || !slices.Equal(before, after) {
		t.Errorf("the database changed (%v)", err)
	}
	if got := folderOf(t, data); got != "kannuki.db" {
		t.Errorf("folder holds %s", got)
	}
}

// TestCompactTwice: while one compaction checks its copy, another one ends and a
// server writes. What the server wrote stays.
func TestCompactTwice(t *testing.T) {
	t.Parallel()
	data := hollow(t)
	file := filepath.Join(data, "kannuki.db")
	meanwhile := func(ctx context.Context, _ string) error {
		done, err := server.Compact(ctx, server.Compaction{Data: data, Check: server.CheckDatabase}, time.Now())
		if err != nil {
			return err
		}
		store, err := bolt.Open(file, bolt.Options{})
		if err != nil {
			return err
		}
		return errors.Join(os.Remove(done.Kept), store.PutCatalog(ctx, []byte("written meanwhile")), store.Close())
	}
	_, err := server.Compact(t.Context(), server.Compaction{Data: data, Check: meanwhile}, time.Now())
	if refused, ok := errors.AsType[*server.SetupError](err); !ok || refused.Code != "compacted-twice" {
		t.Errorf("got %v, want a refusal", err)
	}
	if got := folderOf(t, data); got != "kannuki.db" {
		t.Errorf("folder holds %s", got)
	}
	store, err := bolt.Open(file, bolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	catalog, err := store.Catalog(t.Context())
	if err != nil || string(catalog) != "written meanwhile" {
		t.Errorf("catalogue %q, %v", catalog, err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestBackups(t *testing.T) {
	t.Parallel()
	data := hollow(t)
	good := filepath.Join(data, "kannuki.db")
	content, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	for name, bytes := range map[string][]byte{
		"cut.db": content[:4096], "half.db.new-1": content[:4096], "headless.db": slices.Concat(make([]byte, 4096), content[4096:]), "empty.db": nil, "notes.txt": []byte("not a database, and more than a page's head"), "short": []byte("x"),
	} {
		if err := os.WriteFile(filepath.Join(data, name), bytes, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(data, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	if err := os.Chtimes(good, now, now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	list, err := server.Backups(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 3 {
		t.Fatalf("found %+v, want the database, the part of one and the one without its first page", list)
	}
	if b := list[0]; b.File != good || b.State != server.BackupUnchecked || b.Schema < 2 || b.URL != "https://mdm.example.com" || b.Bytes != int64(len(content)) {
		t.Errorf("newest is %+v", b)
	}
	damaged := map[string]string{} // and what can be read of it
	for _, b := range list[1:] {
		if b.State == server.BackupDamaged && b.Problem != "" {
			damaged[filepath.Base(b.File)] = b.URL
		}
	}
	if diff := cmp.Diff(map[string]string{"cut.db": "", "headless.db": "https://mdm.example.com"}, damaged); diff != "" {
		t.Errorf("damaged (-want +got):\n%s", diff)
	}
	store, err := bolt.Open(good, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	list, err = server.Backups(t.Context(), data)
	if err != nil || len(list) != 2 {
		t.Errorf("with the database in use: %+v, %v, want the damaged ones alone", list, err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}
