package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReadBetaPrograms: a token is one line; a file without one is named with
// the key that leads to it.
func TestReadBetaPrograms(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for text, wrong := range map[string]string{
		"abc-123=\n":              "",
		"":                        "holds no token",
		"\n":                      "holds no token",
		"two words":               "holds no token",
		strings.Repeat("x", 4097): "holds no token",
	} {
		path := filepath.Join(dir, "token")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := readBetaPrograms([]BetaProgram{{"AppleSeed", path}})
		switch {
		case wrong == "" && (err != nil || !cmp.Equal(got, map[string]string{"AppleSeed": "abc-123="})):
			t.Errorf("%q: %v, %v", text, got, err)
		case wrong != "" && (err == nil || !strings.HasPrefix(err.Error(), "beta_programs[0].token_file: ") || !strings.Contains(err.Error(), wrong)):
			t.Errorf("%.20q: %v, want %q", text, err, wrong)
		}
	}
	for path, wrong := range map[string]string{dir: "is no file", filepath.Join(dir, "none"): "no such file"} {
		if _, err := readBetaPrograms([]BetaProgram{{"AppleSeed", path}}); err == nil || !strings.Contains(err.Error(), wrong) {
			t.Errorf("%s: %v, want %q", path, err, wrong)
		}
	}
}
