package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/kannuki-mdm/kannuki/internal/lang"
)

// FuzzParseHolders holds that a list is read whole, each entry with its own line,
// or refused with a line.
func FuzzParseHolders(f *testing.F) {
	for _, seed := range []string{
		"udid,holder\nP1,S-1\n", "serial,holder\r\nF2L,\r\n", "\ufeffudid,holder\nP1,\"S\n1\"\nP2,S-2", "udid,holder\n\nP1,S-1",
		"", "udid\n", "udid,holder\nP1", "udid,holder\n\"P1", "udid,holder\n\x83\x7f,1",
	} {
		f.Add(seed)
	}
	g := testGlobals(lang.English)
	f.Fuzz(func(t *testing.T, text string) {
		list, lines, err := g.parseHolders(text)
		if err != nil {
			if list != nil || !strings.HasPrefix(err.Error(), "line ") {
				t.Errorf("%d entries and %q, want none and a line", len(list), err)
			}
			return
		}
		if len(list) != len(lines) || !slices.IsSorted(lines) || len(slices.Compact(slices.Clone(lines))) != len(lines) {
			t.Errorf("%d entries in the lines %v", len(list), lines)
		}
		if n := strings.Count(text, "\n") + 1; len(lines) > 0 && (lines[0] < 2 || lines[len(lines)-1] > n) {
			t.Errorf("lines %v of a text of %d", lines, n)
		}
	})
}
