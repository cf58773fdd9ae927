package fleet

import (
	"cmp"
	"errors"
	"fmt"
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

// What a simulation plays when it is not said, in days.
const (
	simulateDays     = 90
	simulateTestDays = 14
)

// How long people take when it is not said.
const (
	simulateSignHours  = 4
	simulateResumeDays = 3
)

// Bounds of a simulation.
const (
	maxExpected   = 50 // releases that are given
	simulateParts = 20 // in which like phones are played under a policy with waves
)

// SimulateQuery says how a group is played on. Zero values stand for what is usual.
type SimulateQuery struct {
	Days       int      // to play, 1 to 365; 0: 90
	Releases   []string // that are expected: "26.7=+5d"; none: those of the year before, again
	TestDays   int      // of a full test, 1 to 365; 0: 14
	SmokeDays  int      // of a smoke test, 1 to TestDays; 0: 3, or TestDays when that is less
	Policy     string   // to play under; "": the group's own
	Broken     []string // times in which the apps do not work, as for a back-test: "26.7:10d"
	Silent     string   // share of the production phones that nobody switches on, "20%"; "": none
	SignHours  int      // from the first to the second signature in the emergency lane, 1 to 168; 0: 4
	ResumeDays int      // until a person lets a rollout go on that stopped by itself, 1 to 365; 0: 3
	SimulateEvents
}

// SimulationView is what a group is foreseen to do.
type SimulationView struct {
	Group        string `json:"group"`
	Policy       string `json:"policy"`
	TestDays     int    `json:"test_days"`
	SmokeDays    int    `json:"smoke_days"`
	Production   int    `json:"production"`
	Verification int    `json:"verification"`
	Silent       int    `json:"silent,omitempty"` // of the production phones: nobody switches them on
	Zone         string `json:"zone"`             // whose clocks count
	// Broken are the times in which the apps do not work, as they were given.
	Broken []string `json:"broken,omitempty"`
	// SignHours is how long the second signature takes; absent without an emergency lane.
	SignHours int `json:"sign_hours,omitempty"`
	// ResumeDays is how long a stopped rollout waits; absent without a fault.
	ResumeDays     int `json:"resume_days,omitempty"`
	SimulateEvents     // as they were given
	// Assumptions are what the forecast rests on, as codes.
	Assumptions []string          `json:"assumptions"`
	Expected    []ExpectedRelease `json:"expected"` // in the order of posting
	backtest.Forecast
}

// Assumed reports whether a release repeats one of the year before.
func (v SimulationView) Assumed(release string) bool {
	return slices.ContainsFunc(v.Expected, func(e ExpectedRelease) bool { return e.Release == release && e.Assumed })
}

// ExpectedRelease is a release that is not out.
type ExpectedRelease struct {
	Release string `json:"release"`
	Posted  string `json:"posted"` // date
	// Assumed says that it repeats one of the year before; nobody gave it.
	Assumed bool `json:"assumed,omitempty"`
}

// What a forecast rests on.
const (
	AssumePace      = "pace-of-last-year" // releases come as they did a year before
	AssumeGiven     = "releases-given"    // those given and no others; what they fix is not known
	AssumeTests     = "tests"             // tests begin today, take as long as said, and everything works
	AssumeApproval  = "approval-next-day" // approved on the day after the gate could be
	AssumeBroken    = "apps-broken"       // as AssumeTests, but apps do not work at the times given
	AssumeSilent    = "phones-silent"     // as AssumePhones, but for a share that nobody switches on
	AssumeRebase    = "rebase"            // a patch of the same x.y takes over the waves that wait
	AssumePhones    = "phones-on-time"    // supervised, on, with the newest apps on record, and done on their deadline
	AssumeMajors    = "majors-left"       // major upgrades are left while the older branch lives
	AssumeWaves     = "waves-in-parts"    // like phones are played in up to twenty parts
	AssumeShelfLife = "shelf-life-known"  // a build goes when the catalogue says so
	AssumeLane      = "emergency-lane"    // two people use it as soon as it opens
	AssumeNoLane    = "no-emergency-lane" // the policy has none
	AssumeExploited = "flaws-exploited"   // become known as they were given
	AssumeFaults    = "faults"            // installations fail, and phones fall silent, as they were given
	AssumeTakenBack = "taken-back"        // Apple takes releases back as they were given
	AssumeAway      = "phones-away"       // some are off for a while, as they were given
	AssumeClock     = "time-zone"         // people act at midnight UTC; deadlines and hours are of the zone of the installation
)

// Simulate plays the production phones of a group on from today, under its policy
// or another. Nothing is written.
func (f *Fleet) Simulate(seg storage.Segment, group string, q SimulateQuery) (SimulationView, error) {
	w, err := f.world(seg)
	if err != nil {
		return SimulationView{}, err
	}
	s := w.current.Load()
	g, err := s.group(group)
	if err != nil {
		return SimulationView{}, err
	}
	if q, err = q.complete(g); err != nil {
		return SimulationView{}, err
	}
	stored, err := s.storedPolicies([]string{q.Policy}, g)
	if err != nil {
		return SimulationView{}, err
	}
	way := backtest.Way{Strategy: backtest.Finish, TestDays: q.TestDays, SmokeDays: q.SmokeDays, InstallDays: backtestInstallDays, Policy: &stored[0], Lane: true, SignHours: q.SignHours}
	if way.Policy.Location = f.o.Location; way.Policy.CarryOver {
		way.Strategy = backtest.CarryOver
	}
	now := f.now()
	p := backtest.Present{Parts: s.parts(), Group: group, Soaks: map[string]time.Duration{}, Now: now, Days: q.Days, ResumeDays: q.ResumeDays}
	for _, a := range s.records.Approvals {
		p.Soaks[a.ID] = a.Soak
	}
	p.Production, p.Testers = w.cohorts(s, group, inWaves(way.Policy))
	p.Settled = s.settled(group)
	v := SimulationView{Group: group, Policy: q.Policy, Broken: q.Broken, SimulateEvents: q.SimulateEvents, TestDays: q.TestDays, SmokeDays: q.SmokeDays, Production: phonesIn(p.Production), Verification: phonesIn(p.Testers)}
	p.Parts.Screens = catalog.Screens()
	if p.Parts.Releases, v.Expected, err = q.releases(posted(policyReleases(s.catalog), now), now); err != nil {
		return SimulationView{}, err
	}
	if p.Broken, err = brokenTimes(p.Parts.Releases, q.Broken); err != nil {
		return SimulationView{}, err
	}
	if err = q.into(&p, p.Parts.Releases); err != nil {
		return SimulationView{}, err
	}
	if p.Silent, err = parseShare("silent", q.Silent); err != nil {
		return SimulationView{}, err
	}
	v.Silent = v.Production * p.Silent / wholeGroup
	if v.Assumptions = q.assumptions(way.Policy); !way.Policy.Urgent.Off {
		v.SignHours = q.SignHours
	}
	if v.Zone = f.o.Location.String(); len(p.Faults) > 0 {
		v.ResumeDays = q.ResumeDays
	}
	v.Forecast, err = backtest.Forward(p, way)
	switch {
	case errors.Is(err, backtest.ErrNoPhones):
		err = invalid("group", "no-production-phones", "group %s has no production phones to play on", group).with("group", group)
	case errors.Is(err, backtest.ErrShares):
		err = invalid("away", "way-out-of-range", "%v", err).with("detail", err.Error())
	case errors.Is(err, backtest.ErrFaults):
		err = invalid("fails", "way-out-of-range", "%v", err).with("detail", err.Error())
	case errors.Is(err, backtest.ErrUnposted):
		err = invalid("taken_back", "way-out-of-range", "%v", err).with("detail", err.Error())
	case errors.Is(err, backtest.ErrDays):
		err = invalid("test_days", "way-out-of-range", "%v", err).with("detail", err.Error())
	}
	return v, err
}

// complete returns the query with what is usual where nothing is said.
func (q SimulateQuery) complete(g storage.Group) (SimulateQuery, error) {
	q.Days, q.TestDays = cmp.Or(q.Days, simulateDays), cmp.Or(q.TestDays, simulateTestDays)
	q.SmokeDays, q.Policy = cmp.Or(q.SmokeDays, min(backtestSmokeDays, q.TestDays)), cmp.Or(q.Policy, policyName(g))
	q.SignHours, q.ResumeDays = cmp.Or(q.SignHours, simulateSignHours), cmp.Or(q.ResumeDays, simulateResumeDays)
	if q.Days < 1 || q.Days > backtest.MaxDays { // before releases are made up for so many
		detail := fmt.Sprintf("%d days to play, want 1 to %d", q.Days, backtest.MaxDays)
		return q, invalid("days", "way-out-of-range", "%s", detail).with("detail", detail)
	}
	if err := q.checkPeople(); err != nil {
		return q, err
	}
	if q.SmokeDays < 1 || q.SmokeDays > q.TestDays { // also where the policy has no use for it
		detail := fmt.Sprintf("a smoke test of %d days, want 1 to %d", q.SmokeDays, q.TestDays)
		return q, invalid("smoke_days", "way-out-of-range", "%s", detail).with("detail", detail)
	}
	return q, nil
}

// posted returns the releases that are out; a laboratory may be in a year whose
// releases are known already.
func posted(all []policy.Release, now time.Time) []policy.Release {
	return slices.DeleteFunc(slices.Clone(all), func(r policy.Release) bool {
		return !slices.ContainsFunc(r.Models, func(m policy.ModelWindow) bool { return !m.Posted.After(now) })
	})
}

// releases returns those that are out with those that are expected.
func (q SimulateQuery) releases(known []policy.Release, now time.Time) ([]policy.Release, []ExpectedRelease, error) {
	expected := []ExpectedRelease{}
	if len(q.Releases) == 0 {
		for _, r := range backtest.Pace(known, now, q.Days) {
			known = append(known, r)
			expected = append(expected, ExpectedRelease{r.Version, firstPosted(r), true})
		}
		return known, expected, nil
	}
	if len(q.Releases) > maxExpected {
		most := strconv.Itoa(maxExpected)
		return nil, nil, invalid("release", "too-many-expected", "%d releases, want at most %s", len(q.Releases), most).with("most", most)
	}
	midnight := now.UTC().Truncate(24 * time.Hour)
	for _, text := range q.Releases {
		name, days, ok := parseExpected(text, q.Days)
		if !ok {
			return nil, nil, invalid("release", "release-not-expected", "%q: want a release and in how many days it comes, 1 to %d, such as 26.7=+5d", text, q.Days).
				with("value", text, "most", strconv.Itoa(q.Days))
		}
		if slices.ContainsFunc(known, func(r policy.Release) bool { return version.Equal(r.Version, name) }) {
			return nil, nil, invalid("release", "release-not-new", "%q: %s is known already or named twice; give one that is not out", text, name).with("value", text, "release", name)
		}
		r := backtest.Expected(name, midnight.AddDate(0, 0, days), known)
		known = append(known, r)
		expected = append(expected, ExpectedRelease{Release: name, Posted: midnight.AddDate(0, 0, days).Format(time.DateOnly)})
	}
	slices.SortStableFunc(expected, func(a, b ExpectedRelease) int { return cmp.Compare(a.Posted, b.Posted) })
	return known, expected, nil
}

// parseExpected reads "26.7=+5d".
func parseExpected(text string, most int) (name string, days int, ok bool) {
	name, offset, _ := strings.Cut(text, "=")
	number, plus := strings.CutPrefix(offset, "+")
	number, unit := strings.CutSuffix(number, "d")
	days, err := strconv.Atoi(number)
	return name, days, plus && unit && err == nil && days >= 1 && days <= most && version.Valid(name) && version.Depth(name) > 1 && version.Extra(name) == ""
}

func firstPosted(r policy.Release) string {
	var first time.Time
	for _, m := range r.Models {
		if first.IsZero() || m.Posted.Before(first) {
			first = m.Posted
		}
	}
	return first.Format(time.DateOnly)
}

func (q SimulateQuery) assumptions(p *backtest.Stored) []string {
	list := []string{AssumePace}
	if len(q.Releases) > 0 {
		list[0] = AssumeGiven
	}
	tests, phones := AssumeTests, AssumePhones
	if len(q.Broken) > 0 {
		tests = AssumeBroken
	}
	if q.Silent != "" {
		phones = AssumeSilent
	}
	lane := AssumeLane
	if p.Urgent.Off {
		lane = AssumeNoLane
	}
	list = append(list, tests, AssumeApproval, lane)
	list = append(append(list, phones), q.given()...)
	list = append(list, AssumeShelfLife, AssumeClock)
	if p.Majors != policy.MajorsAllow {
		list = append(list, AssumeMajors)
	}
	if inWaves(p) {
		list = append(list, AssumeWaves)
	}
	if len(p.Waves) > 1 && p.CarryOver {
		list = append(list, AssumeRebase)
	}
	return list
}

// inWaves reports whether rollouts under a policy can come in waves, its own or
// those of the emergency lane.
func inWaves(p *backtest.Stored) bool { return len(p.Waves) > 1 || !p.Urgent.Off }
