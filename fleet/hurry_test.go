package fleet_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// slowly has an ordinary approval of an urgent release under way: the first wave is for
// half of four phones, two of them exposed, and the rest follows in four days.
func (w *world) slowly() ([]*phone, fleet.Effect) {
	w.t.Helper()
	phones := w.urgent(2)
	w.clock.Add(time.Minute)
	_, err := w.fleet.RecordVerdict(w.ctx, seg, w.act("tested"), fleet.VerdictRequest{
		BundleID: "com.example.pos", Release: release, Result: "works", Device: "V1", Note: "seen",
	})
	w.must(err)
	effect, err := w.fleet.Approve(w.ctx, seg, w.act("ordinary"), fleet.ApproveRequest{
		Group: "sales", Release: release, Deadline: "+7d", Waves: []string{"50%@+0", "100%@+4d"}, Soak: "2d",
	})
	w.must(err)
	asked(phones)
	return phones, effect
}

// deadlines returns what each phone was told, "" for nothing.
func deadlines(phones []*phone) []string {
	var list []string
	for _, p := range phones {
		p.settle()
		r, deadline := p.enforcement()
		if r != release {
			deadline = ""
		}
		list = append(list, deadline)
	}
	return list
}

// TestHurryBringsARolloutForward: what two people decide changes the approval in place,
// gives phones that were told an earlier deadline, and lets the others start by the lane.
func TestHurryBringsARolloutForward(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	phones, before := w.slowly()
	w.clock.Add(aDay)
	if g := w.gate(); g.NextHuman != policy.StepHurry {
		t.Errorf("a person can %q in phase %s", g.NextHuman, g.Phase)
	}
	was := deadlines(phones)
	proposed, err := w.fleet.ProposeUrgent(w.ctx, seg, by("tanaka"), inTheLane())
	w.must(err)
	if got := deadlines(phones); !cmp.Equal(was, got) || proposed.Urgent.Hurries != before.Approval {
		t.Errorf("a proposal to hurry %q changed %v to %v", proposed.Urgent.Hurries, was, got)
	}
	want := &fleet.Haste{Sooner: 2, Waiting: 2, LastBefore: before.Waves[1].Deadline, LastAfter: "2026-08-20T09:01:00"}
	if diff := cmp.Diff(want, proposed.Effect.Haste); diff != "" {
		t.Errorf("what it would change (-want +got):\n%s", diff)
	}
	if _, err := w.fleet.Sign(w.ctx, seg, by("tanaka"), proposed.ID); refusal(t, err).Code != "same-person" {
		t.Errorf("signed by one person: %v", err)
	}
	effect, err := w.fleet.Sign(w.ctx, seg, by("sato"), proposed.ID)
	w.must(err)
	if effect.Approval != before.Approval || effect.Notice != "4h" || len(w.acts("rollout.hurry")) != 1 {
		t.Errorf("approval %s, want %s in place with the notice of the lane: %+v", effect.Approval, before.Approval, effect)
	}
	if diff := cmp.Diff(want, effect.Haste); diff != "" {
		t.Errorf("what it changed (-want +got):\n%s", diff)
	}
	w.wantHurried(phones, was)
}

// wantHurried looks at what phones are told after two of four, which were told was, are
// hurried: never anything later, and nothing more after a restart.
func (w *world) wantHurried(phones []*phone, was []string) {
	w.t.Helper()
	got := deadlines(phones)
	for i, d := range got {
		switch {
		case was[i] != "" && (d != "2026-08-20T09:01:00" || was[i] <= d):
			w.t.Errorf("phone %d was told %s and now %q", i, was[i], d)
		case was[i] == "" && d != "" && d > "2026-08-20T18:00:00":
			w.t.Errorf("phone %d is told %s", i, d)
		}
	}
	w.clock.Add(time.Hour)
	w.restart()
	if again := deadlines(phones); !cmp.Equal(got, again) {
		w.t.Errorf("an hour and a restart later: %v, were %v", again, got)
	}
	w.after(12 * time.Hour)
	w.after(6 * time.Hour)
	for i, d := range deadlines(phones) {
		if d == "" {
			w.t.Errorf("phone %d is not told after all waves began", i)
		}
	}
}

// TestHurryRefused says when there is nothing to hurry.
func TestHurryRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		prepare func(*world)
		want    string
	}{
		"paused": {func(w *world) {
			w.slowly()
			w.must(second(w.fleet.Pause(w.ctx, seg, w.act("stop"), "sales", release)))
		}, "lane-stopped"},
		"hurried as much already": {func(w *world) { w.slowly(); w.hurry(inTheLane()) }, "lane-promised"},
		"in time already": {func(w *world) {
			phones, _ := w.slowly()
			w.after(5 * aDay)
			deadlines(phones)
			w.clock.Add(7 * aDay)
		}, "lane-in-time"},
		"a wave kept back in the last week": {func(w *world) { w.exposedNear(aDay - time.Hour) }, "outlives-build"},
		"withdrawn": {func(w *world) {
			w.slowly()
			w.must(second(w.fleet.Decline(w.ctx, seg, w.act("no"), "sales", release)))
		}, "lane-decided"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			tc.prepare(w)
			request := inTheLane()
			if tc.want == "outlives-build" {
				request.Release = older
			}
			_, err := w.fleet.ProposeUrgent(w.ctx, seg, by("tanaka"), request)
			if r := refusal(t, err); r.Code != tc.want {
				t.Errorf("refused for %s (%v), want %s", r.Code, err, tc.want)
			}
		})
	}
}

// exposedNear has phones lack the fix of an exploited flaw while a rollout that stood
// still goes on, so long before the last deadline that its build allows.
func (w *world) exposedNear(before time.Duration) {
	w.t.Helper()
	w.pausedNear(before)
	p := newPhone(w, "P9")
	p.os, p.build = exploitedOn, "23C55"
	p.again("sales", storage.RingProduction)
	p.settle()
}

// TestHurryIsRefusedInTheLastWeek: what was proposed in time is not signed later, when
// waves that have not begun would be kept back.
func TestHurryIsRefusedInTheLastWeek(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exposedNear(aDay + time.Hour)
	proposed, err := w.fleet.ProposeUrgent(w.ctx, seg, by("tanaka"), fleet.UrgentRequest{Group: "sales", Release: older})
	w.must(err)
	w.clock.Add(2 * time.Hour)
	waves := w.approvals()[0].Waves
	_, err = w.fleet.Sign(w.ctx, seg, by("sato"), proposed.ID)
	if r := refusal(t, err); r.Code != "outlives-build" {
		t.Errorf("refused for %s: %v", r.Code, err)
	}
	if diff := cmp.Diff(waves, w.approvals()[0].Waves); diff != "" {
		t.Errorf("waves changed (-was +is):\n%s", diff)
	}
}

// TestHurryCountsNotice: a near deadline is not in time for phones whose notice ends
// days later, and hurrying gives them the lane's.
func TestHurryCountsNotice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.fleet.SetGroup(w.ctx, seg, w.act("x"), fleet.GroupRequest{Name: "sales", MinimumNotice: 7 * aDay})
	w.must(err)
	phones := w.urgent(0)
	w.clock.Add(time.Minute)
	_, err = w.fleet.RecordVerdict(w.ctx, seg, w.act("tested"), fleet.VerdictRequest{
		BundleID: "com.example.pos", Release: release, Result: "works", Device: "V1", Note: "seen",
	})
	w.must(err)
	_, err = w.fleet.Approve(w.ctx, seg, w.act("ordinary"), fleet.ApproveRequest{Group: "sales", Release: release, Deadline: "+12h"})
	w.must(err)
	was := deadlines(phones)
	if g := w.gate(); g.NextHuman != policy.StepHurry || !g.Urgent.Slow {
		t.Errorf("a person can %q, slow %t", g.NextHuman, g.Urgent.Slow)
	}
	w.clock.Add(time.Hour)
	effect := w.hurry(inTheLane())
	const sooner = "2026-08-18T23:01:00" // four hours later, in Tokyo
	want := &fleet.Haste{Sooner: 2, LastBefore: "2026-08-25T18:01:00", LastAfter: sooner}
	if diff := cmp.Diff(want, effect.Haste); diff != "" {
		t.Errorf("told %v; what it changed (-want +got):\n%s", was, diff)
	}
	if got := deadlines(phones); !cmp.Equal(got, []string{sooner, sooner}) {
		t.Errorf("told %v, want %s", got, sooner)
	}
}

// TestHurryAdvice: an earlier deadline is advised only where it would hurry anything.
func TestHurryAdvice(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ within, least string }{
		"the least was asked for": {"+24h", ""},
		"a day less is possible":  {"+48h", "24h"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			phones, _ := w.slowly()
			w.after(4*aDay + time.Hour)
			deadlines(phones)
			w.after(6*aDay - 12*time.Hour)
			if tc.within == "+24h" {
				w.clock.Add(12 * time.Hour)
			}
			r := inTheLane()
			r.Deadline = tc.within
			_, err := w.fleet.ProposeUrgent(w.ctx, seg, by("tanaka"), r)
			if got := refusal(t, err); got.Code != "lane-in-time" || got.Params["least"] != tc.least {
				t.Errorf("refused for %s, least %q, want %q: %v", got.Code, got.Params["least"], tc.least, err)
			}
		})
	}
}

// TestHurryIsJudgedAgain: what was shown has to hold when the second person signs.
func TestHurryIsJudgedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.slowly()
	proposed, err := w.fleet.ProposeUrgent(w.ctx, seg, by("tanaka"), inTheLane())
	w.must(err)
	w.must(second(w.fleet.Pause(w.ctx, seg, w.act("stop"), "sales", release)))
	if _, err := w.fleet.Sign(w.ctx, seg, by("sato"), proposed.ID); refusal(t, err).Code != "lane-stopped" {
		t.Errorf("signed while it is paused: %v", err)
	}
	w.must(second(w.fleet.Resume(w.ctx, seg, w.act("on"), "sales", release)))
	w.clock.Add(time.Minute)
	w.quickCheck("broken")
	if _, err = w.fleet.Sign(w.ctx, seg, by("sato"), proposed.ID); err == nil {
		t.Error("signed although an app is broken")
	}
	if _, ok := errors.AsType[*fleet.ChangedError](err); !ok {
		t.Errorf("signed although an app is broken: %v", err)
	}
}

// TestHurryLeavesPhonesThatAreNear: a deadline near enough stays, an installation under
// way is not touched, and no phone gets less than its notice.
func TestHurryLeavesPhonesThatAreNear(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	phones, _ := w.slowly()
	was := deadlines(phones)
	i := 0
	for was[i] == "" {
		i++
	}
	phones[i].report(map[string]any{"softwareupdate": map[string]any{"install-state": "installing", "pending-version": map[string]any{"os-version": release}}})
	w.clock.Add(time.Minute)
	effect := w.hurry(inTheLane())
	if effect.Haste.Sooner != 1 || effect.Haste.Kept != 1 {
		t.Errorf("hurried %+v, want one sooner, one kept", effect.Haste)
	}
	if got := deadlines(phones); got[i] != was[i] {
		t.Errorf("a phone that installs was told %s and now %s", was[i], got[i])
	}
}

// TestHurriedGoesOn: pausing and resuming a hurried rollout works as before, and the
// notice tells of it once.
func TestHurriedGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	phones, _ := w.slowly()
	w.clock.Add(aDay)
	w.hurry(inTheLane())
	told := deadlines(phones)
	w.must(second(w.fleet.Pause(w.ctx, seg, w.act("stop"), "sales", release)))
	if got := fmt.Sprint(deadlines(phones)); got != "[   ]" {
		t.Errorf("paused, and asked: %s", got)
	}
	w.must(second(w.fleet.Resume(w.ctx, seg, w.act("on"), "sales", release)))
	if got := deadlines(phones); !cmp.Equal(got, told) {
		t.Errorf("resumed: asked %v, before the pause %v", got, told)
	}
	var notices []storage.Notice
	for _, n := range w.notices() {
		if n.Kind == fleet.NoticeRolloutHurried {
			notices = append(notices, n)
		}
	}
	if len(notices) != 1 || notices[0].Params["flaws"] != exploited()[0] || notices[0].Params["second"] != "sato" {
		t.Errorf("notices: %+v", notices)
	}
}
