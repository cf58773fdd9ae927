package fleet_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// watched approves the release for four production phones, under a policy that
// half of two phones are enough to stop.
func watched(t *testing.T) (*world, []*phone) {
	t.Helper()
	w := newWorld(t)
	w.decides("careful", fleet.PolicyChange{BreakerChange: fleet.BreakerChange{
		BreakerSample: ptr(2), BreakerFailed: ptr(50), BreakerSilent: ptr(50), BreakerSilentAfter: ptr("3d"), BreakerReverted: ptr(50), BreakerReports: ptr(2),
	}})
	_, phones := w.inWaves(fleet.ApproveRequest{Deadline: "+5d"})
	for _, p := range phones {
		p.settle()
	}
	w.clock.Add(time.Hour)
	return w, phones
}

// fail has the installation fail once more.
func (p *phone) fail(count int, why string) {
	p.t.Helper()
	p.report(map[string]any{"softwareupdate": map[string]any{
		"install-state": "failed", "failure-reason": map[string]any{"count": count, "reason": why, "timestamp": "2001-01-01T00:00:00Z"},
	}})
}

func (w *world) stopped() bool {
	w.t.Helper()
	stopped, err := w.fleet.StopRollouts(w.ctx)
	w.must(err)
	return stopped
}

func (w *world) problem(p *phone) fleet.ProblemView {
	w.t.Helper()
	v, err := w.fleet.ReportProblem(w.ctx, seg, w.act("called"), fleet.ProblemRequest{BundleID: "com.example.pos", Device: p.udid, Note: "prints nothing"})
	w.must(err)
	return v
}

func (w *world) resume() {
	w.t.Helper()
	_, err := w.fleet.Resume(w.ctx, seg, w.act("looked at it"), "sales", release)
	w.must(err)
}

func (w *world) breaker() *fleet.BreakerView {
	w.t.Helper()
	v, err := w.fleet.Rollout(w.ctx, seg, "sales", release, fleet.RolloutQuery{})
	w.must(err)
	return v.Breaker
}

// shows are what phones do, so many of them, for each signal.
func shows() map[policy.Code]func(w *world, phones []*phone, n int) {
	installed := func(phones []*phone) []*phone {
		for _, p := range phones[:3] {
			p.install(release, "23G83")
		}
		return phones[:3]
	}
	return map[policy.Code]func(w *world, phones []*phone, n int){
		policy.WhyInstallsFailed: func(_ *world, phones []*phone, n int) {
			for _, p := range phones[:n] {
				p.fail(1, "SUMacControllerError 7723")
			}
		},
		policy.WhyPhonesSilent: func(w *world, phones []*phone, n int) {
			there := installed(phones)
			w.clock.Add(time.Hour)
			for _, p := range there[n:] {
				p.idle()
			}
			w.clock.Add(3*aDay - time.Hour)
		},
		policy.WhyAppsReverted: func(w *world, phones []*phone, n int) {
			there := installed(phones)
			w.clock.Add(aDay)
			for _, p := range there[:n] {
				p.apps["com.example.pos"] = "0.9"
				p.settle()
			}
		},
		policy.WhyAppsReported: func(w *world, phones []*phone, n int) {
			for _, p := range installed(phones)[:n] {
				w.problem(p)
			}
		},
	}
}

// TestBreakerStops: each signal stops the rollout at its threshold and not one
// phone below, as a person's pause does, and says why.
func TestBreakerStops(t *testing.T) {
	t.Parallel()
	readings := map[policy.Code]policy.Reading{
		policy.WhyInstallsFailed: {Count: 2, Of: 4, StopsAt: 2}, policy.WhyPhonesSilent: {Count: 2, Of: 3, StopsAt: 2},
		policy.WhyAppsReverted: {Count: 2, Of: 3, StopsAt: 2}, policy.WhyAppsReported: {Count: 2, StopsAt: 2},
	}
	for signal, show := range shows() {
		t.Run(string(signal)+", one below", func(t *testing.T) {
			t.Parallel()
			w, phones := watched(t)
			show(w, phones, 1)
			if w.stopped() || len(w.acts("rollout.breaker")) != 0 {
				t.Errorf("stopped by %+v", w.breaker())
			}
		})
		t.Run(string(signal), func(t *testing.T) {
			t.Parallel()
			w, phones := watched(t)
			show(w, phones, 2)
			if !w.stopped() || w.stopped() {
				t.Fatalf("want it stopped once; the breaker sees %+v", w.breaker())
			}
			want := readings[signal]
			want.Signal = signal
			view := w.breaker()
			if diff := cmp.Diff([]policy.Reading{want}, view.Stopped); diff != "" || !view.StoppedAt.Equal(w.clock.Now()) {
				t.Errorf("stopped at %s for (-want +got):\n%s", view.StoppedAt, diff)
			}
			a, acts := w.approvals()[0], w.acts("rollout.breaker")
			if len(acts) != 1 || acts[0].Actor != "kannuki" || a.PausedBy != "kannuki" || a.PauseReason == "" || acts[0].Reason != a.PauseReason || acts[0].Detail[string(signal)] == "" {
				t.Errorf("paused by %q for %q; in the log %+v", a.PausedBy, a.PauseReason, acts)
			}
			told := slices.DeleteFunc(w.notices(), func(n storage.Notice) bool { return n.Kind != fleet.NoticeRolloutStopped })
			if len(told) != 1 || told[0].Group != "sales" || told[0].Release != release || told[0].Params[string(signal)] == "" {
				t.Errorf("notices %+v, want one of the stop", told)
			}
			gate := w.gate()
			if gate.Phase != policy.PhasePaused || gate.NextHuman != policy.StepLookAndResume || gate.Reasons[0].Params[policy.ParamWhy] != string(signal) {
				t.Errorf("gate is %s, next %s, because of %+v", gate.Phase, gate.NextHuman, gate.Reasons)
			}
			w.sweep()
			if got, _ := phones[3].enforcement(); got != "" {
				t.Errorf("a phone that has not started is still asked for %s", got)
			}
		})
	}
}

// TestResumeSettlesWhatWasSeen: what stopped a rollout does not stop it again
// after a person let it go on; the same from as many phones anew does.
func TestResumeSettlesWhatWasSeen(t *testing.T) {
	t.Parallel()
	w, phones := watched(t)
	for _, p := range phones[:2] {
		p.fail(1, "error 1")
	}
	if !w.stopped() {
		t.Fatal("not stopped")
	}
	w.clock.Add(time.Hour)
	w.resume()
	resumed := w.clock.Now()
	w.restart()
	for _, p := range phones {
		p.settle()
	}
	w.clock.Add(time.Hour)
	phones[0].fail(1, "error 1") // what it said before
	if w.stopped() || w.gate().Phase != policy.PhaseRollingOut {
		t.Fatal("stopped again by what was seen")
	}
	phones[0].fail(2, "error 1")
	phones[2].fail(1, "storage full") // no fault of the release
	want := fleet.BreakerView{Since: resumed, Signals: []policy.Reading{
		{Signal: policy.WhyInstallsFailed, Count: 1, Of: 4, StopsAt: 2},
		{Signal: policy.WhyPhonesSilent},
		{Signal: policy.WhyAppsReverted},
		{Signal: policy.WhyAppsReported, StopsAt: 2},
	}}
	if diff := cmp.Diff(&want, w.breaker(), cmpopts.IgnoreFields(want, "Phones", "PhonesCount")); diff != "" || w.stopped() {
		t.Fatalf("the breaker sees (-want +got):\n%s", diff)
	}
	phones[3].fail(1, "error 1")
	if !w.stopped() || len(w.acts("rollout.breaker")) != 2 {
		t.Error("not stopped by what is new")
	}
}

// TestResumeSettlesTheOtherSignals: silence, apps that went back and reports
// from before a person let the rollout go on do not count after it.
func TestResumeSettlesTheOtherSignals(t *testing.T) {
	t.Parallel()
	for signal, show := range shows() {
		t.Run(string(signal), func(t *testing.T) {
			t.Parallel()
			w, phones := watched(t)
			show(w, phones, 2)
			if !w.stopped() {
				t.Fatal("not stopped")
			}
			w.resume()
			for _, p := range phones[2:] {
				p.settle()
			}
			w.clock.Add(time.Hour)
			if w.stopped() {
				t.Errorf("stopped again by what was seen: %+v", w.breaker())
			}
		})
	}
}

// TestBreakerLeavesAlone names rollouts in which there is nothing to stop.
func TestBreakerLeavesAlone(t *testing.T) {
	t.Parallel()
	tests := map[string]func(w *world, phones []*phone){
		"paused by a person": func(w *world, _ []*phone) {
			_, err := w.fleet.Pause(w.ctx, seg, w.act("printer"), "sales", release)
			w.must(err)
		},
		"declined": func(w *world, _ []*phone) {
			_, err := w.fleet.Decline(w.ctx, seg, w.act("no"), "sales", release)
			w.must(err)
		},
		"an app is broken": func(w *world, _ []*phone) { w.must(w.verdict("V1", "broken")) },
		"the reports are closed": func(w *world, _ []*phone) {
			list, err := w.fleet.Problems(seg, fleet.ProblemQuery{Open: true})
			w.must(err)
			_, err = w.fleet.CloseProblem(w.ctx, seg, w.act("a cable"), list[0].ID)
			w.must(err)
		},
		"the app is for information only": func(w *world, _ []*phone) {
			// Nobody can set that while it keeps a gate closed, but a newer gate can be open by then.
			records := w.records()
			app := records.Apps[0]
			app.Importance = "informational"
			_, err := w.store.ChangeWorld(w.ctx, seg, records.Revision, storage.WorldChange{Apps: []storage.App{app}})
			w.must(err)
			w.restart()
		},
		"the policy does not care": func(w *world, _ []*phone) {
			_, err := w.fleet.SetPolicy(w.ctx, seg, w.act("small shop"), "careful", fleet.PolicyChange{BreakerChange: fleet.BreakerChange{BreakerReports: ptr(0)}})
			w.must(err)
		},
		"one phone twice": func(w *world, _ []*phone) {
			records := w.records()
			second := records.Problems[0]
			second.Phone = records.Problems[1].Phone
			_, err := w.store.ChangeWorld(w.ctx, seg, records.Revision, storage.WorldChange{Problems: []storage.Problem{second}})
			w.must(err)
			w.restart()
		},
		"a move to another group": func(w *world, _ []*phone) {
			records := w.records()
			moved := records.Problems[0]
			moved.Group = "other"
			_, err := w.store.ChangeWorld(w.ctx, seg, records.Revision, storage.WorldChange{Problems: []storage.Problem{moved}})
			w.must(err)
			w.restart()
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, phones := watched(t)
			shows()[policy.WhyAppsReported](w, phones, 2)
			change(w, phones)
			phase := w.gate().Phase
			if w.stopped() || w.gate().Phase != phase {
				t.Errorf("stopped; the gate was %s and is %s", phase, w.gate().Phase)
			}
		})
	}
}

// TestBreakerOfDone: a rollout that is done still reaches phones that come later,
// and stops by what says that the release does not work; who falls silent then
// was put away.
func TestBreakerOfDone(t *testing.T) {
	t.Parallel()
	for signal, stops := range map[policy.Code]bool{policy.WhyAppsReported: true, policy.WhyAppsReverted: true, policy.WhyPhonesSilent: false} {
		t.Run(string(signal), func(t *testing.T) {
			t.Parallel()
			w, phones := watched(t)
			phones[3].install(release, "23G83")
			shows()[signal](w, phones, 2)
			if phase := w.gate().Phase; phase != policy.PhaseDone {
				t.Fatalf("the gate is %s, want done", phase)
			}
			want := release
			if stops {
				want = ""
			}
			if w.stopped() != stops || w.gate().Phase == policy.PhasePaused != stops {
				t.Errorf("the gate is %s; the breaker sees %+v", w.gate().Phase, w.breaker())
			}
			late := w.enrol("LATE", "sales", storage.RingProduction)
			late.settle()
			if got, _ := late.enforcement(); got != want {
				t.Errorf("a phone that comes later is asked for %q, want %q", got, want)
			}
			if stops {
				w.resume()
				if w.stopped() {
					t.Errorf("stopped again by what was seen: %+v", w.breaker())
				}
			}
		})
	}
}

// TestBreakerStopsOverride: an override is stopped like any approval.
func TestBreakerStopsOverride(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.overridden()
	w.decides("careful", fleet.PolicyChange{BreakerChange: fleet.BreakerChange{BreakerSample: ptr(1)}})
	p.settle()
	w.clock.Add(time.Hour)
	p.fail(1, "error 1")
	if !w.stopped() || w.gate().Phase != policy.PhasePaused {
		t.Errorf("the gate is %s; the breaker sees %+v", w.gate().Phase, w.breaker())
	}
	w.resume()
	if w.stopped() || w.gate().Phase != policy.PhaseRollingOut {
		t.Errorf("the gate is %s after a person let it go on", w.gate().Phase)
	}
}

// TestSilenceOfTheServer: nobody could hear of phones while the server did not
// run, and what counts is for how long it has since.
func TestSilenceOfTheServer(t *testing.T) {
	t.Parallel()
	w, phones := watched(t)
	for _, p := range phones[:3] {
		p.install(release, "23G83")
	}
	w.clock.Add(2 * aDay)
	w.restart()
	w.clock.Add(3*aDay - time.Minute)
	if w.stopped() {
		t.Error("stopped by a silence that nobody could have broken")
	}
	w.must(w.fleet.Load(w.ctx)) // as a sweep does after a fault
	w.clock.Add(time.Minute)
	if !w.stopped() {
		t.Errorf("not stopped by three days of silence: %+v", w.breaker())
	}
}

// TestSilenceSettledBeforeAStart: a start of the server makes no new silence of one
// that a person knew of who let the rollout go on.
func TestSilenceSettledBeforeAStart(t *testing.T) {
	t.Parallel()
	w, phones := watched(t)
	shows()[policy.WhyPhonesSilent](w, phones, 2)
	if !w.stopped() {
		t.Fatal("not stopped")
	}
	w.resume()
	w.restart()
	w.clock.Add(3*aDay + time.Hour)
	for _, p := range phones[2:] {
		p.settle()
	}
	if w.stopped() {
		t.Errorf("stopped again by what was seen: %+v", w.breaker())
	}
}

// TestSilentInTheMiddle: a phone that was last heard of while it installed
// counts, one that never started does not.
func TestSilentInTheMiddle(t *testing.T) {
	t.Parallel()
	w, phones := watched(t)
	for _, p := range phones[:2] {
		p.report(map[string]any{"softwareupdate": map[string]any{"install-state": "installing", "pending-version": map[string]any{"os-version": release}}})
	}
	w.clock.Add(3 * aDay)
	want := policy.Reading{Signal: policy.WhyPhonesSilent, Count: 2, Of: 2, StopsAt: 1}
	if diff := cmp.Diff(want, w.breaker().Signals[1]); diff != "" || !w.stopped() {
		t.Errorf("the breaker sees (-want +got):\n%s", diff)
	}
}

// refusingStore refuses the next change of the world.
type refusingStore struct {
	fleet.Store
	refuse bool
}

func (s *refusingStore) ChangeWorld(ctx context.Context, segment storage.Segment, revision uint64, c storage.WorldChange) (uint64, error) {
	if s.refuse {
		s.refuse = false
		return 0, storage.ErrFull
	}
	return s.Store.ChangeWorld(ctx, segment, revision, c)
}

// TestBreakerAcrossRestarts: a stop that could not be written down is found
// again, also by the process that comes next, and written once.
func TestBreakerAcrossRestarts(t *testing.T) {
	t.Parallel()
	w, phones := watched(t)
	for _, p := range phones[:2] {
		p.fail(1, "error 1")
	}
	hook := w.hook()
	hook.Store = &refusingStore{Store: hook.Store, refuse: true}
	if stopped, err := w.fleet.StopRollouts(w.ctx); stopped || err == nil {
		t.Fatalf("stopped %v with error %v, want a full disk", stopped, err)
	}
	w.restart()
	if !w.stopped() {
		t.Error("not stopped by the next process")
	}
	w.restart()
	if w.stopped() || len(w.acts("rollout.breaker")) != 1 {
		t.Errorf("%d stops in the log, want one", len(w.acts("rollout.breaker")))
	}
}

// TestPersonBeatsTheBreaker: a person who pauses at that moment comes first.
func TestPersonBeatsTheBreaker(t *testing.T) {
	t.Parallel()
	w, phones := watched(t)
	for _, p := range phones[:2] {
		p.fail(1, "error 1")
	}
	hook := w.hook()
	hook.Store = &racingStore{Store: hook.Store, first: func() {
		a := w.approvals()[0]
		a.PausedAt, a.PausedBy = w.clock.Now(), "uid:1(test)"
		_, err := w.store.ChangeWorld(w.ctx, seg, w.revision(), storage.WorldChange{Approvals: []storage.Approval{a}})
		w.must(err)
	}}
	if w.stopped() || w.approvals()[0].PausedBy != "uid:1(test)" || len(w.acts("rollout.breaker")) != 0 {
		t.Errorf("stopped all the same, by %s", w.approvals()[0].PausedBy)
	}
}

// TestBreakerComesBeforeTheWave: a wave that is due at the same moment does not
// start, and soaks anew when a person lets the rollout go on.
func TestBreakerComesBeforeTheWave(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.decides("careful", fleet.PolicyChange{BreakerChange: fleet.BreakerChange{BreakerSample: ptr(1)}})
	request := plainWaves
	request.Soak = "1d"
	_, phones := w.inWaves(request)
	for _, p := range phones {
		p.settle()
	}
	w.clock.Add(2*aDay - time.Hour)
	for _, p := range phones {
		if got, _ := p.enforcement(); got == release {
			p.fail(1, "error 1")
		}
	}
	w.clock.Add(time.Hour)
	w.sweep()
	if len(w.acts("rollout.wave")) != 0 || len(w.acts("rollout.breaker")) != 1 {
		t.Fatalf("%d waves started, %d stops", len(w.acts("rollout.wave")), len(w.acts("rollout.breaker")))
	}
	w.clock.Add(aDay)
	w.resume()
	if w.after(aDay-time.Minute) || !w.after(time.Minute) {
		t.Error("want the next wave a day after the rollout went on")
	}
}

// TestRevertedApp follows an app that goes back, comes back, and is left behind
// with the next release.
func TestRevertedApp(t *testing.T) {
	t.Parallel()
	w, phones := watched(t)
	p := phones[0]
	list := func(version string) {
		t.Helper()
		w.clock.Add(aDay)
		p.apps["com.example.pos"] = version
		p.settle()
	}
	list("1.2")
	p.apps["com.example.pos"] = "1.1" // the list after the update shows less than the one before
	p.install(release, "23G83")
	seen := w.clock.Now()
	want := []fleet.RevertedView{{BundleID: "com.example.pos", From: "1.2", At: seen}}
	reverted := func() []fleet.RevertedView {
		t.Helper()
		d, err := w.fleet.Device(w.ctx, seg, p.udid)
		w.must(err)
		return d.Reverted
	}
	if diff := cmp.Diff(want, reverted()); diff != "" {
		t.Errorf("after the update (-want +got):\n%s", diff)
	}
	list("1.1.9")
	if diff := cmp.Diff(want, reverted()); diff != "" {
		t.Errorf("not quite back (-want +got):\n%s", diff)
	}
	list("1.2")
	if got := reverted(); got != nil {
		t.Errorf("back, and still %+v", got)
	}
	list("1.0")
	p.install("26.7", "23H1")
	if got := reverted(); got != nil {
		t.Errorf("on the next release, and still %+v", got)
	}
}

func TestBreakerSettingsThatCannotBe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, tc := range map[string]struct {
		change fleet.BreakerChange
		field  string
	}{
		"no sample":        {fleet.BreakerChange{BreakerSample: ptr(0)}, "breaker_sample"},
		"large sample":     {fleet.BreakerChange{BreakerSample: ptr(10_001)}, "breaker_sample"},
		"large of a wave":  {fleet.BreakerChange{BreakerWaveSample: ptr(10_001)}, "breaker_wave_sample"},
		"more than all":    {fleet.BreakerChange{BreakerFailed: ptr(101)}, "breaker_failed"},
		"less than none":   {fleet.BreakerChange{BreakerSilent: ptr(-1)}, "breaker_silent"},
		"apps":             {fleet.BreakerChange{BreakerReverted: ptr(101)}, "breaker_reverted"},
		"reports":          {fleet.BreakerChange{BreakerReports: ptr(-1)}, "breaker_reports"},
		"too short":        {fleet.BreakerChange{BreakerSilentAfter: ptr("3h")}, "breaker_silent_after"},
		"too long":         {fleet.BreakerChange{BreakerSilentAfter: ptr("31d")}, "breaker_silent_after"},
		"nothing":          {fleet.BreakerChange{BreakerSilentAfter: ptr("")}, "breaker_silent_after"},
		"unreadable":       {fleet.BreakerChange{BreakerSilentAfter: ptr("soon")}, "breaker_silent_after"},
		"a good one first": {fleet.BreakerChange{BreakerFailed: ptr(5), BreakerReports: ptr(-1)}, "breaker_reports"},
	} {
		_, err := w.fleet.SetPolicy(w.ctx, seg, w.act("r"), "odd", fleet.PolicyChange{BreakerChange: tc.change})
		if i := invalidity(t, err); i.Field != tc.field {
			t.Errorf("%s: %v, want one about %s", name, err, tc.field)
		}
	}
	if all, err := w.fleet.Policies(seg); err != nil || len(all) != 1 {
		t.Errorf("%d policies, %v, want the built-in one alone", len(all), err)
	}
}
