package fleet_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
)

// toldBy returns the deadlines and last moments to stop of a plan's waves, and what
// its headline says.
func (w *world) toldBy(r fleet.ApproveRequest) (told []string, promise fleet.Promise) {
	w.t.Helper()
	r.Group, r.Release = "sales", release
	plan, err := w.fleet.PlanRollout(seg, r)
	w.must(err)
	for _, wave := range plan.Waves {
		told = append(told, wave.Deadline, wave.StopUntil)
	}
	return told, plan.Promise
}

// An offset counts from the start of the wave, with and without waves.
func TestDeadlineCountsFromTheStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t) // 2026-08-18 09:00
	w.verified()
	want := []string{"2026-08-31T09:00:00", "2026-08-31T07:00:00"}
	for _, waves := range [][]string{nil, {"100%"}, {"100%@+0"}} {
		told, _ := w.toldBy(fleet.ApproveRequest{Start: "+10d", Deadline: "+3d", Waves: waves})
		if diff := cmp.Diff(want, told); diff != "" {
			t.Errorf("waves %v (-want +got):\n%s", waves, diff)
		}
	}
	_, err := w.fleet.PlanRollout(seg, fleet.ApproveRequest{Group: "sales", Release: release, Start: "+10d", Deadline: "2026-08-20T12:00"})
	if e := invalidity(t, err); e.Code != "wave-after-deadline" {
		t.Errorf("a deadline before the start: %s, want wave-after-deadline", e.Code)
	}
}

// The table of waves says what phones are told, as the headline does.
func TestWavesShowWhatPhonesAreTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.verified()
	told, promise := w.toldBy(fleet.ApproveRequest{Waves: []string{"10%@+0:+12h", "100%@+1d:+3d"}, Deadline: "+2d"})
	if diff := cmp.Diff([]string{"2026-08-19T09:00:00", "2026-08-19T07:00:00", "2026-08-21T09:00:00", "2026-08-21T07:00:00"}, told); diff != "" {
		t.Errorf("waves (-want +got):\n%s", diff)
	}
	if promise.Deadline != "2026-08-18T21:00:00" {
		t.Errorf("asked for %s, want 12 hours after the approval", promise.Deadline)
	}
}

// A wall time that keeps the notice stays where it is, also on a closed day; one that
// does not moves to when the calendar opens.
func TestWallTimeOnAClosedDay(t *testing.T) {
	t.Parallel()
	w := newWorld(t) // a Tuesday
	production, _ := w.verified()
	w.decides("weekdays", fleet.PolicyChange{RolloutChange: fleet.RolloutChange{CalendarChange: fleet.CalendarChange{Weekdays: ptr([]string{"mon-fri"})}}})
	w.clock.Add(3*24*time.Hour + time.Hour) // Friday, 10:00
	for deadline, want := range map[string]string{
		"2026-08-22T12:00": "2026-08-22T12:00:00", // the notice ends on Saturday at 10:00
		"2026-08-22T09:00": "2026-08-24T00:00:00",
	} {
		if told, _ := w.toldBy(fleet.ApproveRequest{Deadline: deadline}); told[0] != want {
			t.Errorf("asked for %s, planned %s, want %s", deadline, told[0], want)
		}
	}
	_, err := w.approve("2026-08-22T20:00")
	w.must(err)
	if _, told := production.enforcement(); told != "2026-08-22T20:00:00" {
		t.Errorf("the phone is told %s, want what was asked for", told)
	}
}

// No clock shows the hour that is left out when summer time begins.
func TestDeadlineThatNoClockShows(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.verified()
	w.zone = berlin
	w.restart()
	for _, gap := range []string{"2026-10-25T02:30", "2026-10-25T03:00"} { // twice, and after that
		if _, err := w.fleet.PlanRollout(seg, fleet.ApproveRequest{Group: "sales", Release: release, Deadline: gap}); err != nil {
			t.Errorf("%s: %v", gap, err)
		}
	}
	w.clock.Add(time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC).Sub(w.clock.Now()))
	_, err = w.fleet.PlanRollout(seg, fleet.ApproveRequest{Group: "sales", Release: release, Deadline: "2027-03-28T02:30"})
	if e := invalidity(t, err); e.Code != "deadline-skipped" {
		t.Errorf("refused as %s, want deadline-skipped", e.Code)
	}
}

// A wave that comes later because the calendar put off the one before it says so where
// nothing else makes it wait.
func TestWaveBehindAClosedDay(t *testing.T) {
	t.Parallel()
	w := newWorld(t) // a Tuesday
	w.verified()
	w.decides("closed", fleet.PolicyChange{RolloutChange: fleet.RolloutChange{CalendarChange: fleet.CalendarChange{Closed: ptr([]string{"2026-08-18..2026-08-20"})}}})
	for soak, want := range map[string]fleet.WaveWait{"": fleet.WaitCalendar, "7d": fleet.WaitSoak} {
		plan, err := w.fleet.PlanRollout(seg, fleet.ApproveRequest{Group: "sales", Release: release, Waves: []string{"25%@+0", "100%@+5d"}, Soak: soak, Deadline: "+2d"})
		w.must(err)
		if got := plan.Waves[1]; got.Why != want {
			t.Errorf("soak %q: the second wave waits for %q, want %q", soak, got.Why, want)
		}
	}
}
