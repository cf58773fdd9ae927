package catalog

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Diff returns what changed from old to c: the versions that are new and the
// releases that differ, both newest first, and how many are the same. A change
// of marketing names alone is not reported.
func (c *Catalog) Diff(old *Catalog) (added []string, changed []Change, unchanged int) {
	for _, r := range c.releases {
		was, ok := old.Release(r.Version)
		if !ok {
			added = append(added, r.Version)
			continue
		}
		if what := r.diff(was); len(what) > 0 {
			changed = append(changed, Change{Version: r.Version, What: what})
			continue
		}
		unchanged++
	}
	return added, changed, unchanged
}

func (report *Report) fill(old, next *Catalog) {
	report.New, report.Changed, report.Unchanged = next.Diff(old)
}

func (r Release) diff(was Release) []Difference {
	var what []Difference
	if r.Synthetic != was.Synthetic {
		what = append(what, different(DiffPublished))
	}
	if r.Posted != was.Posted {
		what = append(what, different(DiffPosted, ParamDate, r.Posted.String(), ParamWas, was.Posted.String()))
	}
	if r.SecurityURL != was.SecurityURL {
		what = append(what, different(DiffSecurityPage, ParamURL, r.SecurityURL))
	}
	for _, b := range r.Builds {
		i, ok := slices.BinarySearchFunc(was.Builds, b.ID, compareBuild)
		switch {
		case !ok:
			what = append(what, different(DiffBuildAdded, ParamBuild, b.ID))
		case len(b.Models) != len(was.Builds[i].Models):
			what = append(what, different(DiffBuildModels,
				ParamBuild, b.ID, ParamCount, strconv.Itoa(len(b.Models)), ParamWas, strconv.Itoa(len(was.Builds[i].Models))))
		case b.Prerequisite != was.Builds[i].Prerequisite:
			what = append(what, different(DiffBuildOn, ParamBuild, b.ID, ParamBase, b.Prerequisite))
		}
	}
	what = append(what, r.diffModels(was)...)
	return append(what, r.diffCVEs(was)...)
}

// modelDiff is what is different about a model.
type modelDiff struct{ code, date, was string }

func (r Release) diffModels(was Release) []Difference {
	counts := map[modelDiff]int{}
	for _, f := range r.Models {
		old, ok := was.Facts(f.Model)
		if !ok {
			counts[modelDiff{code: DiffModelsAdded}]++
			continue
		}
		for _, d := range f.diff(old) {
			counts[d]++
		}
	}
	what := make([]Difference, 0, len(counts))
	for d, n := range counts {
		what = append(what, different(d.code, ParamDate, d.date, ParamWas, d.was, ParamCount, strconv.Itoa(n)))
	}
	slices.SortFunc(what, func(a, b Difference) int { return cmp.Compare(a.String(), b.String()) })
	return what
}

func (f ModelFacts) diff(old ModelFacts) []modelDiff {
	var what []modelDiff
	if f.Posted != old.Posted {
		what = append(what, modelDiff{DiffPosted, f.Posted.String(), old.Posted.String()})
	}
	if f.Listed != old.Listed || f.Inferred != old.Inferred {
		what = append(what, modelDiff{code: DiffConfirmed})
	}
	if f.LeftPublic != old.LeftPublic {
		what = append(what, left(DiffLeftPublic, DiffOfferedAgain, f.LeftPublic))
	}
	if f.LeftAssets != old.LeftAssets {
		what = append(what, left(DiffLeftAssets, DiffInstallable, f.LeftAssets))
	}
	// While Apple offers a release its printed expiry is always 90 days ahead.
	if f.PrintedExpiry != old.PrintedExpiry && !f.LeftPublic.IsZero() {
		what = append(what, modelDiff{code: DiffExpiry, date: f.PrintedExpiry.String()})
	}
	return what
}

func left(gone, back string, day Date) modelDiff {
	if day.IsZero() {
		return modelDiff{code: back}
	}
	return modelDiff{code: gone, date: day.String()}
}

func (r Release) diffCVEs(was Release) []Difference {
	var exploited, kev []string
	fresh := 0
	for _, cve := range r.CVEs {
		i, ok := slices.BinarySearchFunc(was.CVEs, cve.ID, compareCVE)
		var old CVE
		if ok {
			old = was.CVEs[i]
		} else {
			fresh++
		}
		if cve.Exploited && !old.Exploited {
			exploited = append(exploited, cve.ID)
		}
		if cve.KEV && (!old.KEV || cve.KEVAdded != old.KEVAdded) {
			kev = append(kev, cve.ID)
		}
	}
	var what []Difference
	if fresh > 0 {
		what = append(what, different(DiffCVEsAdded, ParamCount, strconv.Itoa(fresh)))
	}
	if len(exploited) > 0 {
		what = append(what, different(DiffCVEsExploited, ParamCVEs, strings.Join(exploited, ", ")))
	}
	if len(kev) > 0 {
		what = append(what, different(DiffCVEsInKEV, ParamCVEs, strings.Join(kev, ", ")))
	}
	return what
}
