package policy_test

import (
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
)

// endsOn is a gate whose build may be gone on a day.
func endsOn(date string) policy.Gate {
	return policy.Gate{Clocks: policy.Clocks{ShelfLife: day(date)}}
}

// TestEnding: what phones are told counts, by the clock of the installation, and
// not what was asked.
func TestEnding(t *testing.T) {
	t.Parallel()
	gate := endsOn("2026-10-15") // a Thursday; its last week begins on Thursday the 8th
	weekdays := policy.Calendar{Weekdays: []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday}}
	for _, test := range []struct {
		name     string
		notice   time.Duration
		deadline policy.LocalTime
		calendar policy.Calendar
		zone     string
		start    time.Time
		told     policy.LocalTime
		want     policy.Ending
	}{
		{"on the last minute", 24 * time.Hour, "2026-10-08T00:00:00", policy.Calendar{}, "UTC", day("2026-10-05"), "2026-10-08T00:00:00", policy.EndsInTime},
		{"a minute later", 24 * time.Hour, "2026-10-08T00:01:00", policy.Calendar{}, "UTC", day("2026-10-05"), "2026-10-08T00:01:00", policy.EndsLate},
		{"the notice ends later", 96 * time.Hour, "2026-10-06T00:00:00", policy.Calendar{}, "UTC", day("2026-10-05"), "2026-10-09T00:00:00", policy.EndsLate},
		{"the notice ends in time", 72 * time.Hour, "2026-10-06T00:00:00", policy.Calendar{}, "UTC", day("2026-10-05"), "2026-10-08T00:00:00", policy.EndsInTime},
		{"a closed day is asked for", 24 * time.Hour, "2026-10-03T12:00:00", weekdays, "UTC", day("2026-10-02").Add(9 * time.Hour), "2026-10-03T12:00:00", policy.EndsInTime},
		{"the calendar opens late", 24 * time.Hour, "2026-09-30T00:00:00", weekdays, "UTC", day("2026-10-02").Add(9 * time.Hour), "2026-10-05T00:00:00", policy.EndsInTime},
		{"the calendar opens too late", 24 * time.Hour, "2026-10-06T00:00:00", policy.Calendar{Closed: []policy.Days{{First: "2026-10-07", Last: "2026-10-09"}}}, "UTC", day("2026-10-06").Add(9 * time.Hour), "2026-10-10T00:00:00", policy.EndsLate},
		{"ahead of UTC the week begins later on the clock", 24 * time.Hour, "2026-10-08T09:00:00", policy.Calendar{}, "Asia/Tokyo", day("2026-10-05"), "2026-10-08T09:00:00", policy.EndsInTime},
		{"ahead of UTC, a minute later", 24 * time.Hour, "2026-10-08T09:01:00", policy.Calendar{}, "Asia/Tokyo", day("2026-10-05"), "2026-10-08T09:01:00", policy.EndsLate},
		{"behind UTC it begins the day before", 24 * time.Hour, "2026-10-07T20:00:00", policy.Calendar{}, "America/New_York", day("2026-10-05"), "2026-10-07T20:00:00", policy.EndsInTime},
		{"behind UTC, a minute later", 24 * time.Hour, "2026-10-07T20:01:00", policy.Calendar{}, "America/New_York", day("2026-10-05"), "2026-10-07T20:01:00", policy.EndsLate},
		{"as the build goes", 24 * time.Hour, "2026-10-15T00:00:00", policy.Calendar{}, "UTC", day("2026-10-05"), "2026-10-15T00:00:00", policy.EndsLate},
		{"once it is gone", 24 * time.Hour, "2026-10-15T00:01:00", policy.Calendar{}, "UTC", day("2026-10-05"), "2026-10-15T00:01:00", policy.EndsGone},
		{"once it is gone, by the notice", 72 * time.Hour, "2026-10-14T00:00:00", policy.Calendar{}, "UTC", day("2026-10-13"), "2026-10-16T00:00:00", policy.EndsGone},
		{"once it is gone, behind UTC", 24 * time.Hour, "2026-10-14T21:00:00", policy.Calendar{}, "America/New_York", day("2026-10-05"), "2026-10-14T21:00:00", policy.EndsGone},
		{"seconds count as a minute", 24 * time.Hour, "", policy.Calendar{}, "UTC", day("2026-10-07").Add(time.Second), "2026-10-08T00:01:00", policy.EndsLate},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := policy.Schedule{Notice: test.notice, Calendar: test.calendar, Location: zone(t, test.zone)}
			w := policy.Wave{Start: test.start, Deadline: test.deadline}
			if got := s.Told(w, before); got != test.told {
				t.Errorf("told %s, want %s", got, test.told)
			}
			if got := s.Ending(gate, w, before); got != test.want {
				t.Errorf("ends %d, want %d", got, test.want)
			}
			if got := s.Ending(policy.Gate{}, w, before); got != policy.EndsInTime {
				t.Errorf("where nobody knows the end of the build: %d", got)
			}
			// A phone that is told later than at the start of its wave has its notice then.
			if got, want := s.Told(policy.Wave{Start: before, Deadline: test.deadline}, test.start), test.told; got != want {
				t.Errorf("told at that moment in a wave that began: %s, want %s", got, want)
			}
		})
	}
}

// TestEndingEverywhere compares the rule with one that walks the clock minute by
// minute, for every notice, deadline, calendar, zone and end of a build; an approval is
// in its last week just when no deadline can end it in time.
func TestEndingEverywhere(t *testing.T) {
	t.Parallel()
	calendars := []struct {
		calendar policy.Calendar
		opens    func(time.Time) bool
	}{
		{policy.Calendar{}, func(time.Time) bool { return true }},
		{
			policy.Calendar{Weekdays: []time.Weekday{time.Tuesday, time.Wednesday}, From: 9 * time.Hour, To: 17 * time.Hour},
			func(t time.Time) bool {
				return (t.Weekday() == time.Tuesday || t.Weekday() == time.Wednesday) && t.Hour() >= 9 && t.Hour() < 17
			},
		},
		{
			policy.Calendar{Closed: []policy.Days{{First: "2026-10-03", Last: "2026-10-09"}}, MonthEnd: 2},
			func(t time.Time) bool {
				return t.AddDate(0, 0, 2).Month() == t.Month() && (t.Month() != time.October || t.Day() < 3 || t.Day() > 9)
			},
		},
	}
	for _, name := range []string{"UTC", "Asia/Tokyo", "America/New_York"} {
		loc := zone(t, name)
		for _, c := range calendars {
			walk := func(at time.Time) time.Time {
				for at = at.In(loc); !c.opens(at) || at.Second() > 0; at = at.Add(time.Second * time.Duration(60-at.Second())) {
				}
				return at
			}
			for _, notice := range []time.Duration{4 * time.Hour, 24 * time.Hour, 80 * time.Hour} {
				s := policy.Schedule{Notice: notice, Calendar: c.calendar, Location: loc}
				for _, shelf := range []string{"2026-10-06", "2026-10-12", "2026-10-19"} {
					gate, ends := endsOn(shelf), day(shelf)
					lastDeadline := ends.AddDate(0, 0, -7)
					now := time.Date(2026, 9, 29, 7, 30, 15, 0, time.UTC)
					start := now
					if !c.opens(now.In(loc)) {
						start = walk(now)
					}
					// The end of the notice itself may be asked for, whatever the calendar says.
					possible := !start.Add(notice + time.Minute - time.Second).Truncate(time.Minute).After(lastDeadline)
					for days := range 30 {
						deadline := time.Date(2026, 9, 28+days, 12, 0, 0, 0, loc)
						if days == 0 {
							deadline = lastDeadline
						}
						told := deadline
						if ends := start.Add(notice); deadline.Before(ends) {
							told = walk(ends)
						}
						want := policy.EndsInTime
						switch {
						case told.After(ends):
							want = policy.EndsGone
						case told.After(lastDeadline):
							want = policy.EndsLate
						}
						w := s.Plan([]policy.Wave{{Waits: true, Planned: now, Deadline: policy.FormatLocal(deadline, loc)}})[0]
						if got := s.Ending(gate, w, now); got != want {
							t.Errorf("%s, notice %s, deadline %s, end %s: %d, want %d (told %s)", name, notice, w.Deadline, shelf, got, want, told)
						}
						if want == policy.EndsInTime && !possible {
							t.Errorf("%s, notice %s: deadline %s ends in time although the notice does not", name, notice, deadline)
						}
					}
					if got := s.LastWeek(gate, now); got == possible {
						t.Errorf("%s, notice %s, end %s: last week %t although an approval that ends in time is possible: %t", name, notice, shelf, got, possible)
					}
				}
			}
		}
	}
}

// TestLastDeadline: a week before the build goes, on the clock of the installation.
func TestLastDeadline(t *testing.T) {
	t.Parallel()
	if got := (policy.Schedule{}).LastDeadline(policy.Gate{}); got != "" {
		t.Errorf("%q for a build that stays", got)
	}
	for name, want := range map[string]policy.LocalTime{"UTC": "2026-01-05T00:00:00", "Asia/Tokyo": "2026-01-05T09:00:00", "America/New_York": "2026-01-04T19:00:00"} {
		if got := (policy.Schedule{Location: zone(t, name)}).LastDeadline(endsOn("2026-01-12")); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestPolicyOpens: a policy opens no wave that ends when the build may be gone, nor one
// that waits until its last week.
func TestPolicyOpens(t *testing.T) {
	t.Parallel()
	gate, start := endsOn("2026-01-12"), day("2026-01-01")
	for _, test := range []struct {
		deadline         policy.LocalTime
		opens, opensLate bool // opensLate: of a wave that waits
	}{
		{"2026-01-05T00:00:00", true, true},
		{"2026-01-05T00:01:00", true, false},
		{"2026-01-12T00:00:00", true, false},
		{"2026-01-12T00:01:00", false, false},
	} {
		s := policy.Schedule{Notice: 24 * time.Hour}
		opens := s.Opens(gate, []policy.Wave{{Start: start, Deadline: test.deadline}}, start)
		opensLate := s.Opens(gate, []policy.Wave{{Start: start, Deadline: test.deadline, Waits: true}}, start)
		if opens != test.opens || opensLate != test.opensLate {
			t.Errorf("%s: opens %t, waiting %t; want %t, %t", test.deadline, opens, opensLate, test.opens, test.opensLate)
		}
	}
	if policy.EndBuildGone == policy.EndNoVerified {
		t.Error("a build that goes is taken for nothing verified")
	}
}

// TestWorst: the last of the waves that end the worst.
func TestWorst(t *testing.T) {
	t.Parallel()
	gate := endsOn("2026-10-15")
	wave := func(deadline policy.LocalTime) policy.Wave { return policy.Wave{Start: before, Deadline: deadline} }
	late, gone := wave("2026-10-09T00:00:00"), wave("2026-10-16T00:00:00")
	for name, tc := range map[string]struct {
		waves []policy.Wave
		at    int
		want  policy.Ending
	}{
		"none":       {nil, -1, policy.EndsInTime},
		"in time":    {[]policy.Wave{wave("2026-10-01T00:00:00"), wave("2026-10-02T00:00:00")}, 1, policy.EndsInTime},
		"the middle": {[]policy.Wave{wave("2026-10-01T00:00:00"), gone, late}, 1, policy.EndsGone},
		"two late":   {[]policy.Wave{late, late, wave("2026-10-01T00:00:00")}, 1, policy.EndsLate},
	} {
		if at, got := (policy.Schedule{}).Worst(gate, tc.waves, before); at != tc.at || got != tc.want {
			t.Errorf("%s: wave %d ends %d, want %d and %d", name, at, got, tc.at, tc.want)
		}
	}
}

// TestSchedule: what waves follow is that of the group, and of the emergency lane its own
// short notice without a calendar.
func TestSchedule(t *testing.T) {
	t.Parallel()
	p := parts()
	closed := policy.Calendar{MonthEnd: 3}
	p.Location = zone(t, "Asia/Tokyo")
	for i := range p.Groups {
		p.Groups[i].MinimumNotice, p.Groups[i].Calendar = 48*time.Hour, closed
	}
	w := policy.NewWorld(p)
	for name, tc := range map[string]struct {
		group    string
		a        *policy.Approval
		notice   time.Duration
		calendar int
	}{
		"ordinary":     {group, nil, 48 * time.Hour, 3},
		"an approval":  {group, &policy.Approval{}, 48 * time.Hour, 3},
		"the lane":     {group, &policy.Approval{Lane: &policy.Lane{}}, policy.LaneNotice, 0},
		"no such":      {"nobody", nil, policy.DefaultMinimumNotice, 0},
		"lane of none": {"nobody", &policy.Approval{Lane: &policy.Lane{}}, policy.LaneNotice, 0},
	} {
		s := w.Schedule(tc.group, tc.a)
		if s.Notice != tc.notice || s.Calendar.MonthEnd != tc.calendar || s.Location != p.Location {
			t.Errorf("%s: %+v", name, s)
		}
	}
}
