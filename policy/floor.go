package policy

import (
	"cmp"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
)

// Floors returns the lowest app versions with which phones of a model follow an
// approval of this world: those that it was given with or, of an app of which a result
// that they rest on was withdrawn or found wrong since, the lowest ones that took its
// place. Such an approval goes on once a newer version works, and the older one is
// known not to, or no longer known to. None for an approval that the world does not know.
func (w *World) Floors(group, approvalID, model string, now time.Time) []Floor {
	g := w.groups[group]
	if g == nil {
		return nil
	}
	i := slices.IndexFunc(g.approvals, func(a approvalOf) bool { return a.ID == approvalID })
	if i < 0 {
		return nil
	}
	return g.floors(g.approvals[i], model, w.halt.time(now))
}

func (g *group) floors(a approvalOf, model string, now time.Time) []Floor {
	given := a.floorsFor(model)
	floors := given
	for _, app := range g.apps {
		if !g.doubted[app.BundleID] || app.Importance == ImportanceInformational {
			continue
		}
		i := slices.IndexFunc(floors, func(f Floor) bool { return f.BundleID == app.BundleID })
		was := Floor{BundleID: app.BundleID} // the approval asks for no version, as it was given before the app counted
		if i >= 0 {
			was = floors[i]
		}
		least := g.leastNow(a, was, now)
		if least == was.MinVersion {
			continue
		}
		if len(floors) == len(given) {
			floors = slices.Clone(floors) // what the approval says stays as it is
		}
		if i < 0 {
			floors = append(floors, was)
			i = len(floors) - 1
		}
		floors[i].MinVersion = least
	}
	return floors
}

// leastNow returns the lowest version of an app with which phones follow an approval: that of
// a floor or, for each result that speaks against it, the lowest one that takes its place.
func (g *group) leastNow(a approvalOf, f Floor, now time.Time) string {
	least := f.MinVersion
	raise := func(to string) {
		if to != "" && (least == "" || version.Order(to, least) > 0) {
			least = to
		}
	}
	for _, v := range g.broken(f.BundleID, a.release, a, now) {
		if !version.Newer(f.MinVersion, v.AppVersion) {
			raise(g.lowest(v, a, now, func(w verdictOf) bool { return version.Newer(w.AppVersion, v.AppVersion) }))
		}
	}
	if f.MinVersion == "" {
		return least // it rests on no result
	}
	var broken []verdictOf // on the way up to the release
	for i := -1; i < len(a.release.older); i++ {
		on := a.release
		if i >= 0 {
			on = a.release.older[i]
			broken = append(broken, g.broken(f.BundleID, on, a, now)...)
		}
		for _, v := range g.verdicts[appRelease{f.BundleID, on.Version}] {
			if a.withdrew(v, now) || i >= 0 && a.restsOn(v) && slices.ContainsFunc(broken, v.brokenBy) {
				raise(g.inPlaceOf(v, a, now))
			}
		}
	}
	return least
}

// broken returns the results of an app on a release that say of a version that it does not
// work, and that no later one on the same model put right: a newer version that works
// clears such a result, which still holds for its own.
func (g *group) broken(bundleID string, on *release, a approvalOf, now time.Time) []verdictOf {
	var found []verdictOf
	list := g.verdicts[appRelease{bundleID, on.Version}]
	for i, b := range list {
		righted := func(v verdictOf) bool {
			return v.Result != ResultBroken && v.Method != MethodSmoke && v.Model == b.Model && v.counts(now) && version.Equal(v.AppVersion, b.AppVersion)
		}
		if b.Result == ResultBroken && b.counts(now) && !a.accepts(b) && !slices.ContainsFunc(list[i+1:], righted) {
			found = append(found, b)
		}
	}
	return found
}

// withdrew reports whether a result that the approval rests on was withdrawn since.
func (a approvalOf) withdrew(v verdictOf, now time.Time) bool {
	return reached(v.RevokedAt, now) && (a.names(v) || v.RevokedAt.After(a.At)) && a.restsOn(v)
}

// inPlaceOf returns the lowest version with which an approval rests on something else than
// a result, "" for none.
func (g *group) inPlaceOf(v verdictOf, a approvalOf, now time.Time) string {
	if carried := g.accepted(v.BundleID, a, now)[v.class]; carried != nil && carried.Method == MethodSmoke {
		return carried.AppVersion
	}
	return g.lowest(v, a, now, func(verdictOf) bool { return true })
}

// lowest returns the lowest version that works on the release of an approval, by results
// that can stand for it, of those wanted: on the model class of a result or, where there
// is none, on any. It is "" for none.
func (g *group) lowest(of verdictOf, a approvalOf, now time.Time, wanted func(verdictOf) bool) string {
	least := func(list []verdictOf) string {
		found := ""
		for _, v := range list {
			if found == "" || version.Order(v.AppVersion, found) < 0 {
				found = v.AppVersion
			}
		}
		return found
	}
	var own, any []verdictOf
	for _, v := range g.verdicts[appRelease{of.BundleID, a.Release}] {
		full := v.Method != MethodSmoke || a.Lane != nil && !a.hurried()
		if v.Result == ResultBroken || !v.counts(now) || !full || !wanted(v) {
			continue
		}
		if any = append(any, v); v.class == of.class {
			own = append(own, v)
		}
	}
	return cmp.Or(least(own), least(any))
}
