package fleet

import (
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// oldAppsInLane reports whether a phone should be asked for its apps at once: what it told
// before two people took the emergency lane keeps it from the release, and it may
// have brought an app up to date since. Others wait for the next time they are asked.
func (f *Fleet) oldAppsInLane(s *snapshot, p *storage.Phone) bool {
	now := f.now()
	return p.Ring == storage.RingProduction && slices.ContainsFunc(s.records.Approvals, func(a storage.Approval) bool {
		if a.Lane == nil || a.Group != p.Group || !a.WithdrawnAt.IsZero() || !version.Newer(a.Release, p.OS.Version) {
			return false
		}
		return (between(p.AppsAt, a.At, now) || between(p.AppsAt, a.Lane.HurriedAt, now)) && belowFloor(p, s.policy.Floors(a.Group, a.ID, p.Model, now)) &&
			policy.InLane(s.policy, factsOf(s, p), a.ID, now)
	})
}

// between reports whether at lies after a phone's answer and not after now. What was
// decided while the clock ran ahead lies after every answer: until the clock is there,
// the phone would be asked without end.
func between(answer, at, now time.Time) bool { return answer.Before(at) && !at.After(now) }

// belowFloor reports whether a phone told that it has an app older than what was tested.
func belowFloor(p *storage.Phone, floors []policy.Floor) bool {
	return slices.ContainsFunc(floors, func(fl policy.Floor) bool {
		i := slices.IndexFunc(p.Apps, func(app storage.InstalledApp) bool { return app.BundleID == fl.BundleID })
		return i >= 0 && !version.AtLeast(p.Apps[i].ShortVersion, fl.MinVersion)
	})
}
