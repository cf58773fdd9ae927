package lang_test

import (
	"testing"

	"github.com/kannuki-mdm/kannuki/internal/lang"
)

func TestShellWord(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{
		"+3d":              "+3d",
		"/var/lib/kannuki": "/var/lib/kannuki",
		"":                 `""`,
		"POS works":        `"POS works"`,
		"a[1]":             `"a[1]"`,
		`it's "all" $ok`:   `'it'\''s "all" $ok'`,
		"端末 1":             `"端末 1"`,
	} {
		if got := lang.ShellWord(word); got != want {
			t.Errorf("ShellWord(%q) = %s, want %s", word, got, want)
		}
	}
}
