package policy

import (
	"slices"
	"time"
)

// Ending is how long before its build may be gone a wave ends.
type Ending int

// The endings, the better first.
const (
	EndsInTime Ending = iota // by ShelfMargin or more, or nobody knows when the build goes
	EndsLate                 // by less, in the last week of the build: who is late may find it gone
	EndsGone                 // when the build may be gone
)

// Ending returns how a wave of the gate ends for phones that are told at now, or at
// its start when that comes later: by the deadline that they are told, on the clock of
// the installation. It is the one rule about the end of a build. An ordinary
// approval, one by the emergency lane and a wave that starts must end in time; an
// override and what a policy approves at the end of a hold must not end when the
// build may be gone.
func (s Schedule) Ending(g Gate, w Wave, now time.Time) Ending {
	last := s.LastDeadline(g)
	switch told := s.Told(w, now); {
	case last == "" || told.Compare(last) <= 0:
		return EndsInTime
	case told.Compare(FormatLocal(g.Clocks.ShelfLife, s.Location)) <= 0:
		return EndsLate
	default:
		return EndsGone
	}
}

// Worst returns the index of the wave of the gate that ends the worst, and how: the
// last of several. Without waves it is -1 and EndsInTime.
func (s Schedule) Worst(g Gate, waves []Wave, now time.Time) (int, Ending) {
	at, worst := -1, EndsInTime
	for i, w := range waves {
		if e := s.Ending(g, w, now); e >= worst {
			at, worst = i, e
		}
	}
	return at, worst
}

// Told returns the deadline of phones of a wave, on the clock of the installation,
// that are told at now or at its start, when that comes later.
func (s Schedule) Told(w Wave, now time.Time) LocalTime {
	return s.Calendar.Told(w.Deadline, latest(now, w.Start), s.Notice, s.Location)
}

// Told returns the deadline of a phone with a clock in loc (nil: UTC) that is told at a
// moment: the one it is asked for or, when its own notice ends after that, when the
// calendar opens after its notice.
func (c Calendar) Told(asked LocalTime, told time.Time, notice time.Duration, loc *time.Location) LocalTime {
	ends := FormatLocal(minuteUp(told.Add(notice)), loc)
	if asked.Compare(ends) >= 0 {
		return asked
	}
	return c.NextLocal(ends)
}

// LastDeadline returns the last deadline, on the clock of the installation, that
// phones of an approval of the gate may be told, so that those that are late can still
// install the build; "" while nobody knows when that goes.
func (s Schedule) LastDeadline(g Gate) LocalTime {
	if g.Clocks.ShelfLife.IsZero() {
		return ""
	}
	return FormatLocal(g.Clocks.ShelfLife.Add(-ShelfMargin), s.Location)
}

// LastWeek reports whether no approval of the gate that is given at now can end in
// time any more, whatever its deadline and its waves: what is verified takes two people
// then, or a newer release. A calendar that puts off every start may bring that about
// weeks before.
func (s Schedule) LastWeek(g Gate, now time.Time) bool {
	soonest := s.Plan([]Wave{{Waits: true, Planned: now}})[0]
	soonest.Deadline = FormatLocal(minuteUp(soonest.Start.Add(s.Notice)), s.Location)
	return s.Ending(g, soonest, now) != EndsInTime
}

// Opens reports whether waves that a policy plans for the gate at the end of a hold
// all begin, and end before its build may be gone.
func (s Schedule) Opens(g Gate, waves []Wave, now time.Time) bool {
	return !slices.ContainsFunc(waves, func(w Wave) bool {
		e := s.Ending(g, w, now)
		return e == EndsGone || e == EndsLate && w.Waits
	})
}

// Keeps reports whether a wave of an approval of the gate, as it is planned, must
// not start because the build would not outlive it by ShelfMargin: late phones
// would be left with nothing that is approved. On time, no wave that could be
// approved is kept; a calendar, a stop or an outage moves waves later. The waves of
// an override are never kept: two people said until when it lasts.
func (s Schedule) Keeps(g Gate, a *Approval, w Wave) bool {
	return a.Override == nil && s.Ending(g, w, w.Start) != EndsInTime
}

// KeptAt returns the index of the first wave of an approval of the gate that is kept
// or, as it is planned, would be; -1 for none.
func (s Schedule) KeptAt(g Gate, a *Approval) int {
	return slices.IndexFunc(a.Waves, func(w Wave) bool { return w.Waits && (w.Kept || s.Keeps(g, a, w)) })
}

// minuteUp returns the whole minute that t is or that follows it.
func minuteUp(t time.Time) time.Time { return t.Add(time.Minute - 1).Truncate(time.Minute) }
