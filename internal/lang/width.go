package lang

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// Width returns how many terminal columns s takes: two for a full-width
// character (kanji, kana, full-width punctuation), none for a combining or
// invisible one, one otherwise. Characters that Unicode calls ambiguous (○, △)
// count as one, as terminals outside the old Japanese encodings draw them.
func Width(s string) int {
	columns := 0
	for _, r := range s {
		switch {
		case r < 0x20, unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		default:
			switch width.LookupRune(r).Kind() {
			case width.EastAsianWide, width.EastAsianFullwidth:
				columns += 2
			default:
				columns++
			}
		}
	}
	return columns
}

// Pad returns s followed by as many spaces as it needs to take the given
// number of columns, so that tables with Japanese text stay aligned. A text
// that is wider already comes back unchanged.
func Pad(s string, columns int) string {
	return s + strings.Repeat(" ", max(0, columns-Width(s)))
}
