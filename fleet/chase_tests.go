package fleet

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// Kinds of the notices about candidates that nobody tests.
const (
	noticeTests = noticeChase + "tests." // then the kind of the step

	NoticeTestsNotice   = noticeTests + "notice"   // a candidate is to be tested; for whoever carries a verification phone
	NoticeTestsMessage  = noticeTests + "message"  // the results of it are missing; for the same
	NoticeTestsEscalate = noticeTests + "escalate" // verification phones without results; for whoever answers for the group
	NoticeTestsTicket   = noticeTests + "ticket"   // the same, for the help desk
)

// reasonNotTested is why a verification phone is reminded that has the candidate.
// Why another one is, is why it has not installed it.
const reasonNotTested policy.Code = "not-tested"

// candidateSource begins what steps about a candidate are remembered by.
const candidateSource = "candidate "

// untested is a candidate that lacks results.
type untested struct {
	gate  policy.Gate
	since time.Time // when it was given to the verification phones, or could first have been
	now   time.Time
	// models are those of the group's verification phones on which a result is
	// missing. None: it is missing for models that no such phone has, and whoever
	// has any of them has to know.
	models []string
}

// testPursuits returns the candidates of a segment that lack results, of groups
// with verification phones whose policy reminds of that.
func (f *Fleet) testPursuits(w *worldState, j *gated) []pursuit {
	var list []pursuit
	s, now := j.snapshot, f.now()
	for _, g := range s.records.Groups {
		decided := s.rollout(g.Name)
		ladder := s.testLadder(decided)
		if len(ladder.Steps) == 0 || w.census.size(g.Name, now)[storage.RingVerification] == 0 {
			continue
		}
		offered := s.undecidedOffers(g.Name)
		if len(offered) == 0 && g.Candidate != string(policy.CandidateAuto) {
			continue
		}
		for _, gate := range candidateGates(j, g, offered) {
			if gate.Phase != policy.PhaseVerifying {
				continue
			}
			on := pursuit{
				group: g.Name, release: gate.Release, snap: s, ladder: ladder, language: decided.Chase.Language,
				tests: &untested{gate: gate, now: now, models: lacking(gate, s, w.census)},
			}
			on.source, on.tests.since = s.candidate(g, gate.Release)
			list = append(list, on)
		}
	}
	return list
}

// undecidedOffers returns the releases that a group's verification phones were
// given and that nobody approved since.
func (s *snapshot) undecidedOffers(group string) []string {
	var list []string
	for _, o := range s.records.Offers {
		if o.Group != group || !o.Withdrawn.IsZero() {
			continue
		}
		if _, approved := newestApproval(s, group, o.Release); !approved {
			list = append(list, o.Release)
		}
	}
	return list
}

// candidateGates returns the gates of a group at which a candidate can be: those
// of what was offered or, where the group gets candidates by itself, all.
func candidateGates(j *gated, g storage.Group, offered []string) []policy.Gate {
	if g.Candidate == string(policy.CandidateAuto) {
		return j.gates(g.Name)
	}
	gates := make([]policy.Gate, len(offered))
	for i, release := range offered {
		gates[i] = j.gate(g.Name, release)
	}
	return gates
}

// candidate returns what steps about a candidate are remembered by, and since when
// it is one: offered anew it is another.
func (s *snapshot) candidate(g storage.Group, release string) (source string, since time.Time) {
	source = candidateSource + release
	for _, o := range s.records.Offers {
		if o.Group == g.Name && o.Release == release && o.Withdrawn.IsZero() {
			return source + " " + o.At.UTC().Format(time.RFC3339), o.At
		}
	}
	since = g.CreatedAt
	if r, ok := s.catalog.Release(release); ok && r.Posted.Time(time.UTC).After(since) {
		since = r.Posted.Time(time.UTC)
	}
	return source, since
}

// lacking returns the models of a group's verification phones on which a result
// is missing for the gate to open.
func lacking(gate policy.Gate, s *snapshot, c *census) []string {
	var models []string
	for _, p := range c.looksOf(gate.Group) {
		if p.Ring != storage.RingVerification || slices.Contains(models, p.Model) {
			continue
		}
		if slices.ContainsFunc(gate.Apps, func(a policy.AppState) bool {
			return slices.Contains(gate.Missing, a.BundleID) && (len(a.MissingModels) == 0 || slices.Contains(a.MissingModels, s.policy.ClassOf(gate.Group, p.Model)))
		}) {
			models = append(models, p.Model)
		}
	}
	return models
}

// wants reports whether somebody is to test on phones of a model.
func (u *untested) wants(model string) bool {
	return len(u.models) == 0 || slices.Contains(u.models, model)
}

// about adds to the params of a notice which apps have no result and how long
// there is for that, and returns what the kinds of such notices begin with.
func (u *untested) about(source string, params map[string]string) string {
	params["candidate"], params[policy.ParamMissing] = source, strings.Join(u.gate.Missing, ",")
	if by := u.gate.Clocks.VerifyBy; !by.IsZero() {
		params["verify_by"] = by.UTC().Format(time.DateOnly)
		if left := by.Sub(u.now); left >= 0 {
			params["days"] = strconv.Itoa(int(left / (24 * time.Hour)))
		} else {
			params["late"] = strconv.Itoa(int(-left / (24 * time.Hour)))
		}
	}
	return noticeTests
}

// climbTests returns what a verification phone is late for: the newest candidate
// that is for its model and that it has not left behind.
func (f *Fleet) climbTests(list []pursuit, m member) (climber, bool) {
	p := &m.look.phone
	for _, on := range list {
		if on.ring() != p.Ring || on.group != p.Group {
			continue
		}
		running := on.snap.runs(p)
		if r, ok := on.snap.catalog.Release(on.release); on.past(running) || ok && !r.AppliesTo(p.Model) {
			continue
		}
		if version.Equal(running, on.release) && !on.tests.wants(p.Model) {
			continue
		}
		facts := policy.ChaseFacts{Zone: f.location(p), NoPush: !p.Push.DeadSince.IsZero(), Told: on.tests.since}
		if by := on.tests.gate.Clocks.VerifyBy; !by.IsZero() {
			facts.Deadline = policy.FormatLocal(by, facts.Zone)
		}
		if m.reminded != nil {
			facts.Taken = takenForTests(m.reminded.chase, on.source)
		}
		return climber{on: on, facts: facts}, true
	}
	return climber{}, false
}

// takenForTests returns the steps that were taken for a candidate. A phone falls back to
// an older candidate when a newer one is tested or withdrawn, and only the steps for the
// one it was last reminded of are on record: what was due before the last of them counts
// as passed.
func takenForTests(c *storage.Chase, source string) []policy.ChaseTaken {
	if c == nil || c.Approval == source || !strings.HasPrefix(c.Approval, candidateSource) || len(c.Steps) == 0 {
		return takenFor(c, source)
	}
	return []policy.ChaseTaken{{At: c.Steps[len(c.Steps)-1].At}}
}

// defaultTestSteps are those of a policy that says nothing about them. They
// disturb nobody who carries a phone.
func defaultTestSteps() []string {
	return []string{"escalate@verify-by-30d", "escalate@verify-by-14d"}
}

// testSteps returns the steps of a policy about candidates that nobody tests.
func testSteps(c storage.PolicyChase) []string {
	switch {
	case c.NoTests:
		return nil
	case len(c.Tests) == 0:
		return defaultTestSteps()
	default:
		return c.Tests
	}
}

// setTestSteps has a policy remind by steps, or not at all without any.
func setTestSteps(c *storage.PolicyChase, steps []string) {
	c.Tests, c.NoTests = steps, len(steps) == 0
	if slices.Equal(steps, defaultTestSteps()) {
		c.Tests = nil
	}
}

// testLadder returns the ladder of a policy about candidates that nobody tests.
// The calendar closes days for it as for the steps of a rollout.
func (s *snapshot) testLadder(p storage.Policy) policy.Ladder {
	return ladderOf(testSteps(p.Chase), fromVerifyBy, p.Chase, s.calendarOf(p))
}
