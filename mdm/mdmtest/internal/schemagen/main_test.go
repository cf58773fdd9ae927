package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// The committed table must be what the generator makes of Apple's schema.
func TestCommittedTable(t *testing.T) {
	t.Parallel()
	data := os.Getenv("KANNUKI_DATA_DIR")
	if data == "" {
		t.Skip("KANNUKI_DATA_DIR is not set")
	}
	var got bytes.Buffer
	if err := run(filepath.Join(data, "apple-schema"), &got); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join("..", "..", "schema", "ios.json"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Error("schema/ios.json is not what schemagen makes; generate it again")
	}
}

func TestRunWithoutSchema(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := run(t.TempDir(), &out); err == nil {
		t.Error("an empty folder gave no error")
	}
	if out.Len() > 0 {
		t.Error("something was written all the same")
	}
}
