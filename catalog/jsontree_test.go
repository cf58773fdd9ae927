package catalog_test

import (
	"strings"
	"testing"
)

// TestImportRuns: what a decoder would gather as a whole is bounded before it
// does.
func TestImportRuns(t *testing.T) {
	t.Parallel()
	const most = 64 << 10
	x := func(n int) string { return strings.Repeat("x", n) }
	for _, test := range []struct {
		name, data string
		refused    bool
	}{
		{"text", `{"a":"` + x(most-1) + `"}`, false},
		{"long text", `{"a":"` + x(most+1) + `"}`, true},
		{"text with escaped quotes", `{"a":"` + strings.Repeat(`\"`, most/2) + `x"}`, true},
		{"texts that end in a backslash", `{"a":["` + x(most-9) + `\\","` + x(most-9) + `"]}`, false},
		{"text with commas", `{"a":"` + strings.Repeat(",:[]{}", most/6) + `xxxxxxx"}`, true},
		{"key", `{"` + x(most+1) + `":1}`, true},
		{"number", `{"a":` + strings.Repeat("1", most+1) + `}`, true},
		{"blanks", `{"a":` + strings.Repeat(" ", most+1) + `1}`, true},
		{"many texts", `{"a":[` + strings.Repeat(`"`+x(most/2)+`",`, 10) + `1]}`, false},
	} {
		_, _, err := empty().Import([]byte(test.data), noon(t, "2026-08-22"))
		if err == nil {
			t.Fatalf("%s: no error, want at least one about the kind", test.name)
		}
		if refused := strings.Contains(err.Error(), "longer than 65536 bytes"); refused != test.refused {
			t.Errorf("%s: got error %.200q, want a refusal for length: %t", test.name, err, test.refused)
		}
	}
}
