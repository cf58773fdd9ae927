package policy

import (
	"cmp"
	"time"
)

// Calendar says when updates may start and when their deadlines may lie. The
// zero value says always.
type Calendar struct {
	Weekdays []time.Weekday // on which they may; none: all
	// From and To bound the hours of every day, as times since its midnight by
	// the clock: from From up to but not including To, over midnight when To is
	// earlier; they are then those of the day on which they begin. Both zero: the
	// whole day.
	From, To time.Duration
	MonthEnd int    // so many last days of each month are closed
	Closed   []Days // closed days, holidays among them
}

// Days are the days from First to Last, both included.
type Days struct{ First, Last Date }

// Date is a day as "2006-01-02", in which form days sort.
type Date string

// farthest bounds how far ahead an open day is looked for.
const farthest = 366

// IsZero reports whether the calendar closes nothing.
func (c Calendar) IsZero() bool {
	return len(c.Weekdays) == 0 && c.From == 0 && c.To == 0 && c.MonthEnd == 0 && len(c.Closed) == 0
}

// Next returns the first moment from t on, by the clock of t's location, at
// which the calendar is open. It returns t itself and false when there is none
// within a year.
func (c Calendar) Next(t time.Time) (time.Time, bool) {
	y, m, d := t.Date()
	if c.overnight() {
		d-- // what opened the day before may still be
	}
	for i := range farthest + 1 {
		at := func(sinceMidnight time.Duration) time.Time {
			return onClock(time.Date(y, m, d+i, 0, int(sinceMidnight.Minutes()), 0, 0, time.UTC), t.Location())
		}
		if !c.opens(at(0)) {
			continue
		}
		// Where the clocks go forward in between, no moment of the day may show the
		// hours: what is not there is shown later.
		if open := latest(t, at(c.From)); open.Before(at(c.From+c.hours())) && c.shows(open) {
			return open, true
		}
	}
	return t, false
}

// onClock returns the moment at which a clock in loc shows what wall does in UTC. Where
// the clocks go forward over that, it is as much later as they do: time.Date takes
// it for an earlier one west of Greenwich.
func onClock(wall time.Time, loc *time.Location) time.Time {
	at := func(loc *time.Location, t time.Time) time.Time {
		return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), 0, 0, loc)
	}
	t := at(loc, wall)
	if early := wall.Sub(at(time.UTC, t)); early > 0 {
		return t.Add(early)
	}
	return t
}

// overnight reports whether the hours of a day end on the next one.
func (c Calendar) overnight() bool { return c.To > 0 && c.To < c.From }

// hours returns for how long the calendar is open on a day that it does not close.
func (c Calendar) hours() time.Duration {
	to := cmp.Or(c.To, day)
	if c.overnight() {
		to += day
	}
	return to - c.From
}

// shows reports whether the clock shows an open hour at t.
func (c Calendar) shows(t time.Time) bool {
	since := time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
	if c.overnight() {
		return since >= c.From || since < c.To
	}
	return since >= c.From && since < cmp.Or(c.To, day)
}

// opens reports whether the calendar is open at any hour of a day.
func (c Calendar) opens(midnight time.Time) bool {
	return !c.rests(midnight) && midnight.AddDate(0, 0, c.MonthEnd).Month() == midnight.Month()
}

// NextLocal is Next for a wall time: on every phone's own clock.
func (c Calendar) NextLocal(l LocalTime) LocalTime {
	t, err := time.Parse(localLayout, string(l))
	if err != nil {
		return l
	}
	open, _ := c.Next(t)
	return FormatLocal(open, time.UTC)
}
