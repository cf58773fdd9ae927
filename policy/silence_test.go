package policy_test

import (
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
)

// TestSilence: silence counts when it began with the installation, since signs
// count, and for as long as the company was there.
func TestSilence(t *testing.T) {
	t.Parallel()
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		t.Fatal(err)
	}
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	monday := time.Date(2027, 1, 11, 9, 0, 0, 0, tokyo)
	week := []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday}
	sunday := []time.Weekday{time.Sunday}
	closed := []policy.Days{{First: "2026-12-29", Last: "2027-01-03"}}
	const aDay = 24 * time.Hour
	tests := []struct {
		name        string
		calendar    policy.Calendar
		now         time.Time
		used, quiet time.Duration
		since       time.Duration // how long ago signs began to count; 0: a year
		want        bool
	}{
		{"while it installed", policy.Calendar{}, monday, 0, 3 * aDay, 0, true},
		{"not yet", policy.Calendar{}, monday, 0, 3*aDay - 1, 0, false},
		{"soon after", policy.Calendar{}, monday, 3*aDay - 1, 3 * aDay, 0, true},
		{"it was used, and put away", policy.Calendar{}, monday, 3 * aDay, 40 * aDay, 0, false},
		{"known when signs began to count", policy.Calendar{}, monday, 0, 5 * aDay, 2 * aDay, false},
		{"not known yet then", policy.Calendar{}, monday, 0, 5*aDay - 1, 2 * aDay, true},
		{"a weekend, not yet", policy.Calendar{Weekdays: week}, monday, 0, 5*aDay - 1, 0, false},
		{"a weekend", policy.Calendar{Weekdays: week}, monday, 0, 5 * aDay, 0, true},
		{"heard on a day off", policy.Calendar{Weekdays: week}, monday.Add(3 * aDay), 0, 4 * aDay, 0, true},
		{"heard as the day off ended", policy.Calendar{Weekdays: week}, monday.Add(3*aDay - 9*time.Hour), 0, 3 * aDay, 0, true},
		{"at work since", policy.Calendar{Weekdays: week}, monday.Add(3*aDay - 9*time.Hour), 0, 3*aDay - 1, 0, false},
		{"closed over the new year, not yet", policy.Calendar{Closed: closed}, monday.AddDate(0, 0, -6), 0, 9*aDay - 1, 0, false},
		{"closed over the new year", policy.Calendar{Closed: closed}, monday.AddDate(0, 0, -6), 0, 9 * aDay, 0, true},
		{"closed, and known when signs began to count", policy.Calendar{Closed: closed}, monday.AddDate(0, 0, -6), 0, 11 * aDay, 2 * aDay, false},
		{"updates on Sundays only, not yet", policy.Calendar{Weekdays: sunday}, monday, 0, 3*aDay - 1, 0, false},
		{"updates on Sundays only", policy.Calendar{Weekdays: sunday}, monday, 0, 3 * aDay, 0, true},
		{"updates on three days", policy.Calendar{Weekdays: week[:3]}, monday, 0, 3 * aDay, 0, true},
		{"a week of four days, not yet", policy.Calendar{Weekdays: week[:4]}, monday, 0, 6*aDay - 1, 0, false},
		{"a week of four days", policy.Calendar{Weekdays: week[:4]}, monday, 0, 6 * aDay, 0, true},
		{"updates on Sundays, closed over the new year, not yet", policy.Calendar{Weekdays: sunday, Closed: closed}, monday.AddDate(0, 0, -6), 0, 9*aDay - 1, 0, false},
		{"updates on Sundays, closed over the new year", policy.Calendar{Weekdays: sunday, Closed: closed}, monday.AddDate(0, 0, -6), 0, 9 * aDay, 0, true},
		{"the last days of a month are worked", policy.Calendar{MonthEnd: 15}, monday.AddDate(0, 0, -13), 0, 3 * aDay, 0, true},
		{"so are hours without updates", policy.Calendar{From: 9 * time.Hour, To: 10 * time.Hour}, monday, 0, 3 * aDay, 0, true},
		{"the clocks went forward", policy.Calendar{}, time.Date(2027, 3, 15, 9, 0, 0, 0, newYork), 0, 3 * aDay, 0, true},
		{"the clocks went forward, not yet", policy.Calendar{}, time.Date(2027, 3, 15, 9, 0, 0, 0, newYork), 0, 3*aDay - 1, 0, false},
		{"a weekend of 47 hours", policy.Calendar{Weekdays: week}, time.Date(2027, 3, 15, 9, 0, 0, 0, newYork), 0, 5*aDay - time.Hour, 0, true},
		{"closed for ever", policy.Calendar{Closed: []policy.Days{{First: "2020-01-01", Last: "2040-01-01"}}}, monday, 0, 300 * aDay, 0, false},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			since := tc.now.AddDate(-1, 0, 0)
			if tc.since > 0 {
				since = tc.now.Add(-tc.since)
			}
			s := policy.Breaker{SilentAfter: 3 * aDay}.Silence(tc.calendar, since, tc.now)
			if got := s.Began(tc.used, tc.now.Add(-tc.quiet)); got != tc.want {
				t.Errorf("silent %v, want %v", got, tc.want)
			}
		})
	}
	s := policy.Breaker{SilentAfter: 3 * aDay}.Silence(policy.Calendar{}, monday, monday.Add(aDay))
	if s.News(monday.Add(-3*aDay)) || !s.News(monday.Add(time.Second-3*aDay)) {
		t.Error("who was silent for three days by then is news, or who was not is none")
	}
	if (policy.Silence{}).Began(0, monday) || (policy.Breaker{}).Silence(policy.Calendar{}, monday.AddDate(-1, 0, 0), monday).Began(0, monday.Add(-aDay)) {
		t.Error("without a time a phone is silent")
	}
}

// TestOnlyHalted: a rollout that stands still for a halt alone would go on.
func TestOnlyHalted(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*policy.Parts)
		want   bool
	}{
		"no halt":            {func(*policy.Parts) {}, false},
		"a halt":             {func(p *policy.Parts) { p.Halt = policy.Halt{Cause: policy.HaltRestore, At: now} }, true},
		"paused by a person": {func(p *policy.Parts) { p.Approvals[0].PausedAt = now }, false},
		"both": {func(p *policy.Parts) {
			p.Approvals[0].PausedAt = now
			p.Halt = policy.Halt{Cause: policy.HaltClock, At: now, Was: now}
		}, false},
		"nothing to stop": {func(p *policy.Parts) {
			p.Approvals = nil
			p.Halt = policy.Halt{Cause: policy.HaltRestore, At: now}
		}, false},
	} {
		p := approved()
		tc.change(&p)
		if got := policy.Evaluate(policy.NewWorld(p), group, next, now); got.OnlyHalted() != tc.want {
			t.Errorf("%s: %v, want %v (%s, %v)", name, got.OnlyHalted(), tc.want, got.Phase, got.Reasons)
		}
	}
}
