package fleet_test

import (
	"strings"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
)

// FuzzParseOffset looks for an offset that leads back, or further than ten
// years: a deadline or a promise would come from it.
func FuzzParseOffset(f *testing.F) {
	for _, s := range []string{"+3d", "+90d", "+12h", "+1h30m", "+0d", "+-1d", "+-213504d", "3d", "+3651d", "+9223372036854775807d", "+1e3h"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := fleet.ParseOffset(s)
		if err != nil {
			return
		}
		if d <= 0 || strings.HasSuffix(s, "d") && d > 3650*24*time.Hour {
			t.Errorf("%q is %v", s, d)
		}
	})
}
