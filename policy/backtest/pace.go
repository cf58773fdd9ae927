package backtest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
)

// PaceDays is how far back the year lies whose releases [Pace] repeats: whole
// weeks, because Apple keeps to days of the week.
const PaceDays = 364

// Pace returns the releases to expect after today for so many days if Apple does
// what it did a year before, in the order of posting. What was a patch then is a
// patch, what was an upgrade is one, and so on, each with the number that follows the newest of
// its branch, so that none has the name of a release that is known. They fix
// as many CVEs, and exploited ones, as those of the year before, under names of their own.
// Releases of a branch that was an older one already on the first day are left out.
func Pace(known []policy.Release, today time.Time, days int) []policy.Release {
	midnight := today.UTC().Truncate(24 * time.Hour)
	var then []policy.Release // a year before, in the order of posting
	past, newest := 0, 0
	for _, r := range known {
		if !ordinary(r) {
			continue
		}
		shifted := firstPosted(r).AddDate(0, 0, PaceDays)
		switch {
		case !shifted.After(midnight):
			past = max(past, version.Major(r.Version))
		case !shifted.After(midnight.AddDate(0, 0, days)):
			then = append(then, r)
		}
		newest = max(newest, version.Major(r.Version))
	}
	slices.SortStableFunc(then, func(a, b policy.Release) int {
		if c := firstPosted(a).Compare(firstPosted(b)); c != 0 {
			return c
		}
		return version.Order(a.Version, b.Version)
	})
	var out []policy.Release
	branches := map[int]int{past: newest} // of today, by that of the year before; Apple leaves numbers out
	for _, r := range then {
		major := version.Major(r.Version)
		if major > past && branches[major] == 0 {
			branches[major] = newest + len(branches)
		}
		if branch := branches[major]; branch > 0 {
			out = append(out, repeat(r, branch, known, out))
		}
	}
	return out
}

// ordinary reports whether a release is one of Apple's that phones are updated to.
func ordinary(r policy.Release) bool {
	return !r.Synthetic && r.Class != policy.ClassImprovement && version.Valid(r.Version) && !firstPosted(r).IsZero()
}

// firstPosted returns the earliest posting of a release, zero when unknown.
func firstPosted(r policy.Release) time.Time {
	var first time.Time
	for _, w := range r.Models {
		if first.IsZero() || !w.Posted.IsZero() && w.Posted.Before(first) {
			first = w.Posted
		}
	}
	return first
}

// repeat returns a release like one of a year before in a branch of today.
func repeat(r policy.Release, branch int, known, before []policy.Release) policy.Release {
	all := slices.Concat(known, before)
	next := policy.Release{Version: following(r, branch, all), Class: r.Class}
	shift := func(t time.Time) time.Time {
		if t.IsZero() {
			return t
		}
		return t.AddDate(0, 0, PaceDays)
	}
	for _, model := range modelsOf(branch, all) {
		w, had := window(r, model)
		switch {
		case had:
		case slices.Contains(modelsIn(version.Major(r.Version), known), model):
			continue // it was left out then
		default:
			w = r.Models[0]
		}
		next.Models = append(next.Models, policy.ModelWindow{Model: model, Posted: shift(w.Posted), LeftPublic: shift(w.LeftPublic), Expires: shift(w.Expires)})
	}
	for i, c := range r.CVEs {
		next.CVEs = append(next.CVEs, policy.CVE{ID: fmt.Sprintf("assumed-%s-%d", next.Version, i+1), Exploited: c.Exploited})
	}
	return next
}

// following returns the number of the next release of a branch that is an
// upgrade, an update or a patch, as r was.
func following(r policy.Release, branch int, all []policy.Release) string {
	newest := ""
	for _, o := range all {
		if version.Valid(o.Version) && version.Major(o.Version) == branch && (newest == "" || version.Newer(o.Version, newest)) {
			newest = version.Base(o.Version)
		}
	}
	if newest == "" {
		return strconv.Itoa(branch) + ".0"
	}
	numbers := strings.Split(newest, ".")
	for len(numbers) < 3 {
		numbers = append(numbers, "0")
	}
	minor, _ := strconv.Atoi(numbers[1]) // it is a version
	patch, _ := strconv.Atoi(numbers[2])
	if version.Depth(r.Version) > 2 { // x.y.z
		return fmt.Sprintf("%d.%d.%d", branch, minor, patch+1)
	}
	return fmt.Sprintf("%d.%d", branch, minor+1)
}

// modelsOf returns the models that a release of a branch is for: those that
// have the branch, or for a new branch those that have the newest one.
func modelsOf(branch int, all []policy.Release) []string {
	if models := modelsIn(branch, all); len(models) > 0 {
		return models
	}
	newest := 0
	for _, r := range all {
		newest = max(newest, version.Major(r.Version))
	}
	return modelsIn(newest, all)
}

// modelsIn returns the models, sorted, that some release of a branch is for.
func modelsIn(branch int, all []policy.Release) []string {
	var models []string
	for _, r := range all {
		if version.Valid(r.Version) && version.Major(r.Version) == branch {
			for _, w := range r.Models {
				models = append(models, w.Model)
			}
		}
	}
	slices.Sort(models)
	return slices.Compact(models)
}

// Expected returns a release that somebody expects, posted on a day, as midnight
// UTC, for all models that have its branch. Nothing is known of what it fixes.
func Expected(name string, on time.Time, known []policy.Release) policy.Release {
	r := policy.Release{Version: name}
	for _, model := range modelsOf(version.Major(name), known) {
		r.Models = append(r.Models, policy.ModelWindow{Model: model, Posted: on})
	}
	return r
}
