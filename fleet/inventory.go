package fleet

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/storage"
)

const (
	requestInformation = "DeviceInformation"
	requestApps        = "InstalledApplicationList"
)

// inventoryEvery is how old a phone's answer may get before it is asked again,
// unless the options say otherwise.
const inventoryEvery = 24 * time.Hour

// informationQueries is the least that update policy needs. Everything Apple
// offers beside it is about people or their accounts and is never asked for.
func informationQueries() []string {
	return []string{
		"UDID", "SerialNumber", "OSVersion", "BuildVersion", "SupplementalBuildVersion", "SupplementalOSVersionExtra",
		"ProductName", "IsSupervised", "AvailableDeviceCapacity", "BatteryLevel", "TimeZone",
	}
}

// appItemsFrom is the first iOS that can be asked for some values of an app
// only; older ones send what they have (Apple, Device Management,
// InstalledApplicationList).
const appItemsFrom = "14.0"

// appItems are the values asked for each business app, nil where a phone cannot
// be asked for some.
func appItems(p *storage.Phone) []string {
	if !version.AtLeast(p.OS.Version, appItemsFrom) {
		return nil
	}
	return []string{"Identifier", "ShortVersion", "Version", "ExternalVersionIdentifier"}
}

// informationID names the request that the phone's next answer belongs to: a
// new one begins when an answer was stored.
func informationID(p *storage.Phone) string {
	return commandID(p, "information", strconv.FormatInt(p.InfoAt.UnixMicro(), 10))
}

// appsID names the request for the versions of just these apps: an answer to
// another question, asked for another group or before the group changed, is
// never taken for this one's.
func appsID(p *storage.Phone, bundleIDs []string) string {
	return commandID(p, "apps", strconv.FormatInt(p.AppsAt.UnixMicro(), 10)+" "+strings.Join(bundleIDs, " "))
}

// groupApps returns the bundle identifiers of the phone's group, sorted; nobody
// may change them. An ungrouped phone is asked for no apps at all.
func groupApps(s *snapshot, group string) []string { return s.apps[group] }

// stale reports whether an answer must be asked for again: it is old, or of a clock
// that ran ahead.
func (f *Fleet) stale(at time.Time) bool {
	now := f.now()
	return at.IsZero() || at.After(now) || now.Sub(at) >= f.o.InventoryEvery
}

// appsDue returns what the phone should be asked for, and whether it should be
// asked now. A phone that refused is left alone for as long as one that
// answered.
func (f *Fleet) appsDue(s *snapshot, p *storage.Phone) (bundleIDs []string, due bool) {
	bundleIDs = groupApps(s, p.Group)
	if len(bundleIDs) == 0 || !f.stale(p.AppsNo) {
		return bundleIDs, false
	}
	return bundleIDs, f.stale(p.AppsAt) || !slices.Equal(p.AppsFor, bundleIDs) || f.appLookDue(p) || f.oldAppsInLane(s, p)
}

// inventoryDue returns the inventory request the phone should get now, if any.
func (f *Fleet) inventoryDue(w *worldState, s *session, p *storage.Phone) (*mdm.Command, kind, error) {
	if (f.stale(p.InfoAt) || s.ask && !s.fresh && !s.told) && !slices.Contains(s.offered, informationID(p)) {
		c, err := f.question(informationID(p), "", mdm.DeviceInformationCommand{Queries: informationQueries()})
		return &c, kindInformation, err
	}
	bundleIDs, due := f.appsDue(w.current.Load(), p)
	if due && !slices.Contains(s.offered, appsID(p, bundleIDs)) {
		asked := mdm.InstalledApplicationListCommand{Identifiers: bundleIDs, Items: appItems(p)}
		c, err := f.question(appsID(p, bundleIDs), strings.Join(asked.Items, " ")+"|"+strings.Join(bundleIDs, " "), asked)
		return &c, kindApps, err
	}
	if waiting := managedDue(p); len(waiting) > 0 && !slices.Contains(s.offered, managedID(p)) {
		c, err := mdm.NewCommand(managedID(p), mdm.ManagedApplicationListCommand{Identifiers: waiting})
		return &c, kindManaged, err
	}
	return nil, kindNone, nil
}

// informed takes the answer to DeviceInformation into a phone's record. Keys
// the phone left out keep their last value: it does not tell what it may not
// tell.
func (f *Fleet) informed(t *turn, q *storage.Phone) storage.PhoneChange {
	now := f.now()
	t.fresh, t.told = false, true // the updater may run again, on another reading
	switch t.result.Status {
	case mdm.Acknowledged:
	case mdm.NotNow:
		return f.touched(q)
	default: // It will not say; asking it again before tomorrow would not help.
		q.InfoAt, q.Contact = now, now
		return storage.PhoneChange{}
	}
	info, err := t.result.DeviceInformation()
	if err != nil {
		t.misread = err
		return f.touched(q)
	}
	// Only a version that the phone named itself, just now, lets it have a command
	// that iOS 27 removed.
	t.fresh = value(info.OSVersion, "") != ""
	first := q.InfoAt.IsZero()
	q.InfoAt, q.Contact = now, now
	audit := f.setOS(t.worldState, q, value(info.OSVersion, q.OS.Version), value(info.BuildVersion, q.OS.Build))
	q.OS.SupplementalBuild = valueOrEmpty(info.SupplementalBuildVersion, q.OS.SupplementalBuild)
	had := q.OS.SupplementalExtra
	q.OS.SupplementalExtra = valueOrEmpty(info.SupplementalOSVersionExtra, q.OS.SupplementalExtra)
	q.Model = value(info.ProductName, q.Model)
	q.Serial = value(info.SerialNumber, q.Serial)
	// It keeps the last good name when it reports one that this server does not know.
	if name := value(info.TimeZone, q.TimeZone); f.zone(name) != nil {
		q.TimeZone = name
	}
	if info.IsSupervised != nil {
		q.Supervision = storage.Unsupervised
		if *info.IsSupervised {
			q.Supervision = storage.Supervised
		}
	}
	q.AvailableGB = either(info.AvailableDeviceCapacity, q.AvailableGB)
	q.Battery = either(info.BatteryLevel, q.Battery)
	audit = append(audit, f.improved(t.worldState, q, had)...)
	if first {
		audit = append(audit, f.arrived(t.worldState, q, "enrolled", f.gatesWith(t.worldState, q.Group, *q))...)
	}
	return storage.PhoneChange{Audit: audit, Notices: f.leakNotices(t.worldState, q, audit)}
}

func value(reported *string, last string) string {
	if reported == nil || *reported == "" {
		return last
	}
	return *reported
}

func either[T any](reported, last *T) *T {
	if reported == nil {
		return last
	}
	return reported
}

// listedApps takes the versions of the group's business apps into a phone's
// record, if the answer is to what the phone would be asked now. Only the apps
// asked for are kept, whatever the phone sends.
func (f *Fleet) listedApps(t *turn, q *storage.Phone, answers func(bundleIDs []string) bool) storage.PhoneChange {
	now, status := f.now(), t.result.Status
	q.Contact = now
	bundleIDs := groupApps(t.current.Load(), q.Group)
	if status == mdm.NotNow || !answers(bundleIDs) {
		return storage.PhoneChange{}
	}
	var list []mdm.InstalledApplication
	if status == mdm.Acknowledged {
		list, t.misread = t.result.InstalledApplications()
	}
	if list == nil {
		q.AppsNo = now
		spendApps(q, now)
		return storage.PhoneChange{}
	}
	apps := wanted(list, bundleIDs)
	q.Reverted = wentBack(t.current.Load(), q.Reverted, q.Apps, apps, bundleIDs, now)
	q.Apps = apps
	q.AppsAt, q.AppsFor, q.AppsNo = now, bundleIDs, time.Time{}
	q.AppUpdates = slices.DeleteFunc(q.AppUpdates, func(u storage.AppUpdate) bool { return arrivedApp(apps, u) })
	spendApps(q, now)
	return storage.PhoneChange{}
}

// wanted keeps of a phone's app list what was asked for.
func wanted(list []mdm.InstalledApplication, bundleIDs []string) []storage.InstalledApp {
	var apps []storage.InstalledApp
	for _, a := range list {
		if slices.Contains(bundleIDs, a.Identifier) {
			apps = append(apps, storage.InstalledApp{BundleID: a.Identifier, Version: a.Version, ShortVersion: a.ShortVersion})
		}
	}
	slices.SortFunc(apps, func(a, b storage.InstalledApp) int { return strings.Compare(a.BundleID, b.BundleID) })
	return apps
}
