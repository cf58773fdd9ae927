package bolt_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/bolt"
)

// TestOpenWhileReplaced: who waits for a database in whose place another is put
// opens that other one, and never writes to the old file.
func TestOpenWhileReplaced(t *testing.T) {
	t.Parallel()
	path := create(t)
	other := filepath.Join(t.TempDir(), "other.db")
	if err := bolt.Create(other, storage.Instance{ID: "other"}, bolt.Options{}); err != nil {
		t.Fatal(err)
	}
	first, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	found := make(chan string, 1)
	go func() {
		found <- func() string {
			s, err := bolt.Open(path, bolt.Options{})
			if err != nil {
				return err.Error()
			}
			inst, err := s.Instance(t.Context())
			if err := s.Close(); err != nil {
				return err.Error()
			}
			if err != nil {
				return err.Error()
			}
			return inst.ID
		}()
	}()
	for opened(t, path) < 2 { // until the second one has the old file and waits for its lock
		runtime.Gosched()
	}
	if err := os.Rename(other, path); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if got := <-found; got != "other" {
		t.Errorf("opened %q, want the database that stands there now", got)
	}
}

// opened returns how many files of this process are open under a path.
func opened(t *testing.T, path string) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range entries {
		if target, err := os.Readlink(filepath.Join("/proc/self/fd", e.Name())); err == nil && target == path {
			n++
		}
	}
	return n
}
