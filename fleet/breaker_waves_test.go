package fleet_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
)

// inTwoWaves approves the release for three production phones and, a day later,
// for one. It returns those of the first wave, all of which installed it, and
// the one of the second, which was told.
func inTwoWaves(t *testing.T, waveSample int) (w *world, first []*phone, second *phone) {
	t.Helper()
	w = newWorld(t)
	w.decides("careful", fleet.PolicyChange{BreakerChange: fleet.BreakerChange{
		BreakerSample: ptr(4), BreakerWaveSample: ptr(waveSample),
		BreakerFailed: ptr(50), BreakerSilent: ptr(50), BreakerSilentAfter: ptr("3d"), BreakerReverted: ptr(50), BreakerReports: ptr(0),
	}})
	_, phones := w.inWaves(fleet.ApproveRequest{Waves: []string{"75%@+0", "100%@+1d"}, Deadline: "+5d"})
	for _, p := range phones {
		p.settle()
		if got, _ := p.enforcement(); got == release {
			first = append(first, p)
			continue
		}
		second = p
	}
	if len(first) != 3 {
		t.Fatalf("%d phones in the first wave, want 3", len(first))
	}
	w.clock.Add(time.Hour)
	for _, p := range first {
		p.install(release, "23G83")
	}
	if !w.after(aDay) {
		t.Fatal("the second wave did not start")
	}
	second.settle()
	w.clock.Add(time.Hour)
	return w, first, second
}

// TestLargeWaveHidesNoSmallOne: a wave is judged by its own phones, by as many as
// the policy says, and the gate names it with its figures.
func TestLargeWaveHidesNoSmallOne(t *testing.T) {
	t.Parallel()
	for signal, show := range map[policy.Code]func(w *world, first []*phone, p *phone){
		policy.WhyInstallsFailed: func(_ *world, _ []*phone, p *phone) { p.fail(1, "SUMacControllerError 7723") },
		policy.WhyPhonesSilent: func(w *world, first []*phone, p *phone) {
			p.report(map[string]any{"softwareupdate": map[string]any{"install-state": "installing", "pending-version": map[string]any{"os-version": release}}})
			w.clock.Add(3 * aDay)
			for _, there := range first {
				there.idle()
			}
		},
		policy.WhyAppsReverted: func(w *world, _ []*phone, p *phone) {
			p.install(release, "23G83")
			w.clock.Add(aDay)
			p.apps["com.example.pos"] = "0.9"
			p.settle()
		},
	} {
		t.Run(string(signal), func(t *testing.T) {
			t.Parallel()
			w, first, second := inTwoWaves(t, 1)
			show(w, first, second)
			if !w.stopped() || w.stopped() {
				t.Fatalf("want it stopped once; the breaker sees %+v", w.breaker())
			}
			want := []policy.Reading{{Signal: signal, Wave: 2, Count: 1, Of: 1, StopsAt: 1}}
			if diff := cmp.Diff(want, w.breaker().Stopped); diff != "" {
				t.Errorf("stopped for (-want +got):\n%s", diff)
			}
			params := w.gate().Reasons[0].Params
			if params[policy.ParamWave] != "2" || params[policy.ParamCount] != "1" || params[policy.ParamOf] != "1" {
				t.Errorf("the gate says %v", params)
			}
			act := w.acts("rollout.breaker")[0]
			if !strings.Contains(act.Reason, "wave 2") || act.Detail[string(signal)+".wave-2"] != "1 of 1, stops at 1" {
				t.Errorf("the log has %q and %v", act.Reason, act.Detail)
			}
		})
		t.Run(string(signal)+", too few phones", func(t *testing.T) {
			t.Parallel()
			w, first, second := inTwoWaves(t, 0) // as many as the whole rollout needs
			show(w, first, second)
			if w.stopped() {
				t.Errorf("stopped by %+v", w.breaker().Stopped)
			}
		})
	}
}

// TestWavesAreReadByThemselves: while a rollout goes on, each wave that phones
// were told of has its own figures beside those of the whole.
func TestWavesAreReadByThemselves(t *testing.T) {
	t.Parallel()
	w, _, _ := inTwoWaves(t, 2)
	var failed []policy.Reading
	for _, r := range w.breaker().Signals {
		if r.Signal == policy.WhyInstallsFailed {
			failed = append(failed, r)
		}
	}
	want := []policy.Reading{
		{Signal: policy.WhyInstallsFailed, Of: 4, StopsAt: 2},
		{Signal: policy.WhyInstallsFailed, Wave: 1, Of: 3, StopsAt: 2},
		{Signal: policy.WhyInstallsFailed, Wave: 2, Of: 1},
	}
	if diff := cmp.Diff(want, failed); diff != "" {
		t.Errorf("readings (-want +got):\n%s", diff)
	}
}

// TestStoppedWaveWaitsForAPerson: whatever phones show and however long it takes,
// a rollout that stopped itself goes on by a person alone, and no wave starts.
func TestStoppedWaveWaitsForAPerson(t *testing.T) {
	t.Parallel()
	w, first, second := inTwoWaves(t, 1)
	late := w.enrol("LATE", "sales", "production")
	second.fail(1, "error 1")
	if !w.stopped() {
		t.Fatal("not stopped")
	}
	happens := []func(){
		func() { second.install(release, "23G83") }, // it was nothing
		func() { w.clock.Add(30 * aDay) },
		w.restart,
		func() {
			for _, p := range first {
				p.settle()
			}
		},
		func() {
			_, err := w.fleet.SetPolicy(w.ctx, seg, w.act("never mind"), "careful", fleet.PolicyChange{BreakerChange: fleet.BreakerChange{BreakerFailed: ptr(0)}})
			w.must(err)
		},
		func() { w.must(w.verdict("V1", "works")) },
	}
	stands := func(after int) {
		t.Helper()
		w.sweep()
		late.settle()
		if got, _ := late.enforcement(); got != "" || w.gate().Phase != policy.PhasePaused || len(w.breaker().Stopped) != 1 {
			t.Errorf("after %d: the gate is %s, a phone that comes later is asked for %q", after, w.gate().Phase, got)
		}
	}
	for i, happen := range happens {
		happen()
		stands(i)
	}
	w.resume()
	late.settle()
	if got, _ := late.enforcement(); got != release || w.gate().Phase == policy.PhasePaused {
		t.Errorf("a person let it go on: the gate is %s, a phone that comes later is asked for %q", w.gate().Phase, got)
	}
}
