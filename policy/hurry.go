package policy

import (
	"slices"
	"time"
)

// HurryOpen returns nil when two people may hurry the rollout of a gate, for the first
// time or once more: an ordinary approval of a release that production phones lack for a
// flaw known to be exploited, approved or rolling out. It returns a *LaneError otherwise. Nothing more
// is asked of tests than when it was approved. A rollout that stands still is for a
// person to resume first, which is one act with a reason of its own; an override and an
// approval by the lane are what two people decided already.
func HurryOpen(g Gate) error {
	if why := hurryClosed(g); why != "" {
		return &LaneError{Group: g.Group, Release: g.Release, Phase: g.Phase, Why: why}
	}
	return nil
}

func hurryClosed(g Gate) LaneClosed {
	switch u := g.Urgent; {
	case g.Phase == PhaseDeclined || g.Phase == PhaseExpired || g.Phase == PhaseSuperseded:
		return LaneDecided
	case g.Lane != nil && !g.Lane.Hurried || g.Override != nil || g.Phase == PhaseDone:
		return LaneApproved
	case g.Approval == "":
		return LaneNoRollout
	case u == nil:
		return HurryNoFlaw
	case u.Off:
		return LaneOff
	case g.Phase == PhasePaused || g.Phase == PhaseBlocked:
		return LaneStopped
	default:
		return ""
	}
}

// hurry completes a gate whose rollout can be hurried and would take longer than the
// lane promises. Where it asks for nothing else of people, that is their step. One that
// was hurried goes as fast as two people wanted, until a flaw is known to be exploited
// that they had not seen.
func (e *evaluation) hurry(gate *Gate) {
	if HurryOpen(*gate) != nil || !gate.unseenFlaw() || !e.slow(gate) {
		return
	}
	gate.Urgent.Slow = true
	if gate.NextHuman == StepNone {
		gate.NextHuman = StepHurry
	}
}

// unseenFlaw reports whether a gate is urgent for a flaw that two people did not approve
// or hurry it for.
func (g *Gate) unseenFlaw() bool {
	return g.Lane == nil || slices.ContainsFunc(g.Urgent.CVEs, func(flaw string) bool { return !slices.Contains(g.Lane.CVEs, flaw) })
}

// aheadOfUTC is how far clocks on phones are ahead of UTC at most.
const aheadOfUTC = 14 * time.Hour

// slow reports whether hurrying the rollout would bring something forward, wherever
// its phones are: a deadline, or the notice of phones told when their wave starts, ends
// beyond what the lane promises. Not so near the end of the build's shelf life, when
// waves that have not begun would be kept back.
func (e *evaluation) slow(gate *Gate) bool {
	ends := e.now.Add(max(e.g.policy.Urgent.Deadline, MinLaneDeadline))
	waves, notice := e.approval.Waves, e.approval.Notice(e.g.MinimumNotice)
	lane := e.w.Schedule(e.g.Name, &Approval{Lane: &Lane{}})
	hurried := Wave{Deadline: FormatLocal(ends, lane.Location)}
	if !waves[len(waves)-1].Begun(e.now) && lane.Ending(*gate, hurried, e.now) != EndsInTime {
		return false
	}
	promised := FormatLocal(ends.Add(aheadOfUTC), time.UTC)
	return slices.ContainsFunc(waves, func(w Wave) bool {
		return w.Deadline.Compare(promised) > 0 || FormatLocal(w.Start.Add(notice), time.UTC).Compare(promised) > 0
	})
}

// LastDeadline returns the latest deadline of waves.
func LastDeadline(waves []Wave) LocalTime {
	var last LocalTime
	for _, w := range waves {
		if w.Deadline.Compare(last) > 0 {
			last = w.Deadline
		}
	}
	return last
}

// hurried reports whether the lane took the approval up when its rollout was under
// way: what it rests on is what an ordinary approval asks for.
func (a *Approval) hurried() bool { return a.Lane != nil && !a.Lane.HurriedAt.IsZero() }

// HurriedAt is when two people hurried the rollout that was under way; zero for never.
func (a *Approval) HurriedAt() time.Time {
	if a.Lane == nil {
		return time.Time{}
	}
	return a.Lane.HurriedAt
}

// Haste is what the waves of a rollout that is hurried follow from.
type Haste struct {
	Waves   []Wave        // as they are
	Waiting []string      // versions of the phones whose waves have not begun
	First   uint32        // as for [Urgency.Waves]; it counts only when no wave has begun
	Now     time.Time     // of the second signature
	Within  time.Duration // from then to the last deadline
}

// Begun returns how many of the waves have begun; those keep their phones.
func (h Haste) Begun() int {
	n := slices.IndexFunc(h.Waves, func(w Wave) bool { return !w.Begun(h.Now) })
	if n < 0 {
		return len(h.Waves)
	}
	return n
}

// Hurry returns the waves of a rollout under way as the lane takes it up. Waves that
// have begun keep their phones and get no more time than is promised. All others give
// way to those of the lane, the most exposed phones first; the first share of the lane
// is left out, because the waves that have begun were watched in its place. They start
// once the last one that began has soaked as the lane does. Before any wave began they are
// the waves of an approval by the lane.
func (u *Urgency) Hurry(h Haste, s Schedule) []Wave {
	begun := h.Begun()
	if begun == 0 {
		return u.Waves(h.First, h.Now, h.Within, s)
	}
	waves := slices.Clone(h.Waves[:begun])
	promised := s.wanted(h.Now, h.Within)
	for i := range waves {
		if w := &waves[i]; w.Deadline.Compare(promised) > 0 {
			w.Deadline, w.Within = promised, 0
		}
	}
	last := waves[begun-1]
	if last.Threshold == Buckets && len(last.UpTo) == 0 { // everybody is in; a wave for some versions is full for those alone
		return waves
	}
	start := latest(h.Now, s.After(last.Start, LaneSoak))
	rest := u.among(h.Waiting)
	waves = s.Plan(append(waves, spread(rest.shares(Buckets), start, h.Within-start.Sub(h.Now))...))
	waves[begun].Waits = start.After(h.Now)
	return waves
}

// among returns the urgency as far as phones on some versions are concerned.
func (u *Urgency) among(versions []string) *Urgency {
	of := &Urgency{}
	for _, v := range u.From {
		if slices.Contains(versions, v.Version) {
			of.From = append(of.From, v)
		}
	}
	for _, v := range versions {
		if !slices.ContainsFunc(u.From, func(from UrgentVersion) bool { return from.Version == v }) {
			of.Others++
		}
	}
	return of
}
