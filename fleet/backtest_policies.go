package fleet

import (
	"slices"
	"strconv"
	"strings"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/policy/backtest"
	"github.com/kannuki-mdm/kannuki/storage"
)

// Bounds of what one back-test compares and plays.
const (
	maxBacktestPolicies = 10
	maxBrokenTimes      = 50
)

// storedPolicies returns policies as a back-test replays them with the phones of
// a group, or a *NotFoundError.
func (s *snapshot) storedPolicies(names []string, g storage.Group) ([]backtest.Stored, error) {
	if len(names) > maxBacktestPolicies {
		most := strconv.Itoa(maxBacktestPolicies)
		return nil, invalid("policy", "too-many-policies", "%d policies, want at most %s", len(names), most).with("most", most)
	}
	var out []backtest.Stored
	for _, name := range names {
		p, err := s.decided(name)
		if err != nil {
			return nil, err
		}
		out = append(out, backtest.Stored{
			Policy: enginePolicy(p), Waves: engineShares(p.Waves), Soak: p.Soak, Deadline: p.Deadline, Calendar: s.calendarOf(p), Notice: g.MinimumNotice,
		})
	}
	return out, nil
}

// brokenTimes reads times such as "26.1:10d" and "26.1@+14d:10d". Releases that are
// expected are known like those of the catalogue.
func brokenTimes(known []policy.Release, list []string) ([]backtest.Broken, error) {
	if len(list) > maxBrokenTimes {
		most := strconv.Itoa(maxBrokenTimes)
		return nil, invalid("broken", "too-many-times", "%d times, want at most %s", len(list), most).with("most", most)
	}
	var out []backtest.Broken
	for _, text := range list {
		b, ok := parseBroken(text)
		if !ok {
			return nil, invalid("broken", "not-a-broken-time", "%q: want a release and for how many days the apps do not work, at most %d, such as 26.1:10d, or 26.1@+14d:10d when they stop only 14 days after its posting", text, backtest.MaxDays).
				with("value", text, "most", strconv.Itoa(backtest.MaxDays))
		}
		if !slices.ContainsFunc(known, func(r policy.Release) bool { return version.Equal(r.Version, b.Release) }) {
			return nil, invalid("broken", "release-not-known", "%q: the catalogue has no release %q", text, b.Release).with("value", text, "release", b.Release)
		}
		out = append(out, b)
	}
	return out, nil
}

// parseBroken reads "26.1:10d" or "26.1@+14d:10d".
func parseBroken(text string) (backtest.Broken, bool) {
	when, length, _ := strings.Cut(text, ":")
	release, offset, later := strings.Cut(when, "@+")
	b := backtest.Broken{Release: release}
	var begins, lasts bool
	b.Days, lasts = wholeDays(length)
	if begins = true; later {
		b.After, begins = wholeDays(offset)
	}
	return b, begins && lasts && b.Days >= 1 && version.Valid(release)
}

// wholeDays reads "10d", up to what can be played.
func wholeDays(text string) (int, bool) {
	number, unit := strings.CutSuffix(text, "d")
	n, err := strconv.Atoi(number)
	return n, unit && err == nil && n >= 0 && n <= backtest.MaxDays
}
