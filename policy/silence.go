package policy

import (
	"slices"
	"time"
)

// Silence tells, at one moment, the phones that fell silent with an installation.
// The zero value tells none.
type Silence struct {
	after time.Duration
	// Who was last heard of after from, and not after to, fell silent since signs
	// count.
	from, to time.Time
}

// Silence returns what silence is now. Days on which the company is away do not
// count: those that are closed, holidays among them, and weekdays without
// updates when there are updates on most of the week, which then is the one that is
// worked. A few days for updates say nothing about the others, and phones are in use
// outside the calendar's hours and on the last days of a month too.
// Days are those of the locations of since and now; who had fallen silent by
// since does not count.
func (b Breaker) Silence(c Calendar, since, now time.Time) Silence {
	return Silence{b.SilentAfter, c.worked(since, b.SilentAfter), c.worked(now, b.SilentAfter)}
}

// Began reports whether a phone that was last heard of at a time fell silent with
// an installation: used is for how long after that it was heard of, 0 when it was
// installing then. One that was used for a while and then put away did not.
func (s Silence) Began(used time.Duration, heard time.Time) bool {
	return s.after > 0 && used < s.after && s.News(heard) && !heard.After(s.to)
}

// News reports whether a phone that was last heard of at a time had not fallen silent
// yet when signs began to count.
func (s Silence) News(heard time.Time) bool { return heard.After(s.from) }

// worked returns the time before t from which on d has passed, without the days on
// which the company is away. It looks a year back.
func (c Calendar) worked(t time.Time, d time.Duration) time.Time {
	y, m, today := t.Date()
	end := t
	for i := range farthest + 1 {
		midnight := time.Date(y, m, today-i, 0, 0, 0, 0, t.Location())
		if !c.away(midnight) {
			passed := end.Sub(midnight)
			if passed >= d {
				return end.Add(-d)
			}
			d -= passed
		}
		end = midnight
	}
	return end
}

// mostDays is on how many weekdays there are updates at least when those without are
// the company's days off.
const mostDays = 4

// away reports whether the company is taken to be away on a day.
func (c Calendar) away(midnight time.Time) bool {
	return c.closed(midnight) || len(c.Weekdays) >= mostDays && c.dayOff(midnight)
}

// rests reports whether a day is closed, or a weekday without updates.
func (c Calendar) rests(midnight time.Time) bool { return c.closed(midnight) || c.dayOff(midnight) }

func (c Calendar) dayOff(midnight time.Time) bool {
	return len(c.Weekdays) > 0 && !slices.Contains(c.Weekdays, midnight.Weekday())
}

func (c Calendar) closed(midnight time.Time) bool {
	if len(c.Closed) == 0 {
		return false // and there is no need to write the date
	}
	date := Date(midnight.Format(time.DateOnly))
	return slices.ContainsFunc(c.Closed, func(days Days) bool { return days.First <= date && date <= days.Last })
}
