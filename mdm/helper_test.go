package mdm_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/mdm"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// head is what every property list from an Apple device starts with.
const head = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
`

// plistOf wraps the inside of the root dictionary.
func plistOf(inside ...string) []byte {
	return []byte(head + "<dict>" + strings.Join(inside, "") + "</dict></plist>\n")
}

// str, data and boolean are one key with its value.
func str(key, value string) string {
	return "<key>" + key + "</key><string>" + value + "</string>"
}

func data(key, base64 string) string {
	return "<key>" + key + "</key><data>" + base64 + "</data>"
}

func boolean(key string, value bool) string {
	if value {
		return "<key>" + key + "</key><true/>"
	}
	return "<key>" + key + "</key><false/>"
}

func raw(key, xml string) string { return "<key>" + key + "</key>" + xml }

const udid = "00008110-000A1B2C3D4E001E"

// golden compares got with the golden file of that name.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// wantParseError fails unless err is a *ParseError whose text holds want.
func wantParseError(t *testing.T, err error, want string) {
	t.Helper()
	parse, ok := errors.AsType[*mdm.ParseError](err)
	if !ok {
		t.Fatalf("got error %v, want a *ParseError", err)
	}
	if !strings.Contains(parse.Error(), want) {
		t.Errorf("got error %q, want it to say %q", parse, want)
	}
}

func ptr[T any](v T) *T { return &v }
