package fleet_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// TestChaseUntold: the steps of a phone that was not told yet count from the
// deadline that its own notice leads to, and what is said of it names none.
func TestChaseUntold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.verified() // 18:00 in Tokyo, a Tuesday
	w.ladder(fleet.ChaseChange{Chase: &[]string{"message@deadline-6h"}})
	_, err := w.fleet.SetHolder(w.ctx, seg, w.act("list"), "P1", "S-1")
	w.must(err)
	_, err = w.approve("+12h") // the notice of the group is a day
	w.must(err)
	due := w.clock.now.Add(18 * time.Hour)
	if s := w.chaseState("P1"); s.Next != "message@deadline-6h" || !s.NextAt.Equal(due) || !s.Untold {
		t.Errorf("explained as %+v, want the message at %s for a phone that was not told", s, due)
	}
	w.clock.Add(17 * time.Hour)
	w.tick()
	if got := w.reminders(); got != nil {
		t.Errorf("before its own deadline less six hours: %v", got)
	}
	w.clock.Add(time.Hour)
	w.tick()
	all, err := w.store.Notices(w.ctx, seg, storage.NoticeQuery{Limit: 1})
	w.must(err)
	if len(all) != 1 {
		t.Fatalf("%d notices, want one", len(all))
	}
	want := map[string]string{"approval": all[0].Params["approval"], "step": "message@deadline-6h", "reason": "sync-pending", "state": "not-told"}
	if diff := cmp.Diff(want, all[0].Params); diff != "" {
		t.Errorf("what is said (-want +got):\n%s", diff)
	}
}

// TestChaseClosedDays: no step on a day that the group's calendar closes, whatever
// its hours, as the plan of the rollout says; the urgent route asks no calendar.
func TestChaseClosedDays(t *testing.T) {
	t.Parallel()
	closed := fleet.RolloutChange{CalendarChange: fleet.CalendarChange{Closed: &[]string{"2026-08-19..2026-08-20"}, Hours: ptr("10:00-17:00")}}
	t.Run("ordinary", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		p, _ := w.verified() // 18:00 in Tokyo, a Tuesday
		w.ladder(fleet.ChaseChange{Chase: &[]string{"push@+18h"}})
		_, err := w.fleet.SetPolicy(w.ctx, seg, w.act("closed"), "reminding", fleet.PolicyChange{RolloutChange: closed})
		w.must(err)
		plan, err := w.fleet.PlanRollout(seg, fleet.ApproveRequest{Group: "sales", Release: release, Deadline: "+3d"})
		w.must(err)
		want := []fleet.PlannedReminder{{Wave: 1, Step: "push@+18h", At: time.Date(2026, 8, 21, 0, 0, 0, 0, time.UTC), Meant: time.Date(2026, 8, 19, 4, 0, 0, 0, time.UTC)}}
		if diff := cmp.Diff(want, plan.Reminders); diff != "" {
			t.Errorf("planned (-want +got):\n%s", diff)
		}
		_, err = w.approve("+3d")
		w.must(err)
		w.after(time.Hour) // the calendar opens
		p.settle()
		due := time.Date(2026, 8, 20, 15, 0, 0, 0, time.UTC) // Friday in Tokyo
		if s := w.chaseState("P1"); s.Next != "push@+18h" || !s.NextAt.Equal(due) {
			t.Errorf("explained as %+v, want the push at %s", s, due)
		}
		w.clock.Add(due.Add(-time.Minute).Sub(w.clock.now))
		w.tick()
		if got := p.steps(); got != nil {
			t.Errorf("a minute before: %v", got)
		}
		w.clock.Add(time.Minute)
		w.tick()
		if diff := cmp.Diff([]string{"push@+18h"}, p.steps()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("urgent", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.urgent(0)
		w.ladder(fleet.ChaseChange{Chase: &[]string{"push@+18h"}})
		_, err := w.fleet.SetPolicy(w.ctx, seg, w.act("closed"), "reminding", fleet.PolicyChange{RolloutChange: closed})
		w.must(err)
		w.hurry(inTheLane())
		w.clock.Add(18 * time.Hour) // Wednesday in Tokyo
		w.tick()
		if v, err := w.fleet.RolloutChase(w.ctx, seg, "sales", release, fleet.RolloutQuery{}); err != nil || v.Steps[0].Sent == 0 {
			t.Errorf("steps %+v (%v), want one on a closed day", v.Steps, err)
		}
	})
}

// TestChaseWaitsToBeTold: a step that is due as a wave begins waits until the phone was
// told by when to install, or for an hour.
func TestChaseWaitsToBeTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, _ := w.verified()
	away := w.enrol("P2", "sales", storage.RingProduction)
	away.settle()
	w.must(second(w.fleet.SetHolder(w.ctx, seg, w.act("list"), "P1", "S-1")))
	w.ladder(fleet.ChaseChange{Chase: &[]string{"notice@+0", "message@deadline-24h"}})
	w.must(second(w.approve("+5d")))
	w.tick()
	if got := w.reminders(); len(got) != 0 {
		t.Fatalf("before any phone was told: %v", got)
	}
	if s := w.chaseState("P2"); s.Next != "notice@+0" || !s.NextAt.Equal(w.clock.now.Add(time.Hour)) {
		t.Errorf("explained as %+v, want the notice in an hour", s)
	}
	w.clock.Add(3 * time.Minute)
	first.settle()
	w.tick()
	all, err := w.store.Notices(w.ctx, seg, storage.NoticeQuery{})
	w.must(err)
	if got := first.steps(); len(got) != 1 || away.steps() != nil || all[0].Params["deadline"] == "" {
		t.Errorf("once one was told: steps %v and %v, notice %v", got, away.steps(), all[0].Params)
	}
	w.clock.Add(time.Hour)
	w.tick()
	if got := away.steps(); len(got) != 1 {
		t.Errorf("not told for an hour: %v, want the notice", got)
	}
}

// TestChaseOfTheUntoldBeginsWithTheFirst: of two steps in the first hour of its wave a
// phone that was not told gets both, the first one first.
func TestChaseOfTheUntoldBeginsWithTheFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.verified()
	away := w.enrol("P2", "sales", storage.RingProduction)
	away.settle()
	w.ladder(fleet.ChaseChange{Chase: &[]string{"notice@+0", "message@+30m", "push@+2h"}})
	w.must(second(w.approve("+5d")))
	var got [][]string
	for range 5 { // up to two hours
		w.tick()
		got = append(got, away.steps())
		w.clock.Add(30 * time.Minute)
	}
	want := [][]string{nil, nil, {"notice@+0"}, {"notice@+0", "message@+30m"}, {"notice@+0", "message@+30m", "push@+2h"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("steps by half hours (-want +got):\n%s", diff)
	}
}
