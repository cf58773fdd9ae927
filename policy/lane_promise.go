package policy

import (
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
)

// promised returns what a newer approval asks of the phone, with no later deadline than
// the emergency lane promised it: a lane that goes on, for an older release that the phone
// does not have either, while the phone lacks the fix of a flaw that was the reason.
func (c choice) promised(e Enforcement) Enforcement {
	for _, a := range c.g.approvals {
		if a.Lane == nil || !version.Newer(e.Release, a.Release) || !version.Newer(a.Release, c.f.OSVersion) || !c.promises(a) {
			continue
		}
		w, i := a.wave(c.f)
		if i == 0 || w.Deadline == "" || w.Deadline.Compare(e.Deadline) >= 0 || !c.lacks(a) {
			continue
		}
		e.Deadline, e.Notice, e.Urgent = w.Deadline, min(e.Notice, a.Notice(c.g.MinimumNotice)), true
		e.Hurried = latest(e.Hurried, a.decided())
	}
	return e
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

// lacks reports whether the phone lacks the fix of a flaw for which the lane was
// taken.
func (c choice) lacks(a approvalOf) bool {
	reasons := func(r *release) []CVE {
		return slices.DeleteFunc(slices.Clone(r.exploited), func(v CVE) bool { return !slices.Contains(a.Lane.CVEs, v.ID) })
	}
	return slices.ContainsFunc(c.w.findHoles(holeKey{c.f.Model, c.f.OSVersion}, c.now, reasons), func(h hole) bool {
		return slices.Contains(h.closers, a.release)
	})
}

// decided is when two people took the emergency lane.
func (a *Approval) decided() time.Time { return latest(a.At, a.HurriedAt()) }
