package simulation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
)

// release is one that Apple publishes in a life. Days count from its start; those
// before it are negative.
type release struct {
	version string
	build   string
	posted  int
	on      string // build that it improves in the background; "": it is a release of its own
	models  []string
	pulled  int // from which day Apple lists it no more at all; never: far away
}

const never = 1 << 20

// shelf is for how many days Apple signs what it no longer offers, in most lives.
const shelf = 90

// drawReleases draws two lines of releases. Some are taken back by Apple within
// days, some are for one model only.
func drawReleases(r *rand.Rand, days int) []release {
	list := []release{
		{version: firstNew, build: "23A1", posted: -40, models: []string{modelA, modelB}, pulled: never},
		{version: firstOld, build: "19H1", posted: -40, models: []string{modelOld}, pulled: never},
	}
	minor, patch := 0, 0
	for at := 1 + r.IntN(15); at < days-quiet; at += 9 + r.IntN(24) {
		if r.IntN(2) == 0 {
			patch++
		} else {
			minor, patch = minor+1, 0
		}
		v := fmt.Sprintf("26.%d", minor)
		if patch > 0 {
			v += fmt.Sprintf(".%d", patch)
		}
		next := release{version: v, build: fmt.Sprintf("23B%d", len(list)), posted: at, models: []string{modelA, modelB}, pulled: never}
		if r.Float64() < 0.1 {
			next.models = []string{pick(r, modelA, modelB)}
		}
		if r.Float64() < 0.12 {
			next.pulled = at + 2 + r.IntN(20)
		}
		list = append(list, next)
	}
	last := 2
	for at := 5 + r.IntN(20); at < days-quiet; at += 25 + r.IntN(40) {
		list = append(list, release{version: fmt.Sprintf("15.8.%d", last), build: fmt.Sprintf("19H%d0", last), posted: at, models: []string{modelOld}, pulled: never})
		last++
	}
	return list
}

// apple knows what Apple offers on which day.
type apple struct {
	start    time.Time
	releases []release
	stops    int // on which day the older of two major versions is maintained no more
	shelf    int // for how many days it signs what it no longer offers
	improves bool
}

func (a apple) date(day int) string { return a.start.AddDate(0, 0, day).Format(time.DateOnly) }

func (a apple) find(v string) (release, bool) {
	i := slices.IndexFunc(a.releases, func(r release) bool { return r.version == v })
	if i < 0 {
		return release{}, false
	}
	return a.releases[i], true
}

func (r release) isFor(model string) bool { return slices.Contains(r.models, model) }

// listed reports whether Apple knows the release on a day and has not taken it
// back.
func (r release) listed(day int) bool { return r.posted <= day && day < r.pulled }

// offered returns what users of a model are offered on a day.
func (a apple) offered(model string, day int) (release, bool) {
	var best release
	for _, r := range a.releases {
		if r.isFor(model) && r.listed(day) && !r.improves() && (best.version == "" || version.Newer(r.version, best.version)) {
			best = r
		}
	}
	return best, best.version != ""
}

// signs returns whether a release can be installed on a model on a day, and the
// last day on which it will be as things stand.
func (a apple) signs(v, model string, day int) (last int, ok bool) {
	r, known := a.find(v)
	if !known || !r.isFor(model) || !r.listed(day) {
		return 0, false
	}
	last = day + a.shelf
	for _, next := range a.releases {
		if next.improves() && !r.improves() {
			continue // what it improves is offered on
		}
		if next.isFor(model) && next.listed(day) && version.Newer(next.version, v) && version.Major(next.version) == version.Major(v) {
			last = min(last, next.posted+a.shelf)
		}
	}
	if !a.lives(version.Major(v), model, day) {
		last = min(last, a.stops+a.shelf)
	}
	return last, day <= last
}

// list is Apple's own list (GDMF) as it is on a day.
func (a apple) list(day int) []byte {
	var public, installable []string
	for _, r := range a.releases {
		if r.improves() {
			continue
		}
		for _, model := range r.models {
			last, ok := a.signs(r.version, model, day)
			if !ok {
				continue
			}
			row := fmt.Sprintf(`{"ProductVersion":%q,"Build":%q,"PostingDate":%q,"ExpirationDate":%q,"SupportedDevices":[%q]}`,
				r.version, r.build, a.date(r.posted), a.date(last), model)
			installable = append(installable, row)
			if major := version.Major(r.version); a.newestOf(major, model, day) == r.version && a.lives(major, model, day) {
				public = append(public, row)
			}
		}
	}
	sets := fmt.Sprintf(`"PublicAssetSets":{"iOS":[%s]},"AssetSets":{"iOS":[%s]}`, strings.Join(public, ","), strings.Join(installable, ","))
	if a.improves {
		sets += fmt.Sprintf(`,"PublicBackgroundSecurityImprovements":{"iOS":[%s]}`, a.improved(day))
	}
	return []byte("{" + sets + "}")
}
