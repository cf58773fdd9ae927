package policy_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
)

// planned is a line of the golden files: one wave.
type planned struct {
	Start    string           `json:"start"` // by the clock of the installation
	Closed   string           `json:"closed,omitempty"`
	Deadline policy.LocalTime `json:"deadline"`
}

func officeHours() policy.Calendar {
	return policy.Calendar{
		Weekdays: []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday},
		From:     9 * time.Hour, To: 18 * time.Hour, MonthEnd: 2,
		Closed: []policy.Days{{First: "2026-11-03", Last: "2026-11-03"}, {First: "2026-12-28", Last: "2027-01-04"}},
	}
}

// TestGoldenSchedule plans three waves across the change of the clocks, month
// end, a holiday and the turn of the year, in three zones. The file is
// rewritten with go test -run GoldenSchedule -update.
func TestGoldenSchedule(t *testing.T) {
	t.Parallel()
	got := map[string][]planned{}
	for _, zone := range []string{"Asia/Tokyo", "Europe/Berlin", "America/New_York"} {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		for _, opened := range []string{"2026-10-24T08:00", "2026-10-29T17:30", "2026-12-23T12:00", "2027-03-12T10:00"} {
			at, err := time.ParseInLocation("2006-01-02T15:04", opened, loc)
			if err != nil {
				t.Fatal(err)
			}
			for name, c := range map[string]policy.Calendar{"always": {}, "office hours": officeHours()} {
				s := policy.Schedule{Soak: 48 * time.Hour, Location: loc, Calendar: c, Notice: 24 * time.Hour}
				waves := s.Plan([]policy.Wave{
					{Threshold: 500, Waits: true, Planned: at, Within: 4 * time.Hour},
					{Threshold: 2500, Waits: true, Planned: at.Add(24 * time.Hour), Within: 72 * time.Hour},
					{Threshold: policy.Buckets, Waits: true, Planned: at.Add(96 * time.Hour), Within: 72 * time.Hour},
				})
				if diff := cmp.Diff(waves, s.Plan(waves)); diff != "" {
					t.Errorf("%s, %s, %s: planning what was planned changes it (-once +twice):\n%s", zone, opened, name, diff)
				}
				for _, w := range waves {
					line := planned{Start: string(policy.FormatLocal(w.Start, loc)), Deadline: w.Deadline}
					if !w.Closed.IsZero() {
						line.Closed = string(policy.FormatLocal(w.Closed, loc))
					}
					got[zone+" "+opened+" "+name] = append(got[zone+" "+opened+" "+name], line)
				}
			}
		}
	}
	text, err := json.MarshalIndent(got, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "golden", "schedule.json")
	if *update {
		if err := os.WriteFile(path, append(text, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(text)+"\n"); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// TestCalendarWhereClocksSkip: the day on which the clocks go forward is open after what
// they leave out, east and west of Greenwich, and also when that is midnight.
func TestCalendarWhereClocksSkip(t *testing.T) {
	t.Parallel()
	sunday := []time.Weekday{time.Sunday}
	for _, tc := range []struct {
		zone     string
		calendar policy.Calendar
		at, want string
	}{
		{"America/New_York", policy.Calendar{Weekdays: sunday, From: 2 * time.Hour, To: 5 * time.Hour}, "2026-03-07T12:00", "2026-03-08T03:00"},
		{"America/New_York", policy.Calendar{From: 2 * time.Hour, To: 2*time.Hour + 30*time.Minute}, "2026-03-08T00:30", "2026-03-09T02:00"},
		{"Europe/Berlin", policy.Calendar{Weekdays: sunday, From: 2 * time.Hour, To: 5 * time.Hour}, "2026-03-28T12:00", "2026-03-29T03:00"},
		{"Australia/Lord_Howe", policy.Calendar{From: 2 * time.Hour, To: 5 * time.Hour}, "2026-10-04T01:00", "2026-10-04T02:30"},
		{"America/Santiago", policy.Calendar{Weekdays: sunday, To: 5 * time.Hour}, "2026-09-05T12:00", "2026-09-06T01:00"},
	} {
		loc := zone(t, tc.zone)
		at, err := time.ParseInLocation("2006-01-02T15:04", tc.at, loc)
		if err != nil {
			t.Fatal(err)
		}
		if got, open := tc.calendar.Next(at); got.Format("2006-01-02T15:04") != tc.want || !open {
			t.Errorf("%s: Next(%s) = %s, %t, want %s", tc.zone, tc.at, got, open, tc.want)
		}
	}
}

func TestCalendarNext(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	night := policy.Calendar{From: 2*time.Hour + 30*time.Minute, To: 4 * time.Hour}
	for name, tc := range map[string]struct {
		calendar policy.Calendar
		at, want string
		open     bool
	}{
		"always":                              {policy.Calendar{}, "2026-11-22T03:00", "2026-11-22T03:00", true},
		"within the hours":                    {officeHours(), "2026-11-20T17:59", "2026-11-20T17:59", true},
		"the last minute is past":             {officeHours(), "2026-11-19T18:00", "2026-11-20T09:00", true},
		"before the hours":                    {officeHours(), "2026-11-20T08:59", "2026-11-20T09:00", true},
		"a weekend":                           {officeHours(), "2026-11-21T10:00", "2026-11-23T09:00", true},
		"a holiday":                           {officeHours(), "2026-11-03T10:00", "2026-11-04T09:00", true},
		"month end, then a weekend":           {officeHours(), "2026-10-30T10:00", "2026-11-02T09:00", true},
		"the day before the month end":        {officeHours(), "2026-10-29T10:00", "2026-10-29T10:00", true},
		"a range over the year":               {officeHours(), "2026-12-28T10:00", "2027-01-05T09:00", true},
		"an hour that the clocks skip":        {night, "2027-03-28T00:30", "2027-03-28T03:30", true},
		"hours that the clocks skip":          {policy.Calendar{From: 2 * time.Hour, To: 2*time.Hour + 30*time.Minute}, "2027-03-28T00:30", "2027-03-29T02:00", true},
		"hours that end in what they skip":    {policy.Calendar{From: time.Hour, To: 2*time.Hour + 30*time.Minute}, "2027-03-28T03:10", "2027-03-29T01:00", true},
		"before what the clocks skip":         {policy.Calendar{From: time.Hour, To: 2*time.Hour + 30*time.Minute}, "2027-03-28T01:10", "2027-03-28T01:10", true},
		"a night that ends in what they skip": {policy.Calendar{From: 22 * time.Hour, To: 2*time.Hour + 30*time.Minute}, "2027-03-28T03:10", "2027-03-28T22:00", true},
		"an hour that comes twice":            {night, "2026-10-25T00:30", "2026-10-25T02:30", true},
		"before a night":                      {nightShift(), "2026-11-20T21:59", "2026-11-20T22:00", true},
		"after midnight, of the day before":   {nightShift(), "2026-11-21T04:59", "2026-11-21T04:59", true},
		"a night is over":                     {nightShift(), "2026-11-21T05:00", "2026-11-23T22:00", true},
		"a closed day has no night":           {nightShift(), "2026-11-24T23:00", "2026-11-25T22:00", true},
		"a night into a closed day":           {nightShift(), "2026-11-24T03:00", "2026-11-24T03:00", true},
		"after the night of a closed day":     {nightShift(), "2026-11-25T03:00", "2026-11-25T22:00", true},
		"until midnight":                      {policy.Calendar{From: 22 * time.Hour}, "2026-11-21T00:00", "2026-11-21T22:00", true},
		"only days that are always closed":    {policy.Calendar{MonthEnd: 31}, "2026-11-22T03:00", "2026-11-22T03:00", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at, err := time.ParseInLocation("2006-01-02T15:04", tc.at, berlin)
			if err != nil {
				t.Fatal(err)
			}
			got, open := tc.calendar.Next(at)
			if s := got.Format("2006-01-02T15:04"); s != tc.want || open != tc.open {
				t.Errorf("Next(%s) = %s, %v, want %s, %v", tc.at, s, open, tc.want, tc.open)
			}
		})
	}
}

// TestPromisedDeadlines: a wave of the emergency lane that a late sweep starts keeps the
// deadline that two people promised, and so do those behind it, as far as the least
// notice is left. To put waves off because the rollout stood still moves them.
func TestPromisedDeadlines(t *testing.T) {
	t.Parallel()
	start := now.Truncate(time.Minute)
	at := func(hours int) policy.LocalTime {
		return policy.FormatLocal(start.Add(time.Duration(hours)*time.Hour), time.UTC)
	}
	lane := policy.Schedule{Soak: policy.LaneSoak, Promised: true}
	var waves []policy.Wave
	for i, within := range []time.Duration{policy.LaneNotice, 18 * time.Hour, 18 * time.Hour} {
		waves = append(waves, policy.Wave{Planned: start.Add(time.Duration(i) * policy.LaneSoak), Within: within, Waits: true, Threshold: policy.Buckets})
	}
	waves = lane.Plan(waves)
	waves[0].Waits = false
	for name, test := range map[string]struct {
		waves []policy.Wave
		want  []policy.LocalTime
	}{
		"in time":         {lane.Begin(waves, 1, start.Add(6*time.Hour)), []policy.LocalTime{at(4), at(24), at(30)}},
		"minutes late":    {lane.Begin(waves, 1, start.Add(6*time.Hour+4*time.Minute)), []policy.LocalTime{at(4), at(24), at(30)}},
		"hours late":      {lane.Begin(waves, 1, start.Add(15*time.Hour)), []policy.LocalTime{at(4), at(24), at(30)}},
		"a day late":      {lane.Begin(waves, 1, start.Add(30*time.Hour)), []policy.LocalTime{at(4), at(34), at(40)}},
		"stood still":     {lane.Delay(waves, start.Add(15*time.Hour)), []policy.LocalTime{at(4), at(33), at(39)}},
		"nobody promised": {policy.Schedule{Soak: policy.LaneSoak}.Begin(waves, 1, start.Add(15*time.Hour)), []policy.LocalTime{at(4), at(33), at(39)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []policy.LocalTime
			for _, w := range test.waves {
				got = append(got, w.Deadline)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("deadlines (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.waves, lane.Plan(test.waves)); diff != "" {
				t.Errorf("planned again (-want +got):\n%s", diff)
			}
		})
	}
}

// TestClosedDaysKeepTheDistance: a wave that the calendar puts off takes those behind
// it along, so that a closed day does not let the many go with the first few.
func TestClosedDaysKeepTheDistance(t *testing.T) {
	t.Parallel()
	saturday := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	weekdays := policy.Schedule{Calendar: policy.Calendar{Weekdays: officeHours().Weekdays}}
	var waves []policy.Wave
	for _, after := range []time.Duration{0, 24 * time.Hour, 36 * time.Hour} {
		waves = append(waves, policy.Wave{Waits: true, Planned: saturday.Add(after), Within: 48 * time.Hour})
	}
	monday := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	const hour, day, late = time.Hour, 24 * time.Hour, 4 * time.Minute
	waves = weekdays.Plan(waves)
	begun := weekdays.Begin(waves, 0, monday.Add(late))
	for name, tc := range map[string]struct {
		schedule policy.Schedule
		waves    []policy.Wave
		from     time.Time
		want     []time.Duration
	}{
		"planned":                     {weekdays, waves, monday, []time.Duration{0, day, 36 * hour}},
		"the first begins late":       {weekdays, begun, monday, []time.Duration{late, day + late, 36*hour + late}},
		"put off into open days":      {weekdays, weekdays.Delay(waves, monday.Add(day)), monday, []time.Duration{day, 2 * day, 60 * hour}},
		"put off into a closed day":   {weekdays, weekdays.Delay(waves, monday.Add(5*day)), monday, []time.Duration{7 * day, 8 * day, 204 * hour}},
		"open again before it begins": {policy.Schedule{}, waves, saturday, []time.Duration{0, day, 36 * hour}},
		"open again once it began":    {policy.Schedule{}, begun, monday, []time.Duration{late, day + late, 36*hour + late}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			planned := tc.schedule.Plan(tc.waves)
			var got []time.Duration
			for _, w := range planned {
				got = append(got, w.Start.Sub(tc.from))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("starts from %s (-want +got):\n%s", tc.from, diff)
			}
			if diff := cmp.Diff(planned, tc.schedule.Plan(planned)); diff != "" {
				t.Errorf("planned again (-once +twice):\n%s", diff)
			}
		})
	}
}

// nightShift is open in the nights of working days but 24 November's, a Tuesday.
func nightShift() policy.Calendar {
	return policy.Calendar{
		Weekdays: []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday},
		From:     22 * time.Hour, To: 5 * time.Hour, Closed: []policy.Days{{First: "2026-11-24", Last: "2026-11-24"}},
	}
}
