package policy

import (
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
)

// LanePromise is how long the promise of an emergency lane outlives its last deadline.
// A phone that comes later is told what was approved after it in the ordinary way.
const LanePromise = 30 * 24 * time.Hour

// InLane reports whether the approval with an ID came by the emergency lane and goes on for
// a production phone that lacks its release: nothing stops it, and no other approval took
// its waves over.
func InLane(w *World, f Facts, id string, now time.Time) bool {
	now = w.halt.time(now)
	g := w.groups[f.Group]
	if g == nil {
		return false
	}
	f = w.Counted(f)
	c := choice{w: w, g: g, f: &f, now: now}
	return slices.ContainsFunc(g.approvals, func(a approvalOf) bool {
		return a.ID == id && a.Lane != nil && version.Newer(a.Release, f.OSVersion) && c.promises(a) && !c.leftOver(a)
	})
}

// promised returns what a newer approval asks of the phone, with no later deadline than
// the emergency lane promised it: a lane that goes on, for an older release that the phone
// does not have either, while the phone lacks the fix of an exploited flaw that it brings.
func (c choice) promised(e Enforcement) Enforcement {
	for _, a := range c.g.approvals {
		if sooner := c.promise(a, e); sooner != "" {
			e.Deadline, e.Notice, e.Urgent = sooner, min(e.Notice, a.Notice(c.g.MinimumNotice)), true
			e.Hurried = latest(e.Hurried, a.decided())
		}
	}
	return e
}

// promise returns the deadline that an approval by the lane promised the phone, "" where
// it does not come before what a newer approval asks, or is not promised any more.
func (c choice) promise(a approvalOf, e Enforcement) LocalTime {
	if a.Lane == nil || !version.Newer(e.Release, a.Release) || !version.Newer(a.Release, c.f.OSVersion) || c.lapsed(a.Approval) || !c.promises(a) {
		return ""
	}
	w, i := a.wave(c.f)
	if i == 0 || w.Deadline == "" || w.Deadline.Compare(e.Deadline) >= 0 || !c.lacks(a) {
		return ""
	}
	return w.Deadline
}

// LaneKeeps returns the deadline that the emergency lane of an older release promised a
// production phone and goes on to promise, where it comes before the one that the approval
// with an ID asks of the phone in its wave, begun or not; and the release of that lane. Both
// are "" elsewhere.
func LaneKeeps(w *World, f Facts, id string, now time.Time) (deadline LocalTime, release string) {
	now = w.halt.time(now)
	g := w.groups[f.Group]
	if g == nil {
		return "", ""
	}
	f = w.Counted(f)
	c := choice{w: w, g: g, f: &f, now: now}
	i := slices.IndexFunc(g.approvals, func(a approvalOf) bool { return a.ID == id })
	if i < 0 {
		return "", ""
	}
	e := c.follow(g.approvals[i].Approval)
	for _, a := range g.approvals {
		if sooner := c.promise(a, e); sooner != "" {
			e.Deadline, deadline, release = sooner, sooner, a.Release
		}
	}
	return deadline, release
}

// lapsed reports whether the promise of a lane has ended. A few hours between the clocks
// of the phone and of the server do not matter.
func (c choice) lapsed(a *Approval) bool {
	return FormatLocal(c.now.Add(-LanePromise), time.UTC).Compare(LastDeadline(a.Waves)) > 0
}

// promises reports whether an approval by the lane stands for the phone and nothing
// stops it. That its apps are too old for it, or that its wave has not begun, breaks no
// promise.
func (c choice) promises(a approvalOf) bool {
	m, ok := a.release.windows[c.f.Model]
	if c.f.Ring == RingVerification || !ok || !m.open(c.now) || !a.covers(c.f.Model) || c.g.newest(a.Release, c.now) != a.Approval || !c.stands(a) {
		return false
	}
	phase, _ := c.g.stop(a, c.now)
	return phase == ""
}

// lacks reports whether the release of an approval closes a flaw for the phone that is
// known to be exploited by now, whether or not it was when two people took the lane.
func (c choice) lacks(a approvalOf) bool {
	upTo := a.release.windows[c.f.Model].Posted
	for _, r := range c.w.releases { // newest first
		if !version.Newer(r.Version, c.f.OSVersion) {
			return false
		}
		m, ok := r.windows[c.f.Model]
		if len(r.exploited) == 0 || r.rank > a.release.rank || !ok || m.Posted.IsZero() || m.Posted.After(upTo) {
			continue // it fixes none, or the release of the approval does not bring its fixes
		}
		if slices.ContainsFunc(r.exploited, func(v CVE) bool { return !c.fixedBefore(v.ID) }) {
			return true
		}
	}
	return false
}

// fixedBefore reports whether the phone has the fix of a flaw from its own branch,
// although a newer release names the flaw again.
func (c choice) fixedBefore(id string) bool {
	branch := version.Major(c.f.OSVersion)
	return slices.ContainsFunc(c.w.releases, func(r *release) bool {
		m, ok := r.windows[c.f.Model]
		return r.branch == branch && ok && !m.Posted.IsZero() && !m.Posted.After(c.now) && !version.Newer(r.Version, c.f.OSVersion) &&
			slices.ContainsFunc(r.exploited, func(v CVE) bool { return v.ID == id })
	})
}

// decided is when two people took the emergency lane.
func (a *Approval) decided() time.Time { return latest(a.At, a.HurriedAt()) }
