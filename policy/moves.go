package policy

import (
	"slices"
	"time"
)

// Closure is what keeps a calendar closed at a moment.
type Closure string

// The closures, in the order in which they are looked for.
const (
	ClosedDays     Closure = "closed-days" // of Calendar.Closed
	ClosedMonthEnd Closure = "month-end"
	ClosedWeekday  Closure = "weekday"
	ClosedHours    Closure = "hours"
)

// Closes returns what keeps the calendar closed at t, by the clock of t's
// location, and the closed days when it is those; "" when it is open.
func (c Calendar) Closes(t time.Time) (Closure, Days) {
	y, m, d := t.Date()
	midnight := time.Date(y, m, d, 0, 0, 0, 0, t.Location())
	date := Date(t.Format(time.DateOnly))
	i := slices.IndexFunc(c.Closed, func(days Days) bool { return days.First <= date && date <= days.Last })
	switch open, ok := c.Next(t); {
	case ok && open.Equal(t):
		return "", Days{}
	case i >= 0:
		return ClosedDays, c.Closed[i]
	case midnight.AddDate(0, 0, c.MonthEnd).Month() != midnight.Month():
		return ClosedMonthEnd, Days{}
	case len(c.Weekdays) > 0 && !slices.Contains(c.Weekdays, midnight.Weekday()):
		return ClosedWeekday, Days{}
	default:
		return ClosedHours, Days{}
	}
}

// Move is a start or a deadline that the calendar put off.
type Move struct {
	From LocalTime // when it would have been, where the schedule's days count
	By   Closure
	Days Days // of ClosedDays
}

// Moves returns what the calendar put off of a wave: its start while it waits,
// and its deadline; nil where it did nothing, or was another one then.
func (s Schedule) Moves(w Wave) (start, deadline *Move) {
	if !w.Closed.IsZero() {
		start = s.move(FormatLocal(w.Closed, s.Location))
	}
	if w.Within > 0 {
		within := w.Within
		if !s.Calendar.IsZero() {
			within = max(within, s.Notice)
		}
		deadline = s.move(s.wanted(w.Start, within))
		if deadline != nil && s.Calendar.NextLocal(deadline.From) != w.Deadline {
			deadline = nil
		}
	}
	return start, deadline
}

// move returns what puts off a wall time, or nil.
func (s Schedule) move(l LocalTime) *Move {
	t, err := time.Parse(localLayout, string(l))
	if err != nil {
		return nil
	}
	by, days := s.Calendar.Closes(t)
	if by == "" {
		return nil
	}
	return &Move{From: l, By: by, Days: days}
}
