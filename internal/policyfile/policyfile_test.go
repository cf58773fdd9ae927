package policyfile_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/policyfile"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

const good = `# what sales works with
apps:
- bundle_id: com.example.pos
  name: "007"   # a text, not a number
  importance: critical
  smoke:
    - sell one article
calendars: [{name: shops, weekdays: [mon-fri], hours: "09:00-17:00"}]
policies: [{name: retail, carry_over: true, verdict_days: 30, calendar: shops}]
groups:
- name: sales
  apps:
  - com.example.pos
  policy: retail
`

func TestParse(t *testing.T) {
	t.Parallel()
	f, err := policyfile.Parse("sales.yaml", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	name, importance, smoke := "007", "critical", []string{"sell one article"}
	carry, days, apps, decided, calendar := true, 30, []string{"com.example.pos"}, "retail", "shops"
	weekdays, hours := []string{"mon-fri"}, "09:00-17:00"
	want := fleet.Settings{
		Apps:      []fleet.AppSettings{{BundleID: "com.example.pos", AppChange: fleet.AppChange{Name: &name, Importance: &importance, Smoke: &smoke}}},
		Calendars: []fleet.CalendarSettings{{Name: "shops", NamedCalendarChange: fleet.NamedCalendarChange{CalendarChange: fleet.CalendarChange{Weekdays: &weekdays, Hours: &hours}}}},
		Policies:  []fleet.PolicySettings{{Name: "retail", PolicyChange: fleet.PolicyChange{CarryOver: &carry, VerdictDays: &days, RolloutChange: fleet.RolloutChange{Calendar: &calendar}}}},
		Groups:    []fleet.GroupSettings{{Name: "sales", Apps: &apps, Policy: &decided}},
	}
	if diff := cmp.Diff(want, f.Settings); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	for path, want := range map[string]policyfile.Place{
		"apps[0]":                {File: "sales.yaml", Line: 3, Key: "apps"},
		"apps[0].smoke[0]":       {File: "sales.yaml", Line: 7, Key: "apps.smoke"},
		"calendars[0].hours":     {File: "sales.yaml", Line: 8, Key: "calendars.hours"},
		"policies[0].on_expiry":  {File: "sales.yaml", Line: 9, Key: "policies.on_expiry"},
		"groups[0].apps[0]":      {File: "sales.yaml", Line: 13, Key: "groups.apps"},
		"groups[0].policy":       {File: "sales.yaml", Line: 14, Key: "groups.policy"},
		"groups[0].apps[9].more": {File: "sales.yaml", Line: 12, Key: "groups.apps.more"},
	} {
		if got, ok := f.Place(path); !ok || got != want {
			t.Errorf("%s is at %+v, want %+v", path, got, want)
		}
	}
	for value, want := range map[string]string{"sell one article": "apps[0].smoke[0]", "sell two": "apps[0].smoke"} {
		if got := f.Item("apps[0].smoke", value); got != want {
			t.Errorf("the check %q is %s, want %s", value, got, want)
		}
	}
	for setting, want := range map[string]int{"app com.example.pos importance": 5, "calendar shops hours": 8, "policy retail soak": 9, "group sales policy": 14, "group sales ": 11, "group stock policy": 0} {
		part := strings.Split(setting, " ")
		if got, ok := f.Setting(part[0], part[1], part[2]); got.Line != want || ok != (want > 0) {
			t.Errorf("%s is at %+v, want line %d", setting, got, want)
		}
	}
	if got, ok := f.Place("groups[1]"); ok {
		t.Errorf("groups[1] is at %+v, want nowhere", got)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		text string
		want policyfile.Error
	}{
		"unknown key": {
			"apps:\n- bundle_id: com.example.pos\n  vendor: x\n",
			policyfile.Error{Line: 3, Key: "apps", Code: policyfile.CodeUnknownKey, Got: "vendor", Want: "bundle_id, deliver, importance, name, owner, smoke, vendor_contact"},
		},
		"unknown kind":       {"app:\n", policyfile.Error{Line: 1, Code: policyfile.CodeUnknownKey, Got: "app", Want: "apps, calendars, groups, policies"}},
		"key twice":          {"groups:\n- name: a\n  rights: full\n  rights: full\n", policyfile.Error{Line: 4, Key: "groups.rights", Code: policyfile.CodeDuplicateKey, Got: "rights", Want: "3"}},
		"list twice":         {"groups: []\ngroups: []\n", policyfile.Error{Line: 2, Key: "groups", Code: policyfile.CodeDuplicateKey, Got: "groups", Want: "1"}},
		"number for text":    {"apps:\n- bundle_id: x\n  name: 7\n", policyfile.Error{Line: 3, Key: "apps.name", Code: policyfile.CodeWrongType, Want: policyfile.WantText}},
		"nothing for text":   {"apps:\n- bundle_id: x\n  name:\n", policyfile.Error{Line: 3, Key: "apps.name", Code: policyfile.CodeWrongType, Want: policyfile.WantText}},
		"text for number":    {"policies:\n- verdict_days: \"7\"\n", policyfile.Error{Line: 2, Key: "policies.verdict_days", Code: policyfile.CodeWrongType, Want: policyfile.WantInteger}},
		"too large a number": {"policies:\n- verdict_days: 99999999999999999999\n", policyfile.Error{Line: 2, Key: "policies.verdict_days", Code: policyfile.CodeWrongType, Want: policyfile.WantInteger}},
		"neither of two":     {"policies:\n- waves: [5, true]\n", policyfile.Error{Line: 2, Key: "policies.waves", Code: policyfile.CodeWrongType, Want: policyfile.WantShare}},
		"text for boolean":   {"policies:\n- carry_over: on\n", policyfile.Error{Line: 2, Key: "policies.carry_over", Code: policyfile.CodeWrongType, Want: policyfile.WantBoolean}},
		"keys for a list":    {"groups:\n  name: a\n", policyfile.Error{Line: 2, Key: "groups", Code: policyfile.CodeWrongType, Want: policyfile.WantList}},
		"text for keys":      {"groups:\n- a\n", policyfile.Error{Line: 2, Key: "groups", Code: policyfile.CodeWrongType, Want: policyfile.WantKeys}},
		"list at the top":    {"- a\n", policyfile.Error{Line: 1, Code: policyfile.CodeWrongType, Want: policyfile.WantKeys}},
		"alias":              {"groups:\n- name: &a x\n", policyfile.Error{Line: 2, Key: "groups.name", Code: policyfile.CodeUnsupported}},
		"tag":                {"groups:\n- name: !!str x\n", policyfile.Error{Line: 2, Key: "groups.name", Code: policyfile.CodeUnsupported}},
		"two documents":      {"groups: []\n---\napps: []\n", policyfile.Error{Line: 3, Code: policyfile.CodeDocuments}},
		"brackets":           {strings.Repeat("[", 33), policyfile.Error{Line: 1, Code: policyfile.CodeTooDeep, Want: "32"}},
		"tab":                {"groups:\n- name: a\n\trights: full\n", policyfile.Error{Line: 3, Code: policyfile.CodeTab}},
		"bytes":              {"a\xff", policyfile.Error{Code: policyfile.CodeNotText}},
		"size":               {strings.Repeat("#", 1<<20+1), policyfile.Error{Code: policyfile.CodeTooLarge, Want: "1048576"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := policyfile.Parse("x.yaml", []byte(test.text))
			e, ok := errors.AsType[*policyfile.Error](err)
			if !ok {
				t.Fatalf("error %v, want one with its place", err)
			}
			test.want.File = "x.yaml"
			if diff := cmp.Diff(test.want, *e); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
	_, err := policyfile.Parse("x.yaml", []byte("groups:\n- name: a\n   rights: full\n"))
	if e, ok := errors.AsType[*policyfile.Error](err); !ok || e.Code != policyfile.CodeNotYAML || e.Line == 0 || e.Got == "" {
		t.Errorf("wrong indentation: %v, want the line and what the parser says", err)
	}
}

// TestReadFolder: all files of a folder are one set, and errors about the second
// file's entries lead there.
func TestReadFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := policyfile.Read(dir); codeOf(err) != policyfile.CodeEmpty {
		t.Errorf("empty folder: %v", err)
	}
	for name, text := range map[string]string{
		"a.yaml": "groups:\n- name: sales\n", "team/b.yml": "# none\n\ngroups:\n- name: stock\n  rights: full\n",
		"c.yaml": "", "d.yaml": "\ufeffapps:\n- bundle_id: com.example.pos\n  name: POS\n  importance: critical\n", "notes.txt": "no: yaml: here", ".git/x.yaml": "no: yaml: here",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := policyfile.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Settings.Apps) != 1 {
		t.Errorf("apps %+v of the file with a byte order mark, want one", f.Settings.Apps)
	}
	if len(f.Settings.Groups) != 2 || f.Settings.Groups[1].Name != "stock" {
		t.Errorf("groups %+v, want sales and stock", f.Settings.Groups)
	}
	want := policyfile.Place{File: filepath.Join(dir, "team/b.yml"), Line: 5, Key: "groups.rights"}
	if got, _ := f.Place("groups[1].rights"); got != want {
		t.Errorf("rights of stock at %+v, want %+v", got, want)
	}
	pipe := filepath.Join(dir, "pipe.yaml")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := policyfile.Read(dir); codeOf(err) != policyfile.CodeNoFile {
		t.Errorf("a named pipe in the folder: %v", err)
	}
	if err := os.Remove(pipe); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "team"), filepath.Join(dir, "linked")); err != nil {
		t.Fatal(err)
	}
	if _, err := policyfile.Read(dir); codeOf(err) != policyfile.CodeLink {
		t.Errorf("link to a folder: %v", err)
	}
}

func codeOf(err error) string {
	if e, ok := errors.AsType[*policyfile.Error](err); ok {
		return e.Code
	}
	return ""
}

// TestSchemaIsTheTypes: a file that fills every key of the types is taken, comes
// back from the schema's keys alone, and survives being written.
func TestSchemaIsTheTypes(t *testing.T) {
	t.Parallel()
	var want fleet.Settings
	fill(reflect.ValueOf(&want).Elem())
	text, err := policyfile.Text(want)
	if err != nil {
		t.Fatal(err)
	}
	f, err := policyfile.Parse("full.yaml", text)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if diff := cmp.Diff(want, f.Settings); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	if _, err := policyfile.SchemaText(); err != nil {
		t.Error(err)
	}
}

// fill gives every field a value, so that none is left out as empty.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.String:
		v.SetString("2026-01-02")
	default:
		panic("no value for " + v.Type().String() + ": teach fill, and look whether the schema has its type")
	}
}

// TestWaves: a list of numbers is of percentages, as files had it before there
// were numbers of phones, and quotes change nothing about a number beside a
// percentage. What is written can be read again.
func TestWaves(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]storage.WaveShares{
		"[5, 25, 100]":        {"5%", "25%", "100%"},
		"[5%, 25%, 100%]":     {"5%", "25%", "100%"},
		"[20, 25%, 100%]":     {"20", "25%", "100%"},
		`["20", "25%", 100%]`: {"20", "25%", "100%"},
		"\n  - 1\n  - 100%\n": {"1", "100%"},
		"[]":                  {},
	} {
		f, err := policyfile.Parse("x.yaml", []byte("policies:\n- name: retail\n  waves: "+text+"\n"))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		written, err := policyfile.Text(f.Settings)
		if err != nil {
			t.Fatal(err)
		}
		again, err := policyfile.Parse("written.yaml", written)
		if err != nil {
			t.Fatalf("%v in\n%s", err, written)
		}
		for how, got := range map[string]*policyfile.Files{"read": f, "written and read": again} {
			if diff := cmp.Diff(&want, got.Settings.Policies[0].Waves); diff != "" {
				t.Errorf("%s %s (-want +got):\n%s", text, how, diff)
			}
		}
	}
}

// TestEnums: what an editor offers, the engine knows.
func TestEnums(t *testing.T) {
	t.Parallel()
	s := policyfile.Schema()
	for _, v := range s.Properties["apps"].Items.Properties["importance"].Enum {
		if _, err := policy.ParseImportance(v); err != nil {
			t.Error(err)
		}
	}
	for _, v := range s.Properties["groups"].Items.Properties["candidate"].Enum {
		if _, err := policy.ParseCandidate(v); err != nil {
			t.Error(err)
		}
	}
	for _, v := range s.Properties["policies"].Items.Properties["on_expiry"].Enum {
		if _, err := policy.ParseOnExpiry(v); err != nil {
			t.Error(err)
		}
	}
}

func TestTexts(t *testing.T) {
	t.Parallel()
	f, err := policyfile.Parse("sales.yaml", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	files, err := policyfile.Texts(f.Settings)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again, err := policyfile.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(f.Settings, again.Settings); diff != "" {
		t.Errorf("written and read (-want +got):\n%s", diff)
	}
	if !json.Valid(files[policyfile.SchemaFile]) || !strings.HasPrefix(string(files["groups.yaml"]), "# yaml-language-server: $schema=kannuki.schema.json\n") {
		t.Error("no schema, or files that do not name it")
	}
}

// FuzzParse: nothing panics, every error has a place, and what is taken can be
// written and read again.
func FuzzParse(f *testing.F) {
	f.Add(good)
	f.Add("groups:\n- name: \"a: b\"\n  rights: 'no'\n  policy: |\n    two\n    lines\n")
	f.Add("apps: [{bundle_id: \"- #\", owner: \"~\", smoke: [\"0x7\", \"1e3\", \"\\n\", \"\\t\", \" x \"]}]\n")
	f.Add("a: &x [*x]\n<<: *x\n")
	f.Add("? [a]\n: b\n--- \n!!binary |\n x\n")
	f.Add("groups:\n- name: a\n  name: a\n  apps: null\n")
	f.Add("policies:\n- name: a\n  waves: [5, 25, 100]\n- name: b\n  waves: [20, 25%, \"100%\"]\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := policyfile.Parse("fuzz.yaml", []byte(text))
		if err != nil {
			if e, ok := errors.AsType[*policyfile.Error](err); !ok || e.Code == "" {
				t.Fatalf("%v, want an error with its place", err)
			}
			return
		}
		written, err := policyfile.Text(got.Settings)
		if err != nil {
			t.Fatal(err)
		}
		again, err := policyfile.Parse("written.yaml", written)
		if err != nil {
			t.Fatalf("%v in\n%s", err, written)
		}
		if diff := cmp.Diff(got.Settings, again.Settings, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%q written and read (-want +got):\n%s", written, diff)
		}
	})
}

// FuzzText: whatever somebody typed as a text comes back from a file.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", " ", "\n", "\t", "a: b", "a #b", "- a", "~", "on", "0x7", "1e3", "\"", "'", "\\", "\\n", "レジ", "😀", "\u0085", "\u2028", "\ufeff", "\x00", "\x7f", "\x1b[1m", "{a", "[", "%x", "@x", "a\r\nb", "---", "...", "=", "<<", "2026-01-02", "!!str", "*a", "&a", "|", ">", strings.Repeat("[", 40), strings.Repeat("{}", 40)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		smoke := slices.Repeat([]string{s}, 40) // what one text may not do, many may not either
		text, err := policyfile.Text(fleet.Settings{Apps: []fleet.AppSettings{{BundleID: "x", AppChange: fleet.AppChange{Name: &s, Smoke: &smoke}}}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := policyfile.Parse("x.yaml", text)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		app := got.Settings.Apps[0]
		if want := string([]rune(s)); *app.Name != want || (*app.Smoke)[39] != want {
			t.Errorf("%q and %q, want %q", *app.Name, (*app.Smoke)[39], want)
		}
	})
}
