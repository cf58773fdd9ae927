package powercut

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// outcomes returns every folder that the power cuts after all events of a log
// leave, as "name=content" with runs of bytes shortened.
func outcomes(log *Log) []string {
	found := map[string]bool{}
	for image := range log.Images(1, 3_000) {
		if image.After < len(log.Events) {
			continue
		}
		var files []string
		for _, name := range slices.Sorted(maps.Keys(image.Files)) {
			files = append(files, name+"="+short(image.Files[name]))
		}
		found[strings.Join(files, " ")] = true
	}
	return slices.Sorted(maps.Keys(found))
}

// short writes a run of n equal bytes as the byte and n.
func short(data []byte) string {
	var b strings.Builder
	for len(data) > 0 {
		rest := bytes.TrimLeft(data, string(data[:1]))
		letter := string(data[:1])
		if data[0] == 0 {
			letter = "."
		}
		fmt.Fprint(&b, letter, len(data)-len(rest))
		data = rest
	}
	return b.String()
}

// letters are n times the same.
func letters(letter string, n int) []byte { return bytes.Repeat([]byte(letter), n) }

func TestImages(t *testing.T) {
	t.Parallel()
	saved := []Event{{Kind: Create, File: 1, Name: "a"}, {Kind: SyncFolder, Covers: 1}, {Kind: Write, File: 1, Data: letters("o", 1024)}, {Kind: Sync, File: 1, Covers: 3}}
	for _, test := range []struct {
		name   string
		events []Event
		want   []string
	}{
		{"what is synced stays", saved, []string{"a=o1024"}},
		{
			"a write is there, not there or torn at 512 bytes",
			append(slices.Clone(saved), Event{Kind: Write, File: 1, Data: letters("n", 1024)}),
			[]string{"a=n1024", "a=n512o512", "a=o1024", "a=o512n512"},
		},
		{
			"a sync covers only what was over when it began",
			append(slices.Clone(saved), Event{Kind: Write, File: 1, Data: letters("n", 8)}, Event{Kind: Sync, File: 1, Covers: 4}),
			[]string{"a=n8o1016", "a=o1024"},
		},
		{
			"writes are lost in any order",
			append(slices.Clone(saved), Event{Kind: Write, File: 1, Data: letters("n", 8)}, Event{Kind: Write, File: 1, Offset: 8, Data: letters("m", 8)}),
			[]string{"a=n8m8o1008", "a=n8o1016", "a=o1024", "a=o8m8o1008"},
		},
		{
			"a longer file can be there without its new length",
			append(slices.Clone(saved), Event{Kind: Write, File: 1, Offset: 1024, Data: letters("n", 8)}),
			[]string{"a=o1024", "a=o1024n8"},
		},
		{
			"a change of length can be lost",
			append(slices.Clone(saved), Event{Kind: Truncate, File: 1, Offset: 2000}),
			[]string{"a=o1024", "a=o1024.976"},
		},
		{
			"a rename is there or not, as a whole",
			append(slices.Clone(saved), Event{Kind: Rename, File: 1, Name: "b", From: "a"}),
			[]string{"a=o1024", "b=o1024"},
		},
		{
			"a removal is there or not",
			append(slices.Clone(saved), Event{Kind: Remove, Name: "a"}),
			[]string{"", "a=o1024"},
		},
		{
			"a synced file has no name until its folder is synced",
			[]Event{{Kind: Create, File: 1, Name: "a"}, {Kind: Write, File: 1, Data: letters("o", 8)}, {Kind: Sync, File: 1, Covers: 2}},
			[]string{"", "a=o8"},
		},
		{
			"a second name belongs to the same file",
			append(slices.Clone(saved), Event{Kind: Link, File: 1, Name: "b"}, Event{Kind: SyncFolder, Covers: 5}),
			[]string{"a=o1024 b=o1024"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, outcomes(&Log{Events: test.events})); diff != "" {
				t.Errorf("folders (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTearAt4KiB(t *testing.T) {
	t.Parallel()
	log := &Log{Events: []Event{{Kind: Create, File: 1, Name: "a"}, {Kind: SyncFolder, Covers: 1}, {Kind: Write, File: 1, Data: letters("n", 8192)}}}
	want := false
	for image := range log.Images(1, 2000) {
		want = want || image.Fate == "torn at 4 KiB" && short(image.Files["a"]) == ".4096n4096"
		if image.Fate == "torn at 4 KiB" && len(image.Files["a"])%4096 != 0 {
			t.Errorf("%v: %s", image, short(image.Files["a"]))
		}
	}
	if !want {
		t.Error("no write was torn")
	}
}

func TestImagesRepeat(t *testing.T) {
	t.Parallel()
	log := &Log{Events: []Event{{Kind: Create, File: 1, Name: "a"}, {Kind: Write, File: 1, Data: letters("n", 8192)}}}
	all := func(seed uint64) []string {
		var list []string
		for image := range log.Images(seed, 50) {
			list = append(list, fmt.Sprint(image, short(image.Files["a"])))
		}
		return list
	}
	if diff := cmp.Diff(all(7), all(7)); diff != "" {
		t.Errorf("the same seed (-first +second):\n%s", diff)
	}
	if cmp.Equal(all(7), all(8)) {
		t.Error("another seed gives the same images")
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	log := &Log{Events: []Event{
		{Kind: Say, Data: []byte("one\n")}, {Kind: Create, File: 1, Name: "a"}, {Kind: SyncFolder, Covers: 2}, {Kind: Say, Data: []byte("two\n")},
	}}
	if got, want := string(log.Said(3)), "one\n"; got != want {
		t.Errorf("said %q, want %q", got, want)
	}
	if got, want := outcomes(log.Without(SyncFolder)), []string{"", "a="}; !cmp.Equal(got, want) {
		t.Errorf("without a sync of the folder: %q, want %q", got, want)
	}
	if len(outcomes(log)) != 1 {
		t.Error("the log itself was changed")
	}
}

func TestWriteTo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "stale"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (Image{Files: map[string][]byte{"a": []byte("new")}}).WriteTo(dir); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "a"))
	if err != nil || len(entries) != 1 || string(data) != "new" {
		t.Errorf("%d files, %q, error %v", len(entries), data, err)
	}
}
