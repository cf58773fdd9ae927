package policy

import (
	"slices"
	"time"
)

// Schedule is what the dates of waves that wait follow.
type Schedule struct {
	// Soak is the least time between the starts of two waves, in which faults of
	// the earlier one can show.
	Soak     time.Duration
	Location *time.Location // whose days count; nil means UTC
	Calendar Calendar       // moves starts, and deadlines that count from them, out of what is closed
	// Notice is what phones get at least: a deadline nearer to its start would
	// move again on them, out of what the calendar leaves open.
	Notice time.Duration
	// Promised says that two people promised the deadlines, when they signed: a wave
	// that starts late does not move them, as far as LaneNotice is left.
	Promised bool
}

// Schedule returns what the waves of a group's approval follow as the calendar, the
// notice and the policy are now, but for the time to soak. A nil approval is an ordinary one;
// the emergency lane has no calendar and no longer notice than its own.
func (w *World) Schedule(groupName string, a *Approval) Schedule {
	if a == nil {
		a = &Approval{}
	}
	s := Schedule{Location: w.location, Notice: a.Notice(0), Promised: a.Lane != nil}
	g := w.groups[groupName]
	if g == nil {
		return s
	}
	if s.Notice = a.Notice(g.MinimumNotice); a.Lane == nil {
		s.Calendar = g.Calendar
	}
	return s
}

// Plan returns waves, in order, with Start and Deadline of those that wait set:
// none starts before it was planned, nor before the wave before it has soaked,
// nor while the calendar is closed, which puts off those behind it by as much. A start
// that comes late takes the deadline along. Planning what was planned
// changes nothing, and a wave that is kept remains so until it starts.
func (s Schedule) Plan(waves []Wave) []Wave {
	out := slices.Clone(waves)
	var closed time.Duration // what the calendar put off so far
	for i := range out {
		w := &out[i]
		if !w.Waits {
			continue
		}
		w.Start = w.Planned.Add(closed)
		if i > 0 {
			w.Start = latest(w.Start, s.After(out[i-1].Start, s.Soak))
		}
		w.Closed = time.Time{}
		if open, _ := s.Calendar.Next(s.in(w.Start)); open.After(w.Start) {
			w.Start, w.Closed = open.UTC(), w.Start
		}
		closed += w.putOff()
		if w.Within > 0 {
			w.Deadline = s.deadline(w.Start, w.Within)
		}
	}
	return out
}

// Begin returns the waves once the one at index i, which is due, starts at now,
// whenever it was planned for. Those that wait behind it come as much later as
// it does: waves that came due together do not start together. While the
// calendar is closed it goes on waiting. Deadlines that were promised stay.
func (s Schedule) Begin(waves []Wave, i int, now time.Time) []Wave {
	out := s.put(waves, i, now)
	if s.Promised {
		for j := i; j < len(out); j++ {
			late := out[j].Start.Sub(waves[j].Start)
			out[j].Within = max(out[j].Within-late, min(out[j].Within, LaneNotice))
		}
		out = s.Plan(out)
	}
	out[i].Waits = out[i].Start.After(now)
	return out
}

// Delay returns the waves with those that wait put off, so far that none of them
// starts before until: the first of them to until, or later where the calendar is
// closed, and those behind it by as much as it comes later than it would have.
func (s Schedule) Delay(waves []Wave, until time.Time) []Wave {
	i := slices.IndexFunc(waves, func(w Wave) bool { return w.Waits })
	if i < 0 || !until.After(waves[i].Start) {
		return s.Plan(waves)
	}
	return s.put(waves, i, until)
}

// put plans the wave at index i for a time, and those behind it as much later as
// it comes.
func (s Schedule) put(waves []Wave, i int, at time.Time) []Wave {
	out := slices.Clone(waves)
	out[i].Planned = at
	moved := s.Plan(out)[i]
	// What the calendar puts this one off comes on top when those behind it are planned.
	late := moved.Start.Sub(waves[i].Start) + waves[i].putOff() - moved.putOff()
	for j := i + 1; j < len(out); j++ {
		out[j].Planned = out[j].Planned.Add(late)
	}
	return s.Plan(out)
}

// putOff returns by how much the calendar puts off a wave that waits.
func (w Wave) putOff() time.Duration {
	if w.Closed.IsZero() {
		return 0
	}
	return w.Start.Sub(w.Closed)
}

// LastStop is how long before a deadline an enforcement can be withdrawn for
// sure. Apple documents none; two hours were told in a conference talk.
const LastStop = 2 * time.Hour

// StopUntil returns the last moment, on the phone's clock in loc (nil: UTC), at
// which it helps to stop what has this deadline. Where the clocks are changed in
// between it is the earlier one: what a clock shows can come twice.
func (l LocalTime) StopUntil(loc *time.Location) LocalTime {
	shown, err := time.Parse(localLayout, string(l))
	if err != nil {
		return ""
	}
	stop := FormatLocal(shown.Add(-LastStop), time.UTC)
	if real := FormatLocal(Schedule{Location: loc}.instant(shown).Add(-LastStop), loc); real.Compare(stop) < 0 {
		return real
	}
	return stop
}

// ShelfMargin is how long before a build can no longer be installed its last
// phones have to be done.
const ShelfMargin = 7 * day

// After returns the time that lies d after t. Whole days are days of the
// calendar, so that they end at the time of day at which they began even when
// the clocks are changed in between.
func (s Schedule) After(t time.Time, d time.Duration) time.Time {
	days := d / day
	return s.in(t).AddDate(0, 0, int(days)).Add(d % day).UTC()
}

const day = 24 * time.Hour

func (s Schedule) in(t time.Time) time.Time {
	if s.Location == nil {
		return t.UTC()
	}
	return t.In(s.Location)
}

// instant returns the moment at which the clocks show what t does in UTC.
func (s Schedule) instant(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, s.in(t).Location())
}

// deadline returns the whole minute at which within has passed since start, or
// when the calendar opens after that.
func (s Schedule) deadline(start time.Time, within time.Duration) LocalTime {
	if !s.Calendar.IsZero() {
		within = max(within, s.Notice)
	}
	return s.Calendar.NextLocal(s.wanted(start, within))
}

// wanted returns the whole minute at which within has passed since start.
func (s Schedule) wanted(start time.Time, within time.Duration) LocalTime {
	return FormatLocal(s.After(start, within).Add(time.Minute-1).Truncate(time.Minute), s.Location)
}

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
