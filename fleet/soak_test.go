package fleet_test

import (
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// A stop by a broken app that is over before the next wave was due makes the
// waves before it soak anew.
func TestClearedStopSoaksAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.inWaves(fleet.ApproveRequest{Waves: []string{"25%@+0", "50%@+3d", "100%@+6d"}, Soak: "2d", Deadline: "+3d"})
	w.clock.Add(2 * aDay)
	w.must(w.verdict("V1", "broken"))
	if got := w.gate().Phase; got != "blocked" {
		t.Fatalf("the gate is %s, want it blocked", got)
	}
	w.clock.Add(time.Hour)
	w.must(w.verdict("V1", "works"))
	got := w.starts(w.clock.Now())
	if got[1] != 2*aDay || got[2] != 5*aDay || len(w.acts("rollout.wave-delayed")) != 1 {
		t.Errorf("waves start %v from now with %d records, want two and five days and one", got, len(w.acts("rollout.wave-delayed")))
	}
	w.must(w.verdict("V1", "works"))
	if n := len(w.acts("rollout.wave-delayed")); n != 1 {
		t.Errorf("a result that cleared nothing made %d records", n)
	}
}

// So does a stop by a result that was revoked, and another in its place.
func TestReplacedResultSoaksAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.inWaves(fleet.ApproveRequest{Waves: []string{"25%@+0", "100%@+3d"}, Soak: "2d", Deadline: "+3d"})
	w.clock.Add(2 * aDay)
	w.must(second(w.fleet.RevokeVerdict(w.ctx, seg, w.act("wrong phone"), w.gate().Apps[0].Verdict)))
	if got := w.gate().Phase; got != "paused" {
		t.Fatalf("the gate is %s, want it paused", got)
	}
	w.clock.Add(time.Hour)
	w.must(w.verdict("V1", "works"))
	if got := w.gate().Phase; got != "rolling-out" {
		t.Fatalf("the gate is %s, want it rolling out", got)
	}
	if got := w.starts(w.clock.Now())[1]; got != 2*aDay || len(w.acts("rollout.wave-delayed")) != 1 {
		t.Errorf("the second wave starts %s from now with %d records, want two days and one", got, len(w.acts("rollout.wave-delayed")))
	}
}

// A phone that comes late gets no deadline on a closed day: its notice ends
// when the group's calendar opens, by its own clock.
func TestLatePhoneGetsAnOpenDeadline(t *testing.T) {
	t.Parallel()
	w := newWorld(t) // Tuesday
	w.verified()
	w.decides("retail", fleet.PolicyChange{RolloutChange: fleet.RolloutChange{CalendarChange: fleet.CalendarChange{Weekdays: ptr([]string{"mon-fri"}), Hours: ptr("09:00-17:00")}}})
	w.must(second(w.approve("+1d")))
	w.clock.Add(3 * aDay) // Friday, 18:00 in Tokyo: a day later is Saturday
	p := w.enrol("P2", "sales", storage.RingProduction)
	p.settle()
	if got, deadline := p.enforcement(); got != release || deadline != "2026-08-24T09:00:00" {
		t.Errorf("told to install %q by %s, want Monday at nine", got, deadline)
	}
	view, err := w.fleet.Rollout(w.ctx, seg, "sales", release, fleet.RolloutQuery{})
	w.must(err)
	if view.NotBefore > "2026-08-24T09:00:00" || view.NotBefore == "" {
		t.Errorf("promised %q, want no later than what the phone was told", view.NotBefore)
	}
}
