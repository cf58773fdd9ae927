package fleet_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// moves returns what the calendar moved, by wave.
func moves(waves []fleet.WaveView) [][]fleet.WaveMove {
	var out [][]fleet.WaveMove
	for _, w := range waves {
		out = append(out, w.Moved)
	}
	return out
}

// The plan, the dry run and the rollout itself tell of the same waves; each
// date that the calendar moved says why.
func TestRolloutPlanIsWhatHappens(t *testing.T) {
	t.Parallel()
	w := newWorld(t) // Tuesday, 2026-08-18
	w.verified()
	w.retail(fleet.PolicyChange{})
	w.decides("retail", fleet.PolicyChange{RolloutChange: fleet.RolloutChange{CalendarChange: fleet.CalendarChange{Closed: ptr([]string{"2026-08-24", "2026-08-20..2026-08-21"})}}})
	request := fleet.ApproveRequest{Group: "sales", Release: release}
	plan, err := w.fleet.PlanRollout(seg, request)
	w.must(err)
	want := [][]fleet.WaveMove{
		{{What: "deadline", From: "2026-08-21T09:00:00", By: "closed-days", Days: "2026-08-20..2026-08-21"}},
		{{What: "start", From: "2026-08-20T09:00:00", By: "closed-days", Days: "2026-08-20..2026-08-21"}},
	}
	// The second wave starts on Tuesday, 25 August: Friday is closed, then
	// comes the weekend and a closed Monday. Its deadline is Friday.
	if diff := cmp.Diff(want, moves(plan.Waves)); diff != "" {
		t.Errorf("moves (-want +got):\n%s", diff)
	}
	dry := w.act("r")
	dry.DryRun = true
	tried, err := w.fleet.Approve(w.ctx, seg, dry, request)
	w.must(err)
	if !plan.Approvable || plan.Install != 1 || plan.Install+plan.InstallVerification != tried.Install || plan.Promise != tried.Promise {
		t.Errorf("plan %+v, dry run %+v", plan, tried)
	}
	w.must(second(w.fleet.Approve(w.ctx, seg, w.act("r"), request)))
	detail, err := w.fleet.RolloutDates(w.ctx, seg, "sales", release, nil)
	w.must(err)
	if plan.Waves[0].State != fleet.WaveAtOnce || plan.Waves[1].State != fleet.WaveWaiting {
		t.Errorf("states of the plan: %s, %s", plan.Waves[0].State, plan.Waves[1].State)
	}
	plan.Waves[0].State = fleet.WaveSoaking // once it is approved
	for i, v := range detail.Waves {
		if diff := cmp.Diff(plan.Waves[i], v); diff != "" || !cmp.Equal(tried.Waves[i], v) {
			t.Errorf("wave %d (-planned +is):\n%s", i+1, diff)
		}
	}
	if detail.NextAutomatic == "" || detail.Phones != nil || detail.Soak != "48h" {
		t.Errorf("detail %+v", detail)
	}
	if r := refusal(t, second(w.fleet.PlanRollout(seg, request))); r.Code != "approved-already" {
		t.Errorf("planning what is approved: %s", r.Code)
	}
}

// A wave that keeps its distance to one that the calendar moved says so.
func TestRolloutPlanOfPushedWaves(t *testing.T) {
	t.Parallel()
	w := newWorld(t) // Tuesday, 2026-08-18
	w.verified()
	w.retail(fleet.PolicyChange{})
	w.decides("retail", fleet.PolicyChange{RolloutChange: fleet.RolloutChange{CalendarChange: fleet.CalendarChange{Closed: ptr([]string{"2026-08-20..2026-08-24"})}}})
	request := fleet.ApproveRequest{Group: "sales", Release: release, Waves: []string{"5%@+0", "50%@+2d", "75%@+8d", "100%@+15d"}, Soak: "12h"}
	plan, err := w.fleet.PlanRollout(seg, request)
	w.must(err)
	starts := func(waves []fleet.WaveView) []string {
		var out []string
		for _, one := range waves {
			line := one.Start.Format("01-02")
			for _, m := range one.Moved {
				if m.What == fleet.MovedStart {
					line += " from " + m.From[5:10] + " by " + m.By
				}
			}
			out = append(out, line)
		}
		return out
	}
	want := []string{"08-18", "08-25 from 08-20 by closed-days", "08-31 from 08-26 by wave-before", "09-07 from 09-02 by wave-before"}
	if diff := cmp.Diff(want, starts(plan.Waves)); diff != "" {
		t.Errorf("planned starts (-want +got):\n%s", diff)
	}
	w.must(second(w.fleet.Approve(w.ctx, seg, w.act("r"), request)))
	detail, err := w.fleet.RolloutDates(w.ctx, seg, "sales", release, nil)
	w.must(err)
	if diff := cmp.Diff(want, starts(detail.Waves)); diff != "" {
		t.Errorf("starts (-want +got):\n%s", diff)
	}
}

// A plan can be made before anybody tested, and takes the tests to succeed.
func TestRolloutPlanBeforeTheTests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.unverified()
	plan, err := w.fleet.PlanRollout(seg, fleet.ApproveRequest{Group: "sales", Release: release, Deadline: "+90d"})
	w.must(err)
	if plan.Approvable || plan.Install != 1 || plan.InstallVerification != 1 || len(plan.Missing) != 1 || !cmp.Equal([]string{"iPhone15,2"}, plan.Models) {
		t.Errorf("plan %+v, want one phone of each ring and what is missing", plan)
	}
	if len(w.approvals()) != 0 {
		t.Error("a plan was carried out")
	}
	old, err := w.fleet.PlanRollout(seg, fleet.ApproveRequest{Group: "sales", Release: older, Deadline: "+88d"})
	w.must(err)
	if !old.Outlives || old.Latest == "" || old.ShelfLife.IsZero() {
		t.Errorf("plan beyond the shelf life: %+v", old)
	}
}

// Each phone says its wave, when it was told and until when it can be stopped;
// one below an app's floor is counted with that reason.
func TestRolloutPhones(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, phones := w.inWaves(fleet.ApproveRequest{Waves: []string{"2", "100%@+2d"}, Deadline: "+3d"})
	old := newPhone(w, "P9")
	old.apps = map[string]string{"com.example.pos": "0.9"}
	old.again("sales", storage.RingProduction)
	old.settle()
	for _, p := range phones {
		p.settle()
	}
	w.after(twoDays)
	for _, p := range phones {
		p.settle()
	}
	detail, err := w.fleet.RolloutDates(w.ctx, seg, "sales", release, &fleet.RolloutQuery{})
	w.must(err)
	byWave, told := map[int]int{}, 0
	for _, p := range detail.Phones {
		byWave[p.Wave]++
		if p.Release == "" {
			if p.UDID != "P9" || p.Reason != "app-update-needed" || p.StopUntil != "" {
				t.Errorf("phone that was not told: %+v", p)
			}
			continue
		}
		told++
		if p.ToldAt.IsZero() || p.StopUntil >= p.Deadline || p.StopUntil == "" {
			t.Errorf("phone that was told: %+v", p)
		}
	}
	if told != 4 || byWave[1]+byWave[2] != 5 || byWave[1] < 2 {
		t.Errorf("%d told, by wave %v", told, byWave)
	}
	counts := map[string]int{}
	for _, r := range detail.Reasons {
		counts[r.Reason] = r.Count
	}
	if counts["app-update-needed"] != 1 || len(detail.Floors) != 1 {
		t.Errorf("reasons %v, floors %v", counts, detail.Floors)
	}
	page, err := w.fleet.RolloutDates(w.ctx, seg, "sales", release, &fleet.RolloutQuery{Limit: 2})
	w.must(err)
	if len(page.Phones) != 2 || page.Next == 0 {
		t.Errorf("page of %d phones, next %d", len(page.Phones), page.Next)
	}
}

// A pause answers with the dates that the waves would have if the rollout went
// on now.
func TestPauseAnswersWithDates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.inWaves(fleet.ApproveRequest{Waves: []string{"25%", "100%@+2d"}, Soak: "2d", Deadline: "+3d"})
	w.clock.Add(aDay)
	effect, err := w.fleet.Pause(w.ctx, seg, w.act("printer"), "sales", release)
	w.must(err)
	if got := effect.Waves[1]; !got.Start.Equal(w.clock.Now().Add(twoDays)) || got.Why != fleet.WaitStopped {
		t.Errorf("second wave %+v, want it two days from now", got)
	}
	resumed, err := w.fleet.Resume(w.ctx, seg, w.act("it was the printer"), "sales", release)
	w.must(err)
	if got := resumed.Waves[1]; !got.Start.Equal(effect.Waves[1].Start) || got.Why != fleet.WaitStart {
		t.Errorf("second wave %+v, want it as the pause said", got)
	}
}
