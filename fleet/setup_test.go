package fleet

import (
	"fmt"
	"testing"
)

// TestNamedPhones: an error that names some phones says how many there are.
func TestNamedPhones(t *testing.T) {
	t.Parallel()
	var list []string
	for i := range 12 {
		list = append(list, fmt.Sprintf("P%02d", i))
	}
	for _, tc := range []struct {
		of           []string
		names, count string
	}{
		{nil, "", ""},
		{list[:1], "P00", "1"},
		{list, "P00, P01, P02, P03, P04, P05, P06, P07, P08, P09", "12"},
	} {
		if names, count := namedPhones(tc.of); names != tc.names || count != tc.count {
			t.Errorf("%d phones: %q of %q, want %q of %q", len(tc.of), names, count, tc.names, tc.count)
		}
	}
}
