package fleet_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
)

// gaveUp has a phone say that nothing is under way any more, as it does once it is told to
// install no longer.
func (p *phone) gaveUp() {
	p.t.Helper()
	p.settle()
	p.report(map[string]any{"softwareupdate": map[string]any{"install-state": "none", "failure-reason": map[string]any{"count": 0}}})
}

// TestStopNamesPhones: who looks at a rollout that stopped finds the phones that it stopped
// for and what they said, also once they say nothing of it any more, and how many followed.
func TestStopNamesPhones(t *testing.T) {
	t.Parallel()
	const why = "SUMacControllerError 7723"
	w, phones := watched(t)
	for _, p := range phones[:2] {
		p.fail(1, why)
	}
	at := w.clock.Now()
	if !w.stopped() {
		t.Fatal("not stopped")
	}
	if got := w.acts("rollout.breaker")[0].Detail["phones"]; got != "P1,P2" {
		t.Errorf("the log names %q, want P1,P2", got)
	}
	phones[2].fail(1, why) // it was at it
	w.restart()
	for _, p := range phones {
		p.gaveUp()
	}
	failed := func(udid string) fleet.BreakerPhone {
		return fleet.BreakerPhone{UDID: udid, Signals: []policy.Code{policy.WhyInstallsFailed}, Failed: &fleet.FailureView{Release: release, Reason: why, At: at}}
	}
	view := w.breaker()
	if diff := cmp.Diff([]fleet.BreakerPhone{failed("P1"), failed("P2"), failed("P3")}, view.Phones, cmpopts.IgnoreFields(fleet.BreakerPhone{}, "LastContact")); diff != "" || view.PhonesCount != 3 {
		t.Errorf("%d phones (-want +got):\n%s", view.PhonesCount, diff)
	}
	want := policy.Reading{Signal: policy.WhyInstallsFailed, Count: 3}
	if !view.Paused || view.Signals[0] != want {
		t.Errorf("paused %t, shown now %+v, want %+v", view.Paused, view.Signals[0], want)
	}
	d, err := w.fleet.Device(w.ctx, seg, "P1")
	w.must(err)
	if diff := cmp.Diff(failed("P1").Failed, d.Failed); diff != "" {
		t.Errorf("the phone (-want +got):\n%s", diff)
	}
	phones[0].install(release, "23G83")
	if d, err = w.fleet.Device(w.ctx, seg, "P1"); err != nil || d.Failed != nil {
		t.Errorf("a phone that has it failed with %+v (%v)", d.Failed, err)
	}
	w.clock.Add(time.Hour)
	w.resume()
	if view := w.breaker(); view.PhonesCount != 0 || view.Paused {
		t.Errorf("after the resume %+v", view)
	}
}

// TestWhatAResumeLeavesBehind: what phones show of a rollout that a person paused is seen,
// and who lets it go on is told what stops it no more.
func TestWhatAResumeLeavesBehind(t *testing.T) {
	t.Parallel()
	w, phones := watched(t)
	for _, p := range phones[:3] {
		p.install(release, "23G83")
	}
	_, err := w.fleet.Pause(w.ctx, seg, w.act("printer"), "sales", release)
	w.must(err)
	drop := func(to string) {
		w.clock.Add(aDay)
		for _, p := range phones[:2] {
			p.apps["com.example.pos"] = to
			p.settle()
		}
	}
	drop("0.9")
	left := policy.Reading{Signal: policy.WhyAppsReverted, Count: 2, Of: 3}
	view := w.breaker()
	if w.stopped() || !view.Paused || view.Signals[2] != left || view.PhonesCount != 2 || view.Phones[0].Reverted[0].From != "1.0" {
		t.Errorf("while it is paused: %+v", view)
	}
	for _, dry := range []bool{true, false} {
		a := w.act("it is the vendor's")
		a.DryRun = dry
		effect, err := w.fleet.Resume(w.ctx, seg, a, "sales", release)
		w.must(err)
		if diff := cmp.Diff([]policy.Reading{left}, effect.LeftBehind); diff != "" {
			t.Errorf("left behind (-want +got):\n%s", diff)
		}
	}
	w.clock.Add(time.Hour)
	if w.stopped() {
		t.Error("stopped by what was seen")
	}
	drop("0.8")
	if !w.stopped() {
		t.Errorf("an app that goes back once more is no sign: %+v", w.breaker())
	}
}
