package fleet

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// RolloutDefaults are what a policy says about rollouts; a person who approves
// may say otherwise, except about the calendar.
type RolloutDefaults struct {
	Waves    storage.WaveShares `json:"waves"`    // those of the waves before counted in; none: all at once
	Soak     string             `json:"soak"`     // least time between two starts, "48h0m0s"; "" none
	Deadline string             `json:"deadline"` // from the start of a wave; "" is for the person who approves
	Calendar string             `json:"calendar"` // name of the one it follows, which then says what follows here; "": none
	OpenTimes
}

// OpenTimes are when waves may start and their deadlines may lie.
type OpenTimes struct {
	Weekdays []string `json:"weekdays"` // "mon" to "sun"; none: all
	Hours    string   `json:"hours"`    // "09:00-18:00", "22:00-05:00"; "" all
	MonthEnd int      `json:"month_end"`
	Closed   []string `json:"closed"`   // "2026-12-28" or "2026-12-28..2027-01-04"
	Holidays []string `json:"holidays"` // days
}

// RolloutChange changes them; what is nil stays as it is.
type RolloutChange struct {
	Waves    *storage.WaveShares `json:"waves,omitempty"`    // rising, the last one "100%"
	Soak     *string             `json:"soak,omitempty"`     // "2d", "12h"; "" none
	Deadline *string             `json:"deadline,omitempty"` // "3d"; "" none
	Calendar *string             `json:"calendar,omitempty"` // name; "" none
	CalendarChange
}

// CalendarChange changes open times; what is nil stays as it is.
type CalendarChange struct {
	Weekdays *[]string `json:"weekdays,omitempty"`  // "mon" or "mon-fri"
	Hours    *string   `json:"hours,omitempty"`     // "" is all
	MonthEnd *int      `json:"month_end,omitempty"` // 0 to 15
	Closed   *[]string `json:"closed,omitempty"`
	Holidays *[]string `json:"holidays,omitempty"`
}

// maxMonthEnd and maxClosed bound a calendar.
const (
	maxMonthEnd = 15
	maxClosed   = 500
)

func weekdayNames() []string { return []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} }

func rolloutDefaults(p storage.Policy) RolloutDefaults {
	d := RolloutDefaults{Waves: append(storage.WaveShares{}, p.Waves...), Calendar: p.CalendarName, OpenTimes: openTimes(p.Calendar)}
	if p.Soak > 0 {
		d.Soak = noticeText(p.Soak)
	}
	if p.Deadline > 0 {
		d.Deadline = noticeText(p.Deadline)
	}
	return d
}

func openTimes(c storage.Calendar) OpenTimes {
	t := OpenTimes{
		Weekdays: append([]string{}, c.Weekdays...), MonthEnd: c.MonthEnd,
		Closed: append([]string{}, c.Closed...), Holidays: append([]string{}, c.Holidays...),
	}
	if c.To > 0 {
		t.Hours = clockText(c.From) + "-" + clockText(c.To)
	}
	return t
}

// rolloutChange returns the change that leads to what a policy says.
func rolloutChange(p storage.Policy) RolloutChange {
	d := rolloutDefaults(p)
	return RolloutChange{Waves: &d.Waves, Soak: &d.Soak, Deadline: &d.Deadline, Calendar: &d.Calendar, CalendarChange: calendarChange(p.Calendar)}
}

// calendarChange returns the change that leads to a calendar.
func calendarChange(c storage.Calendar) CalendarChange {
	t := openTimes(c)
	return CalendarChange{Weekdays: &t.Weekdays, Hours: &t.Hours, MonthEnd: &t.MonthEnd, Closed: &t.Closed, Holidays: &t.Holidays}
}

// detail is what the audit log keeps of them.
func (d RolloutDefaults) detail() map[string]string {
	text, err := json.Marshal(d)
	if err != nil {
		return nil // cannot happen: strings and numbers
	}
	return map[string]string{"rollout": string(text)}
}

func clockText(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d", int(d.Hours()), int(d.Minutes())%60)
}

// onto returns the policy with the change, or the value no policy can have.
// Whether the calendar it names exists is not looked at.
func (c RolloutChange) onto(p storage.Policy, now time.Time) (storage.Policy, error) {
	var err error
	if c.Waves != nil {
		if p.Waves, err = writtenShares(*c.Waves); err != nil {
			return p, err
		}
	}
	if err := c.lengths(&p); err != nil {
		return p, err
	}
	replace(&p.CalendarName, c.Calendar)
	if p.Calendar, err = c.CalendarChange.onto(p.Calendar, now); err != nil {
		return p, err
	}
	if p.CalendarName != "" && !engineCalendar(p.Calendar).IsZero() {
		refusal := refused("two-calendars", "policy %s would follow calendar %s and have open times of its own; take the calendar away (--calendar \"\") "+
			"or its own times (--weekdays \"\" --hours \"\" --month-end 0 --closed \"\" --holidays \"\")", p.Name, p.CalendarName).
			with("policy", p.Name, "calendar", p.CalendarName)
		if refusal.Field = c.first(); c.Calendar != nil {
			refusal.Field = "calendar"
		}
		return p, refusal
	}
	return p, nil
}

// onto returns the calendar with the change, or an error about the value no
// calendar can have. It must leave something open in the year that begins at now.
func (c CalendarChange) onto(to storage.Calendar, now time.Time) (storage.Calendar, error) {
	if err := c.days(&to); err != nil {
		return to, err
	}
	if c.Hours != nil {
		var ok bool
		if to.From, to.To, ok = parseHours(*c.Hours); !ok {
			return to, invalid("hours", "not-hours", "%q: want hours such as 09:00-18:00 or 22:00-05:00, or nothing for all of the day", *c.Hours).with("value", *c.Hours)
		}
	}
	if _, open := engineCalendar(to).Next(now); !open {
		return to, invalid(cmp.Or(c.first(), "calendar"), "never-open", "the calendar leaves no hour open within a year; no wave could ever start")
	}
	return to, nil
}

// first returns the first setting that is changed of those that can close a
// calendar, or "".
func (c CalendarChange) first() string {
	given := map[string]bool{
		"closed": c.Closed != nil, "holidays": c.Holidays != nil, "weekdays": c.Weekdays != nil, "month_end": c.MonthEnd != nil, "hours": c.Hours != nil,
	}
	for _, key := range openTimeKeys() {
		if given[key] {
			return key
		}
	}
	return ""
}

// writtenShares returns shares each in its one spelling. It refuses waves that do
// not grow, or do not reach all phones, and dates: those of a policy come of its
// watch period.
func writtenShares(shares storage.WaveShares) (storage.WaveShares, error) {
	if len(shares) == 0 {
		return shares, nil
	}
	for _, text := range shares {
		if _, ok := policy.ParseWaveShare(text); !ok {
			return nil, invalid("waves", "share-not-readable", "%q: want a share of the phones such as 5%%, or a number of them such as 20", text).with("value", text)
		}
	}
	specs, err := parseWaves(shares)
	if err != nil {
		return nil, err
	}
	out := make(storage.WaveShares, len(specs))
	for i, s := range specs {
		out[i] = s.share.String()
	}
	return out, nil
}

// engineShares translates shares that were checked when they were written.
func engineShares(shares storage.WaveShares) []policy.WaveShare {
	var out []policy.WaveShare
	for _, text := range shares {
		if s, ok := policy.ParseWaveShare(text); ok {
			out = append(out, s)
		}
	}
	return out
}

func (c RolloutChange) lengths(p *storage.Policy) error {
	if c.Soak != nil {
		soak, err := parseSoak(*c.Soak)
		if err != nil {
			return err
		}
		p.Soak = soak
	}
	if c.Deadline != nil {
		d, err := parseOffset(cmp.Or(strings.TrimPrefix(*c.Deadline, "+"), "0d"))
		if err != nil || d < 0 || d > maxDeadline {
			return invalid("deadline", "not-a-length", "%q: want a length such as 3d or 12h, at most 90d", *c.Deadline).with("value", *c.Deadline, "most", "90d")
		}
		p.Deadline = d
	}
	return nil
}

// days takes up which days are open.
func (c CalendarChange) days(to *storage.Calendar) error {
	if c.Weekdays != nil {
		weekdays, err := parseWeekdays("weekdays", *c.Weekdays)
		if err != nil {
			return err
		}
		to.Weekdays = weekdays
	}
	if c.MonthEnd != nil {
		if *c.MonthEnd < 0 || *c.MonthEnd > maxMonthEnd {
			return invalid("month_end", "month-end-range", "%d: want between 0 and %d days", *c.MonthEnd, maxMonthEnd).with("value", fmt.Sprint(*c.MonthEnd), "most", fmt.Sprint(maxMonthEnd))
		}
		to.MonthEnd = *c.MonthEnd
	}
	for _, list := range []struct {
		field    string
		from, to *[]string
	}{{"closed", c.Closed, &to.Closed}, {"holidays", c.Holidays, &to.Holidays}} {
		if list.from == nil {
			continue
		}
		if len(*list.from) > maxClosed {
			return invalid(list.field, "too-many-days", "%d entries: want at most %d", len(*list.from), maxClosed).with("most", fmt.Sprint(maxClosed))
		}
		for _, text := range *list.from {
			if _, ok := parseDays(text); !ok {
				return invalid(list.field, "not-days", "%q: want a day such as 2026-12-28, or 2026-12-28..2027-01-04", text).with("value", text)
			}
		}
		sorted := slices.Sorted(slices.Values(*list.from))
		*list.to = slices.Compact(sorted)
	}
	return nil
}

// parseWeekdays reads weekdays such as "mon" and ranges of them such as "mon-fri"
// or "sat-mon", and returns each day once, from Monday on.
func parseWeekdays(field string, list []string) ([]string, error) {
	names := weekdayNames()
	named := make([]bool, len(names))
	for _, text := range list {
		first, last, ranged := strings.Cut(text, "-")
		if !ranged {
			last = first
		}
		from, to := slices.Index(names, first), slices.Index(names, last)
		if from < 0 || to < 0 {
			days := strings.Join(names, ", ")
			return nil, invalid(field, "not-weekdays", "%q: want one of %s, or a range such as mon-fri", text, days).with("value", text, "allowed", days)
		}
		for d := range (to-from+len(names))%len(names) + 1 {
			named[(from+d)%len(names)] = true
		}
	}
	out := []string{}
	for i := range names {
		if d := (i + int(time.Monday)) % len(names); named[d] {
			out = append(out, names[d])
		}
	}
	return out, nil
}

// parseHours reads "09:00-18:00", over midnight or not; "" is the whole day.
func parseHours(text string) (from, to time.Duration, ok bool) {
	if text == "" {
		return 0, 0, true
	}
	first, last, _ := strings.Cut(text, "-")
	from, okFrom := parseClock(first)
	to, okTo := parseClock(last)
	if to == 0 && from > 0 {
		to = 24 * time.Hour
	}
	return from, to, okFrom && okTo && from != to && from < 24*time.Hour
}

func parseClock(text string) (time.Duration, bool) {
	if text == "24:00" {
		return 24 * time.Hour, true
	}
	t, err := time.Parse("15:04", text)
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, err == nil
}

// parseDays reads "2026-12-28" or "2026-12-28..2027-01-04".
func parseDays(text string) (policy.Days, bool) {
	first, last, ranged := strings.Cut(text, "..")
	if !ranged {
		last = first
	}
	for _, d := range []string{first, last} {
		if _, err := time.Parse(time.DateOnly, d); err != nil {
			return policy.Days{}, false
		}
	}
	return policy.Days{First: policy.Date(first), Last: policy.Date(last)}, first <= last
}

// engineCalendar translates a calendar that was checked when it was written.
func engineCalendar(c storage.Calendar) policy.Calendar {
	out := policy.Calendar{From: c.From, To: c.To, MonthEnd: c.MonthEnd}
	for _, name := range c.Weekdays {
		out.Weekdays = append(out.Weekdays, time.Weekday(slices.Index(weekdayNames(), name)))
	}
	for _, text := range slices.Concat(c.Closed, c.Holidays) {
		if days, ok := parseDays(text); ok {
			out.Closed = append(out.Closed, days)
		}
	}
	return out
}

// rollout returns the policy that a group's rollouts follow; the built-in one
// for a group or policy that does not exist.
func (s *snapshot) rollout(group string) storage.Policy {
	if g, err := s.group(group); err == nil {
		if p, err := s.decided(policyName(g)); err == nil {
			return p
		}
	}
	return builtInPolicy()
}

// or returns the request with what the policy says where it says nothing.
func (r ApproveRequest) or(p storage.Policy) ApproveRequest {
	if len(r.Waves) == 0 {
		r.Waves = p.Waves
	}
	if r.Soak == "" && p.Soak > 0 {
		r.Soak = p.Soak.String()
	}
	if r.Deadline == "" && p.Deadline > 0 {
		r.Deadline = "+" + p.Deadline.String()
	}
	return r
}
