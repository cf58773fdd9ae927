package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFactsAreGenerated: the committed facts are what the generator makes.
func TestFactsAreGenerated(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("KANNUKI_DATA_DIR")
	if dir == "" {
		t.Skip("KANNUKI_DATA_DIR is not set: the copies to generate from are not at hand")
	}
	want, err := os.ReadFile("../../facts.json")
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := run([]string{filepath.Join(dir, "releases")}, &got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("facts.json is out of date (-committed +generated):\n%s", cmp.Diff(string(want), got.String()))
	}
}
