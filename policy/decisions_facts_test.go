package policy_test

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
)

// facts are the releases that Apple published from the end of March 2025 on, for
// the models of the golden decisions, as everybody knows them today.
func facts(t *testing.T) []policy.Release {
	t.Helper()
	cat, err := catalog.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	var list []policy.Release
	for _, r := range cat.Releases() {
		rel := policy.Release{Version: r.Version, Class: string(r.Class)}
		for _, model := range []string{older, newer, ancient, oldest} {
			f, ok := r.Facts(model)
			if !ok || r.PostedFor(model).Time(time.UTC).Before(day("2025-03-31")) {
				continue
			}
			w := policy.ModelWindow{Model: model, Posted: r.PostedFor(model).Time(time.UTC)}
			if !f.LeftPublic.IsZero() {
				w.LeftPublic = f.LeftPublic.Time(time.UTC)
			}
			if end, ok := cat.ShelfLife(r.Version, model); ok {
				w.Expires = end.Time(time.UTC)
			}
			rel.Models = append(rel.Models, w)
		}
		for _, c := range r.CVEs {
			rel.CVEs = append(rel.CVEs, policy.CVE{ID: c.ID, Exploited: c.Exploited})
		}
		if len(rel.Models) > 0 {
			list = append(list, rel)
		}
	}
	return list
}

// knownAt returns releases as they were known at a moment: when one will be
// replaced, and with that when it can be installed no more, nobody knew before.
func knownAt(releases []policy.Release, at time.Time) []policy.Release {
	var list []policy.Release
	for _, r := range releases {
		var windows []policy.ModelWindow
		for _, m := range r.Models {
			if m.Posted.After(at) {
				continue
			}
			if m.LeftPublic.After(at) {
				m.LeftPublic, m.Expires = time.Time{}, time.Time{}
			}
			windows = append(windows, m)
		}
		if r.Models = windows; len(windows) > 0 {
			list = append(list, r)
		}
	}
	return list
}

// runsBefore returns what phones of a model run when the release is posted: the
// one before it that they were offered until then, or, when they never ran anything
// as old, the newest.
func (l *life) runsBefore(model string) string {
	before, newest := "", ""
	for _, r := range l.releases {
		i := slices.IndexFunc(r.Models, func(m policy.ModelWindow) bool { return m.Model == model })
		if i < 0 || !r.Models[i].Posted.Before(l.posted) || r.Class == policy.ClassImprovement {
			continue
		}
		if newest == "" || version.Newer(r.Version, newest) {
			newest = r.Version
		}
		if version.Newer(l.release.Version, r.Version) && (before == "" || version.Newer(r.Version, before)) {
			before = r.Version
		}
	}
	return cmp.Or(before, newest)
}
