// Package version compares the version strings of iOS releases and of apps.
//
// It owns one total comparison for dotted numbers of any length with an
// optional supplemental letter, as Apple writes them ("26.6.1", "26.3.1 (a)")
// and as app vendors write them ("2024.10.1.5"). Anything else is a version
// too, but one that is only equal or not equal to another; it never causes an
// error. The package does not know releases, builds or models.
package version

import (
	"cmp"
	"strconv"
	"strings"
)

// maxBytes bounds the numbers of one version; longer strings do not parse.
const maxBytes = 128

// Compare orders a against b: negative when a is older, zero when they name
// the same version, positive when a is newer. Missing parts count as zero, so
// "26" equals "26.0"; a supplemental letter is newer than its base, so
// "26.3.1 (a)" follows "26.3.1".
//
// The second result is false when at least one of the two does not parse and
// they differ: then there is no order, and the first result is a stable
// non-zero number that serves sorting only. Identical strings are always equal.
func Compare(a, b string) (int, bool) {
	if a == b {
		return 0, true
	}
	if x, y := packed(a), packed(b); x != 0 && y != 0 {
		return cmp.Compare(x, y), true
	}
	pa, okA := parse(a)
	pb, okB := parse(b)
	switch {
	case okA && okB:
		return pa.compare(pb), true
	case okA:
		return -1, false
	case okB:
		return 1, false
	default:
		return strings.Compare(a, b), false
	}
}

// packed returns a number that orders as a version does: its numbers, of 16 bits each.
// It is 0 for what is no version, has a supplement, or more or greater numbers than any
// iOS. Those are compared by their text, which takes five times as long.
func packed(s string) uint64 {
	const most = 4
	var all, number uint64
	digits, left := 0, most
	for i := range len(s) {
		switch c := s[i]; {
		case '0' <= c && c <= '9' && digits < 4:
			number = number*10 + uint64(c-'0')
			digits++
		case c == '.' && digits > 0 && left > 1:
			all, number, digits, left = all<<16|number, 0, 0, left-1
		default:
			return 0
		}
	}
	if digits == 0 {
		return 0
	}
	return (all<<16 | number) << (16 * (left - 1))
}

// Valid reports whether s parses, that is, whether it can be ordered against
// other valid versions.
func Valid(s string) bool {
	_, ok := parse(s)
	return ok
}

// Equal reports whether a and b name the same version.
func Equal(a, b string) bool {
	order, ok := Compare(a, b)
	return ok && order == 0
}

// Newer reports whether a is certainly newer than b. It is false when the two
// cannot be ordered.
func Newer(a, b string) bool {
	order, ok := Compare(a, b)
	return ok && order > 0
}

// AtLeast reports whether a is certainly b or newer. It is false when the two
// cannot be ordered.
func AtLeast(a, b string) bool {
	order, ok := Compare(a, b)
	return ok && order >= 0
}

// Order is Compare for sorting: a total order in which versions that do not
// parse come last.
func Order(a, b string) int {
	order, _ := Compare(a, b)
	return order
}

// Major returns the first number of s, or 0 when s does not parse.
func Major(s string) int {
	p, ok := parse(s)
	if !ok {
		return 0
	}
	first, _, _ := strings.Cut(p.base, ".")
	n, err := strconv.Atoi(first)
	if err != nil {
		return 0 // more digits than any iOS will have
	}
	return n
}

// Depth returns how many significant numbers s has: 1 for "26" and "26.0",
// 2 for "26.6", 3 for "26.6.1", and 0 when s does not parse. Apple's upgrades,
// updates and patches differ by it.
func Depth(s string) int {
	p, ok := parse(s)
	if !ok {
		return 0
	}
	depth, n := 1, 0
	for part := range strings.SplitSeq(p.base, ".") {
		n++
		if strings.TrimLeft(part, "0") != "" {
			depth = n
		}
	}
	return depth
}

// Line returns the first two numbers of s, "26.6" for "26.6", "26.6.1" and
// "26.6.1 (a)", and "" when s does not parse: an update of iOS and its patches
// have it in common.
func Line(s string) string {
	p, ok := parse(s)
	if !ok {
		return ""
	}
	first, rest, _ := strings.Cut(p.base, ".")
	second, _, _ := strings.Cut(rest, ".")
	number := func(s string) string { return cmp.Or(strings.TrimLeft(s, "0"), "0") }
	return number(first) + "." + number(second)
}

// Extra returns the supplemental letter of s without its brackets ("a" for
// "26.3.1 (a)"), or "" when there is none.
func Extra(s string) string {
	p, ok := parse(s)
	if !ok {
		return ""
	}
	return p.extra
}

// Base returns s without its supplemental letter, "26.3.1" for "26.3.1 (a)", and
// s itself when it does not parse.
func Base(s string) string {
	p, ok := parse(s)
	if !ok {
		return s
	}
	return p.base
}

// WithExtra returns the base with a supplemental letter, "26.3.1 (a)" for "a" and
// for "(a)", and the base itself when that is no letter.
func WithExtra(base, letter string) string {
	if len(letter) == 1 {
		letter = "(" + letter + ")"
	}
	if _, ok := supplemental(letter); !ok {
		return base
	}
	return base + " " + letter
}

// parsed is a version that has an order: its dotted numbers as text, and the
// supplemental letter or "".
type parsed struct {
	base  string
	extra string
}

// compare goes through both versions number by number. It allocates nothing,
// because every target of every phone is decided by comparisons.
func (p parsed) compare(q parsed) int {
	a, b := p.base, q.base
	for a != "" || b != "" {
		var x, y string
		x, a, _ = strings.Cut(a, ".")
		y, b, _ = strings.Cut(b, ".")
		if c := compareNumbers(x, y); c != 0 {
			return c
		}
	}
	return strings.Compare(p.extra, q.extra)
}

// compareNumbers orders two decimal numbers of any length; "" is zero.
func compareNumbers(x, y string) int {
	x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
	if c := cmp.Compare(len(x), len(y)); c != 0 {
		return c
	}
	return strings.Compare(x, y)
}

func parse(s string) (parsed, bool) {
	base, extra, hasExtra := strings.Cut(s, " ")
	if hasExtra {
		letter, ok := supplemental(extra)
		if !ok {
			return parsed{}, false
		}
		extra = letter
	}
	if len(base) > maxBytes {
		return parsed{}, false
	}
	digits := 0 // of the number being read
	for i := range len(base) {
		switch c := base[i]; {
		case '0' <= c && c <= '9':
			digits++
		case c == '.' && digits > 0:
			digits = 0
		default:
			return parsed{}, false
		}
	}
	return parsed{base, extra}, digits > 0
}

// supplemental reads "(a)": one lower-case letter in brackets.
func supplemental(s string) (string, bool) {
	if len(s) != 3 || s[0] != '(' || s[2] != ')' || s[1] < 'a' || s[1] > 'z' {
		return "", false
	}
	return s[1:2], true
}
