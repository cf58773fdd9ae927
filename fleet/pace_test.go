package fleet_test

import (
	"slices"
	"testing"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/internal/version"
)

// catalogPace returns for how many days each release of the built-in catalogue
// was the newest, and the most days from an x.y to a patch of it that was.
func catalogPace(t *testing.T) (lives []int, reach int) {
	t.Helper()
	cat, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	type posted struct {
		version string
		on      catalog.Date
	}
	var newest []posted // in the order of posting
	releases := cat.Releases()
	slices.Reverse(releases) // oldest version first
	slices.SortStableFunc(releases, func(a, b catalog.Release) int { return a.Posted.Compare(b.Posted) })
	for _, r := range releases {
		if version.Depth(r.Version) == 0 || r.Synthetic || r.Class == "improvement" || version.Major(r.Version) < 18 {
			continue
		}
		if n := len(newest); n == 0 || version.Newer(r.Version, newest[n-1].version) {
			newest = append(newest, posted{r.Version, r.Posted})
		}
	}
	first := map[string]catalog.Date{}
	for i, r := range newest {
		if i > 0 {
			lives = append(lives, r.on.DaysSince(newest[i-1].on))
		}
		line := version.Line(r.version)
		if _, ok := first[line]; !ok {
			first[line] = r.on
		}
		reach = max(reach, r.on.DaysSince(first[line]))
	}
	return lives, reach
}
