package bolt_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/bolt"
)

// TestCutShort: of a copy of which the end is missing it is said how much is there,
// before a page is looked for that is not; a whole one is opened.
func TestCutShort(t *testing.T) {
	t.Parallel()
	s := open(t, create(t))
	var content bytes.Buffer
	if _, err := s.Backup(t.Context(), &content); err != nil {
		t.Fatal(err)
	}
	whole, dir := int64(content.Len()), t.TempDir()
	for _, n := range []int64{100, 4096, 5000, 8191, 8192, whole - 4096, whole - 1, whole} {
		path := filepath.Join(dir, "cut.db")
		if err := os.WriteFile(path, content.Bytes()[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		_, headErr := bolt.ReadHeader(t.Context(), path)
		store, err := bolt.Open(path, bolt.Options{ReadOnly: true})
		if store != nil {
			err = errors.Join(err, store.Check(t.Context()), store.Close())
		}
		for what, err := range map[string]error{"header": headErr, "database": err} {
			cut, is := errors.AsType[*bolt.CutShortError](err)
			if is != (n < whole) || is && (cut.Bytes != n || cut.Want != whole || !errors.Is(err, storage.ErrCorrupt)) {
				t.Errorf("%s of %d bytes of %d: %v", what, n, whole, err)
			}
		}
	}
}
