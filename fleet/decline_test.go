package fleet_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// TestNobodyDecidesWithoutAGate: no decision is recorded of a release
// that has no gate in the group, and the refusal says why.
func TestNobodyDecidesWithoutAGate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.clock.Add(time.Date(2026, 3, 19, 9, 0, 0, 0, time.UTC).Sub(w.clock.Now()))
	w.on("P", "26.3.1", storage.RingProduction)
	w.on("V", "26.3.1", storage.RingVerification)
	const elsewhere = "15.8.7" // none of these phones runs it
	verbs := map[string]func(context.Context, storage.Segment, fleet.Act, string, string) (fleet.Effect, error){
		"offer": w.fleet.Offer, "decline": w.fleet.Decline,
		"approve": func(ctx context.Context, of storage.Segment, a fleet.Act, group, release string) (fleet.Effect, error) {
			return w.fleet.Approve(ctx, of, a, fleet.ApproveRequest{Group: group, Release: release, Deadline: "+3d"})
		},
		"override": func(ctx context.Context, of storage.Segment, a fleet.Act, group, release string) (fleet.Effect, error) {
			p, err := w.fleet.ProposeOverride(ctx, of, a, fleet.OverrideRequest{Group: group, Release: release, Deadline: "+3d", Until: "+14d"})
			return p.Effect, err
		},
		"lane": func(ctx context.Context, of storage.Segment, a fleet.Act, group, release string) (fleet.Effect, error) {
			p, err := w.fleet.ProposeUrgent(ctx, of, a, fleet.UrgentRequest{Group: group, Release: release})
			return p.Effect, err
		},
	}
	check := func(release, want string) {
		t.Helper()
		for name, decide := range verbs {
			for _, dry := range []bool{true, false} {
				a := by("tanaka")
				a.DryRun = dry
				if r := refusal(t, second(decide(w.ctx, seg, a, "sales", release))); r.Code != want {
					t.Errorf("%s of %s, only tried %t: refused as %s, want %s", name, release, dry, r.Code, want)
				}
			}
		}
		if r := refusal(t, second(w.fleet.PlanRollout(seg, fleet.ApproveRequest{Group: "sales", Release: release}))); r.Code != want {
			t.Errorf("plan of %s: refused as %s, want %s", release, r.Code, want)
		}
	}
	check(improvement, "improvement-follows-base")
	check(elsewhere, "not-applicable")
	w.decides("strict", fleet.PolicyChange{ImprovementChange: fleet.ImprovementChange{Improvements: ptr("off")}})
	delete(verbs, "decline") // which is how one person has an edit wait for it no more
	check(improvement, "improvements-off")
	if r := w.records(); len(r.Offers)+len(r.Declines) != 0 {
		t.Errorf("on record: %v %v, want nothing", r.Offers, r.Declines)
	}
	w.decides("strict", fleet.PolicyChange{ImprovementChange: fleet.ImprovementChange{Improvements: ptr("reverify")}})
	w.must(second(w.fleet.Offer(w.ctx, seg, w.act("it has a gate now"), "sales", improvement)))
	w.must(second(w.fleet.Decline(w.ctx, seg, w.act("it has a gate now"), "sales", improvement)))
}

// TestDeclineAll: every group with a gate declines the release, in one change; the
// others are named, with why.
func TestDeclineAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, _ := w.verified()
	w.must(second(w.approve("+3d")))
	first.settle()
	for _, name := range []string{"stock", "kiosk", "depot"} {
		w.must(second(w.fleet.AddGroup(w.ctx, seg, w.act("x"), fleet.GroupRequest{Name: name, Apps: []string{"com.example.pos"}})))
	}
	old := newPhone(w, "K1")
	old.model = "iPhone99,9" // which Apple lists nothing for
	old.again("kiosk", storage.RingProduction)
	old.settle()
	w.must(second(w.fleet.Decline(w.ctx, seg, w.act("not there"), "depot", release)))

	tried := w.act("26.6.2 is near")
	tried.DryRun = true
	dry, err := w.fleet.DeclineAll(w.ctx, seg, tried, release)
	w.must(err)
	if r := w.records(); len(r.Declines) != 1 || !dry.DryRun {
		t.Errorf("only tried, and on record: %v", r.Declines)
	}
	done, err := w.fleet.DeclineAll(w.ctx, seg, w.act("26.6.2 is near"), release)
	w.must(err)
	want := fleet.DeclinedAll{
		Release: release,
		Groups: []fleet.Effect{
			{Group: "sales", Release: release, Phase: "declined", EffectCounts: fleet.EffectCounts{Withdraw: 1}},
			{Group: "stock", Release: release, Phase: "declined"},
		},
		LeftOut: []fleet.LeftOut{{"depot", policy.Reason{Code: policy.GateDeclined}}, {"kiosk", policy.Reason{Code: policy.GateNotApplicable}}},
	}
	if diff := cmp.Diff(want, done); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for i := range dry.Groups {
		dry.Groups[i].DryRun = false
	}
	dry.DryRun = false
	if diff := cmp.Diff(want, dry); diff != "" {
		t.Errorf("only tried (-want +got):\n%s", diff)
	}
	targets := []string{}
	for _, e := range w.acts("gate.decline") {
		targets = append(targets, e.Target+" after "+e.Detail["phase_before"]+": "+e.Reason)
	}
	wantActs := []string{
		"depot/" + release + " after held: not there", "sales/" + release + " after rolling-out: 26.6.2 is near", "stock/" + release + " after held: 26.6.2 is near",
	}
	if diff := cmp.Diff(wantActs, targets); diff != "" {
		t.Errorf("audit log (-want +got):\n%s", diff)
	}
	if got, _ := first.enforcement(); got != "" {
		t.Errorf("a phone is still asked for %s", got)
	}
	if r := refusal(t, second(w.fleet.DeclineAll(w.ctx, seg, w.act("again"), release))); r.Code != "nothing-to-decline" {
		t.Errorf("again: refused as %s", r.Code)
	}
	if _, err := w.fleet.DeclineAll(w.ctx, seg, w.act("x"), "99.9"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("unknown release: %v", err)
	}
	if err := second(w.fleet.DeclineAll(w.ctx, seg, fleet.Act{Actor: "a"}, "26.6")); err == nil {
		t.Error("without a reason: no error")
	}
}
