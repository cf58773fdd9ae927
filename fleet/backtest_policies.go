package fleet

import (
	"strconv"
	"strings"

	"github.com/kannuki-mdm/kannuki/catalog"
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
			Policy: enginePolicy(p), Waves: p.Waves, Soak: p.Soak, Deadline: p.Deadline, Calendar: s.calendarOf(p), Notice: g.MinimumNotice,
		})
	}
	return out, nil
}

// brokenTimes reads times such as "26.1:10d".
func brokenTimes(cat *catalog.Catalog, list []string) ([]backtest.Broken, error) {
	if len(list) > maxBrokenTimes {
		most := strconv.Itoa(maxBrokenTimes)
		return nil, invalid("broken", "too-many-times", "%d times, want at most %s", len(list), most).with("most", most)
	}
	var out []backtest.Broken
	for _, text := range list {
		release, length, _ := strings.Cut(text, ":")
		number, ok := strings.CutSuffix(length, "d")
		days, err := strconv.Atoi(number)
		if !ok || err != nil || days < 1 || days > backtest.MaxDays {
			return nil, invalid("broken", "not-a-broken-time", "%q: want a release and for how many days the apps do not work, at most %d, such as 26.1:10d", text, backtest.MaxDays).
				with("value", text, "most", strconv.Itoa(backtest.MaxDays))
		}
		if _, ok := cat.Release(release); !ok {
			return nil, invalid("broken", "release-not-known", "%q: the catalogue has no release %q", text, release).with("value", text, "release", release)
		}
		out = append(out, backtest.Broken{Release: release, Days: days})
	}
	return out, nil
}
