package policy

import (
	"slices"
	"strconv"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
)

// MajorMode says what a policy wants of a higher major version of iOS while
// Apple still maintains the one that a phone runs.
type MajorMode string

// The modes. Any other value counts as MajorsHold. In neither does a phone get
// a higher major version before its gate is approved, or offered to testers.
const (
	// MajorsHold: where Apple offers two branches, users see the older one; and
	// nothing but a person's own decision about it brings a higher major version.
	MajorsHold MajorMode = "hold"
	// MajorsAllow: a higher major version is a release like any other.
	MajorsAllow MajorMode = "allow"
)

// ParseMajorMode returns the mode named s.
func ParseMajorMode(s string) (MajorMode, error) {
	return oneOf("setting for major versions", MajorMode(s), MajorsHold, MajorsAllow)
}

// BranchQuietDays is after how many days without a release an older branch counts
// as quiet, when a newer one had a release since: Apple's branches have one
// every three weeks.
const BranchQuietDays = 60

// BranchState says whether Apple still maintains an older branch.
type BranchState string

// The states of a branch.
const (
	BranchLives   BranchState = "lives"
	BranchQuiet   BranchState = "quiet"   // see BranchQuietDays
	BranchStopped BranchState = "stopped" // its newest release left Apple's public list
)

// Branch is what is known of the older branch on which production phones of a
// group are, at the gate of a release of a newer one.
type Branch struct {
	BranchClock // the worst of the models, the first of several
	// Held says that the group's policy keeps phones on the older branch as long
	// as it lives for one of the models.
	Held   bool          `json:"held,omitempty"`
	Models []BranchClock `json:"models"` // sorted
}

// BranchClock is how the older branch stands for one model. Dates are midnight
// UTC.
type BranchClock struct {
	Model   string      `json:"model"`
	Line    string      `json:"line"` // first number of the branch, "26"
	State   BranchState `json:"state"`
	Newest  string      `json:"newest"` // last release of the branch for the model
	Posted  time.Time   `json:"posted"` // when that was
	Stopped time.Time   `json:"stopped,omitzero"`
}

// newestOf returns the newest release of a branch that was posted for a model.
func (w *World) newestOf(branch int, model string, now time.Time) (*release, ModelWindow, bool) {
	for _, r := range w.releases {
		if m, ok := r.windows[model]; ok && r.branch == branch && begun(m.Posted, now) {
			return r, m, true
		}
	}
	return nil, ModelWindow{}, false
}

// newerSince reports whether a branch above one had a release for a model that
// was posted after a day.
func (w *World) newerSince(branch int, model string, day, now time.Time) bool {
	return slices.ContainsFunc(w.releases, func(r *release) bool {
		m, ok := r.windows[model]
		return ok && r.branch > branch && begun(m.Posted, now) && m.Posted.After(day)
	})
}

// branchClock returns how the branch stands on which the oldest production
// phone of a model is, when that is an older one than the release's.
func (e *evaluation) branchClock(model string) (BranchClock, bool) {
	oldest, ok := e.oldest(func(m string) bool { return m == model })
	branch := version.Major(oldest)
	if !ok || branch >= e.rel.branch {
		return BranchClock{}, false
	}
	r, m, ok := e.w.newestOf(branch, model, e.now)
	if !ok {
		return BranchClock{}, false
	}
	c := BranchClock{Model: model, Line: strconv.Itoa(branch), State: BranchLives, Newest: r.Version, Posted: m.Posted}
	switch {
	case reached(m.LeftPublic, e.now):
		c.State, c.Stopped = BranchStopped, m.LeftPublic
	case reached(m.Posted.AddDate(0, 0, BranchQuietDays), e.now) && e.w.newerSince(branch, model, m.Posted, e.now):
		c.State = BranchQuiet
	}
	return c, true
}

// branch returns what is known of the older branch, nil when no production
// phone is on one.
func (e *evaluation) branch() *Branch {
	var b Branch
	worst := []BranchState{BranchLives, BranchQuiet, BranchStopped}
	for _, m := range e.windows {
		c, ok := e.branchClock(m.Model)
		if !ok {
			continue
		}
		if len(b.Models) == 0 || slices.Index(worst, c.State) > slices.Index(worst, b.State) {
			b.BranchClock = c
		}
		b.Models = append(b.Models, c)
		b.Held = b.Held || c.State != BranchStopped && e.g.policy.Majors != MajorsAllow
	}
	if len(b.Models) == 0 {
		return nil
	}
	return &b
}

// line says how the older branch stands.
func (b *Branch) line() []Reason {
	if b == nil {
		return nil
	}
	code, day := GateBranchLives, b.Posted
	switch b.State {
	case BranchQuiet:
		code = GateBranchQuiet
	case BranchStopped:
		code, day = GateBranchStopped, b.Stopped
	case BranchLives:
	}
	return []Reason{reason(code, ParamVersion, b.Line, ParamRelease, b.Newest, ParamDate, date(day), ParamModel, b.Model)}
}

// above reports whether a release is a higher major version than a phone of a
// model keeps to: its own, or a higher one that is approved for the group, as
// long as Apple maintains it for the model. None that a person offered is. An
// exception speaks of production phones alone.
func (g *group) above(w *World, r *release, phone Census, now time.Time) bool {
	branch := version.Major(phone.OSVersion)
	if g.policy.Majors == MajorsAllow || branch == 0 || r.branch <= branch {
		return false
	}
	if offered, _ := g.offered(r.Version, now); offered {
		return false
	}
	for _, a := range g.approvals {
		if phone.Ring == RingVerification && a.Override != nil {
			continue
		}
		if _, applicable := a.release.windows[phone.Model]; applicable && g.approval(a.Release, now) == a.Approval {
			branch = max(branch, a.release.branch)
		}
	}
	if r.branch <= branch {
		return false
	}
	_, m, ok := w.newestOf(branch, phone.Model, now)
	return ok && !reached(m.LeftPublic, now)
}

// below reports whether a release is none that the phone's policy holds for its
// major version.
func (c choice) below(r *release) bool {
	return !c.g.above(c.w, r, Census{Ring: c.f.Ring, Model: c.f.Model, OSVersion: c.f.OSVersion}, c.now)
}

// byItself reports whether the candidate setting "auto" gives the release to a
// verification phone of a model, or would give it to one that is like
// production.
func (e *evaluation) byItself(model string) bool {
	var testers, others []string
	for _, c := range e.g.Census {
		switch {
		case c.Model != model:
		case c.Ring == RingVerification:
			testers = append(testers, c.OSVersion)
		default:
			others = append(others, c.OSVersion)
		}
	}
	if len(testers) == 0 {
		testers = append(others, "") // as nobody is on anything yet
	}
	return slices.ContainsFunc(unique(testers), func(os string) bool {
		tester := Census{Ring: RingVerification, Model: model, OSVersion: os}
		takes := func(r *release) bool { return !e.g.above(e.w, r, tester, e.now) }
		return e.w.autoCandidate(e.g, model, e.now, takes) == e.rel
	})
}
