package fleet

import (
	"slices"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/storage"
)

// oldAppsInLane reports whether a phone should be asked for its apps at once: what it told
// before two people took the emergency lane keeps it from the release, and it may
// have brought an app up to date since. Others wait for the next time they are asked.
func oldAppsInLane(s *snapshot, p *storage.Phone) bool {
	return p.Ring == storage.RingProduction && slices.ContainsFunc(s.records.Approvals, func(a storage.Approval) bool {
		if a.Lane == nil || a.Group != p.Group || !a.WithdrawnAt.IsZero() || !version.Newer(a.Release, p.OS.Version) {
			return false
		}
		return (p.AppsAt.Before(a.At) || p.AppsAt.Before(a.Lane.HurriedAt)) && belowFloor(p, a.Floors)
	})
}

// belowFloor reports whether a phone told that it has an app older than what was tested.
func belowFloor(p *storage.Phone, floors []storage.Floor) bool {
	return slices.ContainsFunc(floors, func(fl storage.Floor) bool {
		i := slices.IndexFunc(p.Apps, func(app storage.InstalledApp) bool { return app.BundleID == fl.BundleID })
		return i >= 0 && !version.AtLeast(p.Apps[i].ShortVersion, fl.Version)
	})
}
