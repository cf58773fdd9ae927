package policy_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
)

// joined returns the world in which 26.6 is approved for one model, and the other
// was tested half an hour later, with an older version of POS.
func joined() policy.Parts {
	p := approved()
	p.Approvals[0].Models = []string{small}
	p.Verdicts[1].At, p.Verdicts[1].AppVersion = now.Add(-30*time.Minute), "3.0"
	return p
}

// extended returns that world once the model was added.
func extended() policy.Parts {
	p := joined()
	a := &p.Approvals[0]
	a.Models, a.Verdicts = []string{small, large}, []string{"v1", "v2", "v3"}
	a.Extensions = []policy.Extension{{
		Model: large, By: "sato", Reason: "new phones", At: now.Add(-10 * time.Minute),
		Floors: []policy.Floor{{BundleID: pos, MinVersion: "3.0"}, {BundleID: scan, MinVersion: "3.1"}},
	}}
	return p
}

// TestUncovered: a gate names the models its approval leaves out with what adding
// each would rest on, and says so once one is verified.
func TestUncovered(t *testing.T) {
	t.Parallel()
	got := evaluate(joined())
	want := []policy.Uncovered{{
		Model: large, Phones: 5, Verdicts: []string{"v2", "v3"},
		Floors: []policy.Floor{{BundleID: pos, MinVersion: "3.0"}, {BundleID: scan, MinVersion: "3.1"}},
	}}
	if diff := cmp.Diff(want, got.Uncovered); diff != "" {
		t.Errorf("left out (-want +got):\n%s", diff)
	}
	if got.NextHuman != policy.StepExtend || policy.Extendable(got, large) != nil {
		t.Errorf("next step %q, extendable: %v", got.NextHuman, policy.Extendable(got, large))
	}
	p := joined()
	p.Verdicts = p.Verdicts[:1]
	untested := evaluate(p)
	if len(untested.Uncovered) != 1 || len(untested.Uncovered[0].Missing) != 2 || untested.NextHuman != policy.StepTestModel {
		t.Errorf("without tests: %+v, next step %q", untested.Uncovered, untested.NextHuman)
	}
	if got.Fingerprint == evaluate(extended()).Fingerprint {
		t.Error("the fingerprint does not tell whether a model was added")
	}
}

// TestExtendable: a model is added as the gate asks, whatever the approval rests on.
func TestExtendable(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*policy.Parts)
		models []string
		want   policy.ExtendClosed
	}{
		"verified":             {func(*policy.Parts) {}, []string{large}, ""},
		"another model is not": {func(p *policy.Parts) { p.Approvals[0].Models, p.Verdicts[0].Expires = nil, now }, []string{large}, ""},
		"not approved":         {func(p *policy.Parts) { p.Approvals = nil }, []string{large}, policy.ExtendNotApproved},
		"declined": {func(p *policy.Parts) {
			p.Declines = []policy.Decline{{Group: group, Release: next, At: before}}
		}, []string{large}, policy.ExtendNotApproved},
		"an exception": {func(p *policy.Parts) {
			p.Approvals[0].Override = &policy.Override{By: "a", Second: "b", Until: after}
		}, []string{large}, policy.ExtendException},
		"paused":               {func(p *policy.Parts) { p.Approvals[0].PausedAt = now }, []string{large}, policy.ExtendStopped},
		"no verification ring": {func(p *policy.Parts) { p.Groups[0].Census = p.Groups[0].Census[:2] }, []string{large}, policy.ExtendNoTest},
		"no app":               {func(p *policy.Parts) { p.Groups[0].Apps = nil }, []string{large}, policy.ExtendNoTest},
		"covered already":      {func(*policy.Parts) {}, []string{small}, policy.ExtendNotWaiting},
		"none":                 {func(*policy.Parts) {}, nil, policy.ExtendNotWaiting},
		"not tested":           {func(p *policy.Parts) { p.Verdicts[1].Model = small }, []string{large}, policy.ExtendUntested},
		"the result expired":   {func(p *policy.Parts) { p.Verdicts[1].Expires = now }, []string{large}, policy.ExtendUntested},
		"a quick check only":   {func(p *policy.Parts) { p.Verdicts[1].Method = policy.MethodSmoke }, []string{large}, policy.ExtendUntested},
		"a quick check for an urgent approval": {func(p *policy.Parts) {
			p.Approvals[0].Lane = &policy.Lane{By: "a", Second: "b"}
			p.Verdicts[1].Method = policy.MethodSmoke
		}, []string{large}, policy.ExtendUntested},
		"an important app tested nowhere": {func(p *policy.Parts) { p.Verdicts = p.Verdicts[:2] }, []string{large}, policy.ExtendUntested},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := joined()
			tt.change(&p)
			err := policy.Extendable(evaluate(p), tt.models...)
			e, _ := errors.AsType[*policy.ExtendError](err)
			if tt.want == "" != (err == nil) || e != nil && e.Why != tt.want {
				t.Fatalf("%v, want %q", err, tt.want)
			}
			if tt.want == policy.ExtendUntested && (len(e.Apps) != 1 || e.Models[0] != large || e.Error() == "") {
				t.Errorf("%+v, want the app and the model named", e)
			}
		})
	}
}

// TestExtensionHasFloorsOfItsOwn: an added model follows the app versions it was tested with, the others
// those of the approval.
func TestExtensionHasFloorsOfItsOwn(t *testing.T) {
	t.Parallel()
	for model, want := range map[string]policy.Code{small: policy.ReasonAppUpdateNeeded, large: ""} {
		f := phone()
		f.Model, f.Apps[0].Version = model, "3.0"
		if got := policy.TargetFor(policy.NewWorld(extended()), f, now); got.Blocked.Code != want {
			t.Errorf("%s with POS 3.0: %q, want %q", model, got.Blocked.Code, want)
		}
	}
}

// TestExtensionIsRevoked: taking back the result that a model was added by, made
// after the approval, stops the rollout; and the gate says who added it.
func TestExtensionIsRevoked(t *testing.T) {
	t.Parallel()
	p := extended()
	w := policy.NewWorld(p)
	gate := w.Cited(policy.Evaluate(w, group, next, now), now)
	want := policy.Reason{
		Code: policy.GateModelAdded, Params: map[string]string{"release": next, "model": large, "by": "sato", "date": "2026-08-16T08:50:00Z", "reason": "new phones"},
		From: []policy.Record{{Kind: policy.RecordApproval, ID: "a1", Release: next, By: "sato", At: now.Add(-10 * time.Minute)}},
	}
	if diff := cmp.Diff(want, gate.Reasons[len(gate.Reasons)-1]); diff != "" || len(gate.Uncovered) > 0 {
		t.Errorf("%d left out; reason (-want +got):\n%s", len(gate.Uncovered), diff)
	}
	p.Verdicts[1].RevokedAt = now.Add(-time.Minute)
	if got := evaluate(p); got.Phase != policy.PhasePaused || got.Reasons[0].Code != policy.GateVerdictRevoked {
		t.Errorf("revoked: %s %v", got.Phase, got.Reasons)
	}
}

// TestAppSinceTheApproval: an app that the group depends on since the gate was approved has
// a line at the gate, until it is tested; one that was approved with the others has none.
func TestAppSinceTheApproval(t *testing.T) {
	t.Parallel()
	const added = "com.example.new"
	not := func(r policy.Reason) bool { return r.Code == policy.GateAppNotCovered }
	p := approved()
	if got := evaluate(p); slices.ContainsFunc(got.Reasons, not) {
		t.Errorf("reasons = %v, want nothing about apps", got.Reasons)
	}
	p.Apps = append(p.Apps, policy.App{BundleID: added, Name: "New", Importance: policy.ImportanceCritical})
	p.Groups[0].Apps = append(slices.Clone(p.Groups[0].Apps), added)
	got := evaluate(p)
	if i := slices.IndexFunc(got.Reasons, not); got.Phase != policy.PhaseRollingOut || i < 0 || got.Reasons[i].Params[policy.ParamApp] != added {
		t.Errorf("phase %s, reasons = %v, want %s named while it rolls out", got.Phase, got.Reasons, added)
	}
}
