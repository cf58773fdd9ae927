package deptest_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/internal/deptest"
)

// parsed is the tree this test belongs to, read once for all tests.
var parsed = sync.OnceValues(func() (*deptest.Tree, error) {
	dir, err := deptest.Root()
	if err != nil {
		return nil, err
	}
	return deptest.Load(dir)
})

func root(t *testing.T) string {
	t.Helper()
	dir, err := deptest.Root()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// source returns the files that are no tests, and fails when there are
// suspiciously few of them: a rule over nothing holds always.
func source(t *testing.T) []deptest.File {
	t.Helper()
	tree, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	var files []deptest.File
	for _, f := range tree.Files {
		if !f.Test {
			files = append(files, f)
		}
	}
	if len(files) < 10 {
		t.Fatalf("found only %d source files", len(files))
	}
	return files
}

func TestLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a/a.go":          "// Package a is here.\npackage a\n\nimport _ \"fmt\"\n",
		"a/a_test.go":     "package a\n",
		"a/testdata/x.go": "not Go",
		"_b/b.go":         "not Go",
		".cache/c.go":     "not Go",
		"bin/d.go":        "not Go",
		"tools/go.mod":    "module tools\n",
		"tools/tools.go":  "not Go",
		"notes.txt":       "text",
	} {
		full := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := deptest.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	type file struct {
		Path, Dir string
		Test      bool
		Imports   []string
	}
	var got []file
	for _, f := range tree.Files {
		got = append(got, file{f.Path, f.Dir(), f.Test, f.Imports()})
	}
	want := []file{
		{"a/a.go", "a", false, []string{"fmt"}},
		{"a/a_test.go", "a", true, []string{}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files differ (-want +got):\n%s", diff)
	}
}

func TestWalkLeavesOutTheLinkOfAWorktree(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{".git", ".gitignore", "a.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("text"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	err := deptest.Walk(dir, func(name string) error {
		got = append(got, name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{".gitignore", "a.txt"}, got); diff != "" {
		t.Errorf("files differ (-want +got):\n%s", diff)
	}
}
