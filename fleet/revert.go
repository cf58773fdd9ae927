package fleet

import (
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// wentBack returns which of the apps asked for, of those that can keep a gate
// closed, are at a lower version than the phone had or are gone: those that were
// and have not come back, and what a new list shows beside the last one.
func wentBack(s *snapshot, was []storage.Reverted, had, has []storage.InstalledApp, asked []string, now time.Time) []storage.Reverted {
	var list []storage.Reverted
	for _, r := range was {
		is, there := shortVersion(has, r.BundleID)
		if slices.Contains(asked, r.BundleID) && (!there || !version.AtLeast(is, r.From)) {
			if last, had := shortVersion(had, r.BundleID); had && (!there || version.Newer(last, is)) {
				r.At = now // it went down once more
			}
			r.Gone = !there
			list = append(list, r)
		}
	}
	for _, app := range had {
		if !slices.Contains(asked, app.BundleID) || !s.closing(app.BundleID) ||
			slices.ContainsFunc(list, func(r storage.Reverted) bool { return r.BundleID == app.BundleID }) {
			continue
		}
		is, there := shortVersion(has, app.BundleID)
		if !there || version.Newer(app.ShortVersion, is) {
			list = append(list, storage.Reverted{BundleID: app.BundleID, From: app.ShortVersion, At: now, Gone: !there})
		}
	}
	return list
}

func shortVersion(apps []storage.InstalledApp, bundleID string) (string, bool) {
	i := slices.IndexFunc(apps, func(a storage.InstalledApp) bool { return a.BundleID == bundleID })
	if i < 0 {
		return "", false
	}
	return apps[i].ShortVersion, true
}

// closing reports whether an app can keep a gate closed.
func (s *snapshot) closing(bundleID string) bool {
	a, err := s.app(bundleID)
	return err == nil && a.Importance != string(policy.ImportanceInformational)
}
