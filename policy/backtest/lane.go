package backtest

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
)

// MaxSignHours is the longest that a second signature may take.
const MaxSignHours = 7 * 24

// Exploited is a flaw that a release fixes, and that becomes known to be exploited.
type Exploited struct {
	Release string
	Day     int // of a forecast: 0 to MaxDays; known from the posting on where that comes later
}

// addExploited takes up flaws that are assumed, under names of their own.
func (p *past) addExploited(list []Exploited) error {
	p.known = map[string]time.Time{}
	for n, e := range list {
		if e.Day < 0 || e.Day > MaxDays {
			return fmt.Errorf("a flaw that %s fixes known on day %d, want 0 to %d: %w", e.Release, e.Day, MaxDays, ErrDays)
		}
		for i, r := range p.releases {
			if version.Equal(r.Version, e.Release) {
				id := fmt.Sprintf("assumed-exploited-%d", n+1)
				p.known[id] = p.from.AddDate(0, 0, e.Day)
				p.releases[i].CVEs = slices.Concat(r.CVEs, []policy.CVE{{ID: id, Exploited: true}})
			}
		}
	}
	return nil
}

// learn takes up what becomes known to be exploited on a day.
func (r *replay) learn(now time.Time) {
	for _, release := range r.past.releases {
		known := func(c policy.CVE) bool { return r.past.known[c.ID].Equal(now) }
		if slices.ContainsFunc(release.CVEs, known) {
			r.parts.Releases = r.past.exploitedAt(now)
			r.changed()
			r.ahead.note(Event{Kind: EventExploited, Release: release.Version})
		}
	}
}

// lane reports whether two people use the emergency lane.
func (w Way) lane() bool {
	off := w.Policy != nil && w.Policy.Urgent.Off
	return (w.Strategy == Emergency || w.Lane) && !off
}

// takesUp reports whether a tester with a test under way turns to a newer
// release. The gates are those of the two.
func (w Way) takesUp(under, newer policy.Gate) bool {
	if w.Strategy == Restart {
		return true
	}
	return w.lane() && slices.ContainsFunc(newer.Exploited, func(cve string) bool { return !slices.Contains(under.Exploited, cve) })
}

// hurry lets two people approve by the emergency lane what it is open for. In a
// forecast the second signs some hours after the first, who does as soon as the
// lane opens.
func (r *replay) hurry(now time.Time) {
	if !r.way.lane() {
		return
	}
	for _, g := range r.gates(now) {
		verified := policy.Approvable(g) == nil
		if policy.LaneOpen(g) != nil || verified && r.way.Policy == nil {
			r.ahead.unsign(g.Release)
			continue
		}
		if !r.ahead.signed(g.Release, now, time.Duration(r.way.SignHours)*time.Hour) {
			continue
		}
		u := g.Urgent
		a := policy.Approval{
			ID: g.Release, Group: r.group, Release: g.Release, By: "approver", At: now, Models: u.Models, Floors: u.Floors, Verdicts: u.Verdicts,
			Lane: &policy.Lane{By: "approver", Second: "second approver", CVEs: u.CVEs},
		}
		if a.Waves = r.laneWaves(&a, u, now); r.ahead != nil && !r.inTime(&a, g, now) {
			r.ahead.refuse(g, r.scheduleOf(&a).LastDeadline(g))
			continue
		}
		r.ahead.note(Event{Kind: EventUrgent, Release: g.Release, At: r.clock(now)})
		r.give(a, now)
	}
}

// laneWaves returns the waves of an approval by the emergency lane, planned as the
// server does.
func (r *replay) laneWaves(a *policy.Approval, u *policy.Urgency, now time.Time) []policy.Wave {
	within := policy.MinLaneDeadline
	if s := r.way.Policy; s != nil {
		within = cmp.Or(s.Urgent.Deadline, within)
	}
	first := policy.FirstOfLane(r.waiting(a, policy.Wave{UpTo: u.Levels()[0]}))
	return u.Waves(first, now, within, r.scheduleOf(a))
}

// signed reports whether both people signed a release that the emergency lane is
// open for. The first does when it opens.
func (a *ahead) signed(release string, now time.Time, between time.Duration) bool {
	if a == nil {
		return true
	}
	due, ok := a.signing[release]
	if !ok {
		due = now.Add(between)
		a.signing[release] = due
	}
	return !now.Before(due)
}

// unsign ends a proposal whose lane closed.
func (a *ahead) unsign(release string) {
	if a != nil {
		delete(a.signing, release)
	}
}

// waits reports whether a second signature is awaited.
func (a *ahead) waits(release string) bool {
	if a == nil {
		return false
	}
	_, ok := a.signing[release]
	return ok
}

// signatures returns when second signatures are due.
func (a *ahead) signatures() map[string]time.Time {
	if a == nil {
		return nil
	}
	return a.signing
}
