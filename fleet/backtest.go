package fleet

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/policy/backtest"
	"github.com/kannuki-mdm/kannuki/storage"
)

// What a back-test compares when it is not said, in days.
const (
	backtestSmokeDays   = 3
	backtestInstallDays = 3
	backtestYears       = 2
)

// backtestDays are the lengths of a full test compared when none is given.
func backtestDays() []int { return []int{7, 14, 21, 30} }

// maxBacktestDays is how many lengths of a full test one back-test compares.
const maxBacktestDays = 10

// BacktestQuery says which ways of testing a back-test compares, and over what
// time. Zero values stand for what is usual.
type BacktestQuery struct {
	Since       string   // a month ("2024-09") or a day; "": two years before Until
	Until       string   // the same, a month meaning its last known day; "": the last day the catalogue knows
	Days        []int    // lengths of a full test, 1 to 365, at most 10; none: 7, 14, 21, 30
	Strategies  []string // none: all, or none beside policies
	Policies    []string // that exist, replayed as they are set; at most 10, only with a group
	Broken      []string // times in which the apps do not work: "26.1:10d", from the posting of the release on
	SmokeDays   int      // 0: 3, or as long as a full test that is shorter
	InstallDays *int     // from approval to deadline, 0 to 365; nil: 3
}

// BacktestView is the outcome of a back-test.
type BacktestView struct {
	// Group is whose phones were replayed, "" for one phone of each model of
	// iPhone that can run the newest iOS.
	Group string `json:"group,omitempty"`
	backtest.Report
}

// Backtest replays the catalogue against ways of testing, with the production
// phones that the group has today; with its verification phones when it has no
// others.
func (f *Fleet) Backtest(seg storage.Segment, group string, q BacktestQuery) (BacktestView, error) {
	w, err := f.world(seg)
	if err != nil {
		return BacktestView{}, err
	}
	s := w.current.Load()
	g, err := s.group(group)
	if err != nil {
		return BacktestView{}, err
	}
	rings := map[policy.Ring][]backtest.Phones{}
	for _, c := range w.census.counted(f.now())[group] {
		rings[c.Ring] = append(rings[c.Ring], backtest.Phones{Model: c.Model, Count: c.Count})
	}
	phones := rings[policy.RingProduction]
	if len(phones) == 0 {
		phones = rings[policy.RingVerification]
	}
	if len(phones) == 0 {
		return BacktestView{}, invalid("group", "group-without-phones", "group %s has no phones to replay; leave the group out to replay one phone of each model", group).with("group", group)
	}
	stored, err := s.storedPolicies(q.Policies, g)
	if err != nil {
		return BacktestView{}, err
	}
	decided, err := s.decided(policyName(g))
	if err != nil {
		return BacktestView{}, err
	}
	report, err := replay(s.catalog, q, stored, backtest.History{Phones: phones, ModelClass: policy.ModelClass(decided.ModelClass)})
	return BacktestView{Group: group, Report: report}, err
}

// BacktestCatalog replays a catalogue against ways of testing, with one phone of
// each model of iPhone that can run the newest iOS.
func BacktestCatalog(cat *catalog.Catalog, q BacktestQuery) (BacktestView, error) {
	if len(q.Policies) > 0 {
		return BacktestView{}, invalid("policy", "policy-without-group", "a policy is replayed for a group; name the group too")
	}
	h := backtest.History{}
	newest := 0
	counted := map[string]bool{}
	for _, r := range cat.Releases() {
		newest = max(newest, version.Major(r.Version)) // the first has it
		for _, m := range r.Models {
			if version.Major(r.Version) == newest && strings.HasPrefix(m.Model, "iPhone") && !counted[m.Model] {
				counted[m.Model] = true
				h.Phones = append(h.Phones, backtest.Phones{Model: m.Model, Count: 1})
			}
		}
	}
	report, err := replay(cat, q, nil, h)
	return BacktestView{Report: report}, err
}

// replay completes a history with what the catalogue and the query say.
func replay(cat *catalog.Catalog, q BacktestQuery, stored []backtest.Stored, h backtest.History) (backtest.Report, error) {
	h.Releases, h.Screens, h.Known = policyReleases(cat), catalog.Screens(), map[string]time.Time{}
	for _, r := range cat.Releases() {
		for _, c := range r.CVEs {
			if !c.KEVAdded.IsZero() {
				h.Known[c.ID] = dateTime(c.KEVAdded)
			}
		}
	}
	if err := q.period(&h, lastDay(cat)); err != nil {
		return backtest.Report{}, err
	}
	var err error
	if h.Broken, err = brokenTimes(h.Releases, q.Broken); err != nil {
		return backtest.Report{}, err
	}
	ways, err := q.ways(stored)
	if err != nil {
		return backtest.Report{}, err
	}
	report, err := backtest.Replay(h, ways)
	switch {
	case errors.Is(err, backtest.ErrNoRelease):
		err = invalid("since", "no-release-to-replay", "no release for these phones was posted from %s to %s", h.Since.Format(time.DateOnly), h.Until.Format(time.DateOnly)).
			with("since", h.Since.Format(time.DateOnly), "until", h.Until.Format(time.DateOnly))
	case errors.Is(err, backtest.ErrDays):
		err = invalid("days", "way-out-of-range", "%v", err).with("detail", err.Error())
	}
	return report, err
}

// lastDay returns the day up to which the catalogue knows what Apple posted:
// that of its newest source, or of its newest release.
func lastDay(cat *catalog.Catalog) time.Time {
	var last catalog.Date
	for _, s := range cat.Sources() {
		if d := catalog.DateOf(s.FetchedAt); d.After(last) {
			last = d
		}
	}
	for _, r := range cat.Releases() {
		if r.Posted.After(last) && !r.Synthetic {
			last = r.Posted
		}
	}
	return dateTime(last)
}

// period reads from when until when a history is replayed.
func (q BacktestQuery) period(h *backtest.History, last time.Time) error {
	h.Until = last
	if q.Until != "" {
		until, month, err := monthOrDay("until", q.Until)
		if err != nil {
			return err
		}
		if h.Until = until; month && !until.After(last) { // the last month may have begun only
			h.Until = earliest(until.AddDate(0, 1, -1), last)
		}
	}
	if h.Until.After(last) {
		return invalid("until", "after-the-catalogue", "%q: the catalogue knows what Apple posted up to %s", q.Until, last.Format(time.DateOnly)).
			with("value", q.Until, "last", last.Format(time.DateOnly))
	}
	h.Since = h.Until.AddDate(-backtestYears, 0, 0)
	if q.Since != "" {
		since, _, err := monthOrDay("since", q.Since)
		if err != nil {
			return err
		}
		h.Since = since
	}
	return nil
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// monthOrDay reads "2024-09" as the first day of the month, or "2024-09-16".
func monthOrDay(field, text string) (day time.Time, month bool, err error) {
	if day, err = time.Parse("2006-01", text); err == nil {
		return day, true, nil
	}
	if day, err = time.Parse(time.DateOnly, text); err == nil {
		return day, false, nil
	}
	return day, false, invalid(field, "not-a-month-or-day", "%q: want a month such as 2024-09 or a day such as 2024-09-16", text).with("value", text)
}

// ways returns each strategy, and then each policy, with each length of a full
// test.
func (q BacktestQuery) ways(stored []backtest.Stored) ([]backtest.Way, error) {
	if len(q.Days) == 0 {
		q.Days = backtestDays()
	}
	if len(q.Days) > maxBacktestDays {
		return nil, invalid("days", "too-many-lengths", "%d lengths of a test, want at most %d", len(q.Days), maxBacktestDays).with("most", strconv.Itoa(maxBacktestDays))
	}
	strategies := backtest.Strategies()
	if len(q.Strategies) > 0 || len(stored) > 0 {
		strategies = nil
	}
	for _, name := range q.Strategies {
		s, err := backtest.ParseStrategy(name)
		if err != nil {
			return nil, notOneOf("strategy", name, strategyNames())
		}
		if !slices.Contains(strategies, s) {
			strategies = append(strategies, s)
		}
	}
	install := backtestInstallDays
	if q.InstallDays != nil {
		install = *q.InstallDays
	}
	var ways []backtest.Way
	for i, days := range q.Days {
		if slices.Contains(q.Days[:i], days) {
			continue
		}
		smoke := min(backtestSmokeDays, days)
		if q.SmokeDays != 0 {
			smoke = q.SmokeDays
		}
		for _, s := range strategies {
			ways = append(ways, backtest.Way{Strategy: s, TestDays: days, SmokeDays: smoke, InstallDays: install})
		}
		for _, p := range stored {
			w := backtest.Way{Strategy: backtest.Finish, TestDays: days, SmokeDays: smoke, InstallDays: install, Policy: &p, Lane: true}
			if p.CarryOver {
				w.Strategy = backtest.CarryOver
			}
			ways = append(ways, w)
		}
	}
	return ways, nil
}

func strategyNames() string {
	var names []string
	for _, s := range backtest.Strategies() {
		names = append(names, string(s))
	}
	return strings.Join(names, ", ")
}
