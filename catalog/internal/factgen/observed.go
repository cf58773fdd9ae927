package main

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/internal/version"
)

// shelfDays and slack: builds left Apple's list of installable releases 90 days,
// plus or minus 2, after they were last offered.
const (
	shelfDays = 90
	slack     = 2
)

// observations tell for each build when it was first and last seen in each of
// Apple's lists, from several copies a day.
type observations struct {
	From time.Time `json:"observed_from"`
	To   time.Time `json:"observed_to"`
	Rows []row     `json:"rows"`
}

type row struct {
	List        string       `json:"list"`
	Platform    string       `json:"platform"`
	Version     string       `json:"version"`
	Build       string       `json:"build"`
	Posted      catalog.Date `json:"posting_date"`
	LastSeen    time.Time    `json:"last_seen"`
	LastPrinted catalog.Date `json:"last_printed_expiration"`
	Models      int          `json:"models"` // the largest number in any copy
}

// apply adds the observations to the contents.
func (o observations) apply(contents *catalog.Contents) error {
	byVersion := map[string][]row{}
	for _, r := range o.Rows {
		if r.Platform == "iOS" {
			// "26.3.1(a)" here, "26.3.1 (a)" elsewhere.
			r.Version = strings.Replace(r.Version, "(", " (", 1)
			byVersion[r.Version] = append(byVersion[r.Version], r)
		}
	}
	for v := range byVersion {
		if !slices.ContainsFunc(contents.Releases, func(r catalog.Release) bool { return r.Version == v }) {
			contents.Releases = append(contents.Releases, catalog.Release{Version: v})
		}
	}
	infer(contents.Releases, byVersion)
	oldCopy, err := catalog.ParseDate(oldCopyDay)
	if err != nil {
		return err
	}
	for i := range contents.Releases {
		r := &contents.Releases[i]
		rows := byVersion[r.Version]
		for _, seen := range rows {
			addBuild(r, seen)
		}
		for m := range r.Models {
			o.date(&r.Models[m], *r, rows, oldCopy.AddDays(shelfDays))
		}
	}
	return nil
}

// addBuild adds a build and the posting date it was seen with.
func addBuild(r *catalog.Release, seen row) {
	if r.Posted.IsZero() || seen.Posted.Before(r.Posted) {
		r.Posted = seen.Posted
	}
	if !slices.ContainsFunc(r.Builds, func(b catalog.Build) bool { return b.ID == seen.Build }) {
		r.Builds = append(r.Builds, catalog.Build{ID: seen.Build})
	}
}

// date fills in when one model's listing changed between the copies. Rolled is
// the expiry that the older copy printed for everything still offered: it says
// nothing about the end.
func (o observations) date(f *catalog.ModelFacts, r catalog.Release, rows []row, rolled catalog.Date) {
	public, stillPublic := o.lastSeen(*f, r, rows, "PublicAssetSets")
	if left := catalog.DateOf(public.LastSeen.UTC()); public.Build != "" && !stillPublic {
		if f.LeftPublic.IsZero() || left.Before(f.LeftPublic) {
			f.LeftPublic = left
		}
	}
	assets, stillThere := o.lastSeen(*f, r, rows, "AssetSets")
	if assets.Build != "" && !stillThere {
		f.LeftAssets = catalog.DateOf(assets.LastSeen.UTC())
		// A build can stay listed for other models.
		if end := f.LeftPublic.AddDays(shelfDays); !end.IsZero() && f.LeftAssets.DaysSince(end) > slack {
			f.LeftAssets = end
		}
		if f.Inferred || f.PrintedExpiry == rolled {
			f.PrintedExpiry = assets.LastPrinted
		}
		if f.LeftPublic.IsZero() { // superseded before the observations began
			f.LeftPublic = assets.LastPrinted.AddDays(-shelfDays)
		}
	}
	for _, seen := range rows {
		if names(r, seen.Build, *f) && !f.Inferred && seen.Posted.Before(f.Posted) {
			f.Posted = seen.Posted
		}
	}
}

// lastSeen returns the row in which the model was in a list for longest, and
// whether it is there still.
func (o observations) lastSeen(f catalog.ModelFacts, r catalog.Release, rows []row, list string) (row, bool) {
	var last row
	for _, seen := range rows {
		if seen.List == list && names(r, seen.Build, f) && seen.LastSeen.After(last.LastSeen) {
			last = seen
		}
	}
	return last, !last.LastSeen.Before(o.To)
}

// names reports whether the build is known to be for the model. For inferred
// models no build is known better than another.
func names(r catalog.Release, build string, f catalog.ModelFacts) bool {
	if f.Inferred {
		return true
	}
	return slices.ContainsFunc(r.Builds, func(b catalog.Build) bool {
		return b.ID == build && slices.Contains(b.Models, f.Model)
	})
}

// infer gives models to releases whose own list no copy shows, from releases of
// the same major version whose list is known, and marks them as inferred:
//
//   - a build seen while it was offered has a reliable number of models: take the
//     smallest known list that is not shorter;
//   - otherwise take the longest known list, if it is not shorter than a number
//     seen for this or a newer release of that major version.
//
// So iOS 18.0 to 18.7.2 get the 88 models of 18.7.7, 26.0 to 26.1 the 90 of 26.2.
// 17.7.2 and older had more models than any known list: they stay without.
func infer(releases []catalog.Release, seen map[string][]row) {
	slices.SortFunc(releases, func(a, b catalog.Release) int { return version.Order(b.Version, a.Version) })
	known := map[int][][]string{} // major -> model lists, shortest first
	for _, r := range releases {
		if len(r.Models) > 0 {
			major := version.Major(r.Version)
			known[major] = append(known[major], models(r))
		}
	}
	for _, lists := range known {
		slices.SortStableFunc(lists, func(a, b []string) int { return cmp.Compare(len(a), len(b)) })
	}
	atLeast := map[int]int{} // major -> largest number of models so far, newest release first
	for i := range releases {
		r := &releases[i]
		lists := known[version.Major(r.Version)]
		count, offered := counted(seen[r.Version])
		major := version.Major(r.Version)
		atLeast[major] = max(atLeast[major], count)
		if len(r.Models) > 0 || len(lists) == 0 {
			continue
		}
		if !offered {
			lists, count = lists[len(lists)-1:], atLeast[major]
		}
		for _, list := range lists {
			if len(list) >= count {
				r.Models = inferred(list)
				break
			}
		}
	}
}

func models(r catalog.Release) []string {
	list := make([]string, len(r.Models))
	for i, f := range r.Models {
		list[i] = f.Model
	}
	return list
}

func inferred(list []string) []catalog.ModelFacts {
	facts := make([]catalog.ModelFacts, len(list))
	for i, m := range list {
		facts[i] = catalog.ModelFacts{Model: m, Inferred: true}
	}
	return facts
}

// counted returns the largest number of models seen for a build, and whether
// the release was seen in the public list.
func counted(rows []row) (count int, offered bool) {
	for _, r := range rows {
		count = max(count, r.Models)
		offered = offered || r.List == "PublicAssetSets"
	}
	return count, offered
}
