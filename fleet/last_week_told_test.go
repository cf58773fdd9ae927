package fleet_test

import (
	"slices"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// gives has phones of the group get a notice.
func (w *world) gives(notice time.Duration) {
	w.t.Helper()
	w.must(second(w.fleet.SetGroup(w.ctx, seg, w.act("x"), fleet.GroupRequest{Name: "sales", MinimumNotice: notice})))
}

func (w *world) approveOlder(r fleet.ApproveRequest) error {
	r.Group, r.Release = "sales", older
	return second(w.fleet.Approve(w.ctx, seg, w.act("tested"), r))
}

// What phones are told counts, not what is asked: a notice that is longer than the
// deadline makes an approval late as the deadline does.
func TestLastWeekByTheNotice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, last := w.nearEnd(6 * aDay)
	w.gives(5 * aDay)
	waves := fleet.ApproveRequest{Waves: []string{"50%@+0", "100%@+2d"}, Deadline: "+1d"}
	r := refusal(t, w.approveOlder(waves))
	told := policy.FormatLocal(last.Add(aDay), time.UTC) // a day late: 2 days to wait, 5 of notice, 6 left
	if r.Code != "outlives-build" || r.Params["deadline"] != string(told) || r.Params["wave"] != "2" || r.Params["notice"] != "120h" {
		t.Errorf("refused as %s %v, want outlives-build, and that wave 2 is told %s", r.Code, r.Params, told)
	}
	waves.Group, waves.Release = "sales", older
	plan, err := w.fleet.PlanRollout(seg, waves)
	w.must(err)
	if !plan.Outlives {
		t.Error("the plan does not say that its last wave comes too late")
	}

	w.clock.Add(2 * aDay) // 4 are left
	if r := refusal(t, w.approveOlder(fleet.ApproveRequest{Waves: []string{"100%"}, Deadline: "+1d"})); r.Code != "last-week" {
		t.Errorf("refused as %s, want last-week", r.Code)
	}
	proposed, err := w.lateOverride("+1d")
	w.must(err)
	w.must(second(w.fleet.Sign(w.ctx, seg, by("sato"), proposed.ID)))
	p.settle()
	release, deadline := p.enforcement()
	if ends := policy.FormatLocal(last.Add(policy.ShelfMargin), time.UTC); release != older || policy.LocalTime(deadline).Compare(ends) > 0 {
		t.Errorf("the phone is to install %q by %s; the build may be gone on %s", release, deadline, ends)
	}
}

// An exception whose phones would be told a deadline at which the build may be gone
// is refused, and so is one that ends before they install.
func TestExceptionByTheNotice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.nearEnd(-4 * aDay) // 3 are left
	w.gives(4 * aDay)
	if r := refusal(t, second(w.lateOverride("+1d"))); r.Code != "build-gone" {
		t.Errorf("refused as %s, want build-gone", r.Code)
	}
	w.gives(2 * aDay)
	_, err := w.fleet.ProposeOverride(w.ctx, seg, by("tanaka"), fleet.OverrideRequest{Group: "sales", Release: older, Deadline: "+1d", Until: "+36h"})
	if got := invalidity(t, err); got.Code != "until-too-early" {
		t.Errorf("an end before the notice is over: %s, want until-too-early", got.Code)
	}
	w.must(second(w.lateOverride("+1d")))
}

// A calendar that opens in the last week only closes the ordinary way whatever the
// deadline, and two people can go theirs at once.
func TestLastWeekByTheCalendar(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, last := w.nearEnd(10 * aDay)
	closed := last.AddDate(0, 0, -12).Format(time.DateOnly) + ".." + last.AddDate(0, 0, 2).Format(time.DateOnly)
	w.must(second(w.fleet.SetPolicy(w.ctx, seg, w.act("x"), "late", fleet.PolicyChange{RolloutChange: fleet.RolloutChange{CalendarChange: fleet.CalendarChange{Closed: ptr([]string{closed})}}})))
	gate, err := w.fleet.Gate(seg, "sales", older)
	w.must(err)
	wall := fleet.ApproveRequest{Waves: []string{"100%"}, Deadline: last.AddDate(0, 0, -1).Format("2006-01-02T15:04")}
	if r := refusal(t, w.approveOlder(wall)); r.Code != "last-week" || gate.NextHuman != policy.StepChooseNewer {
		t.Errorf("refused as %s with the step %s, want last-week and the newer release", r.Code, gate.NextHuman)
	}
	w.must(second(w.fleet.ProposeOverride(w.ctx, seg, by("tanaka"), fleet.OverrideRequest{Group: "sales", Release: older, Deadline: wall.Deadline, Until: "+30d"})))
}

// What is refused and what the gate says is the next step change at one moment, by the
// clock of the installation.
func TestLastWeekBeginsAtOneMoment(t *testing.T) {
	t.Parallel()
	for _, zone := range []string{"UTC", "Asia/Tokyo", "America/New_York"} {
		t.Run(zone, func(t *testing.T) {
			t.Parallel()
			loc, err := time.LoadLocation(zone)
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t)
			w.zone = loc
			w.restart()
			_, last := w.nearEnd(24*time.Hour + 16*time.Hour)
			for i := range 32 { // the notice is 24 hours
				gate, err := w.fleet.Gate(seg, "sales", older)
				w.must(err)
				r := fleet.ApproveRequest{Group: "sales", Release: older, Waves: []string{"100%"}, Deadline: string(policy.FormatLocal(last, loc))}
				a := w.act("tested")
				a.DryRun = true
				_, err = w.fleet.Approve(w.ctx, seg, a, r)
				late, step := err != nil, gate.NextHuman == policy.StepChooseNewer
				if want := i > 16; late != want || step != want {
					t.Errorf("%d hours before the last notice: refused %t (%v), next step %s", 16-i, late, err, gate.NextHuman)
				}
				w.clock.Add(time.Hour)
			}
		})
	}
}

// An exception takes the place of an approval with a wave that is kept, at once for
// all phones, whether that stands still or not, and before its build may be gone.
func TestExceptionForKeptWave(t *testing.T) {
	t.Parallel()
	for name, pause := range map[string]bool{"going on": false, "paused": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.decides("late", fleet.PolicyChange{RolloutChange: fleet.RolloutChange{Waves: ptr(storage.WaveShares{"10%", "100%"}), Soak: ptr("2d")}})
			phones, _ := w.pausedNear(aDay)
			w.after(2 * aDay)
			if pause {
				w.must(second(w.fleet.Pause(w.ctx, seg, w.act("to choose"), "sales", older)))
			}
			if r := refusal(t, second(w.lateOverride("+9d"))); r.Code != "build-gone" {
				t.Errorf("a deadline behind the build: refused as %s, want build-gone", r.Code)
			}
			proposed, err := w.lateOverride("+2d")
			w.must(err)
			w.must(second(w.fleet.Sign(w.ctx, seg, by("sato"), proposed.ID)))
			for _, p := range phones {
				p.settle()
				if got, _ := p.enforcement(); got != older {
					t.Errorf("%s is to install %q, want %s", p.udid, got, older)
				}
			}
			if waves := w.rollout(older).Waves; len(waves) != 1 {
				t.Errorf("%d waves, want one", len(waves))
			}
			gate, err := w.fleet.Gate(seg, "sales", older)
			w.must(err)
			if slices.ContainsFunc(gate.Reasons, func(r policy.Reason) bool { return r.Code == policy.GateWaveKept }) {
				t.Errorf("the gate still says that a wave is kept: %+v", gate.Reasons)
			}
		})
	}
}

// An approval whose waves all can start needs no exception.
func TestNoExceptionForWavesInTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pausedNear(20 * aDay)
	if r := refusal(t, second(w.lateOverride("+2d"))); r.Code != "approved-already" {
		t.Errorf("refused as %s, want approved-already", r.Code)
	}
}

// A wave that was kept is told of once, whatever stops its rollout or moves its
// dates meanwhile, and starts once they allow it.
func TestKeptWaveIsToldOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.decides("late", fleet.PolicyChange{RolloutChange: fleet.RolloutChange{Soak: ptr("2d")}})
	w.pausedNear(aDay)
	w.after(2 * aDay)
	w.must(second(w.fleet.Pause(w.ctx, seg, w.act("a look"), "sales", older)))
	w.after(time.Hour)
	w.must(second(w.fleet.Resume(w.ctx, seg, w.act("looked"), "sales", older)))
	w.after(3 * aDay)
	closed := w.clock.Now().Format(time.DateOnly)
	w.must(second(w.fleet.SetPolicy(w.ctx, seg, w.act("x"), "late", fleet.PolicyChange{RolloutChange: fleet.RolloutChange{CalendarChange: fleet.CalendarChange{Closed: ptr([]string{closed})}}})))
	for range 3 {
		w.after(time.Hour)
	}
	notices := slices.DeleteFunc(w.notices(), func(n storage.Notice) bool { return n.Kind != fleet.NoticeWaveKept })
	if entries := w.acts(fleet.NoticeWaveKept); len(entries) != 1 || len(notices) != 1 {
		t.Errorf("%d entries and %d notices, want one each", len(entries), len(notices))
	}
	if got := w.rollout(older).Waves[1]; got.State != fleet.WaveWaiting || got.Why != fleet.WaitKept {
		t.Errorf("the second wave is %s for %s, want kept", got.State, got.Why)
	}
}
