package bolt

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/storage"
)

// appendURL returns a migration that leaves a mark in the instance's record.
func appendURL(mark string) migration {
	return func(t *tx) error {
		inst, err := load[storage.Instance](t, bucketMeta, key(metaInstance))
		if err != nil {
			return err
		}
		inst.URL += mark
		return save(t, bucketMeta, key(metaInstance), inst)
	}
}

// urlAt opens a database with a schema and returns the instance's URL.
func urlAt(t *testing.T, path string, want schema) (string, error) {
	t.Helper()
	s, err := openSchema(path, Options{}, want)
	if err != nil {
		return "", err
	}
	inst, err := s.Instance(t.Context())
	return inst.URL, errors.Join(err, s.Close())
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func wantURL(t *testing.T, path string, at schema, want string) {
	t.Helper()
	if got, err := urlAt(t, path, at); err != nil || got != want {
		t.Errorf("%s: got URL %q, error %v, want %q", filepath.Base(path), got, err, want)
	}
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "kannuki.db")
	if err := Create(path, storage.Instance{URL: "v1"}, Options{}); err != nil {
		t.Fatal(err)
	}
	wantURL(t, path, nil, "v1")
	if diff := cmp.Diff([]string{"kannuki.db"}, files(t, dir)); diff != "" {
		t.Errorf("nothing to migrate (-want +got):\n%s", diff)
	}

	two := schema{appendURL("+v2")}
	wantURL(t, path, two, "v1+v2")
	wantURL(t, path, two, "v1+v2") // once
	four := schema{two[0], appendURL("+v3"), appendURL("+v4")}
	wantURL(t, path, four, "v1+v2+v3+v4") // what is due, in order
	if diff := cmp.Diff([]string{"kannuki.db", "kannuki.db.before-v2", "kannuki.db.before-v4"}, files(t, dir)); diff != "" {
		t.Errorf("copies (-want +got):\n%s", diff)
	}
	wantURL(t, path+".before-v4", two, "v1+v2")
	wantURL(t, path+".before-v2", nil, "v1")
}

func TestMigrateFails(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "kannuki.db")
	if err := Create(path, storage.Instance{URL: "v1"}, Options{}); err != nil {
		t.Fatal(err)
	}
	errStep := errors.New("no")
	_, err := urlAt(t, path, schema{appendURL("+v2"), func(*tx) error { return errStep }})
	if !errors.Is(err, errStep) {
		t.Errorf("got error %v, want %v", err, errStep)
	}
	wantURL(t, path, nil, "v1") // neither step remains, and the file is not locked
	wantURL(t, path, schema{appendURL("+v2")}, "v1+v2")
}

func TestOpenRefusesNewerSchema(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "kannuki.db")
	if err := Create(path, storage.Instance{}, Options{}); err != nil {
		t.Fatal(err)
	}
	if _, err := urlAt(t, path, schema{appendURL("a"), appendURL("b")}); err != nil {
		t.Fatal(err)
	}
	_, err := Open(path, Options{})
	newer, ok := errors.AsType[*NewerError](err)
	if !ok {
		t.Fatalf("got error %v, want a NewerError", err)
	}
	if diff := cmp.Diff(&NewerError{Path: path, Database: 3, Binary: currentSchema().version()}, newer); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, part := range []string{"schema 3", "up to 1", path + ".before-v3"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
	if _, err := os.Stat(path + ".before-v1"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a copy was made: %v", err)
	}
}
