package fleet

import (
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// wentBack returns which of the apps that can keep a gate closed is at a lower
// version than the phone had, nil when none is: was, for as long as that app has
// not come back, or what a new list shows beside the last one.
func wentBack(s *snapshot, was *storage.Reverted, had, has []storage.InstalledApp, now time.Time) *storage.Reverted {
	if was != nil {
		if is, ok := shortVersion(has, was.BundleID); ok && !version.AtLeast(is, was.From) {
			return was
		}
	}
	for _, app := range has {
		before, ok := shortVersion(had, app.BundleID)
		if ok && version.Newer(before, app.ShortVersion) && s.closing(app.BundleID) {
			return &storage.Reverted{BundleID: app.BundleID, From: before, At: now}
		}
	}
	return nil
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
