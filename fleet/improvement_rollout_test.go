package fleet_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

const improvementBuild = "23D771330a"

// improving approves the improvement for four production phones of a group with
// these settings.
func improving(t *testing.T, settings fleet.PolicyChange) (*world, []*phone) {
	t.Helper()
	w, first, tester := reverifies(t)
	w.restart() // it listens since that day
	w.decides("strict", settings)
	phones := []*phone{first}
	for i := range 3 {
		phones = append(phones, w.on(fmt.Sprintf("Q%d", i), "26.3.1", storage.RingProduction))
	}
	w.must(second(w.fleet.Offer(w.ctx, seg, w.act("candidate"), "sales", improvement)))
	tester.settle()
	tester.improve("a", improvementBuild)
	tester.settle()
	w.must(second(w.fleet.RecordVerdict(w.ctx, seg, w.act("tested"), fleet.VerdictRequest{
		BundleID: "com.example.pos", Release: improvement, Result: "works", Device: tester.udid,
	})))
	w.must(second(w.fleet.Approve(w.ctx, seg, w.act("tested"), fleet.ApproveRequest{Group: "sales", Release: improvement, Deadline: "+5d"})))
	for _, p := range phones {
		p.settle()
	}
	w.clock.Add(time.Hour)
	return w, phones
}

// TestBreakerOfImprovement: what stops the rollout of a release stops that of an
// improvement, by the phones that got its letter, from when they did.
func TestBreakerOfImprovement(t *testing.T) {
	t.Parallel()
	installed := func(phones []*phone) []*phone {
		for _, p := range phones[:3] {
			p.improve("a", improvementBuild)
			p.settle()
		}
		return phones[:3]
	}
	goBack := func(phones []*phone) {
		for _, p := range phones {
			p.apps["com.example.pos"] = "0.9"
			p.settle()
		}
	}
	for name, tc := range map[string]struct {
		show func(w *world, phones []*phone)
		want policy.Reading // that stops it; the zero value for none
	}{
		"failed": {func(_ *world, phones []*phone) {
			for _, p := range phones[:2] {
				p.report(map[string]any{"softwareupdate": map[string]any{
					"install-state":   "failed",
					"pending-version": map[string]any{"os-version": "26.3.1", "build-version": improvementBuild},
					"failure-reason":  map[string]any{"count": 1, "reason": "error 1", "timestamp": "2001-01-01T00:00:00Z"},
				}})
			}
			phones[2].improve("a", improvementBuild) // and still was told
		}, policy.Reading{Signal: policy.WhyInstallsFailed, Count: 2, Of: 4, StopsAt: 2}},
		"silent": {func(w *world, phones []*phone) {
			installed(phones)
			w.clock.Add(3 * aDay)
		}, policy.Reading{Signal: policy.WhyPhonesSilent, Count: 3, Of: 3, StopsAt: 2}},
		"in use for days before it fell silent": {func(w *world, phones []*phone) {
			there := installed(phones)
			w.clock.Add(3 * aDay)
			for _, p := range there {
				p.idle()
			}
			w.clock.Add(3 * aDay)
		}, policy.Reading{}},
		"reverted": {func(w *world, phones []*phone) {
			there := installed(phones)
			w.clock.Add(aDay)
			goBack(there[:2])
		}, policy.Reading{Signal: policy.WhyAppsReverted, Count: 2, Of: 3, StopsAt: 2}},
		"reverted before": {func(w *world, phones []*phone) {
			w.clock.Add(aDay)
			goBack(phones[:2])
			w.clock.Add(aDay)
			installed(phones)
		}, policy.Reading{}},
		"reported": {func(w *world, phones []*phone) {
			for _, p := range installed(phones)[:2] {
				if v := w.problem(p); v.Release != improvement {
					t.Errorf("reported on %s, want %s", v.Release, improvement)
				}
			}
		}, policy.Reading{Signal: policy.WhyAppsReported, Count: 2, StopsAt: 2}},
		"reported before": {func(w *world, phones []*phone) {
			for _, p := range phones[:2] {
				w.problem(p)
			}
			installed(phones)
			w.problem(phones[0]) // on what it runs now, nobody did
		}, policy.Reading{}},
		"taken off again": {func(w *world, phones []*phone) {
			for _, p := range installed(phones) {
				p.improve("", "")
			}
			w.clock.Add(3 * aDay)
		}, policy.Reading{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, phones := improving(t, fleet.PolicyChange{BreakerChange: fleet.BreakerChange{
				BreakerSample: ptr(2), BreakerFailed: ptr(50), BreakerSilent: ptr(50), BreakerSilentAfter: ptr("3d"), BreakerReverted: ptr(50), BreakerReports: ptr(2),
			}})
			tc.show(w, phones)
			stopped := w.stopped()
			var got []policy.Reading
			if a := w.approvals()[0]; !a.PausedAt.IsZero() {
				got = w.rollout(improvement).Breaker.Stopped
			}
			var want []policy.Reading
			if tc.want.Signal != "" {
				want = append(want, tc.want)
			}
			if diff := cmp.Diff(want, got); diff != "" || stopped != (len(want) > 0) {
				t.Errorf("stopped %v, seeing %+v, by (-want +got):\n%s", stopped, w.rollout(improvement).Breaker, diff)
			}
		})
	}
}

// TestChaseOfImprovement: a phone that got the letter after a step was moved by
// it, and is on no ladder any more.
func TestChaseOfImprovement(t *testing.T) {
	t.Parallel()
	w, phones := improving(t, fleet.PolicyChange{ChaseChange: fleet.ChaseChange{Chase: &[]string{"message@+1h", "message@+4h"}}})
	w.tick()
	w.clock.Add(2 * time.Hour)
	phones[0].improve("a", improvementBuild)
	phones[0].settle()
	w.clock.Add(2 * time.Hour)
	w.tick()
	v, err := w.fleet.RolloutChase(w.ctx, seg, "sales", improvement, fleet.RolloutQuery{})
	w.must(err)
	want := []fleet.ChaseLine{{Step: "message@+1h", Sent: 4, Moved: 1}, {Step: "message@+4h", Sent: 3, Waiting: 3}}
	if diff := cmp.Diff(want, v.Steps); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	late := []string{}
	for _, p := range v.Devices {
		late = append(late, p.UDID)
	}
	if diff := cmp.Diff([]string{"Q0", "Q1", "Q2"}, late); diff != "" {
		t.Errorf("late (-want +got):\n%s", diff)
	}
	if got := w.chaseState(phones[0].udid); got != (fleet.ChaseState{}) {
		t.Errorf("the phone that has it is at %+v", got)
	}
}
