package policy

import (
	"slices"
	"time"
)

// span is days from one to before another, counted from 1970-01-01 UTC.
type span struct{ from, until int }

// spans are in order, and apart from each other.
type spans []span

// never is a day after all others.
const never = 1 << 30

// dayOf returns the calendar day of a moment in UTC.
func dayOf(t time.Time) int {
	const day = 24 * 60 * 60
	n := t.Unix()
	if n%day < 0 {
		n -= day
	}
	return int(n / day)
}

// union returns the days that are in a or b.
func (a spans) union(b spans) spans {
	all := slices.DeleteFunc(slices.Concat(a, b), func(s span) bool { return s.until <= s.from })
	slices.SortFunc(all, func(x, y span) int { return x.from - y.from })
	var out spans
	for _, s := range all {
		if n := len(out); n > 0 && s.from <= out[n-1].until {
			out[n-1].until = max(out[n-1].until, s.until)
			continue
		}
		out = append(out, s)
	}
	return out
}

// clip returns the days that are also within s.
func (a spans) clip(s span) spans {
	var out spans
	for _, x := range a {
		if x = (span{max(x.from, s.from), min(x.until, s.until)}); x.from < x.until {
			out = append(out, x)
		}
	}
	return out
}

// overlap counts the days that are also within s.
func (a spans) overlap(s span) int {
	n := 0
	for _, x := range a.clip(s) {
		n += x.until - x.from
	}
	return n
}
