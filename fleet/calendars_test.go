package fleet_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

func (w *world) calendar(a fleet.Act, c fleet.CalendarChange) fleet.CalendarEdit {
	w.t.Helper()
	v, err := w.fleet.SetCalendar(w.ctx, seg, a, "shops", fleet.NamedCalendarChange{CalendarChange: c})
	w.must(err)
	return v
}

// follows gives the group sales a policy with two waves that follows the calendar
// shops.
func (w *world) follows() {
	w.t.Helper()
	w.decides("retail", fleet.PolicyChange{RolloutChange: fleet.RolloutChange{
		Waves: ptr(storage.WaveShares{"25%", "100%"}), Soak: ptr("2d"), Deadline: ptr("3d"), Calendar: ptr("shops"),
	}})
}

func TestCalendarRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.calendar(w.act("x"), fleet.CalendarChange{Weekdays: ptr([]string{"fri", "sat-mon", "sun"}), Hours: ptr("09:00-17:00"), MonthEnd: ptr(2)})
	w.follows()
	w.calendar(w.act("x"), fleet.CalendarChange{Closed: ptr([]string{"2026-12-28..2027-01-04"}), MonthEnd: ptr(0)})
	want := fleet.CalendarView{
		Name: "shops", Include: []string{}, IncludedBy: []string{}, Policies: []string{"retail"}, Groups: []string{"sales"}, ChangedBy: "uid:1(test)", ChangedAt: w.clock.Now(),
		OpenTimes: fleet.OpenTimes{
			Weekdays: []string{"mon", "fri", "sat", "sun"}, Hours: "09:00-17:00", Closed: []string{"2026-12-28..2027-01-04"}, Holidays: []string{},
		},
	}
	got, err := w.fleet.Calendar(seg, "shops")
	w.must(err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("calendar (-want +got):\n%s", diff)
	}
	all, err := w.fleet.Calendars(seg)
	w.must(err)
	if diff := cmp.Diff([]fleet.CalendarView{want}, all); diff != "" {
		t.Errorf("calendars (-want +got):\n%s", diff)
	}
	if n := len(w.acts("calendar.set")); n != 2 {
		t.Errorf("%d entries of calendar.set, want 2", n)
	}
}

// TestCalendarInUse: what a policy follows stays, and a policy follows one
// calendar only.
func TestCalendarInUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	set := func(c fleet.RolloutChange) error {
		_, err := w.fleet.SetPolicy(w.ctx, seg, w.act("x"), "retail", fleet.PolicyChange{RolloutChange: c})
		return err
	}
	if e, ok := errors.AsType[*fleet.NotFoundError](set(fleet.RolloutChange{Calendar: ptr("shops")})); !ok || e.What != "calendar" {
		t.Errorf("a policy that follows nothing: %+v", e)
	}
	w.calendar(w.act("x"), fleet.CalendarChange{Hours: ptr("09:00-17:00")})
	w.must(set(fleet.RolloutChange{CalendarChange: fleet.CalendarChange{MonthEnd: ptr(1)}}))
	if r := refusal(t, set(fleet.RolloutChange{Calendar: ptr("shops")})); r.Code != "two-calendars" {
		t.Errorf("a calendar beside times of its own: %s", r.Code)
	}
	w.must(set(fleet.RolloutChange{Calendar: ptr("shops"), CalendarChange: fleet.CalendarChange{MonthEnd: ptr(0)}}))
	if r := refusal(t, set(fleet.RolloutChange{CalendarChange: fleet.CalendarChange{Hours: ptr("10:00-11:00")}})); r.Code != "two-calendars" {
		t.Errorf("times of its own beside a calendar: %s", r.Code)
	}
	_, err := w.fleet.RemoveCalendar(w.ctx, seg, w.act("x"), "shops")
	if r := refusal(t, err); r.Code != "calendar-in-use" {
		t.Errorf("removing a calendar in use: %s", r.Code)
	}
	w.must(set(fleet.RolloutChange{Calendar: ptr("")}))
	_, err = w.fleet.RemoveCalendar(w.ctx, seg, w.act("x"), "shops")
	w.must(err)
	if _, err := w.fleet.Calendar(seg, "shops"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("after it was removed: %v", err)
	}
}

// TestCalendarMovesWaves: who sets a calendar is told which waves move, tried or
// not, and they do.
func TestCalendarMovesWaves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.calendar(w.act("x"), fleet.CalendarChange{Weekdays: ptr([]string{"mon-fri"}), Hours: ptr("09:00-17:00")})
	w.follows()
	w.inWaves(fleet.ApproveRequest{}) // Tuesday, 09:00
	at := func(day int) time.Time { return time.Date(2026, 8, day, 9, 0, 0, 0, time.UTC) }
	if got := w.waves()[1]; !got.Start.Equal(at(20)) {
		t.Fatalf("second wave = %+v, want it on %s", got, at(20))
	}
	closed := fleet.CalendarChange{Closed: ptr([]string{"2026-08-20..2026-08-21"})}
	want := []fleet.WaveEffect{{
		Group: "sales", Release: release, Wave: 2, StartBefore: at(20), StartAfter: at(24),
		DeadlineBefore: policy.LocalTime("2026-08-24T09:00:00"), DeadlineAfter: policy.LocalTime("2026-08-27T09:00:00"),
	}}
	tried := w.act("x")
	tried.DryRun = true
	if diff := cmp.Diff(want, w.calendar(tried, closed).MovedWaves); diff != "" {
		t.Errorf("tried, waves that move (-want +got):\n%s", diff)
	}
	if v, err := w.fleet.Calendar(seg, "shops"); err != nil || len(v.Closed) != 0 {
		t.Errorf("after it was tried: %+v, %v", v, err)
	}
	if diff := cmp.Diff(want, w.calendar(w.act("x"), closed).MovedWaves); diff != "" {
		t.Errorf("waves that move (-want +got):\n%s", diff)
	}
	w.after(0)
	if got := w.waves()[1]; !got.Start.Equal(at(24)) || got.Deadline != "2026-08-27T09:00:00" {
		t.Errorf("second wave = %+v, want it after the closed days", got)
	}
}

// TestEditsThatMoveWaves: who gives a group another policy, or changes its policy, is
// told which waves move just as who changes a calendar.
func TestEditsThatMoveWaves(t *testing.T) {
	t.Parallel()
	at := func(day int) time.Time { return time.Date(2026, 8, day, 9, 0, 0, 0, time.UTC) }
	closed := fleet.RolloutChange{CalendarChange: fleet.CalendarChange{Closed: ptr([]string{"2026-08-20..2026-08-21"})}}
	edits := map[string]func(*world, fleet.Act) ([]fleet.WaveEffect, error){
		"another policy for the group": func(w *world, a fleet.Act) ([]fleet.WaveEffect, error) {
			v, err := w.fleet.SetGroup(w.ctx, seg, a, fleet.GroupRequest{Name: "sales", Policy: "closed"})
			return v.MovedWaves, err
		},
		"its policy": func(w *world, a fleet.Act) ([]fleet.WaveEffect, error) {
			v, err := w.fleet.SetPolicy(w.ctx, seg, a, "retail", fleet.PolicyChange{RolloutChange: closed})
			return v.MovedWaves, err
		},
	}
	for name, edit := range edits {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			open := fleet.RolloutChange{
				Waves: ptr(storage.WaveShares{"25%", "100%"}), Soak: ptr("2d"), Deadline: ptr("3d"),
				CalendarChange: fleet.CalendarChange{Weekdays: ptr([]string{"mon-fri"}), Hours: ptr("09:00-17:00")},
			}
			w.decides("closed", fleet.PolicyChange{RolloutChange: open})
			w.decides("closed", fleet.PolicyChange{RolloutChange: closed})
			w.decides("retail", fleet.PolicyChange{RolloutChange: open})
			w.inWaves(fleet.ApproveRequest{}) // Tuesday, 09:00
			want := []fleet.WaveEffect{{
				Group: "sales", Release: release, Wave: 2, StartBefore: at(20), StartAfter: at(24),
				DeadlineBefore: policy.LocalTime("2026-08-24T09:00:00"), DeadlineAfter: policy.LocalTime("2026-08-27T09:00:00"),
			}}
			tried := w.act("x")
			tried.DryRun = true
			for _, a := range []fleet.Act{tried, w.act("x")} {
				moved, err := edit(w, a)
				w.must(err)
				if diff := cmp.Diff(want, moved); diff != "" {
					t.Errorf("tried %v, waves that move (-want +got):\n%s", a.DryRun, diff)
				}
			}
			w.after(0)
			if got := w.waves()[1]; !got.Start.Equal(at(24)) {
				t.Errorf("second wave = %+v, want it after the closed days", got)
			}
		})
	}
}

// TestCalendarContradicts: a calendar that a policy cannot follow is refused, and
// lint looks at the calendar that a policy names.
func TestCalendarContradicts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.calendar(w.act("x"), fleet.CalendarChange{})
	w.follows()
	_, err := w.fleet.SetCalendar(w.ctx, seg, w.act("x"), "shops", fleet.NamedCalendarChange{CalendarChange: fleet.CalendarChange{Closed: ptr([]string{"2026-01-01..2028-12-31"})}})
	if e, ok := errors.AsType[*fleet.InvalidError](err); !ok || e.Code != "never-open" {
		t.Errorf("a calendar that never opens: %v", err)
	}
	w.calendar(w.act("x"), fleet.CalendarChange{Weekdays: ptr([]string{"mon"}), Hours: ptr("09:00-10:00")})
	v, err := w.fleet.Lint(seg, "retail")
	w.must(err)
	found := map[policy.Code]bool{}
	for _, f := range v.Findings {
		found[f.Code] = true
	}
	if !found["opening-under-notice"] {
		t.Errorf("findings %v, want opening-under-notice", found)
	}
}

// TestApplyCalendars: files name a calendar that they bring along, and never take
// one away that is followed.
func TestApplyCalendars(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const text = `{"calendars": [{"name": "shops", "weekdays": ["mon-fri"], "closed": ["2026-12-28"]}], "policies": [{"name": "retail", "calendar": "shops"}]}`
	got, err := w.apply(text, false)
	w.must(err)
	if len(got.Changes) != 2 || got.Changes[0].Kind != "calendar" || got.Changes[0].Action != fleet.ActionAdd {
		t.Errorf("changes %+v, want calendar and policy", got.Changes)
	}
	if again, err := w.apply(text, false); err != nil || len(again.Changes) != 0 {
		t.Errorf("applied again: %+v, %v", again.Changes, err)
	}
	all, err := w.fleet.Settings(seg)
	w.must(err)
	if len(all.Calendars) != 1 || *all.Policies[0].Calendar != "shops" || len(*all.Calendars[0].Weekdays) != 5 {
		t.Errorf("settings %+v", all)
	}
	_, err = w.apply(`{"policies": [{"name": "retail", "calendar": "depot"}]}`, false)
	if e, ok := errors.AsType[*fleet.EntryError](err); !ok || e.At != "policies[0].calendar" {
		t.Errorf("a calendar that is not there: %v", err)
	}
	_, err = w.apply(`{"apps": [{"bundle_id": "com.example.pos"}], "policies": [{"name": "retail"}], "groups": [{"name": "sales"}]}`, true)
	if r := refusal(t, err); r.Code != "calendar-in-use" {
		t.Errorf("pruned while a policy follows it: %s", r.Code)
	}
	pruned, err := w.apply(`{"apps": [{"bundle_id": "com.example.pos"}], "policies": [{"name": "retail", "calendar": ""}], "groups": [{"name": "sales"}]}`, true)
	w.must(err)
	if n := len(w.records().Calendars); n != 0 || len(pruned.Changes) < 2 {
		t.Errorf("%d calendars left, changes %+v", n, pruned.Changes)
	}
}
