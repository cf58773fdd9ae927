package policy

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
)

// releaseIndex is what a [World] knows of releases. It never changes, and worlds
// share it.
type releaseIndex struct {
	releases []*release // newest first, without improvements and versions that cannot be ordered
	all      []*release // the same with improvements
	known    map[string]*release
	flaws    []string // that any release fixes, sorted: numbered for sets
}

type release struct {
	Release
	windows map[string]ModelWindow
	// rank orders the releases that can be a target: higher is newer, equal is
	// the same version. Comparing versions again and again would cost most of
	// the time of an evaluation.
	rank   int
	branch int       // first number of the version
	posted time.Time // earliest over the models, zero when unknown
	// patch says that it is an x.y.z or an improvement, and older are those before
	// it of the same x.y, newest first.
	patch bool
	older []*release
	// exploited are those of its CVEs that any release names as exploited.
	exploited []CVE
	// fixes are its CVEs, and fixesExploited those of them that it names as exploited itself.
	fixes, fixesExploited flawSet
}

func indexReleases(list []Release) *releaseIndex {
	x := &releaseIndex{known: make(map[string]*release, len(list))}
	for _, r := range sorted(list, func(a, b Release) int { return strings.Compare(a.Version, b.Version) }) {
		rel := &release{Release: r, windows: make(map[string]ModelWindow, len(r.Models))}
		rel.CVEs = slices.Clone(r.CVEs)
		rel.Models = sorted(r.Models, func(a, b ModelWindow) int { return strings.Compare(a.Model, b.Model) })
		for _, m := range rel.Models {
			rel.windows[m.Model] = m
			rel.posted = earliest(rel.posted, m.Posted)
		}
		x.known[r.Version] = rel
	}
	for _, rel := range x.known {
		if version.Valid(rel.Version) {
			x.all = append(x.all, rel)
		}
	}
	slices.SortFunc(x.all, func(a, b *release) int {
		return cmp.Or(version.Order(b.Version, a.Version), strings.Compare(a.Version, b.Version))
	})
	for i, rel := range slices.Backward(x.all) {
		rel.rank, rel.branch = len(x.all)-i, version.Major(rel.Version)
		if i+1 < len(x.all) && version.Equal(rel.Version, x.all[i+1].Version) {
			rel.rank = x.all[i+1].rank
		}
		if !rel.improvement() {
			x.releases = append(x.releases, rel)
		}
	}
	slices.Reverse(x.releases)
	linkPatches(x.all)
	markExploited(x.all)
	x.numberFlaws()
	return x
}

// linkPatches tells every patch and improvement what was before it. The releases
// are in order, so those of one x.y follow each other.
func linkPatches(releases []*release) {
	for i, rel := range releases {
		rel.patch = rel.improvement() || version.Depth(rel.Version) > depthUpdate
		line := version.Line(rel.Version)
		for _, older := range releases[i+1:] {
			if !rel.patch || version.Line(older.Version) != line {
				break
			}
			if older.rank < rel.rank {
				rel.older = append(rel.older, older)
			}
		}
	}
}

// depthUpdate is the depth of a version x.y; see version.Depth.
const depthUpdate = 2

func newestFirst(a, b *release) int {
	return cmp.Or(cmp.Compare(b.rank, a.rank), strings.Compare(a.Version, b.Version))
}
