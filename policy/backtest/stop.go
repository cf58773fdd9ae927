package backtest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
)

// Fault is what goes wrong on a share of the phones that install a release, until
// a person who lets the stopped rollout go on has seen to it.
type Fault struct {
	Release string
	Percent int // of the production phones that install it: 1 to 100, also over all faults of the release
	// Silent says that they install it and are not heard of any more; otherwise
	// the installation fails.
	Silent bool
}

// ErrFaults says that faults of a [Present] hit a share of the phones that is out of
// its range.
var ErrFaults = errors.New("share of the phones that a release fails on out of range")

// checkFaults refuses what cannot be played: a phone is hit by one fault of a release.
func checkFaults(list []Fault) error {
	for _, f := range list {
		if f.Percent < 1 || f.Percent > 100 {
			return fmt.Errorf("a fault of %s on %d percent of the phones, want 1 to 100: %w", f.Release, f.Percent, ErrFaults)
		}
		all := 0
		for _, other := range list {
			if version.Equal(other.Release, f.Release) {
				all += other.Percent
			}
		}
		if all > 100 {
			return fmt.Errorf("faults of %s on %d percent of the phones, want at most 100: %w", f.Release, all, ErrFaults)
		}
	}
	return nil
}

// faults counts, for each fault of a forecast, the phones that it could hit and
// those that it hit, so that the share is good to a phone over all, rounded up.
type faults struct {
	list    []Fault
	reached []int
	hit     []int
}

func newFaults(list []Fault) (faults, error) {
	if err := checkFaults(list); err != nil {
		return faults{}, err
	}
	return faults{list, make([]int, len(list)), make([]int, len(list))}, nil
}

// struck are phones that a fault hits.
type struck struct{ fault, count int }

// strike parts phones that are about to install a release into those on which
// that goes well and, apart, those that a fault, named by its index, hits.
func (f *faults) strike(release string, count int) (well int, bad []struck) {
	well = count
	for i, fault := range f.list {
		if !version.Equal(fault.Release, release) {
			continue
		}
		f.reached[i] += count
		n := min((f.reached[i]*fault.Percent+99)/100-f.hit[i], well)
		if n > 0 {
			f.hit[i] += n
			well -= n
			bad = append(bad, struck{i, n})
		}
	}
	return well, bad
}

// installs lets phones install what an approval asks of them, but for those on
// which that goes wrong.
func (r *replay) installs(p *phones, release, by string, now time.Time) {
	p.told, p.due = told{}, time.Time{}
	well, bad := p.count, []struck(nil)
	if r.ahead != nil && p.recovered != release {
		well, bad = r.ahead.faults.strike(release, p.count)
	}
	for _, b := range bad {
		hit := *p
		hit.count, hit.stretches = b.count, slices.Clone(p.stretches)
		if hit.by = by; r.ahead.faults.list[b.fault].Silent {
			hit.fell = now
			r.take(&hit, release, now)
			r.ahead.note(Event{Kind: EventInstalled, Release: release, Phones: b.count, At: r.clock(now)})
		} else {
			hit.failed = release
			r.ahead.note(Event{Kind: EventFailed, Release: release, Phones: b.count, At: r.clock(now)})
		}
		r.phones = append(r.phones, &hit)
	}
	if p.count = well; well == 0 {
		return
	}
	p.by = by
	r.take(p, release, now)
	r.ahead.note(Event{Kind: EventInstalled, Release: release, Phones: well, At: r.clock(now)})
}

// watch stops the rollouts whose phones show what the policy stops them for, and
// lets those go on that it stopped so many days ago.
func (r *replay) watch(now time.Time) {
	if r.ahead == nil || len(r.ahead.faults.list) == 0 {
		return
	}
	for i := range r.parts.Approvals {
		a := &r.parts.Approvals[i]
		if a.Group != r.group {
			continue
		}
		stopped, ours := r.ahead.stopped[a.ID]
		switch {
		case ours && !a.PausedAt.IsZero() && !now.Before(stopped.AddDate(0, 0, r.ahead.resumeDays)):
			r.resume(a, now)
		case a.PausedAt.IsZero() && a.Withdrawn.IsZero():
			r.trip(a, now)
		}
	}
}

// trip stops a rollout whose signals crossed what its policy says.
func (r *replay) trip(a *policy.Approval, now time.Time) {
	readings := r.way.Policy.Breaker.Crossed(r.signals(a, now))
	if len(readings) == 0 {
		return
	}
	switch r.gate(a.Release, now).Phase {
	case policy.PhaseRollingOut, policy.PhaseApproved, policy.PhaseSuperseded:
	default:
		return
	}
	a.PausedAt, a.PausedBy, a.Stopped = now, "kannuki", readings
	r.ahead.stopped[a.ID] = now
	r.changed()
	r.ahead.note(Event{Kind: EventStopped, Release: a.Release, Phones: readings[0].Count, Why: readings[0].Signal, Of: readings[0].Of, At: r.clock(now)})
}

// resume lets a rollout go on as a person does: the next wave waits until those
// before it have soaked anew, and what its phones showed no longer stops it. It
// is refused while an app does not work.
func (r *replay) resume(a *policy.Approval, now time.Time) {
	if len(r.gate(a.Release, now).Broken) > 0 {
		return
	}
	a.PausedAt, a.PausedBy, a.Stopped = time.Time{}, "", nil
	s := r.scheduleOf(a)
	a.Waves = s.Delay(a.Waves, s.After(now, s.Soak))
	delete(r.ahead.stopped, a.ID)
	for _, p := range r.phones {
		if p.by == a.ID && p.failed == a.Release || version.Equal(p.os, a.Release) {
			p.failed, p.fell, p.recovered = "", time.Time{}, a.Release
		}
	}
	r.changed()
	r.ahead.note(Event{Kind: EventResumed, Release: a.Release, At: r.clock(now)})
}

// signals are what the phones of a rollout show, counted as the server does. Those
// that showed it before a person let the rollout go on are well again.
func (r *replay) signals(a *policy.Approval, now time.Time) policy.Signals {
	var all policy.Signals
	if len(a.Waves) > 1 {
		all.Waves = make([]policy.Signals, len(a.Waves))
	}
	b, loc := r.way.Policy.Breaker, r.way.Policy.location()
	silence := b.Silence(r.way.Policy.Calendar, a.At.In(loc), now.In(loc))
	for _, p := range r.phones {
		if p.by != a.ID && p.told.by != a.ID {
			continue
		}
		shown := policy.Signals{Told: p.count}
		if p.failed == a.Release {
			shown.Failed = p.count
		}
		if version.Equal(p.os, a.Release) {
			shown.Installed = p.count
			if !p.fell.IsZero() && silence.Began(0, p.fell) {
				shown.Silent = p.count
			}
		}
		addSignals(&all, shown)
		if i := a.WaveOf(p.id, p.os, p.keeps); all.Waves != nil && i >= 0 {
			addSignals(&all.Waves[i], shown)
		}
	}
	return all
}

func addSignals(to *policy.Signals, shown policy.Signals) {
	to.Told += shown.Told
	to.Failed += shown.Failed
	to.Installed += shown.Installed
	to.Silent += shown.Silent
}
