package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/server/api"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/memory"
)

// withPhones is a store with phones that nobody enrolled.
type withPhones struct {
	*memory.Store
	phones []storage.Phone
}

func (s withPhones) Phones(_ context.Context, _ storage.Segment, q storage.PhoneQuery) ([]storage.Phone, error) {
	return slices.DeleteFunc(slices.Clone(s.phones), func(p storage.Phone) bool { return p.Num <= q.After }), nil
}

// roomy is a server with room on its disk.
type roomy struct{ api.Operations }

func (roomy) Disk() api.Disk { return api.Disk{} }

// settingsServer answers as the admin interface of a server with ten production
// phones and a verification phone in group sales, which follows policy strict and
// through it calendar shops, and three production phones in group depot.
func settingsServer(t *testing.T) http.Handler {
	t.Helper()
	facts, err := catalog.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	store := withPhones{Store: memory.New(memory.Options{})}
	for i, place := range slices.Concat(slices.Repeat([]string{"sales production"}, 10), []string{"sales verification"}, slices.Repeat([]string{"depot production"}, 3)) {
		group, ring, _ := strings.Cut(place, " ")
		store.phones = append(store.phones, storage.Phone{
			Num: uint64(i + 1), UDID: fmt.Sprint("P", i), Epoch: 1, State: storage.PhoneEnrolled, Group: group, Ring: storage.Ring(ring),
			Model: "iPhone15,2", OS: storage.OS{Version: "26.5", Build: "23F79"},
		})
	}
	now := func() time.Time { return time.Date(2026, 8, 18, 9, 0, 0, 0, time.UTC) }
	f := fleet.New(store, nil, now, fleet.Options{Facts: facts})
	if err := f.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	var there fleet.Settings
	if err := json.Unmarshal([]byte(`{
		"apps": [{"bundle_id": "com.example.pos", "importance": "critical"}, {"bundle_id": "com.example.scan", "importance": "critical"}],
		"calendars": [{"name": "shops", "weekdays": ["mon-fri"]}],
		"policies": [{"name": "strict", "calendar": "shops", "deadline": "3d"}, {"name": "calm", "chase": ["push@+6h"], "chase_off": ["tue", "wed", "thu", "fri", "sat", "sun"]}],
		"groups": [{"name": "sales", "apps": ["com.example.pos", "com.example.scan"], "policy": "strict"}, {"name": "depot", "apps": ["com.example.pos"]}]}`), &there); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Apply(t.Context(), storage.DefaultSegment, fleet.Act{Actor: "test"}, fleet.ApplyRequest{Settings: there}); err != nil {
		t.Fatal(err)
	}
	somebody := func(*http.Request) (api.Principal, error) { return api.Principal{Segment: storage.DefaultSegment}, nil }
	return api.NewHandler(f, nil, roomy{}, somebody, func() {}, slog.New(slog.DiscardHandler))
}

// settingsFile writes a file and returns its path.
func settingsFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "settings.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// marked takes the mark off a text, and returns the number of its line.
func marked(t *testing.T, text string) (string, int) {
	t.Helper()
	before, _, found := strings.Cut(text, " #!")
	if !found {
		return text, 0
	}
	return strings.Replace(text, " #!", "", 1), strings.Count(before, "\n") + 1
}

// TestRefusalsNameTheLine: what the server refuses of a file names the line and
// the key, in both languages and for programs. The line is the one with the mark.
func TestRefusalsNameTheLine(t *testing.T) {
	t.Parallel()
	server := settingsServer(t)
	for name, tc := range map[string]struct {
		text      string
		code, key string // of the finer code where there is one
		prune     bool
	}{
		// Names of nothing, and names that stand twice.
		"unknown app":         {"groups:\n- name: sales\n  apps:\n  - com.example.pos\n  - com.example.po #!\n", "not-found", "groups.apps", false},
		"unknown calendar":    {"policies:\n- name: calm\n  soak: 1d\n  calendar: shop #!\n", "not-found", "policies.calendar", false},
		"unknown policy":      {"groups:\n- name: sales\n  rights: full\n  policy: strikt #!\n", "not-found", "groups.policy", false},
		"app that is pruned":  {"apps:\n- bundle_id: com.example.pos\ngroups:\n- name: sales\n  apps:\n  - com.example.pos\n  - com.example.scan #!\n", "not-found", "groups.apps", true},
		"group twice":         {"groups:\n- name: a\n- name: b\n- rights: full\n  name: a #!\n", "named-twice", "groups.name", false},
		"no name":             {"groups:\n- name: a\n- name: No Name #!\n", "not-a-name", "groups.name", false},
		"no bundle id":        {"apps:\n- name: POS\n  bundle_id: pos! #!\n  importance: critical\n", "not-a-bundle-id", "apps.bundle_id", false},
		"new app":             {"apps:\n- bundle_id: com.example.new #!\n  name: New\n", "not-one-of", "apps.importance", false},
		"built-in policy":     {"policies:\n- name: calm\n- carry_over: true\n  name: default #!\n", "built-in-policy", "policies.name", false},
		"policy still in use": {"apps:\n- bundle_id: com.example.pos\n- bundle_id: com.example.scan\ngroups:\n- name: depot\n- name: sales #!\n  rights: full\n", "policy-in-use", "groups", true},
		"calendar still followed": {
			"apps:\n- bundle_id: com.example.pos\n- bundle_id: com.example.scan\npolicies:\n- name: calm\n- name: strict #!\n  soak: 1d\ngroups:\n- name: depot\n- name: sales\n",
			"calendar-in-use", "policies", true,
		},
		// Values.
		"importance":    {"apps:\n- bundle_id: com.example.pos\n  name: POS\n  importance: high #!\n", "not-one-of", "apps.importance", false},
		"candidate":     {"groups:\n- name: sales\n  candidate: sometimes #!\n", "not-one-of", "groups.candidate", false},
		"notice":        {"groups:\n- name: sales\n  rights: full\n  minimum_notice: soon #!\n", "not-a-duration", "groups.minimum_notice", false},
		"empty value":   {"groups:\n- name: sales\n  policy: \"\" #!\n", "value-missing", "groups.policy", false},
		"smoke check":   {"apps:\n- bundle_id: com.example.pos\n  smoke:\n  - sell\n  - \" \" #!\n", "check-too-long", "apps.smoke", false},
		"weekday":       {"calendars:\n- name: shops\n  weekdays:\n  - mon-fri\n  - son #!\n", "not-weekdays", "calendars.weekdays", false},
		"closed day":    {"calendars:\n- name: shops\n  closed:\n  - 2026-12-28\n  - 2026-12-32 #!\n", "not-days", "calendars.closed", false},
		"holiday":       {"calendars:\n- name: shops\n  closed: [2026-12-28]\n  holidays: [2026-12-32] #!\n", "not-days", "calendars.holidays", false},
		"month end":     {"calendars:\n- name: shops\n  hours: 09:00-17:00\n  month_end: 40 #!\n", "month-end-range", "calendars.month_end", false},
		"hours":         {"calendars:\n- name: shops\n  hours: 9 to 5 #!\n", "not-hours", "calendars.hours", false},
		"never open":    {"calendars:\n- name: shops\n  hours: 09:00-17:00\n  closed: [2026-01-01..2028-12-31] #!\n", "never-open", "calendars.closed", false},
		"wave":          {"policies:\n- name: calm\n  waves:\n  - 5\n  - 0 #!\n  - 100\n", "share-not-readable", "policies.waves", false},
		"falling waves": {"policies:\n- name: calm\n  waves:\n  - 50\n  - 20\n  - 20 #!\n  - 100\n", "waves-not-rising", "policies.waves", false},
		"wave by date":  {"policies:\n- name: calm\n  waves:\n  - 20\n  - 50%@+2d #!\n  - 100%\n", "share-not-readable", "policies.waves", false},
		"numbers fall":  {"policies:\n- name: calm\n  waves:\n  - 20\n  - 5 #!\n  - 100%\n", "waves-not-rising", "policies.waves", false},
		"last wave":     {"policies:\n- name: calm\n  waves: [5, 50] #!\n", "waves-not-all", "policies.waves", false},
		"soak":          {"policies:\n- name: calm\n  waves: [5, 100]\n  soak: long #!\n", "not-a-length", "policies.soak", false},
		"deadline":      {"policies:\n- name: calm\n  soak: 1d\n  deadline: soon #!\n", "not-a-length", "policies.deadline", false},
		"verdict days":  {"policies:\n- name: calm\n  carry_over: true\n  verdict_days: 999 #!\n", "days-out-of-range", "policies.verdict_days", false},
		"on expiry":     {"policies:\n- name: calm\n  on_expiry: never #!\n", "not-one-of", "policies.on_expiry", false},
		"improvements":  {"policies:\n- name: calm\n  improvements: some #!\n", "not-one-of", "policies.improvements", false},
		"model class":   {"policies:\n- name: calm\n  model_class: all #!\n", "not-one-of", "policies.model_class", false},
		"majors":        {"policies:\n- name: calm\n  majors: some #!\n", "not-one-of", "policies.majors", false},
		"on leak":       {"policies:\n- name: calm\n  on_leak: shout #!\n", "not-one-of", "policies.on_leak", false},
		"urgent":        {"policies:\n- name: calm\n  urgent: always #!\n", "not-one-of", "policies.urgent", false},
		"lane":          {"policies:\n- name: calm\n  urgent: lane\n  urgent_deadline: 1h #!\n", "lane-length", "policies.urgent_deadline", false},
		"breaker":       {"policies:\n- name: calm\n  breaker_sample: 5\n  breaker_failed: 101 #!\n", "number-out-of-range", "policies.breaker_failed", false},
		"silence":       {"policies:\n- name: calm\n  breaker_silent_after: 1h #!\n", "silence-out-of-range", "policies.breaker_silent_after", false},
		"step":          {"policies:\n- name: calm\n  chase:\n  - push@+6h\n  - shout@+7h #!\n", "step-not-readable", "policies.chase", false},
		"falling steps": {"policies:\n- name: calm\n  chase:\n  - push@+6h\n  - message@+2h #!\n", "steps-not-rising", "policies.chase", false},
		"quiet":         {"policies:\n- name: calm\n  chase_quiet: nights #!\n", "not-quiet-hours", "policies.chase_quiet", false},
		"steps a day":   {"policies:\n- name: calm\n  chase_per_day: 99 #!\n", "steps-out-of-range", "policies.chase_per_day", false},
		"language":      {"policies:\n- name: calm\n  chase_language: fr #!\n", "not-one-of", "policies.chase_language", false},
		// Two keys that exclude each other.
		"calendar and own times": {"policies:\n- name: calm\n  hours: 09:00-17:00\n  calendar: shops #!\n", "two-calendars", "policies.calendar", false},
		"own times and calendar": {"policies:\n- name: strict\n  soak: 1d\n  hours: 09:00-17:00 #!\n", "two-calendars", "policies.hours", false},
		// Contradictions, by whichever key they come.
		"short deadline":      {"policies:\n- name: calm\n- name: strict\n  soak: 1d\n  deadline: 12h #!\n", "deadline-under-notice", "policies.deadline", false},
		"long notice":         {"groups:\n- name: depot\n- name: sales\n  minimum_notice: 96h #!\n", "deadline-under-notice", "groups.minimum_notice", false},
		"long soak":           {"policies:\n- name: strict\n  waves: [1, 5, 25, 50, 100]\n  soak: 30d #!\n", "rollout-beyond-hold", "policies.soak", false},
		"policy of the group": {"policies:\n- name: hasty\n  deadline: 12h #!\ngroups:\n- name: sales\n  policy: hasty\n", "deadline-under-notice", "policies.deadline", false},
		// What takes two people.
		"app taken away":       {"groups:\n- name: depot\n- name: sales\n  rights: full\n  apps: [com.example.pos] #!\n", "opens-gates", "groups.apps", false},
		"app less important":   {"apps:\n- bundle_id: com.example.pos\n- bundle_id: com.example.scan\n  name: Scan\n  importance: important #!\n", "opens-gates", "apps.importance", false},
		"app of no importance": {"apps:\n- bundle_id: com.example.scan\n  name: Scan\n  importance: informational #!\n", "opens-gates", "apps.importance", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, line := marked(t, tc.text)
			path := settingsFile(t, text)
			args := []string{"apply", "-f", path, "--dry-run"}
			if tc.prune {
				args = append(args, "--prune")
			}
			_, err := command(t, server.ServeHTTP, args...)
			en, ja := describe(lang.New(lang.English), err), describe(lang.New(lang.Japanese), err)
			got := fmt.Sprintf("%s %s %s:%d", finest(en), en.Field, en.File, en.Line)
			if want := fmt.Sprintf("%s %s %s:%d", tc.code, tc.key, path, line); got != want {
				t.Fatalf("%s, want %s: %v", got, want, err)
			}
			place := fmt.Sprintf("%s:%d: ", path, line)
			if !strings.HasPrefix(en.Message, place) || !strings.HasPrefix(ja.Message, place) || en.Message == ja.Message {
				t.Errorf("told as %q and %q, want both to begin with the place, each in its language", en.Message, ja.Message)
			}
		})
	}
}

// finest is the finer code of a failure where it has one.
func finest(f failure) string {
	if f.Detail != "" {
		return f.Detail
	}
	return f.Code
}

// TestFindingsNameTheLine: what lint looks for is found in the line of
// a file that it comes from.
func TestFindingsNameTheLine(t *testing.T) {
	t.Parallel()
	server := settingsServer(t)
	cases := map[policy.Code][]string{
		policy.LintNeverOpen: nil, // refused before: TestRefusalsNameTheLine
		policy.LintBeyondHold: {
			"policies:\n- name: calm\n  waves: [1, 5, 25, 50, 100]\n  soak: 30d #!\n",
		},
		policy.LintDeadlineNotice: {
			"policies:\n- name: strict\n  soak: 1d\n  deadline: 12h #!\n",
			"groups:\n- name: depot\n- name: sales\n  rights: full\n  minimum_notice: 96h #!\n",
			"policies:\n- name: hasty\n  deadline: 12h #!\ngroups:\n- name: sales\n  policy: hasty\n",
		},
		policy.LintOutlivesRelease: {
			"policies:\n- name: calm\n  waves: [5, 25, 100]\n  soak: 16d #!\n",
		},
		policy.LintCalendarDelays: {
			"policies:\n- name: strict\n  waves: [5, 25, 100]\n  soak: 5d\ncalendars:\n- name: shops\n  closed: [2026-12-01..2027-01-15] #!\n",
			"policies:\n- name: calm\n  waves: [5, 100]\n  soak: 5d\n  holidays: [2026-12-01..2027-01-15] #!\n",
		},
		policy.LintHolidaysEnd: {
			"calendars:\n- name: shops\n  weekdays: [mon, wed, fri]\n  include: [japan]\n- name: japan\n  holidays: [2026-08-11] #!\n",
			"policies:\n- name: calm\n  soak: 1d\n  holidays: [2026-08-11] #!\n",
		},
		policy.LintOpeningNotice: {
			"calendars:\n- name: shops\n  weekdays: [mon, wed, fri]\n  hours: 09:00-17:00 #!\n",
			"groups:\n- name: sales\n  rights: full\n  minimum_notice: 168h #!\n",
		},
		policy.LintNeverReminded: {
			"policies:\n- name: strict\n  chase: [push@+6h]\n  chase_off: [mon, tue, wed, thu, fri] #!\n",
			"policies:\n- name: calm\n  soak: 1d\n  weekdays: [tue] #!\n",
			"policies:\n- name: strict\n  chase_tests: [escalate@verify-by-14d]\n  chase_off: [mon, tue, wed, thu, fri] #!\n",
		},
		policy.LintCarryOverOutlived: {
			"policies:\n- name: calm\n  carry_over: true\n  verdict_days: 10 #!\n",
		},
		policy.LintSoakEndsFirst: {
			"policies:\n- name: calm\n  waves: [5, 100]\n  deadline: 3d\n  soak: 1d #!\n",
		},
		policy.LintSoakWithoutWaves: {
			"policies:\n- name: calm\n  carry_over: true\n  soak: 1d #!\n",
		},
		policy.LintWavesTogether: {
			"policies:\n- name: calm\n  carry_over: true\n  waves: [5, 100] #!\n",
		},
		policy.LintWavesEmpty: {
			"policies:\n- name: strict\n  soak: 4d\n  waves: [5, 6, 100] #!\n",
			"policies:\n- name: strict\n  soak: 4d\n  waves: [50, 100%] #!\n",
			"policies:\n- name: fine\n  soak: 4d\n  waves: [5, 6, 100] #!\ngroups:\n- name: sales\n  policy: fine\n",
		},
		policy.LintEnforceNothing: {
			"policies:\n- name: fine\n  on_expiry: enforce #!\ngroups:\n- name: new\n  policy: fine\n",
		},
		policy.LintNoVerificationRing: {
			"groups:\n- name: depot\n  rights: full\n  apps: [com.example.pos] #!\n",
		},
	}
	for code, texts := range cases {
		for i, text := range texts {
			t.Run(fmt.Sprint(code, " ", i), func(t *testing.T) {
				t.Parallel()
				text, line := marked(t, text)
				path := settingsFile(t, text)
				_, en := findings(t, server, path, "en", code)
				if en.File != path || en.Line != line || en.At == "" {
					t.Errorf("%s found at %s:%d (%s), want line %d", code, en.File, en.Line, en.At, line)
				}
			})
		}
	}
}

// findings looks at a file, and returns what is told and the finding of a code.
func findings(t *testing.T, server http.Handler, path, tag string, code policy.Code) (string, placedFinding) {
	t.Helper()
	out, _ := command(t, server.ServeHTTP, "policy", "lint", "-f", path, "-o", "json")
	var v lintedFiles
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, f := range v.Findings {
		if f.Code == code {
			return testGlobals(tag).lintText(v), f
		}
	}
	t.Fatalf("%s is not found: %s", code, out)
	return "", placedFinding{}
}

// TestFindingsAreTold: the line comes before what people read, in both languages,
// and what comes from no file has none.
func TestFindingsAreTold(t *testing.T) {
	t.Parallel()
	server := settingsServer(t)
	path := settingsFile(t, "policies:\n- name: strict\n  deadline: 12h\n")
	for tag, want := range map[string]string{"en": "error: policy strict, deadline", "ja": "誤り：ポリシーstrictのdeadline"} {
		told, found := findings(t, server, path, tag, policy.LintDeadlineNotice)
		if !strings.Contains(told, path+":3: "+want) || found.Key != "policies.deadline" {
			t.Errorf("%s: told as %q with key %q", tag, told, found.Key)
		}
	}
	empty := settingsFile(t, "groups: []\n")
	told, found := findings(t, server, empty, "en", policy.LintNoVerificationRing)
	if found.File != "" || found.Line != 0 || strings.Contains(told, empty) {
		t.Errorf("%+v, told as %q; the file has nothing to do with it", found, told)
	}
}

// TestChangedSinceNamesTheLine: when the server changes between the changes that
// were shown and those that are made, the first line with another meaning is named.
func TestChangedSinceNamesTheLine(t *testing.T) {
	t.Parallel()
	change := func(kind, name, field, before string) fleet.SettingsChange {
		return fleet.SettingsChange{Kind: kind, Name: name, Action: fleet.ActionChange, Fields: []fleet.FieldChange{{Field: field, Before: json.RawMessage(before), After: json.RawMessage(`1`)}}}
	}
	text := "apps:\n- bundle_id: com.example.pos\n  name: POS\npolicies:\n- name: strict\n  carry_over: true\n  soak: 1d\ngroups:\n- name: sales\n  rights: full\n"
	for name, tc := range map[string]struct {
		shown, now []fleet.SettingsChange
		want       int
	}{
		"another value before": {[]fleet.SettingsChange{change("policy", "strict", "soak", `2`)}, []fleet.SettingsChange{change("policy", "strict", "soak", `3`)}, 7},
		"one more":             {[]fleet.SettingsChange{change("policy", "strict", "soak", `2`)}, []fleet.SettingsChange{change("policy", "strict", "soak", `2`), change("group", "sales", "rights", `2`)}, 9},
		"one less":             {[]fleet.SettingsChange{change("policy", "strict", "soak", `2`), change("app", "com.example.pos", "name", `2`)}, []fleet.SettingsChange{change("policy", "strict", "soak", `2`)}, 2},
		"not in the files":     {nil, []fleet.SettingsChange{{Kind: "group", Name: "depot", Action: fleet.ActionRemove}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := settingsFile(t, text)
			calls := 0
			_, err := command(t, func(w http.ResponseWriter, _ *http.Request) {
				calls++
				switch calls {
				case 1:
					_ = json.NewEncoder(w).Encode(fleet.ApplyResult{Changes: append([]fleet.SettingsChange{}, tc.shown...), Fingerprint: "a"})
				case 2:
					w.WriteHeader(http.StatusConflict)
					_, _ = w.Write([]byte(`{"error": {"code": "conflict", "message": "nothing was done"}}`))
				default:
					_ = json.NewEncoder(w).Encode(fleet.ApplyResult{Changes: tc.now, Fingerprint: "b"})
				}
			}, "apply", "-f", path, "--reason", "x")
			f := describe(lang.New(lang.Japanese), err)
			if f.File != path || f.Line != tc.want || f.Exit != exitChanged || !strings.HasPrefix(err.Error(), path) {
				t.Errorf("%+v, want line %d of the file", f, tc.want)
			}
		})
	}
}
