package backtest

import (
	"errors"
	"fmt"
	"time"
)

// Away are production phones that are switched off for a while.
type Away struct {
	Percent int // of all of them; each stretch takes phones that no other takes: 1 to 100
	From    int // day of a forecast: 0 to MaxDays
	Days    int // 1 to MaxDays
}

// ErrShares says that shares of the phones of a [Present] are out of their range.
var ErrShares = errors.New("share of the phones out of range")

// checkShares refuses shares of the phones that cannot be played.
func (p Present) checkShares() error {
	all := p.Silent
	if p.Silent < 0 || p.Silent > 100 {
		return fmt.Errorf("%d percent of the phones off, want 0 to 100: %w", p.Silent, ErrShares)
	}
	for _, a := range p.Away {
		if err := a.check(); err != nil {
			return err
		}
		all += a.Percent
	}
	if all > 100 {
		return fmt.Errorf("%d percent of the phones off, all the time and for a while, want at most 100: %w", all, ErrShares)
	}
	return nil
}

// check refuses what cannot be played.
func (a Away) check() error {
	switch {
	case a.Percent < 1 || a.Percent > 100:
		return fmt.Errorf("%d percent of the phones off for a while, want 1 to 100: %w", a.Percent, ErrShares)
	case a.From < 0 || a.From > MaxDays || a.Days < 1 || a.Days > MaxDays:
		return fmt.Errorf("phones off from day %d for %d days, want 0 to %d and 1 to %d: %w", a.From, a.Days, MaxDays, MaxDays, ErrDays)
	}
	return nil
}

// part parts phones into those that nobody switches on, those that are off for a
// while, and the others, each share good to a phone over all, whatever the parts are.
// The numbers are those of the phones seen and of those parted until now, the first of them
// for the phones that stay off.
func (p Present) part(on phones, all *int, parted []int) []*phones {
	*all += on.count
	var out []*phones
	cut := func(i, upTo int, change func(*phones)) {
		n := min(upTo-parted[i], on.count)
		if n < 1 {
			return
		}
		cohort := on
		cohort.count = n
		change(&cohort)
		parted[i] += n
		on.count -= n
		out = append(out, &cohort)
	}
	midnight := p.Now.UTC().Truncate(24 * time.Hour)
	cut(0, *all*p.Silent/100, func(c *phones) { c.off = true })
	for i, a := range p.Away {
		cut(i+1, (*all*a.Percent+99)/100, func(c *phones) {
			c.leaves = midnight.AddDate(0, 0, a.From)
			c.returns = c.leaves.AddDate(0, 0, a.Days)
		})
	}
	if on.count > 0 {
		out = append(out, &on)
	}
	return out
}

// reachable reports whether phones can install something at a moment.
func (p *phones) reachable(now time.Time) bool {
	gone := !now.Before(p.leaves) && now.Before(p.returns)
	return !p.off && !gone && p.fell.IsZero()
}
