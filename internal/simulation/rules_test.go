package simulation

import (
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// rules are what a team decides beforehand; the zero value is the built-in policy.
type rules struct {
	name        string
	carryOver   bool
	verdictDays int
	onExpiry    string
	waves       []string // shares, as a policy names them
	soak        time.Duration
	deadline    string
	calendar    calendar
	shared      bool   // it is the one of other policies too
	majors      string // "": as without a policy

	improvements policy.ImprovementMode // "": as without a policy
	modelClass   string                 // "": as without a policy
}

const (
	extendRisk     = "extend-risk"
	releaseToUsers = "release-to-users"
	enforce        = "enforce"
)

func drawRules(r *rand.Rand, team string, start time.Time, of size) rules {
	if r.Float64() < 0.3 {
		return rules{onExpiry: extendRisk}
	}
	d := rules{
		name: "rules-" + team, carryOver: r.IntN(2) == 0, verdictDays: pick(r, 0, 0, 12, 25),
		onExpiry: pick(r, extendRisk, releaseToUsers, enforce, enforce),
		waves:    pick(r, nil, []string{"50%", "100%"}, []string{"20%", "60%", "100%"}, []string{"34%", "67%", "100%"}),
		soak:     pick(r, 0, day, 2*day), deadline: pick(r, "", "2d", "72h"),
	}
	switch r.IntN(6) {
	case 0:
		d.calendar.weekdays = true
	case 1:
		d.calendar.from, d.calendar.to = 8, 20
	case 2:
		d.calendar.monthEnd = 2
	case 3:
		from := start.AddDate(0, 0, r.IntN(of.days))
		d.calendar.closed = [2]string{from.Format(time.DateOnly), from.AddDate(0, 0, 1+r.IntN(6)).Format(time.DateOnly)}
	}
	return d
}

// setRules makes the policy of a team.
func (w *world) setRules(a fleet.Act, t team) {
	if t.rules.name == "" {
		return
	}
	w.decide("set policy "+t.rules.name, func() error {
		_, err := w.fleet.SetPolicy(w.ctx, seg, a, t.rules.name, policyOf(t))
		return err
	})
}

// policyOf is what a team has its policy say.
func policyOf(t team) fleet.PolicyChange {
	d := t.rules
	soak, waves, onExpiry := d.soak.String(), append(storage.WaveShares{}, d.waves...), d.onExpiry
	c := fleet.PolicyChange{CarryOver: &d.carryOver, VerdictDays: &d.verdictDays, OnExpiry: &onExpiry}
	c.RolloutChange = fleet.RolloutChange{Waves: &waves, Soak: &soak, Deadline: &d.deadline}
	if t.shares {
		c.BreakerChange = onlyShares()
	}
	if t.reports > 0 {
		c.BreakerChange = onlyReports(t.reports)
	}
	if t.hurry.off {
		c.Urgent = new(fleet.UrgentOff)
	}
	c.ChaseChange = t.reminders.change()
	if d.majors != "" {
		c.Majors = &d.majors
	}
	c.ModelClassChange = d.classChange()
	if d.improvements != "" {
		c.ImprovementChange = fleet.ImprovementChange{Improvements: new(string(d.improvements))}
	}
	if t.hurry.deadline != "" {
		c.UrgentDeadline = &t.hurry.deadline
	}
	if d.shared {
		c.Calendar = new(sharedCalendar)
	} else {
		c.CalendarChange = d.calendar.change()
	}
	return c
}

// patch reports whether a version is an x.y.z, or improves one.
func patch(release string) bool {
	return strings.Count(release, ".") > 1 || version.Extra(release) != ""
}

// line returns the x.y of a version.
func line(release string) string {
	parts := strings.Split(version.Base(release), ".")
	return strings.Join(parts[:min(2, len(parts))], ".")
}

// expired reports whether a result no longer counts: it says so itself, or the
// rules of its group do.
func (w *world) expired(v *storage.Verdict, at time.Time) bool {
	days := w.rulesAt(v.Group, at).verdictDays
	return passed(v.Expires, at) || days > 0 && passed(v.At.AddDate(0, 0, days), at)
}

// newestWorking returns the newest result of a model that an app works, of smoke
// tests or else of thorough ones, unless it has expired; with ever it cannot.
func (w *world) newestWorking(group, bundleID, release, model string, smoke, ever bool, at time.Time) (*storage.Verdict, bool) {
	var newest *storage.Verdict
	for _, v := range w.verdicts(group, bundleID, release, at) {
		if v.Result != "broken" && w.standsFor(group, v.Model, model, at) && (v.Method == "smoke") == smoke && (newest == nil || !v.At.Before(newest.At)) {
			newest = v
		}
	}
	return newest, newest != nil && (ever || !w.expired(newest, at))
}

// verified reports whether an app counts as working on a release and model: by a
// thorough result there, or by a smoke test there and a thorough result on an older
// release of the same x.y. With ever no result has expired.
func (w *world) verified(group, bundleID, release, model string, ever bool, at time.Time) bool {
	if _, ok := w.newestWorking(group, bundleID, release, model, false, ever, at); ok {
		return true
	}
	smoke, ok := w.newestWorking(group, bundleID, release, model, true, ever, at)
	if !ok || !w.rulesAt(group, at).carryOver || !patch(release) {
		return false
	}
	var broken []*storage.Verdict
	for _, older := range w.newestFirst {
		if line(older.version) != line(release) || !newer(release, older.version) {
			continue
		}
		broken = append(broken, w.brokenResults(group, bundleID, older.version, at)...)
		base, ok := w.newestWorking(group, bundleID, older.version, model, false, ever, at)
		if !ok || number(base.AppVersion) > number(smoke.AppVersion) {
			continue
		}
		if !slices.ContainsFunc(broken, func(b *storage.Verdict) bool { return number(b.AppVersion) >= number(base.AppVersion) }) {
			return true
		}
	}
	return false
}

// brokenResults returns the results that say broken and that no thorough one has
// cleared since.
func (w *world) brokenResults(group, bundleID, release string, at time.Time) []*storage.Verdict {
	all := w.verdicts(group, bundleID, release, at)
	broken := func(v *storage.Verdict) bool { return v.Result == "broken" }
	if !slices.ContainsFunc(all, broken) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(all), func(b *storage.Verdict) bool {
		return !broken(b) || slices.ContainsFunc(all, func(v *storage.Verdict) bool {
			return v.Result != "broken" && v.Method != "smoke" && v.Model == b.Model && v.At.After(b.At) && number(v.AppVersion) >= number(b.AppVersion)
		})
	})
}
