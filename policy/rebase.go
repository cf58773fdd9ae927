package policy

import (
	"cmp"
	"slices"
	"time"
)

// Rebase returns the waves of a rollout as the approval of a release takes them
// over that supersedes its own: waves that began let their phones start at once,
// with as much time as they had at first, and those that wait keep their dates
// and go on waiting. Nothing moves to a later wave, because thresholds stay; the
// approval has to say for which release they were drawn (Approval.WavesOf).
func (s Schedule) Rebase(waves []Wave, now time.Time) []Wave {
	out := slices.Clone(waves)
	for i := range out {
		w := &out[i]
		if !w.Begun(now) {
			w.Waits = true
		} else if w.Within > 0 {
			w.Deadline = s.deadline(now, w.Within)
		}
	}
	return s.Plan(out)
}

// Drawn returns the release that the phones of the waves were drawn for.
func (a *Approval) Drawn() string { return cmp.Or(a.WavesOf, a.Release) }

// takenOver returns the release whose approval took the waves of this one over,
// "" when none did or that approval stands no more.
func (g *group) takenOver(a *Approval, now time.Time) string {
	if a.SupersededBy == "" || g.approval(a.SupersededBy, now) == nil {
		return ""
	}
	return a.SupersededBy
}

// carriedOut returns the phase of a gate with an approval that stands.
func (e *evaluation) carriedOut() (Phase, []Reason) {
	if by := e.g.takenOver(e.approval, e.now); by != "" {
		return PhaseSuperseded, []Reason{reason(GateTakenOver, ParamRelease, by)}
	}
	if phase, why := e.g.stop(approvalOf{e.approval, e.rel}, e.now); phase != "" {
		return phase, []Reason{why}
	}
	return e.rollout()
}
