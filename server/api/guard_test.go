package api

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

func TestGuardJSON(t *testing.T) {
	t.Parallel()
	nested := func(depth int) string {
		return `{"a":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + "}"
	}
	list := func(values int) string {
		return `{"a":[` + strings.TrimSuffix(strings.Repeat("1,", values), ",") + "]}"
	}
	for _, test := range []struct {
		name, body, want string // want is part of the error; "" for none
	}{
		{"empty object", "{}", ""},
		{"blanks around it", " \n{\"reason\": \"x\"}\n ", ""},
		{"one key in two objects", `{"a":{"k":1},"b":{"k":1}}`, ""},
		{"32 deep", nested(32), ""},
		{"33 deep", nested(33), "nested deeper than 32"},
		{"a million deep", strings.Repeat(`{"a":`, 1_000_000), "nested deeper than 32"},
		{"number out of range", `{"a":1e999999}`, ""}, // the field's type decides
		{"many values", list(19_990), ""},
		{"too many values", list(20_000), "more than 20000 keys and values"},
		{"key twice", `{"dry_run":true,"dry_run":false}`, `key "dry_run" stands twice`},
		{"key twice, spelt differently", `{"dry_run":true,"dry\u005frun":false}`, "stands twice"},
		{"key twice, below", `{"a":[{"k":1,"k":2}]}`, "stands twice"},
		{"nothing", "", "does not end"},
		{"null", "null", "not a JSON object"},
		{"array", "[]", "not a JSON object"},
		{"two objects", "{}{}", "more than one JSON value"},
		{"bytes after it", "{}x", "more than one JSON value"},
		{"cut off", `{"a":`, "end"},
		{"comma at the end", `{"a":1,}`, "invalid character"},
		{"not UTF-8", "{\"a\":\"\xff\"}", "not UTF-8"},
		{"UTF-16", "\xff\xfe{\x00}\x00", "not UTF-8"},
		{"NUL", "{\"a\":\"\x00\"}", "invalid character"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := guardJSON([]byte(test.body), maxNodes)
			switch {
			case err == nil && test.want != "":
				t.Errorf("accepted, want an error about %q", test.want)
			case err != nil && (test.want == "" || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// FuzzGuardJSON looks for a body that the guard lets through although a decoder
// refuses it or reads another number of keys in it.
func FuzzGuardJSON(f *testing.F) {
	for _, seed := range []string{`{}`, `{"reason":"x","dry_run":true}`, `{"a":{"k":[1,2.5,null,"\u00e9"]},"b":{}}`, `{"a":1,"A":2}`, `{"a":`, "[]"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if guardJSON(body, maxNodes) != nil {
			return
		}
		var m map[string]any
		if err := json.Unmarshal(body, &m); err != nil && !strings.Contains(err.Error(), "cannot unmarshal number") {
			t.Fatalf("let through, but the decoder says %v", err)
		}
	})
}

// TestKeysAreExact: a key in another case is another key, as in api.md, and not
// the field that encoding/json would take it for.
func TestKeysAreExact(t *testing.T) {
	t.Parallel()
	type request struct {
		write
		Shares storage.WaveShares    `json:"shares"`
		List   []fleet.AppSettings   `json:"list"`
		Place  struct{ Ring string } `json:"place"`
	}
	for _, test := range []struct{ name, body, want string }{
		{"as documented", `{"dry_run":true,"shares":[5,100],"list":[{"bundle_id":"com.example.pos"}],"place":{"Ring":"x"}}`, ""},
		{"in another case", `{"Dry_Run":true}`, `"Dry_Run"`},
		{"with a letter that folds", `{"reaſon":"b"}`, `"reaſon"`},
		{"twice, in two cases", `{"dry_run":true,"DRY_RUN":false}`, `"DRY_RUN"`},
		{"the name in the program", `{"DryRun":true}`, `"DryRun"`},
		{"of an entry of a list", `{"list":[{"Bundle_ID":"com.example.pos"}]}`, `"Bundle_ID"`},
		{"of a part", `{"place":{"ring":"x"}}`, `"ring"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := call{body: []byte(test.body)}
			err := c.decode(new(request))
			switch {
			case test.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), "unknown field "+test.want)):
				t.Errorf("got %v, want it to name the key %s", err, test.want)
			}
		})
	}
}
