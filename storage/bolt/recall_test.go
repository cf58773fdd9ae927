package bolt

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRecall: a record is decoded once for the same bytes, and again for
// others, and nobody can change what is remembered.
func TestRecall(t *testing.T) {
	t.Parallel()
	var m recall[[]string]
	decoded := 0
	read := func(k, content string) []string {
		v, err := m.decode(key(k), []byte(content), slices.Clone[[]string], func() ([]string, error) {
			decoded++
			return []string{content}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	read("k", "one")[0] = "spoilt"
	read("k", "one")[0] = "spoilt"
	if diff := cmp.Diff([]string{"one"}, read("k", "one")); diff != "" || decoded != 1 {
		t.Errorf("decoded %d times, want once (-want +got):\n%s", decoded, diff)
	}
	if got := read("k", "two"); got[0] != "two" || decoded != 2 {
		t.Errorf("a changed record: %v, decoded %d times", got, decoded)
	}
	if got := read("other", "two"); got[0] != "two" || decoded != 3 {
		t.Errorf("another record: %v, decoded %d times", got, decoded)
	}
	damaged := errors.New("damaged")
	for range 2 {
		if _, err := m.decode(key("bad"), nil, slices.Clone[[]string], func() ([]string, error) { return nil, damaged }); !errors.Is(err, damaged) {
			t.Errorf("a damaged record: %v", err)
		}
	}
	for i := range 2 * maxRecalled {
		read(fmt.Sprint(i), "x")
	}
	if len(m.known) != maxRecalled {
		t.Errorf("%d records are remembered, want %d", len(m.known), maxRecalled)
	}
}
