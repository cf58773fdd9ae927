package fleet

import (
	"cmp"
	"slices"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
)

// AppsByHand are the apps that somebody has to update on production phones before a
// rollout can begin there, in whatever wave they are.
type AppsByHand struct {
	Phones int         `json:"phones"` // one that needs two apps counts once
	Apps   []AppByHand `json:"apps"`
}

// AppByHand is one of them.
type AppByHand struct {
	BundleID  string   `json:"bundle_id"`
	Floor     string   `json:"floor"`     // lowest version that will do
	Installed []string `json:"installed"` // versions on these phones, oldest first
	Phones    int      `json:"phones"`
}

// appsByHand returns what has to be updated by hand for a release in the world of a
// snapshot, nil for nothing.
func (f *Fleet) appsByHand(w *worldState, s *snapshot, group, release string) *AppsByHand {
	var v AppsByHand
	now := f.now()
	for l := range w.census.eachLook() {
		if l.phone.Group != group || !inProduction(member{look: l}) {
			continue
		}
		apps := policy.AppsByHand(s.policy, factsOf(s, &l.phone), release, now)
		for _, a := range apps {
			v.add(a, l.count)
		}
		if len(apps) > 0 {
			v.Phones += l.count
		}
	}
	if v.Phones == 0 {
		return nil
	}
	slices.SortFunc(v.Apps, func(a, b AppByHand) int {
		return cmp.Or(cmp.Compare(a.BundleID, b.BundleID), cmp.Compare(a.Floor, b.Floor))
	})
	for _, a := range v.Apps {
		slices.SortFunc(a.Installed, version.Order)
	}
	return &v
}

// add counts phones that need an app.
func (v *AppsByHand) add(app policy.AppInstall, phones int) {
	i := slices.IndexFunc(v.Apps, func(a AppByHand) bool { return a.BundleID == app.BundleID && a.Floor == app.Floor })
	if i < 0 {
		i = len(v.Apps)
		v.Apps = append(v.Apps, AppByHand{BundleID: app.BundleID, Floor: app.Floor})
	}
	one := &v.Apps[i]
	one.Phones += phones
	if !slices.Contains(one.Installed, app.Version) {
		one.Installed = append(one.Installed, app.Version)
	}
}
