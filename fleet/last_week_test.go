package fleet_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// nearEnd has 26.6, which left Apple's list when 26.6.1 came, verified so long
// before the last deadline of an ordinary approval, with one production phone and
// waves in the policy. It returns that deadline.
func (w *world) nearEnd(before time.Duration) (p *phone, last time.Time) {
	w.t.Helper()
	p = w.enrol("P1", "sales", storage.RingProduction)
	p.settle()
	v := w.enrol("V1", "sales", storage.RingVerification)
	v.settle()
	v.install(older, "23G80")
	w.must(second(w.fleet.RecordVerdict(w.ctx, seg, w.act("t"), fleet.VerdictRequest{BundleID: "com.example.pos", Release: older, Result: "works", Device: "V1"})))
	w.decides("late", fleet.PolicyChange{RolloutChange: fleet.RolloutChange{Waves: ptr(storage.WaveShares{"10%", "100%"}), Soak: ptr("2d")}})
	gate, err := w.fleet.Gate(seg, "sales", older)
	w.must(err)
	last = gate.Clocks.ShelfLife.Add(-policy.ShelfMargin)
	w.clock.Add(last.Sub(w.clock.Now()) - before)
	p.settle()
	return p, last
}

// lateOverride proposes to open 26.6 with a deadline.
func (w *world) lateOverride(deadline string) (fleet.Proposed, error) {
	return w.fleet.ProposeOverride(w.ctx, seg, by("tanaka"), fleet.OverrideRequest{Group: "sales", Release: older, Deadline: deadline, Until: "+14d"})
}

// In the last week of its build a verified gate takes two people, who open it for
// all phones at once while the build is offered.
func TestLastWeekTakesTwo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, last := w.nearEnd(12 * time.Hour) // the notice is 24 hours
	gate, err := w.fleet.Gate(seg, "sales", older)
	w.must(err)
	if gate.Phase != policy.PhaseVerified || gate.NextHuman != policy.StepChooseNewer {
		t.Errorf("the gate is %s with the next step %s, want verified and the newer release", gate.Phase, gate.NextHuman)
	}
	_, err = w.fleet.Approve(w.ctx, seg, w.act("tested"), fleet.ApproveRequest{Group: "sales", Release: older, Deadline: "+1d"})
	want := map[string]string{"release": older, "group": "sales", "date": last.Add(policy.ShelfMargin).Format(time.RFC3339)}
	if r := refusal(t, err); r.Code != "last-week" || cmp.Diff(want, r.Params) != "" {
		t.Errorf("refused as %s %v, want last-week %v", r.Code, r.Params, want)
	}
	if r := refusal(t, second(w.lateOverride("+9d"))); r.Code != "build-gone" {
		t.Errorf("a deadline behind the build: refused as %s, want build-gone", r.Code)
	}
	proposed, err := w.lateOverride("+2d")
	w.must(err)
	if r := refusal(t, second(w.fleet.Sign(w.ctx, seg, by("tanaka"), proposed.ID))); r.Code != "same-person" {
		t.Errorf("one person alone: refused as %s", r.Code)
	}
	w.must(second(w.fleet.Sign(w.ctx, seg, by("sato"), proposed.ID)))
	p.settle()
	if got, _ := p.enforcement(); got != older {
		t.Errorf("the phone is to install %q, want %s", got, older)
	}
	if waves := w.rollout(older).Waves; len(waves) != 1 {
		t.Errorf("%d waves, want one", len(waves))
	}
	if gate, err = w.fleet.Gate(seg, "sales", older); err != nil || gate.Override == nil || gate.NextHuman == policy.StepApprove {
		t.Errorf("the gate says %+v, next %s (%v), want the exception and no ordinary approval", gate.Override, gate.NextHuman, err)
	}
}

// A proposal that is signed so late that its deadline comes when the build may be
// gone is refused.
func TestLastWeekIsSignedInTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.nearEnd(-4 * aDay)
	proposed, err := w.lateOverride("+2d")
	w.must(err)
	w.clock.Add(2 * aDay)
	if r := refusal(t, second(w.fleet.Sign(w.ctx, seg, by("sato"), proposed.ID))); r.Code != "build-gone" {
		t.Errorf("refused as %s, want build-gone", r.Code)
	}
}

// As long as an approval can end in time, one person suffices.
func TestBeforeTheLastWeek(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.nearEnd(36 * time.Hour)
	if r := refusal(t, second(w.lateOverride("+1d"))); r.Code != "use-approve" {
		t.Errorf("refused as %s, want use-approve", r.Code)
	}
	approve := func(deadline string) error {
		return second(w.fleet.Approve(w.ctx, seg, w.act("tested"), fleet.ApproveRequest{Group: "sales", Release: older, Waves: []string{"100%"}, Deadline: deadline}))
	}
	if r := refusal(t, approve("+2d")); r.Code != "outlives-build" {
		t.Errorf("refused as %s, want outlives-build", r.Code)
	}
	w.must(approve("+1d"))
}

// A policy approves nothing on day 90 that may be gone before phones have to install
// it, and looks again.
func TestEnforceNothingThatGoes(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change   fleet.RolloutChange
		outcome  string
		approved []string
	}{
		"in time":           {fleet.RolloutChange{Deadline: ptr("2d")}, "approved", []string{older}},
		"too late":          {fleet.RolloutChange{Deadline: ptr("60d")}, "build-gone", nil},
		"the day is closed": {fleet.RolloutChange{CalendarChange: fleet.CalendarChange{Closed: ptr([]string{"2026-10-20..2026-12-20"})}}, "build-gone", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.nearEnd(30 * aDay)
			enforce := string(policy.OnExpiryEnforce)
			w.decides("late", fleet.PolicyChange{OnExpiry: &enforce, RolloutChange: tt.change})
			gate, err := w.fleet.Gate(seg, "sales", older)
			w.must(err)
			if said := gate.NextAutomatic == policy.StepPolicyApproves; said != (tt.approved != nil) {
				t.Errorf("before the end, by itself: %q; approved then: %v", gate.NextAutomatic, tt.approved)
			}
			w.at(70) // day 91 of 26.6
			w.sweep()
			revision := w.revision()
			w.sweep()
			if got := w.outcomes()["sales/"+older]; got != tt.outcome || w.revision() != revision {
				t.Errorf("the hold ended with %q, %d revisions of looking again; want %q and none", got, w.revision()-revision, tt.outcome)
			}
			if diff := cmp.Diff(tt.approved, w.byPolicy()); diff != "" {
				t.Errorf("approved by the policy (-want +got):\n%s", diff)
			}
		})
	}
}

// Where a policy waits for a test, people hear once that what was verified then is
// too late for its build.
func TestEnforceTellsWhatComesTooLate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.enrol("P1", "sales", storage.RingProduction).settle()
	v := w.enrol("V1", "sales", storage.RingVerification)
	v.settle()
	v.install(older, "23G80")
	enforce := string(policy.OnExpiryEnforce)
	w.decides("late", fleet.PolicyChange{OnExpiry: &enforce, RolloutChange: fleet.RolloutChange{Deadline: ptr("60d")}})
	w.at(70) // day 91 of 26.6
	w.sweep()
	if got := w.outcomes()["sales/"+older]; got != "nothing-verified" {
		t.Fatalf("the hold ended with %q, want nothing-verified", got)
	}
	w.must(second(w.fleet.RecordVerdict(w.ctx, seg, w.act("t"), fleet.VerdictRequest{BundleID: "com.example.pos", Release: older, Result: "works", Device: "V1"})))
	w.sweep()
	revision := w.revision()
	w.sweep()
	settled := w.acts("hold.settled")
	if ended := w.acts("hold.ended"); ended[0].Detail["day"] != "90" || settled[0].Detail["day"] != "91" {
		t.Errorf("ended on day %s, settled on day %s; want 90, and 91 of today", ended[0].Detail["day"], settled[0].Detail["day"])
	}
	if len(settled) != 1 || settled[0].Target != "sales/"+older || settled[0].Detail["outcome"] != "build-gone" || w.revision() != revision {
		t.Errorf("settled %v, %d revisions of looking again; want build-gone once and none", settled, w.revision()-revision)
	}
}
