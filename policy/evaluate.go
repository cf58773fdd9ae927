package policy

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
)

// Evaluate computes the gate of a release for a group at now. It answers for
// every pair: a group or release the world does not know, a background
// improvement, and a release not posted or not made for any model of the group
// have a gate in PhaseHeld whose reason says so.
//
// A release counts as superseded only by a newer one of its own branch, or by
// any newer one once it has left Apple's public list itself: the day 27.0
// appears does not end the tests of 26.7. One that the group declined takes nobody's place.
func Evaluate(w *World, groupName, releaseVersion string, now time.Time) Gate {
	now = w.halt.time(now)
	gate := Gate{Group: groupName, Release: releaseVersion, Phase: PhaseHeld}
	g, rel := w.groups[groupName], w.known[releaseVersion]
	switch {
	case g == nil:
		gate.Reasons = []Reason{reason(GateUnknownGroup, ParamGroup, groupName)}
	case rel == nil:
		gate.Reasons = []Reason{reason(GateUnknownRelease, ParamRelease, releaseVersion)}
	default:
		newEvaluation(w, g, rel, now).fill(&gate)
	}
	gate.Fingerprint = fingerprint(gate)
	return gate
}

// Gates returns the gates of a group, newest release first: one for every
// release that is still installable on, and newer than what runs on, one of the
// group's production phones (any of its phones, then any model, while it has
// none). The newest approved release is always among them, so that a rollout
// stays in sight when its last phone is done or the release is withdrawn.
func Gates(w *World, groupName string, now time.Time) []Gate {
	now = w.halt.time(now)
	g := w.groups[groupName]
	if g == nil {
		return nil
	}
	standing := g.standing(now)
	var gates []Gate
	for _, rel := range w.releasesOf(g) {
		if rel == standing || newEvaluation(w, g, rel, now).exists() {
			gates = append(gates, Evaluate(w, groupName, rel.Version, now))
		}
	}
	return gates
}

// standing returns the newest release with an approval that stands.
func (g *group) standing(now time.Time) *release {
	for _, a := range g.approvals {
		if g.approval(a.Release, now) != nil {
			return a.release
		}
	}
	return nil
}

// evaluation is the computation of one gate.
type evaluation struct {
	w       *World
	g       *group
	rel     *release
	now     time.Time
	windows []ModelWindow // of the models the gate is about
	classes []string      // production model classes that can get the release
	// production are the production models that can get the release, and broken
	// the identifiers of the uncleared results of apps that can keep it closed.
	production, broken []string
	// approval is the one that stands, nil when there is none.
	approval *Approval
	counts   Counts
	waiting  int // reachable, covered production phones not there yet

	apps    []AppState
	missing []string
	times   Clocks
}

func newEvaluation(w *World, g *group, rel *release, now time.Time) *evaluation {
	e := &evaluation{w: w, g: g, rel: rel, now: now, approval: g.approval(rel.Version, now)}
	if len(g.scope) == 0 {
		e.windows = rel.Models
	}
	for _, model := range g.scope {
		if m, ok := rel.windows[model]; ok {
			e.windows = append(e.windows, m)
		}
	}
	return e
}

func (e *evaluation) fill(gate *Gate) {
	e.count()
	for _, a := range e.g.apps {
		s, closes := e.w.app(e.g, a, e.rel, e.classes, e.now)
		e.apps = append(e.apps, s)
		if closes {
			e.missing = append(e.missing, a.BundleID)
		}
		if a.Importance != ImportanceInformational {
			for _, v := range uncleared(e.g.verdicts[appRelease{a.BundleID, e.rel.Version}], e.now) {
				e.broken = append(e.broken, v.ID)
			}
			if e.approval != nil {
				for _, v := range e.g.brokenBases(a, approvalOf{e.approval, e.rel}, e.now) {
					e.broken = append(e.broken, v.ID)
				}
			}
		}
	}
	slices.Sort(e.broken)
	gate.Apps, gate.Missing, gate.Counts = e.apps, e.missing, e.counts
	gate.Models, gate.Floors, gate.Broken = e.coverage(e.apps), floorsOf(e.apps), e.broken
	gate.Classes = e.g.classes(e.known(e.apps))
	if _, none := e.ineligible(); !none {
		gate.ProductionModels = e.production
	}
	gate.Phase, gate.Reasons = e.halted(e.phase())
	e.times, gate.ModelClocks = e.clocks()
	gate.Clocks = e.times
	gate.Reasons = append(gate.Reasons, e.holdEnded(gate.Phase)...)
	if _, none := e.ineligible(); !none {
		gate.Branch = e.branch()
		gate.Reasons = append(gate.Reasons, gate.Branch.line()...)
	}
	gate.CVEs, gate.FixesSince, gate.Exploited = e.cves()
	if e.approval != nil {
		gate.Approval = e.approval.ID
	}
	gate.NextAutomatic, gate.NextHuman = e.next(gate.Phase)
	gate.NextWave = e.nextWave(gate)
	e.kept(gate)
	e.override(gate)
	e.urgent(gate)
	e.extensions(gate)
	e.appsSince(gate)
	e.hurry(gate)
}

// count reads the census: the production classes the release is for, and how
// far the phones are.
func (e *evaluation) count() {
	for _, c := range e.g.Census {
		window, applicable := e.rel.windows[c.Model]
		there := version.AtLeast(c.OSVersion, e.rel.Version)
		switch {
		case c.Ring == RingVerification:
			e.counts.Verification += c.Count
			if version.Equal(c.OSVersion, e.rel.Version) {
				e.counts.OnRelease += c.Count
			}
			continue
		case c.Model != "" && (!applicable || !begun(window.Posted, e.now)):
			e.counts.CannotRun += c.Count
			continue
		case c.Model != "":
			e.classes = append(e.classes, e.g.class(c.Model))
			e.production = append(e.production, c.Model)
		}
		e.counts.Production += c.Count
		covered := e.approval == nil || e.approval.covers(c.Model)
		switch silent := min(max(c.Silent, 0), c.Count); {
		case there:
			e.counts.Done += c.Count
		case !covered:
			e.counts.NotCovered += c.Count
		default:
			e.counts.Silent += silent
			e.waiting += c.Count - silent
		}
	}
	e.classes, e.production = unique(e.classes), unique(e.production)
}

// phase returns the first phase of the table that holds, and why.
func (e *evaluation) phase() (Phase, []Reason) {
	// Of an improvement without a gate it is the policy that decides, not what was decided
	// while it had one.
	if e.g.gates(e.rel) && e.g.isDeclined(e.rel.Version, e.now) {
		return PhaseDeclined, []Reason{reason(GateDeclined)}
	}
	if r, ok := e.ineligible(); ok {
		return PhaseHeld, []Reason{r}
	}
	if !e.installable() {
		return PhaseExpired, []Reason{reason(GateExpired, ParamDate, date(e.latestExpiry()))}
	}
	if e.approval != nil {
		return e.carriedOut()
	}
	if broken := e.brokenApps(); len(broken) > 0 {
		return PhaseBlocked, broken
	}
	if by := e.supersededBy(); by != nil && e.counts.OnRelease == 0 {
		return PhaseSuperseded, []Reason{reason(GateSuperseded, ParamRelease, by.Version)}
	}
	closed := e.closed()
	switch {
	case len(closed) == 0:
		return PhaseVerified, append([]Reason{reason(GateAllVerified)}, e.carriedOver()...)
	case e.offered():
		return PhaseVerifying, append(closed, reason(GateOffered))
	default:
		return PhaseHeld, closed
	}
}

// carriedOver names the apps that are verified by carry-over, and from where.
func (e *evaluation) carriedOver() []Reason {
	var list []Reason
	for _, a := range e.apps {
		var from []string
		for _, c := range a.Carried {
			from = append(from, c.BaseRelease)
		}
		for _, release := range unique(from) {
			list = append(list, reason(GateAppCarried, ParamApp, a.BundleID, ParamRelease, release))
		}
	}
	return list
}

// ineligible says why the release cannot have a real gate for this group.
func (e *evaluation) ineligible() (Reason, bool) {
	posted := func(m ModelWindow) bool { return begun(m.Posted, e.now) }
	switch {
	case !e.g.gates(e.rel):
		return e.g.noGate(e.rel), true
	case len(e.windows) == 0:
		return reason(GateNotApplicable), true
	case !slices.ContainsFunc(e.windows, posted):
		return reason(GateNotPosted), true
	default:
		return Reason{}, false
	}
}

func (e *evaluation) installable() bool {
	return slices.ContainsFunc(e.windows, func(m ModelWindow) bool { return m.open(e.now) })
}

func (e *evaluation) latestExpiry() time.Time {
	var latest time.Time
	for _, m := range e.windows {
		if m.Expires.After(latest) {
			latest = m.Expires
		}
	}
	return latest
}

// rollout tells apart the phases of an approval that nothing stops.
func (e *evaluation) rollout() (Phase, []Reason) {
	switch {
	case e.waiting == 0 && e.counts.Done > 0:
		return PhaseDone, []Reason{reason(GateAllThere, ParamCount, strconv.Itoa(e.counts.Done))}
	case e.approval.started(e.now):
		return PhaseRollingOut, []Reason{e.outstanding()}
	default:
		return PhaseApproved, []Reason{reason(GateWaveStarts, ParamDate, date(e.approval.Waves[0].Start))}
	}
}

// outstanding counts the phones that the approval is for and that are not there:
// nobody waits for those out of contact, but they lack the release all the same.
func (e *evaluation) outstanding() Reason {
	r := reason(GatePhonesOutstanding, ParamCount, strconv.Itoa(e.waiting+e.counts.Silent))
	if e.counts.Silent == 0 {
		return r
	}
	return r.with(ParamSilent, strconv.Itoa(e.counts.Silent))
}

func (e *evaluation) brokenApps() []Reason {
	var list []Reason
	for _, a := range e.apps {
		if a.State == StatusBroken && a.Importance != ImportanceInformational {
			list = append(list, reason(GateAppBroken, ParamApp, a.BundleID))
		}
	}
	return list
}

// supersededBy returns the newest release that took the place of this one on
// all models of the gate, or nil.
func (e *evaluation) supersededBy() *release {
	for _, r := range e.w.releasesOf(e.g) {
		if r.rank <= e.rel.rank {
			return nil
		}
		if r.improvement() && !e.rel.improvement() {
			continue // it goes with its base, and replaces only another improvement
		}
		if e.g.isDeclined(r.Version, e.now) {
			continue // the group would be left with neither
		}
		sameBranch := r.branch == e.rel.branch
		replaces := func(m ModelWindow) bool {
			n, ok := r.windows[m.Model]
			return ok && n.open(e.now) && (sameBranch || reached(m.LeftPublic, e.now))
		}
		if !slices.ContainsFunc(e.windows, func(m ModelWindow) bool { return !replaces(m) }) {
			return r
		}
	}
	return nil
}

// closed returns what keeps the gate from being verified.
func (e *evaluation) closed() []Reason {
	var list []Reason
	blocking := func(a AppState) bool { return a.Importance != ImportanceInformational }
	switch {
	case len(e.apps) == 0:
		list = append(list, reason(GateNoApps))
	case !slices.ContainsFunc(e.apps, blocking):
		list = append(list, reason(GateNoBlockingApp))
	}
	if e.counts.Verification == 0 {
		list = append(list, reason(GateNoVerificationPhone))
	}
	for _, a := range e.apps {
		if slices.Contains(e.missing, a.BundleID) {
			list = append(list, reason(GateAppMissing, ParamApp, a.BundleID, ParamWhy, string(a.Why)))
		}
	}
	return list
}

// offered reports whether the release was released to the verification ring.
// With the candidate setting "auto" every release is, in its turn; one that
// newer ones have overtaken remains so while a verification phone is on it.
func (e *evaluation) offered() bool {
	stands, exists := e.g.offered(e.rel.Version, e.now)
	if exists || e.g.Candidate != CandidateAuto {
		return stands
	}
	return e.counts.OnRelease > 0 || slices.ContainsFunc(e.windows, func(m ModelWindow) bool {
		return e.byItself(m.Model)
	})
}

// exists reports whether the group has a gate for the release.
func (e *evaluation) exists() bool {
	if !e.installable() {
		return false
	}
	known := false
	for _, c := range e.g.Census {
		if c.Ring == RingVerification || !version.Valid(c.OSVersion) {
			continue
		}
		known = true
		if m, ok := e.rel.windows[c.Model]; ok && m.open(e.now) && version.Newer(e.rel.Version, c.OSVersion) {
			return true
		}
	}
	return !known
}

// fingerprint digests what a person approving the gate should have seen.
func fingerprint(g Gate) string {
	parts := []string{g.Group, g.Release, string(g.Phase), g.Approval}
	for _, a := range g.Apps {
		parts = append(
			parts, "app", a.BundleID, string(a.Importance), string(a.State), string(a.Why), a.Verdict, a.Floor,
			strconv.FormatBool(a.External), strings.Join(a.Models, ","), strings.Join(a.MissingModels, ","),
		)
		for _, c := range a.Carried {
			parts = append(parts, "carried", c.Model, c.Smoke, c.Base)
		}
	}
	parts = append(append(parts, "models"), g.Models...)
	for _, f := range g.Floors {
		parts = append(parts, "floor", f.BundleID, f.MinVersion)
	}
	for _, id := range g.Broken {
		parts = append(parts, "broken", id)
	}
	for _, u := range g.Uncovered {
		parts = append(parts, "uncovered", u.Model)
	}
	return digits(hash(parts...))
}

// date formats a time for a parameter, "" when it is unknown.
func date(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
