package backtest

import (
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
)

// step is what became of one release; times are zero for what did not happen.
type step struct {
	tested, finished, approved, installed time.Time
	urgent                                bool // the approval came by the emergency lane
	dropped                               bool // a tester gave its test up
	superseded                            bool // on some day
	phones                                int  // production phones that installed it
}

func (s *step) begin(now time.Time)  { s.tested = first(s.tested, now) }
func (s *step) finish(now time.Time) { s.finished = first(s.finished, now) }

func (s *step) approve(now time.Time, urgent bool) {
	if s.approved.IsZero() {
		s.approved, s.urgent = now, urgent
	}
}

func (s *step) install(now time.Time, phones int) {
	s.installed = first(s.installed, now)
	s.phones += phones
}

// first returns t, or now when t is not set yet.
func first(t, now time.Time) time.Time {
	if t.IsZero() {
		return now
	}
	return t
}

// result sums the run up on its last day.
func (r *replay) result() Run {
	run := Run{
		Strategy: r.way.Strategy, TestDays: r.way.TestDays, InstallDays: r.way.InstallDays,
		Exposure: r.ledger.exposure(), Restarts: r.ledger.perYear(r.ledger.restarts), History: []Step{},
	}
	if r.way.Strategy.carries() {
		run.SmokeDays = r.way.SmokeDays
	}
	if r.way.Policy != nil {
		run.Policy = r.way.Policy.Name
	}
	var held []int
	for _, release := range r.past.seen {
		s := r.step(release.Version)
		line := Step{
			Release: release.Version, Posted: date(release.posted), Exploited: len(release.CVEs), Tested: date(s.tested), Finished: date(s.finished),
			Approved: date(s.approved), Installed: date(s.installed), Phones: s.phones, Outcome: r.outcome(release), HeldDays: days(release.posted, r.heldUntil(release)),
		}
		run.count(line, s)
		held = append(held, line.HeldDays)
		run.History = append(run.History, line)
	}
	if len(held) == 0 {
		return run
	}
	slices.Sort(held)
	run.HeldMedian, run.HeldMax = held[len(held)/2], held[len(held)-1]
	return run
}

// count adds one release to the numbers of a run.
func (run *Run) count(line Step, s *step) {
	switch line.Outcome {
	case Approved:
		run.Approved++
	case Urgent:
		run.Approved++
		run.Urgent++
	case Superseded, Expired:
		run.Missed++
	case Open:
		run.Open++
	}
	switch {
	case s.phones > 0:
	case !s.finished.IsZero():
		run.Unused++
	case s.dropped:
		run.Dropped++
	}
}

// outcome says what became of a release by the last day.
func (r *replay) outcome(release seen) Outcome {
	s := r.step(release.Version)
	switch {
	case s.urgent:
		return Urgent
	case !s.approved.IsZero():
		return Approved
	}
	phase := policy.Evaluate(r.snapshot(), r.group, release.Version, r.past.until).Phase
	switch {
	case phase == policy.PhaseExpired && !s.superseded:
		return Expired
	case phase == policy.PhaseExpired, phase == policy.PhaseSuperseded:
		return Superseded
	default:
		return Open
	}
}

// heldUntil returns the day on which a release, or a newer one for all of the
// same models, was approved, or the last day.
func (r *replay) heldUntil(release seen) time.Time {
	until := r.past.until
	for _, newer := range r.past.seen {
		at := r.step(newer.Version).approved
		if !at.IsZero() && at.Before(until) && version.AtLeast(newer.Version, release.Version) && covers(newer, release) {
			until = at
		}
	}
	return until
}

// covers reports whether a release is for every model that another is for.
func covers(r, other seen) bool {
	return !slices.ContainsFunc(other.Models, func(w policy.ModelWindow) bool {
		_, ok := window(r.Release, w.Model)
		return !ok
	})
}
