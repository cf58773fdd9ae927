package storagetest_test

import (
	"path/filepath"
	"testing"

	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/bolt"
	"github.com/kannuki-mdm/kannuki/storage/storagetest"
)

// A store's own test hands Run a function that opens a new, empty store.
func ExampleRun() {
	_ = func(t *testing.T) { // TestContract in the package of the store
		storagetest.Run(t, func(t *testing.T) storagetest.Store {
			path := filepath.Join(t.TempDir(), "kannuki.db")
			if err := bolt.Create(path, storage.Instance{ID: "test"}, bolt.Options{}); err != nil {
				t.Fatal(err)
			}
			s, err := bolt.Open(path, bolt.Options{})
			if err != nil {
				t.Fatal(err)
			}
			return s
		})
	}
}
