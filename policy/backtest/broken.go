package backtest

import (
	"fmt"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
)

// Broken is a time in which the business apps do not work.
type Broken struct {
	Release string // on this one and all newer ones
	After   int    // from its posting until they stop working: 0 to MaxDays
	Days    int    // from then until a version of the apps that works: 1 to MaxDays
}

// check refuses what cannot be replayed.
func (b Broken) check() error {
	if b.Days < 1 || b.Days > MaxDays {
		return fmt.Errorf("apps that do not work on %s for %d days, want 1 to %d: %w", b.Release, b.Days, MaxDays, ErrDays)
	}
	if b.After < 0 || b.After > MaxDays {
		return fmt.Errorf("apps that stop working %d days after the posting of %s, want 0 to %d: %w", b.After, b.Release, MaxDays, ErrDays)
	}
	return nil
}

// broken is a time in which apps do not work, on a release and newer ones.
type broken struct {
	release     string
	from, until time.Time
}

// addBroken works out from when until when apps do not work.
func (p *past) addBroken(list []Broken) error {
	for _, b := range list {
		if err := b.check(); err != nil {
			return err
		}
		for _, r := range p.releases {
			if version.Equal(r.Version, b.Release) && len(r.Models) > 0 {
				from := r.Models[0].Posted.AddDate(0, 0, b.After)
				p.broken = append(p.broken, broken{r.Version, from, from.AddDate(0, 0, b.Days)})
			}
		}
	}
	return nil
}

// repaired returns from when the apps work again that do not on a release at a
// moment; zero: they work.
func (p *past) repaired(release string, now time.Time) time.Time {
	var until time.Time
	for _, b := range p.broken {
		if version.AtLeast(release, b.release) && !now.Before(b.from) && now.Before(b.until) && b.until.After(until) {
			until = b.until
		}
	}
	return until
}

// recordBroken writes down that the apps do not work: at the end of the test that
// finds it, and on the same day where they had passed it. Once they work, a second
// test, of the apps alone, says so. It reports whether there is nothing else
// to record.
func (r *replay) recordBroken(p *phones, now time.Time) bool {
	t, repaired := &p.test, r.past.repaired(p.test.os, now)
	again := r.way.TestDays
	if r.way.Strategy.carries() {
		again = r.way.SmokeDays
	}
	switch {
	case t.broken:
		if !repaired.IsZero() {
			t.repaired = repaired
		}
		if !t.repaired.IsZero() && !now.Before(t.repaired.AddDate(0, 0, again)) {
			t.broken, t.done = false, true
			r.verdict(p, policy.MethodFull, policy.ResultWorks, now)
		}
		return true
	case repaired.IsZero():
		return t.done
	case t.done && !r.passed(p, now), !t.done && now.Before(t.arrived.AddDate(0, 0, again)):
		return t.done
	}
	t.broken, t.done, t.repaired = true, false, repaired
	r.verdict(p, policy.MethodFull, policy.ResultBroken, now)
	return true
}

// passed reports whether all apps work on what a tester has, as far as is known,
// and production phones wait for it.
func (r *replay) passed(p *phones, now time.Time) bool {
	g := r.gate(p.test.os, now)
	return g.Release != "" && !slices.ContainsFunc(g.Apps, func(a policy.AppState) bool {
		return a.State == policy.StatusBroken || r.has(a.MissingModels, p.model)
	})
}

// putOff does with the waves of an approval what the server does while a broken app
// stops them: one that is due waits until those before it have soaked anew, and
// so do all that wait when it works again.
func (r *replay) putOff(a *policy.Approval, now time.Time) {
	next := slices.IndexFunc(a.Waves, func(w policy.Wave) bool { return w.Waits })
	s := r.scheduleOf(a)
	if next < 1 || s.Soak == 0 {
		return
	}
	g := r.gate(a.Release, now)
	stopped := g.Approval == a.ID && (g.Phase == policy.PhaseBlocked || g.Phase == policy.PhasePaused && a.PausedAt.IsZero())
	due := stopped && !a.Waves[next].Start.After(now)
	again := r.stopped[a.ID] && !stopped && r.rolls(a, now)
	r.stopped[a.ID] = stopped
	if due || again {
		a.Waves = s.Delay(a.Waves, s.After(now, s.Soak))
		r.changed()
	}
}
