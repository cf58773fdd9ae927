package backtest

import (
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
)

// within plays what happens after a moment and before another without anybody
// having to act at midnight: waves that start, second signatures, deadlines. It
// returns the last moment at which something did.
func (r *replay) within(from, until time.Time) time.Time {
	for {
		now := r.next(from)
		if now.IsZero() || !now.Before(until) {
			return from
		}
		r.hurry(now)
		r.start(now)
		r.install(now)
		r.watch(now)
		from = now
	}
}

// next returns the first moment after another at which something is due, zero
// for none.
func (r *replay) next(after time.Time) time.Time {
	var next time.Time
	see := func(t time.Time) {
		if t.After(after) && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	for _, a := range r.parts.Approvals {
		if i := slices.IndexFunc(a.Waves, func(w policy.Wave) bool { return w.Waits }); i >= 0 && a.Group == r.group {
			see(a.Waves[i].Start)
		}
	}
	for _, p := range r.phones {
		see(p.due)
	}
	for _, at := range r.ahead.signatures() { // the earliest, in whatever order
		see(at)
	}
	return next
}

// instant returns when the clocks show a local time, zero when they never do.
func (r *replay) instant(l policy.LocalTime) time.Time {
	t, err := time.ParseInLocation("2006-01-02T15:04:05", string(l), r.way.Policy.location())
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// clock returns what the clocks show at a moment of a forecast, "" at the
// midnight UTC at which people act.
func (r *replay) clock(now time.Time) policy.LocalTime {
	if now.Equal(now.Truncate(24 * time.Hour)) {
		return ""
	}
	return policy.FormatLocal(now, r.way.Policy.location())
}
