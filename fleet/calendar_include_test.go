package fleet_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// includes has a calendar include others.
func (w *world) includes(name string, include ...string) error {
	_, err := w.fleet.SetCalendar(w.ctx, seg, w.act("x"), name, fleet.NamedCalendarChange{Include: &include})
	return err
}

// sharedDays is a calendar of holidays, and one with weekdays that includes it.
func sharedDays(t *testing.T) *world {
	t.Helper()
	w := newWorld(t) // Tuesday, 2026-08-18
	w.calendar(w.act("x"), fleet.CalendarChange{Weekdays: ptr([]string{"mon-fri"})})
	w.holidays("2026-08-20..2026-08-21")
	w.must(w.includes("shops", "holidays"))
	return w
}

func (w *world) holidays(days ...string) fleet.CalendarEdit {
	w.t.Helper()
	edit, err := w.fleet.SetCalendar(w.ctx, seg, w.act("x"), "holidays", fleet.NamedCalendarChange{CalendarChange: fleet.CalendarChange{Holidays: &days}})
	w.must(err)
	return edit
}

// TestIncludedDaysAreClosed: the days of both calendars are closed, and a change of
// either moves waves.
func TestIncludedDaysAreClosed(t *testing.T) {
	t.Parallel()
	w := sharedDays(t)
	w.verified()
	w.follows()
	w.must(second(w.fleet.Approve(w.ctx, seg, w.act("r"), fleet.ApproveRequest{Group: "sales", Release: release})))
	starts := func() string {
		t.Helper()
		detail, err := w.fleet.RolloutDates(w.ctx, seg, "sales", release, nil)
		w.must(err)
		return detail.Waves[1].Start.Format("01-02")
	}
	if got := starts(); got != "08-24" {
		t.Errorf("second wave on %s, want Monday, after two holidays and a weekend", got)
	}
	edit := w.holidays("2026-08-20..2026-08-25")
	if diff := cmp.Diff([]string{"shops"}, edit.IncludedBy); diff != "" || len(edit.MovedWaves) != 1 || edit.MovedWaves[0].StartAfter.Format("01-02") != "08-26" {
		t.Errorf("moved %+v, included by (-want +got):\n%s", edit.MovedWaves, diff)
	}
	if diff := cmp.Diff([]string{"sales"}, edit.Groups); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
}

// TestIncludeIsRefused: what cannot be included, from whichever side.
func TestIncludeIsRefused(t *testing.T) {
	t.Parallel()
	w := sharedDays(t)
	code := func(err error) string { t.Helper(); return refusal(t, err).Code }
	if got := code(w.includes("shops", "shops")); got != "calendar-itself" {
		t.Errorf("a calendar in itself: %s", got)
	}
	if got := code(w.includes("depot", "shops")); got != "calendar-nested" {
		t.Errorf("one that includes another: %s", got)
	}
	w.must(w.includes("depot"))
	if got := code(w.includes("holidays", "depot")); got != "calendar-nested" {
		t.Errorf("an included one that includes another: %s", got)
	}
	_, err := w.fleet.SetCalendar(w.ctx, seg, w.act("x"), "holidays", fleet.NamedCalendarChange{CalendarChange: fleet.CalendarChange{MonthEnd: ptr(2)}})
	if got := code(err); got != "calendar-not-days" {
		t.Errorf("an included one with more than days: %s", got)
	}
	if err := w.includes("shops", "holiday"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("one that is not there: %v", err)
	}
	_, err = w.fleet.SetCalendar(w.ctx, seg, w.act("x"), "holidays", fleet.NamedCalendarChange{CalendarChange: fleet.CalendarChange{Weekdays: ptr([]string{}), Closed: ptr([]string{"2026-01-01..2028-12-31"})}})
	if !errors.As(err, new(*fleet.InvalidError)) {
		t.Errorf("days that leave nothing open: %v", err)
	}
	if got := code(second(w.fleet.RemoveCalendar(w.ctx, seg, w.act("x"), "holidays"))); got != "calendar-included" {
		t.Errorf("removed while it is included: %s", got)
	}
	w.must(w.includes("shops"))
	w.must(second(w.fleet.RemoveCalendar(w.ctx, seg, w.act("x"), "holidays")))
}

// TestApplyIncludes: files say the same, and an entry at fault is named.
func TestApplyIncludes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const text = `{"calendars": [{"name": "shops", "weekdays": ["mon-fri"], "include": ["holidays"]}, {"name": "holidays", "holidays": ["2026-11-23"]}]}`
	w.must(second(w.apply(text, false)))
	if again, err := w.apply(text, false); err != nil || len(again.Changes) != 0 {
		t.Errorf("applied again: %+v, %v", again.Changes, err)
	}
	for at, text := range map[string]string{
		"calendars[0].include": `{"calendars": [{"name": "depot", "include": ["nothing"]}]}`,
		"calendars[0]":         `{"calendars": [{"name": "holidays", "hours": "09:00-17:00"}]}`,
	} {
		_, err := w.apply(text, false)
		if e, ok := errors.AsType[*fleet.EntryError](err); !ok || e.At != at {
			t.Errorf("%s: %v, want it about %s", text, err, at)
		}
	}
	for _, kept := range []string{`{"name": "shops"}`, `{"name": "shops", "include": ["holidays"]}`} {
		_, err := w.apply(`{"calendars": [`+kept+`], "apps": [{"bundle_id": "com.example.pos"}], "groups": [{"name": "sales"}]}`, true)
		if r := refusal(t, err); r.Code != "calendar-included" || r.Params["calendar"] != "holidays" || r.Params["calendars"] != "shops" {
			t.Errorf("pruned what %s includes: %s %v", kept, r.Code, r.Params)
		}
	}
	w.must(second(w.apply(`{"apps": [{"bundle_id": "com.example.pos"}], "groups": [{"name": "sales"}]}`, true)))
}

// TestLintOfIncludedHolidays: the last holiday is that of all calendars a policy goes by.
func TestLintOfIncludedHolidays(t *testing.T) {
	t.Parallel()
	w := sharedDays(t)
	w.follows()
	ends := func() bool {
		t.Helper()
		v, err := w.fleet.Lint(seg, "retail")
		w.must(err)
		for _, f := range v.Findings {
			if f.Code == policy.LintHolidaysEnd {
				return f.Params[policy.ParamDay] == "2026-08-21"
			}
		}
		return false
	}
	if !ends() {
		t.Error("holidays that end this week are not found")
	}
	w.calendar(w.act("x"), fleet.CalendarChange{Holidays: ptr([]string{"2026-12-31"})})
	if ends() {
		t.Error("a later holiday of the calendar itself does not count")
	}
}
