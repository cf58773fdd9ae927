package version_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/kannuki-mdm/kannuki/internal/version"
)

func TestCompare(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		a, b  string
		order int
		ok    bool
	}{
		{"26.6.1", "26.6.1", 0, true},
		{"26", "26.0.0", 0, true},
		{"26.10", "26.9", 1, true},
		{"9.3", "27.0", -1, true},
		{"26.3.1 (a)", "26.3.1", 1, true},
		{"26.3.1 (b)", "26.3.1 (a)", 1, true},
		{"26.3.1 (a)", "26.3.2", -1, true},
		{"2024.10.1.5", "2024.10.1", 1, true},
		{"4.0.0b3", "4.0.0b3", 0, true},
		{"4.0.0b3", "4.0.0", 1, false},
		{"", "1", 1, false},
		{"", "", 0, true},
		{"1,2,3", "7.0 (1234)", -1, false},
		{"1.-2", "1.2", 1, false},
		{"18446744073709551616", "18446744073709551615", 1, true},
		{"007", "7", 0, true},
		{"0", "0.0", 0, true},
		{"9999", "10000", -1, true},
		{"1.65536", "2", -1, true},
		{"1.2.3.4", "1.2.3.4.1", -1, true},
		{"1.2.3.4.0", "1.2.3.4", 0, true},
		{".1", "1", 1, false},
		{"1.", "1", 1, false},
	} {
		order, ok := version.Compare(tc.a, tc.b)
		if sign(order) != tc.order || ok != tc.ok {
			t.Errorf("Compare(%q, %q) = %d, %t; want %d, %t", tc.a, tc.b, order, ok, tc.order, tc.ok)
		}
		back, ok := version.Compare(tc.b, tc.a)
		if sign(back) != -tc.order || ok != tc.ok {
			t.Errorf("Compare(%q, %q) = %d, %t; want %d, %t", tc.b, tc.a, back, ok, -tc.order, tc.ok)
		}
	}
}

// TestCompareShort: versions that are compared as numbers order as they do by their
// text, which those with a supplement are compared by.
func TestCompareShort(t *testing.T) {
	t.Parallel()
	versions := []string{"1", "01", "9", "10", "0.0.0.1", "1.0.0.1", "1.9999", "1.10", "2.0", "2.0.0.0", "26", "26.0", "26.6.1", "2024.10.1.5", "9999.9999.9999.9999"}
	for _, a := range versions {
		for _, b := range versions {
			short, _ := version.Compare(a, b)
			long, ok := version.Compare(a+" (a)", b+" (a)")
			if sign(short) != sign(long) || !ok {
				t.Errorf("Compare(%q, %q) = %d, with a supplement %d, %t", a, b, short, long, ok)
			}
		}
	}
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	default:
		return 0
	}
}

func TestUnorderedVersionsAreNeitherNewerNorAtLeast(t *testing.T) {
	t.Parallel()
	if version.Newer("4.0b3", "4.0") || version.Newer("4.0", "4.0b3") || version.AtLeast("4.0b3", "4.0") || version.Equal("4.0b3", "4.0") {
		t.Error("versions without an order compare as if they had one")
	}
	if !version.AtLeast("4.0b3", "4.0b3") || !version.Equal("4.0b3", "4.0b3") {
		t.Error("a version that does not parse is not equal to itself")
	}
}

func TestParts(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]struct {
		major, depth int
		extra        string
		valid        bool
		line         string
	}{
		"26":         {26, 1, "", true, "26.0"},
		"26.0":       {26, 1, "", true, "26.0"},
		"26.6":       {26, 2, "", true, "26.6"},
		"26.6.1":     {26, 3, "", true, "26.6"},
		"026.06.1":   {26, 3, "", true, "26.6"},
		"26.3.1 (a)": {26, 3, "a", true, "26.3"},
		"26.3.1 (A)": {0, 0, "", false, ""},
		"x":          {0, 0, "", false, ""},
	} {
		if got := version.Major(s); got != want.major {
			t.Errorf("Major(%q) = %d, want %d", s, got, want.major)
		}
		if got := version.Depth(s); got != want.depth {
			t.Errorf("Depth(%q) = %d, want %d", s, got, want.depth)
		}
		if got := version.Extra(s); got != want.extra {
			t.Errorf("Extra(%q) = %q, want %q", s, got, want.extra)
		}
		if got := version.Line(s); got != want.line {
			t.Errorf("Line(%q) = %q, want %q", s, got, want.line)
		}
		if got, want := version.Base(s), strings.TrimSuffix(s, " (a)"); got != want {
			t.Errorf("Base(%q) = %q, want %q", s, got, want)
		}
		if got := version.Valid(s); got != want.valid {
			t.Errorf("Valid(%q) = %t, want %t", s, got, want.valid)
		}
	}
}

func BenchmarkCompare(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		version.Compare("26.6.1", "26.6.2")
	}
}

func FuzzCompare(f *testing.F) {
	for _, s := range []string{"26.6.1", "26.3.1 (a)", "2024.10.1.5", "4.0.0b3", "", "1..2", "00.01"} {
		f.Add(s, "26.6", "26.10.1")
	}
	f.Fuzz(func(t *testing.T, a, b, c string) {
		list := []string{a, b, c}
		slices.SortFunc(list, version.Order)
		for i := range list {
			for j := i + 1; j < len(list); j++ {
				if version.Order(list[i], list[j]) > 0 {
					t.Errorf("no total order: %q after %q in %q", list[i], list[j], list)
				}
			}
		}
		if version.Newer(a, b) && version.Newer(b, a) {
			t.Errorf("%q and %q are each newer than the other", a, b)
		}
	})
}

func TestWithExtra(t *testing.T) {
	t.Parallel()
	for letter, want := range map[string]string{
		"": "26.3.1", "a": "26.3.1 (a)", "(b)": "26.3.1 (b)", "A": "26.3.1", "ab": "26.3.1", "(a) ": "26.3.1",
	} {
		if got := version.WithExtra("26.3.1", letter); got != want {
			t.Errorf("WithExtra(26.3.1, %q) = %q, want %q", letter, got, want)
		}
	}
}
