package catalog

import (
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
)

const (
	// holdDays is the longest deferral a phone obeys (Apple, Device Management,
	// com.apple.configuration.softwareupdate.settings, CombinedPeriodInDays).
	holdDays = 90
	// shelfDays is how long Apple keeps a release installable after it stopped
	// being offered: 85 of 85 observed builds left 90 days (plus or minus 2) later.
	shelfDays = 90
)

// Offered returns the releases that were or will be installable on the model on
// that day, newest version first, over all branches. It includes background
// improvements, which install only on their prerequisite build.
func (c *Catalog) Offered(model string, on Date) []Release {
	var offered []Release
	for i, r := range c.releases {
		if c.installable(i, model, on) {
			offered = append(offered, r)
		}
	}
	return offered
}

// Newest returns the newest release installable on the model on that day.
// Background improvements do not count: they follow their base release.
func (c *Catalog) Newest(model string, on Date) (Release, bool) {
	for i, r := range c.releases {
		if r.Class != Improvement && c.installable(i, model, on) {
			return r, true
		}
	}
	return Release{}, false
}

// Installable reports whether the release can be installed on the model on that
// day. What Apple's list showed decides for days that a copy covers; for days
// after the newest copy the computed shelf life does.
func (c *Catalog) Installable(v, model string, on Date) bool {
	i, ok := c.find(v)
	return ok && c.installable(i, model, on)
}

func (c *Catalog) installable(i int, model string, on Date) bool {
	r := c.releases[i]
	f, ok := r.Facts(model)
	if !ok || r.PostedFor(model).IsZero() || on.Before(r.PostedFor(model)) {
		return false
	}
	if !f.LeftAssets.IsZero() {
		return on.Before(f.LeftAssets)
	}
	copied := c.listDay()
	if f.Listed && !on.After(copied) {
		return true
	}
	if end, ok := c.shelfLife(i, model); ok {
		return !on.After(end)
	}
	// Nothing has replaced it. A release that Apple's list should name by now,
	// but does not, was only announced for this model.
	return f.Listed || r.Synthetic || !copied.After(r.PostedFor(model))
}

// listDay is the day of the newest copy of Apple's list, unknown without one.
func (c *Catalog) listDay() Date {
	s, ok := c.Source(GDMF)
	if !ok {
		return Date{}
	}
	return DateOf(s.FetchedAt.UTC())
}

// SupersededBy returns the release that took the place of v for the model: the
// next newer one of the same major version that applies to it and was not
// posted before it. Background improvements supersede only each other.
func (c *Catalog) SupersededBy(v, model string) (Release, bool) {
	i, ok := c.find(v)
	if !ok {
		return Release{}, false
	}
	return c.supersededBy(i, model)
}

func (c *Catalog) supersededBy(i int, model string) (Release, bool) {
	r := c.releases[i]
	for j := i - 1; j >= 0; j-- {
		next := c.releases[j]
		if version.Major(next.Version) != version.Major(r.Version) {
			break
		}
		if next.Class == Improvement && r.Class != Improvement {
			continue
		}
		if next.AppliesTo(model) && !next.PostedFor(model).Before(r.PostedFor(model)) {
			return next, true
		}
	}
	return Release{}, false
}

// ShelfLife returns the last day on which the release can be expected to be
// installable on the model, within a day or two: the earliest of the printed
// expiry, 90 days after Apple stopped offering it (or posted its successor),
// and the day it was found gone. The second result is false while the release
// is offered and not superseded, for then Apple's printed date rolls on.
func (c *Catalog) ShelfLife(v, model string) (Date, bool) {
	i, ok := c.find(v)
	if !ok {
		return Date{}, false
	}
	return c.shelfLife(i, model)
}

func (c *Catalog) shelfLife(i int, model string) (Date, bool) {
	f, ok := c.releases[i].Facts(model)
	if !ok {
		return Date{}, false
	}
	ended := f.LeftPublic
	if ended.IsZero() {
		if next, ok := c.supersededBy(i, model); ok {
			ended = next.PostedFor(model)
		}
	}
	if ended.IsZero() && f.LeftAssets.IsZero() {
		return Date{}, false
	}
	return earliest(f.PrintedExpiry, ended.AddDays(shelfDays), f.LeftAssets), true
}

// HiddenUntil returns the first day on which a supervised phone of the model
// with the longest deferral (90 days) may show the release to its user, give or
// take a day because Apple does not say which posting date a phone counts from.
// Unknown when the release is.
func (c *Catalog) HiddenUntil(v, model string) Date {
	r, ok := c.Release(v)
	if !ok {
		return Date{}
	}
	return r.PostedFor(model).AddDays(holdDays)
}

// CVEsBetween returns the union of the CVEs of every release that is newer than
// installed, not newer than target, and for the model, sorted by id. A release
// of which no source names the models counts as well.
//
// From an older branch to a newer one the union also holds CVEs that the older
// branch had fixed already; see OpenCVEs.
func (c *Catalog) CVEsBetween(installed, target, model string) []CVE {
	return c.collect(model, func(r Release) bool {
		return version.Newer(r.Version, installed) && version.AtLeast(target, r.Version)
	})
}

// OpenCVEs returns CVEsBetween without those that installed, or an older
// release of the same major version, had fixed already.
func (c *Catalog) OpenCVEs(installed, target, model string) []CVE {
	fixed := c.collect(model, func(r Release) bool {
		return version.Major(r.Version) == version.Major(installed) && version.AtLeast(installed, r.Version)
	})
	return slices.DeleteFunc(c.CVEsBetween(installed, target, model), func(cve CVE) bool {
		_, found := slices.BinarySearchFunc(fixed, cve.ID, compareCVE)
		return found
	})
}

// FixOffered returns the day since which a release newer than installed that
// fixes the CVE has been out for the model; unknown when none has.
func (c *Catalog) FixOffered(cve, installed, model string) Date {
	var first Date
	for _, r := range c.releases {
		if !version.Newer(r.Version, installed) || !r.mayFix(model) {
			continue
		}
		if _, fixes := slices.BinarySearchFunc(r.CVEs, cve, compareCVE); fixes {
			first = earliest(first, r.PostedFor(model))
		}
	}
	return first
}

func (c *Catalog) collect(model string, want func(Release) bool) []CVE {
	found := map[string]CVE{}
	for _, r := range c.releases {
		if !r.mayFix(model) || !want(r) {
			continue
		}
		for _, cve := range r.CVEs {
			have := found[cve.ID]
			cve.Exploited = cve.Exploited || have.Exploited
			cve.KEV = cve.KEV || have.KEV
			cve.KEVAdded = earliest(cve.KEVAdded, have.KEVAdded)
			found[cve.ID] = cve
		}
	}
	union := make([]CVE, 0, len(found))
	for _, cve := range found {
		union = append(union, cve)
	}
	slices.SortFunc(union, func(a, b CVE) int { return strings.Compare(a.ID, b.ID) })
	return union
}

// Age returns how old the newest copy of a kind is at now; false when none was
// ever imported. It serves the warning about stale feeds.
func (c *Catalog) Age(kind Kind, now time.Time) (time.Duration, bool) {
	s, ok := c.Source(kind)
	if !ok {
		return 0, false
	}
	return now.Sub(s.FetchedAt), true
}
