package bolt_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/kannuki-mdm/kannuki/enroll"
	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/bolt"
	"github.com/kannuki-mdm/kannuki/storage/storagetest"
)

var (
	_ enroll.Store     = (*bolt.Store)(nil)
	_ fleet.PhoneStore = (*bolt.Store)(nil)
	_ fleet.QueueStore = (*bolt.Store)(nil)
	_ fleet.WorldStore = (*bolt.Store)(nil)
)

func TestContract(t *testing.T) {
	storagetest.Run(t, openChecked)
}

func TestContractConcurrent(t *testing.T) {
	storagetest.RunConcurrent(t, openChecked)
}

// openChecked opens an empty store whose file is checked when the test is
// over, as a reader of the next day would find it.
func openChecked(t *testing.T) storagetest.Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kannuki.db")
	if err := bolt.Create(path, storage.Instance{ID: "test"}, bolt.Options{}); err != nil {
		t.Fatal(err)
	}
	s, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { check(t, path) }) // runs after the suite has closed the store
	return s
}

func check(t *testing.T, path string) {
	t.Helper()
	s, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	// The test's own context is over when a cleanup runs.
	if err := s.Check(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}
