package storage_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/storage"
)

// TestWaveShares: lists of numbers, as records and files had them once, are of
// percentages; beside a percentage a number is of phones.
func TestWaveShares(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]storage.WaveShares{
		`[5, 25, 100]`:         {"5%", "25%", "100%"},
		`["5%", "25%"]`:        {"5%", "25%"},
		`["20", "100%"]`:       {"20", "100%"},
		`[20, "50%", "100%"]`:  {"20", "50%", "100%"},
		`["20", 50, "100%"]`:   {"20", "50", "100%"},
		`[]`:                   {},
		`null`:                 nil,
		`[-1, 1.5, 1e3]`:       {"-1%", "1.5%", "1e3%"}, // refused where shares are written
		`["many", "", "100%"]`: {"many", "", "100%"},
	} {
		var got storage.WaveShares
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
	for _, text := range []string{`5`, `"5%"`, `[true]`, `[null]`, `[[5]]`, `{}`} {
		var got storage.WaveShares
		if err := json.Unmarshal([]byte(text), &got); err == nil {
			t.Errorf("%s is %v, want an error", text, got)
		}
	}
}

// A policy's record of before there were numbers of phones reads as it did, and
// is written as texts.
func TestPolicyOfPercentages(t *testing.T) {
	t.Parallel()
	var p storage.Policy
	if err := json.Unmarshal([]byte(`{"name":"retail","waves":[5,100]}`), &p); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(p)
	if want := `{"name":"retail","waves":["5%","100%"]}`; err != nil || string(text) != want {
		t.Errorf("written as %s, %v; want %s", text, err, want)
	}
}
