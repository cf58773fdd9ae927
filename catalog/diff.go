package catalog

import (
	"fmt"
	"slices"
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

func (r Release) diff(was Release) []string {
	var what []string
	if r.Synthetic != was.Synthetic {
		what = append(what, "now a published release")
	}
	if r.Posted != was.Posted {
		what = append(what, fmt.Sprintf("posted %s instead of %s", r.Posted, orUnknown(was.Posted)))
	}
	if r.SecurityURL != was.SecurityURL {
		what = append(what, "security page "+r.SecurityURL)
	}
	for _, b := range r.Builds {
		i, ok := slices.BinarySearchFunc(was.Builds, b.ID, compareBuild)
		switch {
		case !ok:
			what = append(what, "build "+b.ID+" added")
		case len(b.Models) != len(was.Builds[i].Models):
			what = append(what, fmt.Sprintf("build %s for %d models instead of %d",
				b.ID, len(b.Models), len(was.Builds[i].Models)))
		case b.Prerequisite != was.Builds[i].Prerequisite:
			what = append(what, "build "+b.ID+" installs on "+b.Prerequisite)
		}
	}
	what = append(what, r.diffModels(was)...)
	return append(what, r.diffCVEs(was)...)
}

func (r Release) diffModels(was Release) []string {
	counts := map[string]int{}
	for _, f := range r.Models {
		old, ok := was.Facts(f.Model)
		if !ok {
			counts["added"]++
			continue
		}
		for _, change := range f.diff(old) {
			counts[change]++
		}
	}
	what := make([]string, 0, len(counts))
	for change, n := range counts {
		what = append(what, fmt.Sprintf("%s for %s", change, plural(n, "model")))
	}
	slices.Sort(what)
	return what
}

func (f ModelFacts) diff(old ModelFacts) []string {
	var what []string
	if f.Posted != old.Posted {
		what = append(what, fmt.Sprintf("posted %s instead of %s", f.Posted, orUnknown(old.Posted)))
	}
	if f.Listed != old.Listed || f.Inferred != old.Inferred {
		what = append(what, "confirmed by a list")
	}
	if f.LeftPublic != old.LeftPublic {
		what = append(what, left("no longer offered since", "offered again", f.LeftPublic))
	}
	if f.LeftAssets != old.LeftAssets {
		what = append(what, left("no longer installable since", "installable again", f.LeftAssets))
	}
	// While Apple offers a release its printed expiry is always 90 days ahead.
	if f.PrintedExpiry != old.PrintedExpiry && !f.LeftPublic.IsZero() {
		what = append(what, "expiry "+f.PrintedExpiry.String())
	}
	return what
}

func left(gone, back string, day Date) string {
	if day.IsZero() {
		return back
	}
	return gone + " " + day.String()
}

func (r Release) diffCVEs(was Release) []string {
	var what, exploited, kev []string
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
	if fresh > 0 {
		what = append(what, plural(fresh, "CVE")+" added")
	}
	if len(exploited) > 0 {
		what = append(what, "exploited: "+strings.Join(exploited, ", "))
	}
	if len(kev) > 0 {
		what = append(what, "in KEV: "+strings.Join(kev, ", "))
	}
	return what
}

func orUnknown(d Date) string {
	if d.IsZero() {
		return "unknown"
	}
	return d.String()
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
