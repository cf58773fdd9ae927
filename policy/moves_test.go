package policy_test

import (
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
)

func TestCalendarCloses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		calendar policy.Calendar
		at       string
		want     policy.Closure
		days     policy.Days
	}{
		"always open":              {policy.Calendar{}, "2026-11-22T03:00", "", policy.Days{}},
		"within the hours":         {officeHours(), "2026-11-20T17:59", "", policy.Days{}},
		"after the hours":          {officeHours(), "2026-11-19T18:00", policy.ClosedHours, policy.Days{}},
		"before the hours":         {officeHours(), "2026-11-20T08:59", policy.ClosedHours, policy.Days{}},
		"a weekend":                {officeHours(), "2026-11-21T10:00", policy.ClosedWeekday, policy.Days{}},
		"month end":                {officeHours(), "2026-10-30T10:00", policy.ClosedMonthEnd, policy.Days{}},
		"closed days":              {officeHours(), "2026-12-28T10:00", policy.ClosedDays, policy.Days{First: "2026-12-28", Last: "2027-01-04"}},
		"open by nothing, for all": {policy.Calendar{MonthEnd: 31}, "2026-11-22T03:00", policy.ClosedMonthEnd, policy.Days{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at, err := time.Parse("2006-01-02T15:04", tc.at)
			if err != nil {
				t.Fatal(err)
			}
			if got, days := tc.calendar.Closes(at); got != tc.want || days != tc.days {
				t.Errorf("Closes(%s) = %q %v, want %q %v", tc.at, got, days, tc.want, tc.days)
			}
		})
	}
}
