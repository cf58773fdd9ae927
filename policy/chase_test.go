package policy_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
)

func step(name string) policy.ChaseStep {
	return map[string]policy.ChaseStep{
		"notice@+0":            {Name: "notice@+0", Kind: policy.ChaseNotice},
		"push@+6h":             {Name: "push@+6h", Kind: policy.ChasePush, After: 6 * time.Hour},
		"message@deadline-24h": {Name: "message@deadline-24h", Kind: policy.ChaseMessage, After: -24 * time.Hour, FromDeadline: true},
		"escalate@deadline+1d": {Name: "escalate@deadline+1d", Kind: policy.ChaseEscalate, After: 24 * time.Hour, FromDeadline: true},
		"ticket@deadline+3d":   {Name: "ticket@deadline+3d", Kind: policy.ChaseTicket, After: 72 * time.Hour, FromDeadline: true},
	}[name]
}

func steps(names ...string) []policy.ChaseStep {
	var out []policy.ChaseStep
	for _, n := range names {
		out = append(out, step(n))
	}
	return out
}

func TestNextStep(t *testing.T) {
	t.Parallel()
	zone := func(name string) *time.Location {
		loc, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		return loc
	}
	tokyo, berlin, newYork := zone("Asia/Tokyo"), zone("Europe/Berlin"), zone("America/New_York")
	all := steps("notice@+0", "push@+6h", "message@deadline-24h", "escalate@deadline+1d", "ticket@deadline+3d")
	// Told on a Monday at nine in Tokyo; the deadline is Thursday at 18:00.
	told := time.Date(2026, 8, 24, 9, 0, 0, 0, tokyo)
	const deadline policy.LocalTime = "2026-08-27T18:00:00"
	night := policy.Quiet{From: 19 * time.Hour, To: 8 * time.Hour}
	taken := func(pairs ...string) []policy.ChaseTaken {
		var out []policy.ChaseTaken
		for i := 0; i < len(pairs); i += 2 {
			at, err := time.ParseInLocation("2006-01-02T15:04", pairs[i+1], tokyo)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, policy.ChaseTaken{Step: pairs[i], At: at})
		}
		return out
	}
	tests := []struct {
		name   string
		ladder policy.Ladder
		facts  policy.ChaseFacts // Told and Deadline as above unless set
		now    string            // in the phone's zone
		want   string            // the step and when, in the phone's zone; "" none
	}{
		{"at once", policy.Ladder{Steps: all}, policy.ChaseFacts{}, "2026-08-24T09:00", "notice@+0 2026-08-24T09:00"},
		{"nothing before it was told", policy.Ladder{Steps: all}, policy.ChaseFacts{}, "2026-08-24T08:00", "notice@+0 2026-08-24T09:00"},
		{"the next one waits", policy.Ladder{Steps: all}, policy.ChaseFacts{Taken: taken("notice@+0", "2026-08-24T09:05")}, "2026-08-24T10:00", "push@+6h 2026-08-24T15:00"},
		{"due at its minute", policy.Ladder{Steps: all}, policy.ChaseFacts{Taken: taken("notice@+0", "2026-08-24T09:05")}, "2026-08-24T15:00", "push@+6h 2026-08-24T15:00"},
		{"before the deadline", policy.Ladder{Steps: all}, policy.ChaseFacts{Taken: taken("push@+6h", "2026-08-24T15:00")}, "2026-08-25T09:00", "message@deadline-24h 2026-08-26T18:00"},
		{"only the newest after an outage", policy.Ladder{Steps: all}, policy.ChaseFacts{}, "2026-08-29T12:00", "escalate@deadline+1d 2026-08-29T12:00"},
		{"what was passed over is not made up for", policy.Ladder{Steps: all}, policy.ChaseFacts{Taken: taken("escalate@deadline+1d", "2026-08-29T12:00")}, "2026-08-29T12:05", "ticket@deadline+3d 2026-08-30T18:00"},
		{"the last one is the last", policy.Ladder{Steps: all}, policy.ChaseFacts{Taken: taken("ticket@deadline+3d", "2026-08-30T18:00")}, "2026-09-30T18:00", ""},
		{"no steps", policy.Ladder{}, policy.ChaseFacts{}, "2026-08-29T12:00", ""},
		{"slides out of the night", policy.Ladder{Steps: steps("notice@+0"), Quiet: night}, policy.ChaseFacts{Told: told.Add(11 * time.Hour)}, "2026-08-24T20:00", "notice@+0 2026-08-25T08:00"},
		{"the night begins at its first minute", policy.Ladder{Steps: all, Quiet: night}, policy.ChaseFacts{Taken: taken("notice@+0", "2026-08-24T09:00")}, "2026-08-24T19:00", "push@+6h 2026-08-25T08:00"},
		{"and is over at its end", policy.Ladder{Steps: all, Quiet: night}, policy.ChaseFacts{}, "2026-08-25T08:00", "push@+6h 2026-08-25T08:00"},
		{"sliding, the newest overtakes", policy.Ladder{Steps: all, Quiet: night}, policy.ChaseFacts{Told: told.Add(11 * time.Hour)}, "2026-08-24T20:00", "push@+6h 2026-08-25T08:00"},
		{
			"over a weekend",
			policy.Ladder{Steps: all, Quiet: policy.Quiet{From: 19 * time.Hour, To: 8 * time.Hour, Days: []time.Weekday{time.Saturday, time.Sunday}}},
			policy.ChaseFacts{Taken: taken("message@deadline-24h", "2026-08-26T18:00")},
			"2026-08-28T19:00", "ticket@deadline+3d 2026-08-31T08:00",
		},
		{
			"over closed days",
			policy.Ladder{Steps: all, Quiet: night, Calendar: policy.Calendar{Closed: []policy.Days{{First: "2026-08-24", Last: "2026-08-25"}}, From: 10 * time.Hour, To: 11 * time.Hour}},
			policy.ChaseFacts{},
			"2026-08-24T09:00", "push@+6h 2026-08-26T08:00",
		},
		{
			"over a closed quarter",
			policy.Ladder{Steps: steps("notice@+0"), Calendar: policy.Calendar{Closed: []policy.Days{{First: "2026-08-01", Last: "2026-10-31"}}}},
			policy.ChaseFacts{},
			"2026-08-24T09:00", "notice@+0 2026-11-01T00:00",
		},
		{
			"to a weekday that is open and not quiet",
			policy.Ladder{Steps: steps("notice@+0"), Quiet: policy.Quiet{Days: []time.Weekday{time.Monday}}, Calendar: policy.Calendar{Weekdays: []time.Weekday{time.Monday, time.Friday}}},
			policy.ChaseFacts{},
			"2026-08-24T09:00", "notice@+0 2026-08-28T00:00",
		},
		{
			"no weekday is open and not quiet",
			policy.Ladder{Steps: steps("notice@+0"), Quiet: policy.Quiet{Days: []time.Weekday{time.Monday}}, Calendar: policy.Calendar{Weekdays: []time.Weekday{time.Monday}}},
			policy.ChaseFacts{},
			"2026-08-24T09:00", "",
		},
		{
			"never open", policy.Ladder{Steps: steps("notice@+0"), Calendar: policy.Calendar{MonthEnd: 31}}, policy.ChaseFacts{}, "2026-08-24T09:00", "",
		},
		{"quiet at noon", policy.Ladder{Steps: all, Quiet: policy.Quiet{From: 12 * time.Hour, To: 13 * time.Hour}}, policy.ChaseFacts{}, "2026-08-24T12:30", "notice@+0 2026-08-24T13:00"},
		{"one a day", policy.Ladder{Steps: all, PerDay: 1}, policy.ChaseFacts{Taken: taken("notice@+0", "2026-08-24T09:00")}, "2026-08-24T15:00", "push@+6h 2026-08-25T00:00"},
		{"one a day, and no night", policy.Ladder{Steps: all, PerDay: 1, Quiet: night}, policy.ChaseFacts{Taken: taken("notice@+0", "2026-08-24T09:00")}, "2026-08-24T15:00", "push@+6h 2026-08-25T08:00"},
		{"two a day", policy.Ladder{Steps: all, PerDay: 2}, policy.ChaseFacts{Taken: taken("notice@+0", "2026-08-24T09:00")}, "2026-08-24T15:00", "push@+6h 2026-08-24T15:00"},
		{"it cannot be woken", policy.Ladder{Steps: all}, policy.ChaseFacts{NoPush: true, Taken: taken("notice@+0", "2026-08-24T09:00")}, "2026-08-24T15:00", "message@deadline-24h 2026-08-26T18:00"},
		{"without a deadline", policy.Ladder{Steps: all}, policy.ChaseFacts{Deadline: "none", Taken: taken("push@+6h", "2026-08-24T15:00")}, "2026-08-26T18:00", ""},
		{"the ladder has changed", policy.Ladder{Steps: all}, policy.ChaseFacts{Taken: taken("push@+8h", "2026-08-24T17:00")}, "2026-08-24T18:00", "message@deadline-24h 2026-08-26T18:00"},
		{
			"a later deadline repeats nothing",
			policy.Ladder{Steps: all},
			policy.ChaseFacts{Deadline: "2026-09-03T18:00:00", Taken: taken("escalate@deadline+1d", "2026-08-28T18:00")},
			"2026-08-29T09:00", "ticket@deadline+3d 2026-09-06T18:00",
		},
		{
			"steps in any order", policy.Ladder{Steps: []policy.ChaseStep{step("ticket@deadline+3d"), step("push@+6h")}}, policy.ChaseFacts{}, "2026-08-24T10:00", "push@+6h 2026-08-24T15:00",
		},
		{"its own zone", policy.Ladder{Steps: steps("notice@+0"), Quiet: night}, policy.ChaseFacts{Zone: berlin}, "2026-08-24T06:00", "notice@+0 2026-08-24T08:00"},
		{ // In Berlin the clocks go back on 25 October at three.
			"a day after is the same time of day",
			policy.Ladder{Steps: all},
			policy.ChaseFacts{Zone: berlin, Deadline: "2026-10-24T18:00:00", Taken: taken("message@deadline-24h", "2026-10-23T12:00")},
			"2026-10-25T12:00", "escalate@deadline+1d 2026-10-25T18:00",
		},
		{ // In New York they skip from two to three on 8 March.
			"an end of quiet that is skipped",
			policy.Ladder{Steps: steps("notice@+0"), Quiet: policy.Quiet{From: 19 * time.Hour, To: 150 * time.Minute}},
			policy.ChaseFacts{Zone: newYork, Told: time.Date(2026, 3, 7, 20, 0, 0, 0, newYork), Deadline: "2026-03-20T18:00:00"},
			"2026-03-08T01:50", "notice@+0 2026-03-08T03:30",
		},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := tc.facts
			if f.Zone == nil {
				f.Zone = tokyo
			}
			if f.Told.IsZero() {
				f.Told = told
			}
			if f.Deadline == "" {
				f.Deadline = deadline
			}
			now, err := time.ParseInLocation("2006-01-02T15:04", tc.now, f.Zone)
			if err != nil {
				t.Fatal(err)
			}
			before := slices.Clone(f.Taken)
			got := ""
			if due, ok := policy.NextStep(tc.ladder, f, now.UTC()); ok {
				got = due.Step.Name + " " + due.At.In(f.Zone).Format("2006-01-02T15:04")
			}
			if got != tc.want {
				t.Errorf("NextStep = %q, want %q", got, tc.want)
			}
			if !slices.Equal(before, f.Taken) {
				t.Error("NextStep changed what it was given")
			}
		})
	}
}

// TestLadderIsClimbedOnce climbs a ladder whenever something is due, from any
// first look on: each step comes at most once, never two at one moment, never in
// quiet hours, never more than the day allows, and it ends.
func TestLadderIsClimbedOnce(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"UTC", "Asia/Tokyo", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		l := policy.Ladder{
			Steps:  steps("notice@+0", "push@+6h", "message@deadline-24h", "escalate@deadline+1d", "ticket@deadline+3d"),
			Quiet:  policy.Quiet{From: 19 * time.Hour, To: 8 * time.Hour, Days: []time.Weekday{time.Sunday}},
			PerDay: 1,
		}
		for hour := 0; hour < 14*24; hour += 5 {
			start := time.Date(2026, 10, 20, 0, 0, 0, 0, zone).Add(time.Duration(hour) * time.Hour)
			f := policy.ChaseFacts{Told: start, Zone: zone, Deadline: policy.FormatLocal(start.Add(3*24*time.Hour), zone)}
			for now := start; now.Before(start.Add(12 * 24 * time.Hour)); now = now.Add(time.Hour) {
				due, ok := policy.NextStep(l, f, now)
				if !ok || due.At.After(now) {
					continue
				}
				local := now.In(zone)
				if !l.Quiet.Until(local).Equal(local) {
					t.Fatalf("%s: %s is taken at %s, in quiet hours", name, due.Step.Name, local)
				}
				for _, before := range f.Taken {
					if before.Step == due.Step.Name || before.At.In(zone).YearDay() == local.YearDay() {
						t.Fatalf("%s: %s at %s after %v", name, due.Step.Name, local, f.Taken)
					}
				}
				f.Taken = append(f.Taken, policy.ChaseTaken{Step: due.Step.Name, At: now})
			}
			if len(f.Taken) < 3 || f.Taken[len(f.Taken)-1].Step != "ticket@deadline+3d" {
				t.Fatalf("%s: the ladder from %s ended with %v", name, start, f.Taken)
			}
		}
	}
}

func TestChasedReasons(t *testing.T) {
	t.Parallel()
	for reason, want := range map[policy.Code]bool{
		policy.ReasonOffline: true, policy.ReasonWaitingForUser: true, policy.ReasonPasscodeNeeded: true, policy.ReasonNoSpace: true, policy.ReasonPushUnreachable: true,
		policy.ReasonGateClosed: false, policy.ReasonPaused: false, policy.ReasonWaveNotStarted: false, policy.ReasonModelCannotRun: false, policy.ReasonUnsupervised: false,
		policy.ReasonDone: false, policy.ReasonInstalling: false, policy.ReasonAppUpdateNeeded: false, "": false,
	} {
		if got := policy.Chased(reason); got != want {
			t.Errorf("Chased(%s) = %v, want %v", reason, got, want)
		}
	}
}

func TestChaseKinds(t *testing.T) {
	t.Parallel()
	var personal []policy.ChaseKind
	for _, kind := range policy.ChaseKinds() {
		if got, err := policy.ParseChaseKind(string(kind)); err != nil || got != kind {
			t.Errorf("ParseChaseKind(%q) = %q, %v", kind, got, err)
		}
		if kind.Personal() {
			personal = append(personal, kind)
		}
	}
	if !slices.Equal(personal, []policy.ChaseKind{policy.ChaseNotice, policy.ChaseMessage}) {
		t.Errorf("for whoever carries the phone: %v", personal)
	}
	if _, err := policy.ParseChaseKind("shout"); err == nil {
		t.Error("shout is no kind of step")
	}
}

func ExampleNextStep() {
	ladder := policy.Ladder{Steps: []policy.ChaseStep{
		{Name: "push@+6h", Kind: policy.ChasePush, After: 6 * time.Hour},
		{Name: "message@deadline-24h", Kind: policy.ChaseMessage, After: -24 * time.Hour, FromDeadline: true},
	}}
	told := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	facts := policy.ChaseFacts{Told: told, Deadline: "2026-11-26T18:00:00"}

	next, _ := policy.NextStep(ladder, facts, told)
	fmt.Println(next.Step.Name, next.At.Format(time.DateTime))
	facts.Taken = append(facts.Taken, policy.ChaseTaken{Step: next.Step.Name, At: next.At})
	next, _ = policy.NextStep(ladder, facts, next.At)
	fmt.Println(next.Step.Name, next.At.Format(time.DateTime))
	// Output:
	// push@+6h 2026-11-23 15:00:00
	// message@deadline-24h 2026-11-25 18:00:00
}

// TestClimb: each step a phone gets that does nothing, with what put it off.
func TestClimb(t *testing.T) {
	t.Parallel()
	l := policy.Ladder{
		Steps: steps("notice@+0", "push@+6h", "message@deadline-24h", "ticket@deadline+3d"), PerDay: 1,
		Calendar: policy.Calendar{Closed: []policy.Days{{First: "2026-08-26", Last: "2026-08-26"}}},
	}
	told := time.Date(2026, 8, 24, 9, 0, 0, 0, time.UTC)
	got := policy.Climb(l, policy.ChaseFacts{Told: told, Deadline: "2026-08-27T18:00:00"})
	at := func(day, hour int) time.Time { return time.Date(2026, 8, day, hour, 0, 0, 0, time.UTC) }
	want := []policy.ChaseDue{
		{Step: step("notice@+0"), At: told, Meant: told},
		{Step: step("push@+6h"), At: at(25, 0), Meant: at(24, 15)},
		{Step: step("message@deadline-24h"), At: at(27, 0), Meant: at(26, 18)},
		{Step: step("ticket@deadline+3d"), At: at(30, 18), Meant: at(30, 18)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := policy.Climb(policy.Ladder{}, policy.ChaseFacts{Told: told}); got != nil {
		t.Errorf("without steps: %v", got)
	}
}

// TestAllowed: people are disturbed on open days outside quiet hours, by the clock
// of the place; the hours of the calendar do not count.
func TestAllowed(t *testing.T) {
	t.Parallel()
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		t.Fatal(err)
	}
	at := func(day, hour int) time.Time { return time.Date(2026, 8, day, hour, 0, 0, 0, tokyo) }
	night := policy.Quiet{From: 19 * time.Hour, To: 8 * time.Hour, Days: []time.Weekday{time.Saturday}}
	holidays := policy.Calendar{From: 10 * time.Hour, To: 17 * time.Hour, Closed: []policy.Days{{First: "2026-08-20", Last: "2026-08-21"}}}
	for name, tc := range map[string]struct {
		ladder policy.Ladder
		at     time.Time
		want   time.Time
		never  bool
	}{
		"at any hour":    {policy.Ladder{}, at(18, 3), at(18, 3), false},
		"by day":         {policy.Ladder{Quiet: night, Calendar: holidays}, at(18, 9), at(18, 9), false},
		"at night":       {policy.Ladder{Quiet: night, Calendar: holidays}, at(18, 22), at(19, 8), false},
		"before holiday": {policy.Ladder{Quiet: night, Calendar: holidays}, at(19, 22), at(23, 8), false}, // over a Saturday
		"steps of a day": {policy.Ladder{PerDay: 1}, at(18, 3), at(18, 3), false},
		"never": {
			policy.Ladder{Quiet: night, Calendar: policy.Calendar{Weekdays: []time.Weekday{time.Saturday}}}, at(18, 3), at(18, 3), true,
		},
	} {
		got, ok := tc.ladder.Allowed(tc.at)
		if !got.Equal(tc.want) || got.Location() != tokyo || ok == tc.never {
			t.Errorf("%s: %s, %v; want %s, %v", name, got, ok, tc.want, !tc.never)
		}
	}
}
