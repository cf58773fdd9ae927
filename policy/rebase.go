package policy

import (
	"cmp"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
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
		w.Kept = false
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

// successors returns the approval that took the waves of this one over, the one
// that took those over, and so on, each while it stands.
func (w *World) successors(g *group, a *Approval, now time.Time) []approvalOf {
	var list []approvalOf
	for version.Newer(a.SupersededBy, a.Release) {
		next, r := g.approval(a.SupersededBy, now), w.known[a.SupersededBy]
		if next == nil || r == nil || g.isDeclined(r.Version, now) {
			break
		}
		list = append(list, approvalOf{next, r})
		a = next
	}
	return list
}

// takenOver returns the release whose approval took the waves of this one over,
// "" when none did, that approval stands no more, or Apple took its release back:
// nobody would start the waves that wait then.
func (e *evaluation) takenOver() string {
	for _, next := range e.w.successors(e.g, e.approval, e.now) {
		if e.replacedBy(next.release) {
			return next.Release
		}
	}
	return ""
}

// replacedBy reports whether models of the group can get a newer release, and
// none that can get this one has lost it.
func (e *evaluation) replacedBy(r *release) bool {
	open := false
	for _, m := range e.windows {
		newer, ok := r.windows[m.Model]
		if ok && m.open(e.now) && reached(newer.Expires, e.now) {
			return false
		}
		open = open || ok && newer.open(e.now)
	}
	return open
}

// leftOver reports whether an approval asks nothing of the phone any more because the
// one that took its waves over is in force for the phone, even while that one makes
// it wait. What the phone was told by it before it keeps, until the newer rollout is
// stopped: whoever stops that one does not want phones to restart into the older
// release in the meantime.
func (c choice) leftOver(a approvalOf) bool {
	told := c.f.Announced != nil && c.f.Announced.Source == SourceApproval && c.f.Announced.Release == a.Release
	for _, next := range c.w.successors(c.g, a.Approval, c.now) {
		covered := c.f.Ring == RingVerification || next.covers(c.f.Model)
		if m, ok := next.release.windows[c.f.Model]; !ok || !m.open(c.now) || !covered || !c.stands(next) {
			continue
		}
		if phase, _ := c.g.stop(next, c.now); !told || phase != "" {
			return true
		}
	}
	return false
}

// carriedOut returns the phase of a gate with an approval that stands.
func (e *evaluation) carriedOut() (Phase, []Reason) {
	if by := e.takenOver(); by != "" {
		return PhaseSuperseded, []Reason{reason(GateTakenOver, ParamRelease, by)}
	}
	if phase, why := e.g.stop(approvalOf{e.approval, e.rel}, e.now); phase != "" {
		return phase, []Reason{why}
	}
	return e.rollout()
}
