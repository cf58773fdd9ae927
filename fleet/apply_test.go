package fleet_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// settings reads settings as a request has them.
func settings(t *testing.T, text string) fleet.Settings {
	t.Helper()
	var s fleet.Settings
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func (w *world) apply(text string, prune bool) (fleet.ApplyResult, error) {
	w.t.Helper()
	return w.fleet.Apply(w.ctx, seg, w.act("files"), fleet.ApplyRequest{Settings: settings(w.t, text), Prune: prune})
}

func (w *world) records() storage.World {
	w.t.Helper()
	records, err := w.store.World(w.ctx, seg)
	w.must(err)
	return records
}

// changed returns what a result changes, as "action kind name: field field".
func changed(r fleet.ApplyResult) []string {
	var out []string
	for _, c := range r.Changes {
		line := c.Action + " " + c.Kind + " " + c.Name
		for _, f := range c.Fields {
			line += " " + f.Field
		}
		out = append(out, line)
	}
	return out
}

const wanted = `{
 "apps": [{"bundle_id": "com.example.till", "importance": "critical"}, {"bundle_id": "com.example.pos", "owner": "retail"}],
 "calendars": [{"name": "shops", "weekdays": ["mon-fri"]}],
 "policies": [{"name": "strict", "verdict_days": 30, "calendar": "shops"}],
 "groups": [
  {"name": "sales", "apps": ["com.example.till", "com.example.pos"], "policy": "strict", "minimum_notice": "48h"},
  {"name": "stock", "candidate": "auto"}]}`

// TestApply: what refers to each other comes in one change; applied again it
// changes nothing, and so does what is exported.
func TestApply(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.records()
	want := []string{
		"add app com.example.till deliver importance name owner smoke vendor_contact", "change app com.example.pos owner",
		"add calendar shops closed holidays hours include month_end weekdays",
		"add policy strict beta beta_program breaker_failed breaker_reports breaker_reverted breaker_sample breaker_silent breaker_silent_after breaker_wave_sample calendar carry_over chase chase_always chase_language chase_off chase_per_day chase_quiet chase_tests closed deadline holidays hours improvements keep_improvements majors model_class month_end on_expiry on_leak soak urgent urgent_deadline verdict_days waves weekdays",
		"change group sales apps minimum_notice policy", "add group stock apps candidate candidate_notice minimum_notice policy rights",
	}
	tried, err := w.fleet.Apply(w.ctx, seg, fleet.Act{Actor: "test", DryRun: true}, fleet.ApplyRequest{Settings: settings(t, wanted)})
	w.must(err)
	if diff := cmp.Diff(want, changed(tried)); diff != "" {
		t.Errorf("tried (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, w.records()); diff != "" {
		t.Errorf("trying changed the world:\n%s", diff)
	}
	done, err := w.apply(wanted, false)
	w.must(err)
	if diff := cmp.Diff(want, changed(done)); diff != "" {
		t.Errorf("applied (-want +got):\n%s", diff)
	}
	if done.Fingerprint != tried.Fingerprint {
		t.Error("trying and applying name different changes")
	}
	after := w.records()
	if after.Revision != before.Revision+1 || len(after.Apps) != 3 || after.Groups[0].Policy != "strict" {
		t.Errorf("revision %d after %d, %d apps, policy %q; want one change with all of it", after.Revision, before.Revision, len(after.Apps), after.Groups[0].Policy)
	}
	exported, err := w.fleet.Settings(seg)
	w.must(err)
	text, err := json.Marshal(exported)
	w.must(err)
	for name, again := range map[string]string{"the same": wanted, "the export": string(text)} {
		for _, prune := range []bool{false, true} {
			if name == "the same" && prune {
				continue // com.example.scan is not in it
			}
			done, err := w.apply(again, prune)
			w.must(err)
			if len(done.Changes) != 0 || w.records().Revision != after.Revision {
				t.Errorf("%s applied again: %v, revision %d", name, changed(done), w.records().Revision)
			}
		}
	}
	log, err := w.fleet.Audit(w.ctx, seg, 0, 100)
	w.must(err)
	var actions []string
	for _, e := range log {
		if e.Reason == "files" {
			actions = append(actions, e.Action+" "+e.Target)
		}
	}
	entries := []string{"app.add com.example.till", "app.set com.example.pos", "calendar.set shops", "policy.set strict", "group.set sales", "group.add stock"}
	if diff := cmp.Diff(entries, actions); diff != "" {
		t.Errorf("audit (-want +got):\n%s", diff)
	}
}

// TestApplyRefuses: any wrong entry keeps all of it from happening, and the error
// names the entry.
func TestApplyRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.records()
	fine := `"policies": [{"name": "fine"}], `
	for name, test := range map[string]struct{ text, at, says string }{
		"importance":      {`"apps": [{"bundle_id": "com.example.till", "importance": "vital"}]`, "apps[0]", "importance"},
		"new without":     {`"apps": [{"bundle_id": "com.example.till"}]`, "apps[0]", "importance"},
		"bundle id":       {`"apps": [{"bundle_id": "a b", "importance": "critical"}]`, "apps[0]", "bundle_id"},
		"twice":           {`"groups": [{"name": "sales"}, {"name": "sales"}]`, "groups[1]", "stands twice"},
		"unknown app":     {`"groups": [{"name": "sales", "apps": ["com.example.pos", "com.example.po"]}]`, "groups[0].apps[1]", "com.example.po"},
		"unknown policy":  {`"groups": [{"name": "stock"}, {"name": "sales", "policy": "fin"}]`, "groups[1].policy", "fin"},
		"notice":          {`"groups": [{"name": "sales", "minimum_notice": "1m"}]`, "groups[0]", "minimum_notice: want between"},
		"no notice":       {`"groups": [{"name": "sales", "minimum_notice": "0s"}]`, "groups[0]", "minimum_notice: want between"},
		"not a notice":    {`"groups": [{"name": "sales", "candidate_notice": "soon"}]`, "groups[0]", "candidate_notice"},
		"empty":           {`"groups": [{"name": "sales", "policy": ""}]`, "groups[0]", "policy: want a value"},
		"group name":      {`"groups": [{"name": "Sales"}]`, "groups[0]", "name"},
		"rights":          {`"groups": [{"name": "sales", "rights": "all"}]`, "groups[0]", "rights"},
		"built-in policy": {`"groups": [], "policies": [{"name": "default", "carry_over": true}]`, "policies[0].name", "built in"},
		"days":            {`"groups": [], "policies": [{"name": "x", "verdict_days": -1}]`, "policies[0]", "verdict_days"},
	} {
		if !strings.Contains(test.text, "policies") {
			test.text = fine + test.text
		}
		_, err := w.apply("{"+test.text+"}", false)
		e, ok := errors.AsType[*fleet.EntryError](err)
		if !ok || e.At != test.at || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, want one at %s about %q", name, err, test.at, test.says)
		}
	}
	_, err := w.fleet.Apply(w.ctx, seg, w.act("x"), fleet.ApplyRequest{Settings: settings(t, wanted), Fingerprint: "other"})
	if !errors.Is(err, storage.ErrConflict) {
		t.Errorf("other changes than were shown: %v, want a conflict", err)
	}
	if diff := cmp.Diff(before, w.records()); diff != "" {
		t.Errorf("the world changed:\n%s", diff)
	}
}

// TestApplyPrune removes what is not named, under the rules of removing.
func TestApplyPrune(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.apply(wanted, false)
	w.must(err)
	_, err = w.apply(`{"apps": [{"bundle_id": "com.example.pos"}], "policies": [], "groups": [{"name": "sales"}]}`, true)
	if r := refusal(t, err); r.Code != "policy-in-use" {
		t.Errorf("policy that sales keeps: %s, want policy-in-use", r.Code)
	}
	_, err = w.fleet.Decline(w.ctx, seg, w.act("not there"), "stock", release)
	w.must(err)
	done, err := w.apply(`{"apps": [{"bundle_id": "com.example.pos"}], "groups": [{"name": "sales", "policy": "default"}]}`, true)
	w.must(err)
	want := []string{
		"remove app com.example.scan", "remove app com.example.till", "remove calendar shops", "remove policy strict",
		"change group sales apps policy", "remove group stock",
	}
	if diff := cmp.Diff(want, changed(done)); diff != "" {
		t.Errorf("pruned (-want +got):\n%s", diff)
	}
	if r := w.records(); len(r.Apps) != 1 || len(r.Policies)+len(r.Declines) != 0 || len(r.Groups) != 1 || !cmp.Equal(r.Groups[0].Apps, []string{"com.example.pos"}) {
		t.Errorf("left: %+v", r)
	}
	w.enrol("P1", "sales", storage.RingProduction)
	_, err = w.apply(`{"apps": [{"bundle_id": "com.example.pos"}]}`, true)
	if r := refusal(t, err); r.Code != "group-has-phones" {
		t.Errorf("group with a phone: %s, want group-has-phones", r.Code)
	}
	_, err = w.apply(`{"groups": [{"name": "sales", "apps": ["com.example.pos"]}]}`, true)
	if e, ok := errors.AsType[*fleet.NotFoundError](err); !ok || e.Name != "com.example.pos" {
		t.Errorf("app that goes: %v, want not found", err)
	}
}

// TestApplyNeverOpensAGate: the whole is judged, the entry is named, and what one
// entry takes away another may put in its place.
func TestApplyNeverOpensAGate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.verified()
	_, err := w.fleet.SetGroup(w.ctx, seg, w.act("more"), fleet.GroupRequest{Name: "sales", Apps: []string{"com.example.scan"}})
	w.must(err)
	before := w.records()
	for text, at := range map[string]string{
		`{"groups": [{"name": "stock"}, {"name": "sales", "apps": ["com.example.pos"]}]}`:                            "groups[1].apps",
		`{"apps": [{"bundle_id": "com.example.pos"}, {"bundle_id": "com.example.scan", "importance": "important"}]}`: "apps[1].importance",
	} {
		_, err := w.apply(text, false)
		e, ok := errors.AsType[*fleet.EntryError](err)
		if r := refusal(t, err); r.Code != "opens-gates" || !ok || e.At != at {
			t.Errorf("%v, want opens-gates at %s", err, at)
		}
	}
	_, err = w.apply(`{"apps": [{"bundle_id": "com.example.pos"}], "groups": [{"name": "sales"}]}`, true)
	if r := refusal(t, err); r.Code != "opens-gates" {
		t.Errorf("pruning: %s, want opens-gates", r.Code)
	}
	if diff := cmp.Diff(before, w.records()); diff != "" {
		t.Errorf("the world changed:\n%s", diff)
	}
}

// TestApplyTellsPhones: what a change makes phones do is counted before it is
// made.
func TestApplyTellsPhones(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tester := w.enrol("V1", "sales", storage.RingVerification)
	tester.settle()
	done, err := w.apply(`{"groups": [{"name": "sales", "candidate": "auto"}]}`, false)
	w.must(err)
	if done.Install != 1 || done.Withdraw != 0 {
		t.Errorf("asks %d phones and takes back %d, want 1 and 0", done.Install, done.Withdraw)
	}
	tester.settle()
	if version, _ := tester.enforcement(); version == "" {
		t.Error("the phone was told nothing")
	}
}

// TestSettingsAreWhole: an export leaves no key out, whatever a record may hold.
func TestSettingsAreWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.apply(wanted, false)
	w.must(err)
	s, err := w.fleet.Settings(seg)
	w.must(err)
	for _, v := range []reflect.Value{reflect.ValueOf(s.Apps[0]), reflect.ValueOf(s.Calendars[0]), reflect.ValueOf(s.Policies[0]), reflect.ValueOf(s.Groups[0])} {
		for _, f := range reflect.VisibleFields(v.Type()) {
			if f.Type.Kind() == reflect.Pointer && v.FieldByIndex(f.Index).IsNil() {
				t.Errorf("%s.%s is not exported: fill it in settings.go", v.Type(), f.Name)
			}
		}
	}
}
