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
	Waves    []int    `json:"waves"`    // percent, those of the waves before counted in; none: all at once
	Soak     string   `json:"soak"`     // least time between two starts, "48h0m0s"; "" none
	Deadline string   `json:"deadline"` // from the start of a wave; "" is for the person who approves
	Weekdays []string `json:"weekdays"` // "mon" to "sun"; none: all
	Hours    string   `json:"hours"`    // "09:00-18:00"; "" all
	MonthEnd int      `json:"month_end"`
	Closed   []string `json:"closed"`   // "2026-12-28" or "2026-12-28..2027-01-04"
	Holidays []string `json:"holidays"` // days
}

// RolloutChange changes them; what is nil stays as it is.
type RolloutChange struct {
	Waves    *[]int    `json:"waves,omitempty"`    // rising, the last one 100
	Soak     *string   `json:"soak,omitempty"`     // "2d", "12h"; "" none
	Deadline *string   `json:"deadline,omitempty"` // "3d"; "" none
	Weekdays *[]string `json:"weekdays,omitempty"`
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
	c := p.Calendar
	d := RolloutDefaults{
		Waves: append([]int{}, p.Waves...), Weekdays: append([]string{}, c.Weekdays...), MonthEnd: c.MonthEnd,
		Closed: append([]string{}, c.Closed...), Holidays: append([]string{}, c.Holidays...),
	}
	if p.Soak > 0 {
		d.Soak = noticeText(p.Soak)
	}
	if p.Deadline > 0 {
		d.Deadline = noticeText(p.Deadline)
	}
	if c.To > 0 {
		d.Hours = clockText(c.From) + "-" + clockText(c.To)
	}
	return d
}

// rolloutChange returns the change that leads to what a policy says.
func rolloutChange(p storage.Policy) RolloutChange {
	d := rolloutDefaults(p)
	return RolloutChange{
		Waves: &d.Waves, Soak: &d.Soak, Deadline: &d.Deadline, Weekdays: &d.Weekdays, Hours: &d.Hours, MonthEnd: &d.MonthEnd,
		Closed: &d.Closed, Holidays: &d.Holidays,
	}
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

// onto returns the policy with the change, or the value no policy can have. A
// calendar must leave something open in the year that begins at now.
func (c RolloutChange) onto(p storage.Policy, now time.Time) (storage.Policy, error) {
	if c.Waves != nil {
		if err := checkShares(*c.Waves); err != nil {
			return p, err
		}
		p.Waves = *c.Waves
	}
	if err := c.lengths(&p); err != nil {
		return p, err
	}
	if err := c.days(&p.Calendar); err != nil {
		return p, err
	}
	if c.Hours != nil {
		var ok bool
		if p.Calendar.From, p.Calendar.To, ok = parseHours(*c.Hours); !ok {
			return p, invalid("hours", "not-hours", "%q: want hours such as 09:00-18:00, or nothing for all of the day", *c.Hours).with("value", *c.Hours)
		}
	}
	if _, open := engineCalendar(p.Calendar).Next(now); !open {
		return p, invalid("calendar", "never-open", "the calendar leaves no hour open within a year; no wave could ever start")
	}
	return p, nil
}

// checkShares refuses waves that do not grow, or do not reach all phones.
func checkShares(shares []int) error {
	if len(shares) == 0 {
		return nil
	}
	specs := make([]string, len(shares))
	for i, s := range shares {
		specs[i] = fmt.Sprintf("%d%%", s)
	}
	_, err := parseWaves(specs)
	return err
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
func (c RolloutChange) days(to *storage.Calendar) error {
	if c.Weekdays != nil {
		for _, d := range *c.Weekdays {
			if !slices.Contains(weekdayNames(), d) {
				return notOneOf("weekdays", d, weekdayNames()...)
			}
		}
		to.Weekdays = *c.Weekdays
	}
	if c.MonthEnd != nil {
		if *c.MonthEnd < 0 || *c.MonthEnd > maxMonthEnd {
			return invalid("month_end", "month-end-range", "%d: want between 0 and %d days", *c.MonthEnd, maxMonthEnd).with("value", fmt.Sprint(*c.MonthEnd), "most", fmt.Sprint(maxMonthEnd))
		}
		to.MonthEnd = *c.MonthEnd
	}
	for field, list := range map[string]struct{ from, to *[]string }{"closed": {c.Closed, &to.Closed}, "holidays": {c.Holidays, &to.Holidays}} {
		if list.from == nil {
			continue
		}
		if len(*list.from) > maxClosed {
			return invalid(field, "too-many-days", "%d entries: want at most %d", len(*list.from), maxClosed).with("most", fmt.Sprint(maxClosed))
		}
		for _, text := range *list.from {
			if _, ok := parseDays(text); !ok {
				return invalid(field, "not-days", "%q: want a day such as 2026-12-28, or 2026-12-28..2027-01-04", text).with("value", text)
			}
		}
		sorted := slices.Sorted(slices.Values(*list.from))
		*list.to = slices.Compact(sorted)
	}
	return nil
}

// parseHours reads "09:00-18:00"; "" is the whole day.
func parseHours(text string) (from, to time.Duration, ok bool) {
	if text == "" {
		return 0, 0, true
	}
	first, last, _ := strings.Cut(text, "-")
	from, okFrom := parseClock(first)
	to, okTo := parseClock(last)
	return from, to, okFrom && okTo && from < to
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

// openTime returns the first wall time from l on that the calendar of a group
// leaves open, by the clock of each phone.
func (s *snapshot) openTime(group string, l policy.LocalTime) policy.LocalTime {
	return engineCalendar(s.rollout(group).Calendar).NextLocal(l)
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
		for _, share := range p.Waves {
			r.Waves = append(r.Waves, fmt.Sprintf("%d%%", share))
		}
	}
	if r.Soak == "" && p.Soak > 0 {
		r.Soak = p.Soak.String()
	}
	if r.Deadline == "" && p.Deadline > 0 {
		r.Deadline = "+" + p.Deadline.String()
	}
	return r
}
