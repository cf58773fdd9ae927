package policy

import (
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
)

// The steps of the emergency lane. With the most waves it can have, the last one
// starts LaneNotice and more before the shortest deadline.
const (
	// LaneNotice is what phones get at least, and no more than this is promised to
	// them: a longer notice of their group would break the promise of the lane. It
	// is the practical minimum for a download on an ordinary link plus the hour iOS
	// allows after power-on.
	LaneNotice = 4 * time.Hour
	// LaneSoak is how long each wave is watched before the next. The first one, a
	// share of the most exposed phones, installs after LaneNotice, so that two
	// hours are left to see what it does.
	LaneSoak = 6 * time.Hour
	// LaneFirst is that share, in percent.
	LaneFirst = 10

	laneLevels = 2 // that have waves of their own, beside all other phones
)

// Notice returns what a phone that follows the approval gets at least, when its
// group sets a notice; zero or less: DefaultMinimumNotice.
func (a *Approval) Notice(set time.Duration) time.Duration {
	n := notice(set, DefaultMinimumNotice)
	if a.Lane != nil {
		return min(n, LaneNotice)
	}
	return n
}

// Levels returns for whom the lane has waves of their own, the most exposed
// first: the versions, one of each branch, up to which phones lack as many fixes of exploited
// flaws as that. A version lacks what newer ones of its branch lack, and more.
func (u *Urgency) Levels() [][]string {
	var levels [][]string
	for i, v := range u.From {
		if i > 0 && len(v.CVEs) == len(u.From[i-1].CVEs) {
			continue
		}
		if len(levels) == laneLevels {
			break
		}
		levels = append(levels, newestPerBranch(u.From, len(v.CVEs)))
	}
	return levels
}

// newestPerBranch returns the newest version of each branch that lacks at least so
// many fixes, sorted.
func newestPerBranch(list []UrgentVersion, flaws int) []string {
	newest := map[int]string{}
	for _, v := range list {
		branch := version.Major(v.Version)
		if len(v.CVEs) >= flaws && (newest[branch] == "" || version.Newer(v.Version, newest[branch])) {
			newest[branch] = v.Version
		}
	}
	var out []string
	for _, v := range newest {
		out = append(out, v)
	}
	slices.SortFunc(out, version.Order)
	return out
}

// Waves returns the waves of an approval by the emergency lane that begins at
// start: a first share of the most exposed phones, those whose buckets are below
// first, the rest of them, the next level if there is one, and all other phones.
// The last deadline is within after start; the one of the first wave is LaneNotice
// after it.
func (u *Urgency) Waves(first uint32, start time.Time, within time.Duration, s Schedule) []Wave {
	waves := spread(u.shares(first), start, within)
	if len(waves) > 1 {
		waves[0].Within = LaneNotice
	}
	waves = s.Plan(waves)
	waves[0].Waits = false
	return waves
}

// FirstOfLane returns the threshold of the lane's first wave, by the buckets of
// the most exposed phones, sorted. Without any there is no such wave.
func FirstOfLane(exposed []uint32) uint32 {
	if len(exposed) == 0 {
		return Buckets
	}
	return WaveShare{Percent: LaneFirst}.threshold(exposed)
}

// shares returns for whom each wave is, without dates.
func (u *Urgency) shares(first uint32) []Wave {
	levels := u.Levels()
	if len(levels) == 0 {
		return []Wave{{Threshold: Buckets}}
	}
	all := levels[len(levels)-1]
	others := u.Others > 0 || slices.ContainsFunc(u.From, func(v UrgentVersion) bool { return !(Wave{UpTo: all}).Takes(v.Version) })
	var waves []Wave
	for i, upTo := range levels {
		if i == 0 && first < Buckets {
			waves = append(waves, Wave{UpTo: upTo, Threshold: first})
		}
		if others || i+1 < len(levels) {
			waves = append(waves, Wave{UpTo: upTo, Threshold: Buckets})
		}
	}
	return append(waves, Wave{Threshold: Buckets})
}

// spread plans waves from start on, one after another, so that the last deadline is
// within after start.
func spread(waves []Wave, start time.Time, within time.Duration) []Wave {
	last := time.Duration(len(waves)-1) * LaneSoak
	for i := range waves {
		w := &waves[i]
		w.Waits, w.Planned, w.Within = true, start.Add(time.Duration(i)*LaneSoak), within-last
	}
	return waves
}

// compareTaken orders waves that start together by whom they are for: those for
// all versions come last.
func compareTaken(a, b Wave) int {
	switch {
	case len(a.UpTo) == 0 && len(b.UpTo) == 0:
		return 0
	case len(a.UpTo) == 0:
		return 1
	case len(b.UpTo) == 0:
		return -1
	default:
		return strings.Compare(strings.Join(a.UpTo, " "), strings.Join(b.UpTo, " "))
	}
}
