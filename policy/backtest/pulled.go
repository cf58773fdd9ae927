package backtest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
)

// Pulled is a release that Apple takes back: nothing can install it any more.
type Pulled struct {
	Release string
	Day     int // of a forecast: 1 to MaxDays
}

// ErrUnposted says that a release of a [Present] is taken back before there is one.
var ErrUnposted = errors.New("a release is taken back after the day of its posting")

// addPulled takes up what Apple takes back of the releases, by the day.
func (a *ahead) addPulled(list []Pulled, releases []policy.Release, from time.Time) error {
	for _, p := range list {
		if p.Day < 1 || p.Day > MaxDays {
			return fmt.Errorf("%s taken back on day %d, want 1 to %d: %w", p.Release, p.Day, MaxDays, ErrDays)
		}
		day := from.AddDate(0, 0, p.Day)
		for _, r := range releases {
			if posted := firstPosted(r); version.Equal(r.Version, p.Release) && !day.After(posted) {
				return fmt.Errorf("%s taken back on %s, posted on %s: %w", p.Release, date(day), date(posted), ErrUnposted)
			}
		}
		a.pulled[day] = append(a.pulled[day], p.Release)
	}
	return nil
}

// pull takes back what Apple does on a day. Nobody knew of it before.
func (r *replay) pull(now time.Time) {
	for _, release := range r.ahead.pulled[now] {
		i := slices.IndexFunc(r.past.releases, func(o policy.Release) bool { return version.Equal(o.Version, release) })
		if i < 0 {
			continue
		}
		models := slices.Clone(r.past.releases[i].Models)
		for j := range models {
			models[j].Expires = now
		}
		r.past.releases[i].Models = models
		r.parts.Releases = r.past.exploitedAt(now)
		r.changed()
	}
}

// giveBack lets rollouts go on whose waves another release took over that is no
// more, as the server does.
func (r *replay) giveBack(now time.Time) {
	for i := range r.parts.Approvals {
		a := &r.parts.Approvals[i]
		if a.Group != r.group || a.SupersededBy == "" {
			continue
		}
		g := r.gate(a.Release, now)
		carried := g.Phase == policy.PhaseApproved || g.Phase == policy.PhaseRollingOut || g.Phase == policy.PhasePaused ||
			g.Phase == policy.PhaseBlocked || g.Phase == policy.PhaseDone
		if !carried || g.Approval != a.ID {
			continue
		}
		by := a.SupersededBy
		s := r.scheduleOf(a)
		a.SupersededBy = ""
		if !a.Waves[0].Waits {
			a.Waves = s.Delay(a.Waves, s.After(now, s.Soak))
		}
		r.changed()
		r.ahead.note(Event{Kind: EventGivenBack, Release: a.Release, From: by})
	}
}
