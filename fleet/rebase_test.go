package fleet_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// exceptional proposes that an override takes the waves over.
func exceptional() fleet.OverrideRequest {
	return fleet.OverrideRequest{Group: "sales", Release: release, Rebase: true, Until: "+20d"}
}

// An override takes over the waves of a rollout that is under way, and gives them back
// when it ends.
func TestRebaseByOverride(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	opened := w.clock.Now()
	phones := w.underWay("50%@+0", "100%@+4d")
	w.must(second(w.fleet.RecordVerdict(w.ctx, seg, w.act("t"), fleet.VerdictRequest{BundleID: "com.example.pos", Release: release, Result: "broken", Note: "prints badly", Device: "V1"})))
	w.clock.Add(aDay)
	if _, err := w.rebase(); refusal(t, err).Code != "gate-blocked" {
		t.Fatalf("by one person: %v", err)
	}
	p, err := w.fleet.ProposeOverride(w.ctx, seg, by("tanaka"), exceptional())
	w.must(err)
	if p.Effect.RebasedFrom != older || p.Effect.Install != 2 || !p.Override.Rebase || w.rollout(older).SupersededBy != "" {
		t.Errorf("proposed: %+v of %+v; the older rollout is superseded by %q", p.Effect, p.Override, w.rollout(older).SupersededBy)
	}
	effect, err := w.fleet.Sign(w.ctx, seg, by("sato"), p.ID)
	w.must(err)
	starts := []time.Time{effect.Waves[0].Start, effect.Waves[1].Start}
	if diff := cmp.Diff([]time.Time{opened, opened.Add(4 * aDay)}, starts); diff != "" || effect.RebasedFrom != older {
		t.Errorf("rebased from %q; waves (-want +got):\n%s", effect.RebasedFrom, diff)
	}
	if diff := cmp.Diff(map[string]int{release: 2, "": 2}, askedFor(phones)); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	if e := w.acts("gate.override"); len(e) != 1 || e[0].Detail["rebased_from"] != older || w.rollout(older).SupersededBy != release {
		t.Errorf("audit %+v; the older rollout is superseded by %q", e, w.rollout(older).SupersededBy)
	}
	if !w.after(3*aDay) || askedFor(phones)[release] != 4 {
		t.Errorf("second wave: %v", askedFor(phones))
	}
	w.after(20 * aDay)
	if got := w.rollout(older); got.SupersededBy != "" || len(w.acts("rollout.given-back")) != 1 {
		t.Errorf("after its end: %+v", got.Rebased)
	}
}

func TestRebaseByOverrideThatCannotBe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.unverified()
	for want, change := range map[string]func(*fleet.OverrideRequest){
		"nothing-to-rebase": func(*fleet.OverrideRequest) {},
		"rebase-has-waves":  func(r *fleet.OverrideRequest) { r.Waves = []string{"100%"} },
	} {
		r := exceptional()
		change(&r)
		_, err := w.fleet.ProposeOverride(w.ctx, seg, by("tanaka"), r)
		if got := rebaseCode(err); got != want {
			t.Errorf("refused as %s, want %s", got, want)
		}
	}
}

// underWay has a rollout of 26.6 under way, in waves, and 26.6.1 verified. It
// returns the four production phones.
func (w *world) underWay(waves ...string) []*phone {
	w.t.Helper()
	v := w.enrol("V1", "sales", storage.RingVerification)
	v.settle()
	var phones []*phone
	for i := range 4 {
		p := w.enrol(fmt.Sprintf("P%d", i+1), "sales", storage.RingProduction)
		p.settle()
		phones = append(phones, p)
	}
	v.install(older, "23G80")
	test := func(release string) {
		w.t.Helper()
		w.must(second(w.fleet.RecordVerdict(w.ctx, seg, w.act("t"), fleet.VerdictRequest{BundleID: "com.example.pos", Release: release, Result: "works", Device: "V1"})))
	}
	test(older)
	w.must(second(w.fleet.Approve(w.ctx, seg, w.act("tested"), fleet.ApproveRequest{Group: "sales", Release: older, Waves: waves, Soak: "2d", Deadline: "+3d"})))
	for _, p := range phones {
		p.settle()
	}
	v.install(release, "23G83")
	test(release)
	return phones
}

func (w *world) rebase() (fleet.Effect, error) {
	return w.fleet.Approve(w.ctx, seg, w.act("it took its place"), fleet.ApproveRequest{Group: "sales", Release: release, Rebase: true})
}

func (w *world) rollout(of string) fleet.RolloutView {
	w.t.Helper()
	v, err := w.fleet.Rollout(w.ctx, seg, "sales", of, fleet.RolloutQuery{})
	w.must(err)
	return v
}

// askedFor counts the phones by the release they are asked to install.
func askedFor(phones []*phone) map[string]int {
	counts := map[string]int{}
	for _, p := range phones {
		got, _ := p.enforcement()
		counts[got]++
	}
	return counts
}

func TestRebase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	opened := w.clock.Now()
	phones := w.underWay("50%@+0", "100%@+4d")
	if diff := cmp.Diff(map[string]int{older: 2, "": 2}, askedFor(phones)); diff != "" {
		t.Fatalf("before (-want +got):\n%s", diff)
	}
	w.clock.Add(aDay)
	dry, err := w.fleet.Approve(w.ctx, seg, fleet.Act{Actor: "uid:1(test)", Reason: "r", DryRun: true}, fleet.ApproveRequest{Group: "sales", Release: release, Deadline: "+3d"})
	w.must(err)
	if dry.UnderWay != older || dry.RebasedFrom != "" || dry.Install != 4 {
		t.Errorf("without taking over: %+v, want 4 phones asked and the other rollout named", dry)
	}
	if dry.Approval != "" {
		t.Errorf("an approval that was only tried has the ID %s", dry.Approval)
	}
	effect, err := w.rebase()
	w.must(err)
	if effect.Approval == "" || effect.RebasedFrom != older || effect.Install != 2 {
		t.Errorf("effect %+v, want the two phones of the wave that began", effect)
	}
	want := []fleet.WaveView{
		{Wave: 1, State: fleet.WaveSoaking, Phones: 2, Start: opened, Deadline: "2026-08-22T09:00:00", StopUntil: "2026-08-22T07:00:00"},
		{Wave: 2, State: fleet.WaveWaiting, Why: fleet.WaitStart, Phones: 2, Start: opened.Add(4 * aDay), Deadline: "2026-08-25T09:00:00", StopUntil: "2026-08-25T07:00:00"},
	}
	if diff := cmp.Diff(want, effect.Waves); diff != "" {
		t.Errorf("waves (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{release: 2, "": 2}, askedFor(phones)); diff != "" {
		t.Errorf("after (-want +got):\n%s", diff)
	}
	was := w.rollout(older)
	if was.Phase != string(policy.PhaseSuperseded) || was.SupersededBy != release || was.Waves[1].Why != fleet.WaitNothing {
		t.Errorf("older rollout %s, superseded by %q, second wave %+v", was.Phase, was.SupersededBy, was.Waves[1])
	}
	if got := w.rollout(release); got.RebasedFrom != older || got.UnderWay != "" {
		t.Errorf("newer rollout: %+v", got.Rebased)
	}
	w.restart()
	if !w.after(3 * aDay) {
		t.Error("the second wave did not start")
	}
	if diff := cmp.Diff(map[string]int{release: 4}, askedFor(phones)); diff != "" || len(w.acts("rollout.wave")) != 1 {
		t.Errorf("%d waves started; asked (-want +got):\n%s", len(w.acts("rollout.wave")), diff)
	}
	if got := w.acts("gate.approve"); got[1].Detail["rebased_from"] != older {
		t.Errorf("audit %+v, want what was taken over", got[1].Detail)
	}
}

// What a phone has prepared or is installing it finishes.
func TestRebaseLetsPhonesFinish(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"prepared", "installing"} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := w.underWay("100%")[0]
			p.report(map[string]any{"softwareupdate": map[string]any{
				"install-state": state, "pending-version": map[string]any{"os-version": older, "build-version": "23G80", "target-local-date-time": "2026-08-21T09:00:00"},
			}})
			w.must(second(w.rebase()))
			if got, _ := p.enforcement(); got != older {
				t.Fatalf("asked for %s while %s is %s", got, older, state)
			}
			p.install(older, "23G80")
			if got, _ := p.enforcement(); got != release {
				t.Errorf("then asked for %q, want %s", got, release)
			}
		})
	}
}

// Of a rollout that stands still what waits soaks anew; when the newer release is
// declined the older rollout goes on, after soaking too.
func TestRebaseOfAStoppedRolloutAndBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	phones := w.underWay("50%@+0", "100%@+2d")
	w.must(second(w.fleet.Pause(w.ctx, seg, w.act("printer"), "sales", older)))
	w.clock.Add(aDay)
	w.must(second(w.rebase()))
	if got := w.starts(w.clock.Now())[1]; got != 2*aDay {
		t.Errorf("second wave %s from now, want it to wait until the first has soaked", got)
	}
	w.must(second(w.fleet.Decline(w.ctx, seg, w.act("camera"), "sales", release)))
	got := w.rollout(older)
	if got.Phase != string(policy.PhasePaused) || got.SupersededBy != "" {
		t.Errorf("older rollout is %s, superseded by %q; want it paused as it was", got.Phase, got.SupersededBy)
	}
	w.clock.Add(aDay)
	w.must(second(w.fleet.Resume(w.ctx, seg, w.act("it was the printer"), "sales", older)))
	if diff := cmp.Diff(map[string]int{older: 2, "": 2}, askedFor(phones)); diff != "" {
		t.Errorf("resumed (-want +got):\n%s", diff)
	}
	if w.after(aDay) || !w.after(aDay) {
		t.Error("want the second wave two days after the rollout went on")
	}
}

// While the newer rollout is paused nobody is asked for the older release anew.
func TestPauseAfterRebaseAsksForNothingOlder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	phones := w.underWay("50%@+0", "100%@+4d")
	w.clock.Add(aDay)
	w.must(second(w.rebase()))
	if diff := cmp.Diff(map[string]int{release: 2, "": 2}, askedFor(phones)); diff != "" {
		t.Fatalf("rebased (-want +got):\n%s", diff)
	}
	effect, err := w.fleet.Pause(w.ctx, seg, w.act("camera"), "sales", release)
	w.must(err)
	if effect.Install != 0 || effect.Withdraw != 2 {
		t.Errorf("effect %+v, want nothing but two phones that are asked no more", effect)
	}
	if diff := cmp.Diff(map[string]int{"": 4}, askedFor(phones)); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	w.must(second(w.fleet.Resume(w.ctx, seg, w.act("it was the lens"), "sales", release)))
	if diff := cmp.Diff(map[string]int{release: 2, "": 2}, askedFor(phones)); diff != "" {
		t.Errorf("resumed (-want +got):\n%s", diff)
	}
}

// A pause of the newer rollout stops phones that are ready for the older release too, and
// nobody says of one that a pause would stop that it is too late for that.
func TestPauseAfterRebaseStopsTheOlderToo(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		state    string
		kept     policy.Code
		asked    string
		withdraw int
	}{
		"ready":      {"prepared", policy.FactReady, "", 1},
		"installing": {"installing", policy.FactKept, older, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := w.underWay("100%")[0]
			p.report(map[string]any{"softwareupdate": map[string]any{
				"install-state": tc.state, "pending-version": map[string]any{"os-version": older, "build-version": "23G80", "target-local-date-time": "2026-08-21T09:00:00"},
			}})
			w.must(second(w.rebase()))
			explained, err := w.fleet.Explain(w.ctx, seg, p.udid)
			w.must(err)
			isKept := func(r policy.Reason) bool { return r.Code == policy.FactKept || r.Code == policy.FactReady }
			if i := slices.IndexFunc(explained.Explanation.Facts, isKept); i < 0 || explained.Explanation.Facts[i].Code != tc.kept {
				t.Errorf("facts %v, want %s", explained.Explanation.Facts, tc.kept)
			}
			effect, err := w.fleet.Pause(w.ctx, seg, w.act("POS is broken"), "sales", release)
			w.must(err)
			if got, _ := p.enforcement(); got != tc.asked || effect.Withdraw != 3+tc.withdraw {
				t.Errorf("the phone is asked for %q and %d requests are taken back, want %q and %d", got, effect.Withdraw, tc.asked, 3+tc.withdraw)
			}
			if tc.asked == "" {
				w.must(second(w.fleet.Resume(w.ctx, seg, w.act("it was the till"), "sales", release)))
				if got, _ := p.enforcement(); got != release {
					t.Errorf("resumed, it is asked for %q, want %s", got, release)
				}
			}
		})
	}
}

// When Apple takes the newer release back, the older rollout goes on by itself;
// what waits soaks anew.
func TestRebaseEndsWithTheNewerRelease(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	phones := w.underWay("50%@+0", "100%@+2d")
	w.clock.Add(aDay)
	w.must(second(w.rebase()))
	w.gone(release, "2026-08-20")
	if w.after(15*time.Hour - time.Minute) { // until midnight
		t.Error("something changed before the release was gone")
	}
	if !w.after(time.Minute) || len(w.acts("rollout.given-back")) != 1 {
		t.Fatalf("%d acts, want the rollout given back", len(w.acts("rollout.given-back")))
	}
	got := w.rollout(older)
	if got.Phase != string(policy.PhaseRollingOut) || got.SupersededBy != "" || got.Waves[1].Start.Sub(w.clock.Now()) != 2*aDay {
		t.Errorf("older rollout is %s, superseded by %q, second wave %+v; want it to go on, in two days", got.Phase, got.SupersededBy, got.Waves[1])
	}
	if diff := cmp.Diff(map[string]int{older: 2, "": 2}, askedFor(phones)); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	if w.after(2*aDay-time.Minute) || !w.after(time.Minute) {
		t.Error("want the second wave when the first has soaked anew, and nothing before")
	}
	if diff := cmp.Diff(map[string]int{older: 4}, askedFor(phones)); diff != "" {
		t.Errorf("then asked (-want +got):\n%s", diff)
	}
}

// Phones that followed the older rollout still stop it for the others that do.
func TestBreakerWatchesWhatWasTakenOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.decides("careful", fleet.PolicyChange{BreakerChange: fleet.BreakerChange{BreakerReports: ptr(2)}})
	phones := w.underWay("100%")
	w.must(second(w.rebase()))
	w.clock.Add(time.Hour)
	for _, p := range phones[:2] {
		p.install(older, "23G80")
		w.problem(p)
	}
	if !w.stopped() || len(w.rollout(older).Breaker.Stopped) != 1 || w.stopped() {
		t.Errorf("breaker %+v, want the older rollout stopped, once", w.rollout(older).Breaker)
	}
}

// gone has the catalogue know that Apple takes a release back on a day.
func (w *world) gone(of, day string) {
	w.t.Helper()
	facts, err := embedded()
	w.must(err)
	data, err := facts.Marshal()
	w.must(err)
	lines := strings.SplitAfter(string(data), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, `{"version":"`+of+`"`) {
			lines[i] = strings.Replace(line, `"printedExpiry"`, `"leftPublic":"`+day+`","leftAssets":"`+day+`","printedExpiry"`, 1)
		}
	}
	w.must(w.store.PutCatalog(w.ctx, []byte(strings.Join(lines, "")), storage.AuditEntry{At: w.clock.Now(), Actor: "test", Action: "catalog.import"}))
	w.restart()
}

func rebaseCode(err error) string {
	if e, ok := errors.AsType[*fleet.InvalidError](err); ok {
		return e.Code
	}
	if e, ok := errors.AsType[*fleet.RefusedError](err); ok {
		return e.Code
	}
	return fmt.Sprint(err)
}

func TestRebaseThatCannotBe(t *testing.T) {
	t.Parallel()
	t.Run("nothing under way", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.verified()
		if got := rebaseCode(second(w.rebase())); got != "nothing-to-rebase" {
			t.Errorf("refused as %s", got)
		}
	})
	w := newWorld(t)
	w.underWay("50%@+0", "100%@+2d")
	for name, r := range map[string]fleet.ApproveRequest{
		"waves": {Waves: []string{"100%"}}, "start": {Start: "+2h"}, "soak": {Soak: "1d"},
	} {
		r.Group, r.Release, r.Rebase = "sales", release, true
		if got := rebaseCode(second(w.fleet.Approve(w.ctx, seg, w.act("r"), r))); got != "rebase-has-waves" {
			t.Errorf("%s: refused as %s", name, got)
		}
	}
}

// A release made for some models only cannot take over the phones of the others:
// their waves would never start.
func TestRebaseLeavesNobodyBehind(t *testing.T) {
	t.Parallel()
	const wide, narrow, other = "26.5", "26.5.1", "iPhone18,5"
	w := newWorld(t)
	w.clock.Add(-70 * aDay)
	for udid, model := range map[string]string{"P1": "iPhone15,2", "P2": other} {
		p := newPhone(w, udid)
		p.os, p.build, p.model = "26.4", "23E246", model
		p.again("sales", storage.RingProduction)
		p.settle()
	}
	w.enrol("V1", "sales", storage.RingVerification).settle()
	for of, models := range map[string][]string{wide: {"iPhone15,2", other}, narrow: {other}} {
		for _, model := range models {
			w.must(second(w.fleet.RecordVerdict(w.ctx, seg, w.act("t"), fleet.VerdictRequest{
				BundleID: "com.example.pos", Release: of, Result: "works", External: true, Evidence: "letter", Group: "sales", Model: model, AppVersion: "1.0",
			})))
		}
	}
	w.must(second(w.fleet.Approve(w.ctx, seg, w.act("tested"), fleet.ApproveRequest{Group: "sales", Release: wide, Deadline: "+3d"})))
	_, err := w.fleet.Approve(w.ctx, seg, w.act("r"), fleet.ApproveRequest{Group: "sales", Release: narrow, Rebase: true})
	if r := refusal(t, err); r.Code != "rebase-leaves-models" || r.Params["models"] != "iPhone15,2" {
		t.Errorf("refused as %s %v", r.Code, r.Params)
	}
}

// TestNewerApproved: an exception for a release says that a newer one is approved,
// which phones follow instead, for as long as that goes on.
func TestNewerApproved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.unverified()
	v := w.enrol("V2", "sales", storage.RingVerification)
	v.settle()
	v.install(release, "23G83")
	w.must(second(w.fleet.RecordVerdict(w.ctx, seg, w.act("t"), fleet.VerdictRequest{BundleID: "com.example.pos", Release: release, Result: "works", Device: "V2"})))
	try := func() fleet.Effect {
		t.Helper()
		a, r := by("tanaka"), override()
		a.DryRun, r.Release = true, older
		p, err := w.fleet.ProposeOverride(w.ctx, seg, a, r)
		w.must(err)
		return p.Effect
	}
	if got := try(); got.Newer != "" || got.Install != 1 {
		t.Errorf("before the newer one is approved: newer %q, %d phones", got.Newer, got.Install)
	}
	w.must(second(w.fleet.Approve(w.ctx, seg, w.act("tested"), fleet.ApproveRequest{Group: "sales", Release: release, Deadline: "+3d"})))
	if got := try(); got.Newer != release || got.Install != 0 {
		t.Errorf("after it: newer %q, %d phones, want %s and none", got.Newer, got.Install, release)
	}
	r := override()
	r.Release = older
	p, err := w.fleet.ProposeOverride(w.ctx, seg, by("tanaka"), r)
	w.must(err)
	if effect, err := w.fleet.Sign(w.ctx, seg, by("sato"), p.ID); err != nil || effect.Newer != release {
		t.Errorf("signed: newer %q, %v", effect.Newer, err)
	}
	if got := w.rollout(older); got.Newer != release {
		t.Errorf("its rollout: %+v", got.Rebased)
	}
	w.must(second(w.fleet.Pause(w.ctx, seg, w.act("wait"), "sales", release)))
	if got := w.rollout(older); got.Newer != "" {
		t.Errorf("once the newer one stands still: %+v", got.Rebased)
	}
}
