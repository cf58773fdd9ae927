package policy

import (
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
	for i, f := range given {
		if !g.doubted[f.BundleID] {
			continue
		}
		if least := g.leastNow(a, f, now); least != f.MinVersion {
			given = slices.Clone(given) // what the approval says stays as it is
			given[i].MinVersion = least
		}
	}
	return given
}

// leastNow returns the lowest version of an app with which phones follow an approval: that of
// a floor or, for each result that speaks against it, the lowest one that takes its place.
func (g *group) leastNow(a approvalOf, f Floor, now time.Time) string {
	least, list := f.MinVersion, g.verdicts[appRelease{f.BundleID, a.Release}]
	raise := func(to string) {
		if version.Order(to, least) > 0 {
			least = to
		}
	}
	for i, v := range list {
		switch {
		case a.withdrew(v, now):
			raise(g.inPlaceOf(v, a, now))
		case v.Result == ResultBroken && v.counts(now) && !a.accepts(v) && !righted(v, list[i+1:], now) && version.AtLeast(v.AppVersion, f.MinVersion):
			raise(g.lowest(f.BundleID, a, now, func(w verdictOf) bool { return version.Newer(w.AppVersion, v.AppVersion) }))
		}
	}
	for _, older := range a.release.older {
		list := g.verdicts[appRelease{f.BundleID, older.Version}]
		for _, base := range list {
			if a.withdrew(base, now) || a.restsOn(base) && slices.ContainsFunc(list, func(b verdictOf) bool {
				return b.Result == ResultBroken && b.counts(now) && !a.accepts(b) && base.brokenBy(b)
			}) {
				raise(g.inPlaceOf(base, a, now))
			}
		}
	}
	return least
}

// withdrew reports whether a result that the approval rests on was withdrawn since.
func (a approvalOf) withdrew(v verdictOf, now time.Time) bool {
	return reached(v.RevokedAt, now) && (a.names(v) || v.RevokedAt.After(a.At)) && a.restsOn(v)
}

// inPlaceOf returns the lowest version with which an approval rests on something else than
// a result, "" for none: on its model class, or on any where there is none.
func (g *group) inPlaceOf(v verdictOf, a approvalOf, now time.Time) string {
	if own := g.lowest(v.BundleID, a, now, func(w verdictOf) bool { return w.class == v.class }); own != "" {
		return own
	}
	if carried := g.accepted(v.BundleID, a, now)[v.class]; carried != nil {
		return carried.AppVersion
	}
	return g.lowest(v.BundleID, a, now, func(verdictOf) bool { return true })
}

// lowest returns the lowest version of an app that works on the release of an approval by
// results that can stand for it, of those wanted; "" for none.
func (g *group) lowest(bundleID string, a approvalOf, now time.Time, wanted func(verdictOf) bool) string {
	least := ""
	for _, v := range g.verdicts[appRelease{bundleID, a.Release}] {
		full := v.Method != MethodSmoke || a.Lane != nil && !a.hurried()
		if v.Result != ResultBroken && v.counts(now) && full && wanted(v) && (least == "" || version.Order(v.AppVersion, least) < 0) {
			least = v.AppVersion
		}
	}
	return least
}

// righted reports whether a later result on the same model says that the app works in
// the version that a broken one is about, or in an older one.
func righted(broken verdictOf, later []verdictOf, now time.Time) bool {
	return slices.ContainsFunc(later, func(v verdictOf) bool {
		return v.Result != ResultBroken && v.Method != MethodSmoke && v.Model == broken.Model && v.counts(now) && version.AtLeast(broken.AppVersion, v.AppVersion)
	})
}
