package lang_test

import (
	"testing"

	"github.com/kannuki-mdm/kannuki/internal/lang"
)

func TestModelClass(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][2]string{
		"393x852@3x": {"393 x 852 @3x", "393 x 852 @3x"},
		"any":        {"Any model", "すべての機種"},
		"iPhone15,2": {"iPhone15,2", "iPhone15,2"},
	} {
		for i, l := range []string{"en", "ja"} {
			if got := lang.New(l).ModelClass(name); got != want[i] {
				t.Errorf("%s in %s: %q, want %q", name, l, got, want[i])
			}
		}
	}
}
