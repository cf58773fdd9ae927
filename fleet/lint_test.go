package fleet_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// codes returns what was found, as "policy code".
func codes(v fleet.LintView) []string {
	out := []string{}
	for _, f := range v.Findings {
		out = append(out, f.Policy+" "+string(f.Code))
	}
	return out
}

// TestLint: what is stored is what is looked at, phones and apps included.
func TestLint(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.enrol("P1", "sales", storage.RingProduction)
	soak, waves, enforce := "5d", storage.WaveShares{"50%", "100%"}, "enforce"
	w.decides("strict", fleet.PolicyChange{OnExpiry: &enforce, RolloutChange: fleet.RolloutChange{Waves: &waves, Soak: &soak}})
	got, err := w.fleet.Lint(seg, "")
	w.must(err)
	want := []string{"strict waves-empty", "strict no-verification-phones"}
	if diff := cmp.Diff(want, codes(got)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"default", "strict"}, got.Policies); diff != "" || got.Errors != 0 || got.Warnings != 2 {
		t.Errorf("%d errors, %d warnings, policies:\n%s", got.Errors, got.Warnings, diff)
	}
	one, err := w.fleet.Lint(seg, "default")
	w.must(err)
	if len(one.Findings) != 0 || len(one.Policies) != 1 {
		t.Errorf("default: %v", codes(one))
	}
	if _, err := w.fleet.Lint(seg, "strikt"); !errors.As(err, new(*fleet.NotFoundError)) {
		t.Errorf("a policy that is not there: %v", err)
	}
}

// TestContradictionsAreRefused: by every way in which one could come to be, and
// not when it was there before.
func TestContradictionsAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	deadline, short, none := "3d", "12h", ""
	w.decides("strict", fleet.PolicyChange{RolloutChange: fleet.RolloutChange{Deadline: &deadline}})
	hasty := fleet.PolicyChange{RolloutChange: fleet.RolloutChange{Deadline: &short}}
	_, err := w.fleet.SetPolicy(w.ctx, seg, w.act("x"), "hasty", hasty)
	w.must(err) // no group has it yet
	before := w.records()
	for name, edit := range map[string]func() error{
		"policy": func() error { _, err := w.fleet.SetPolicy(w.ctx, seg, w.act("x"), "strict", hasty); return err },
		"notice": func() error {
			_, err := w.fleet.SetGroup(w.ctx, seg, w.act("x"), fleet.GroupRequest{Name: "sales", MinimumNotice: 96 * time.Hour})
			return err
		},
		"group": func() error {
			_, err := w.fleet.SetGroup(w.ctx, seg, w.act("x"), fleet.GroupRequest{Name: "sales", Policy: "hasty"})
			return err
		},
	} {
		r := refusal(t, edit())
		if r.Code != string(policy.LintDeadlineNotice) || r.Params[policy.ParamGroup] != "sales" {
			t.Errorf("%s: %s %v, want %s", name, r.Code, r.Params, policy.LintDeadlineNotice)
		}
	}
	_, err = w.apply(`{"policies": [{"name": "other"}, {"name": "strict", "deadline": "12h"}]}`, false)
	e, ok := errors.AsType[*fleet.EntryError](err)
	if r := refusal(t, err); r.Code != string(policy.LintDeadlineNotice) || !ok || e.At != "policies[1].deadline" {
		t.Errorf("files: %v, want %s at policies[1].deadline", err, policy.LintDeadlineNotice)
	}
	if diff := cmp.Diff(before, w.records()); diff != "" {
		t.Errorf("the world changed:\n%s", diff)
	}

	// As an older version let it in: other settings can still be changed.
	_, err = w.store.ChangeWorld(w.ctx, seg, before.Revision, storage.WorldChange{Policies: []storage.Policy{{Name: "strict", Deadline: 12 * time.Hour, OnExpiry: "extend-risk"}}})
	w.must(err)
	w.restart()
	if got, err := w.fleet.Lint(seg, "strict"); err != nil || got.Errors != 1 {
		t.Fatalf("%v %v, want one error", codes(got), err)
	}
	days := 200
	_, err = w.fleet.SetPolicy(w.ctx, seg, w.act("x"), "strict", fleet.PolicyChange{VerdictDays: &days})
	w.must(err)
	_, err = w.fleet.SetPolicy(w.ctx, seg, w.act("x"), "strict", fleet.PolicyChange{RolloutChange: fleet.RolloutChange{Deadline: &none}})
	w.must(err)
}

// TestLintSettings looks at what would be, and writes nothing.
func TestLintSettings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.records()
	got, err := w.fleet.LintSettings(seg, fleet.ApplyRequest{Settings: settings(t, `{
		"policies": [{"name": "hasty", "deadline": "12h", "waves": [5, 100]}],
		"groups": [{"name": "sales", "policy": "hasty"}]}`)})
	w.must(err)
	if diff := cmp.Diff([]string{"hasty deadline-under-notice", "hasty waves-without-soak"}, codes(got)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, w.records()); diff != "" {
		t.Errorf("the world changed:\n%s", diff)
	}
	_, err = w.fleet.LintSettings(seg, fleet.ApplyRequest{Settings: settings(t, `{"groups": [{"name": "sales", "policy": "nobody"}]}`)})
	if !errors.As(err, new(*fleet.EntryError)) {
		t.Errorf("settings that cannot be: %v", err)
	}
}

// TestUsualLife holds what is taken for usual against the releases in the
// program: how soon the newest one was followed, and how far behind its x.y the
// last patch came while that was the newest.
func TestUsualLife(t *testing.T) {
	t.Parallel()
	lives, reach := catalogPace(t)
	short := 0
	for _, d := range lives {
		if d <= int(policy.UsualLife.Hours()/24) {
			short++
		}
	}
	if short*100 < 80*len(lives) {
		t.Errorf("%d of %d releases were followed within %s, want most", short, len(lives), policy.UsualLife)
	}
	if want := int(policy.CarryReach.Hours() / 24); reach != want {
		t.Errorf("the last patch came up to %d days after x.y, policy.CarryReach says %d", reach, want)
	}
}
