package policy

import (
	"slices"
	"strconv"
	"time"
)

// lateStart is how late a wave may start and still count as on time: whoever
// starts waves looks for them every few minutes.
const lateStart = time.Hour

// Keeps reports whether a wave of an approval of the gate, as it is planned, must
// not start because the build would not outlive it by ShelfMargin: late phones
// would be left with nothing that is approved. On time, no wave that could be
// approved is kept; a calendar, a stop or an outage moves waves later. The waves of
// an override are never kept: two people said until when it lasts.
func (g Gate) Keeps(a *Approval, w Wave) bool {
	latest := g.LastDeadline()
	return latest != "" && a.Override == nil && (w.Deadline.Compare(latest) > 0 || FormatLocal(w.Start, time.UTC).Compare(latest) > 0)
}

// Start returns the waves of an approval of the gate once the one at index i, which
// is due, starts at now, as [Schedule.Begin] does, or with that wave kept where it
// must not start.
func (s Schedule) Start(g Gate, a *Approval, waves []Wave, i int, now time.Time) []Wave {
	started := s.Begin(waves, i, now)
	as := started[i]
	if as.Start.Sub(waves[i].Start) < lateStart {
		as = waves[i]
	}
	if !g.Keeps(a, as) {
		return started
	}
	out := slices.Clone(waves)
	out[i].Kept = true
	return out
}

// keptAt returns the index of the first wave that is kept, -1 for none. Those
// behind it wait for it.
func (a *Approval) keptAt() int {
	return slices.IndexFunc(a.Waves, func(w Wave) bool { return w.Waits && w.Kept })
}

// kept adds to a gate that is carried out the wave that does not start, or as it is
// planned would not, and what a person can do.
func (e *evaluation) kept(gate *Gate) {
	if gate.Phase != PhaseApproved && gate.Phase != PhaseRollingOut {
		return
	}
	i := slices.IndexFunc(e.approval.Waves, func(w Wave) bool { return w.Waits && (w.Kept || gate.Keeps(e.approval, w)) })
	if i < 0 {
		return
	}
	gate.Reasons = append(gate.Reasons, reason(GateWaveKept, ParamWave, strconv.Itoa(i+1), ParamDate, date(e.times.ShelfLife), ParamDeadline, string(gate.LastDeadline())))
	gate.NextHuman = StepChooseNewer
	if gate.Phase == PhaseApproved && i == 0 {
		gate.NextAutomatic = StepNone
	}
}

// nextVerified is what a person can do about a gate that is verified: in the last
// week of its build it is too late for an approval.
func (e *evaluation) nextVerified() Code {
	if (Gate{Clocks: e.times}).LastWeek(FormatLocal(e.now.Add(notice(e.g.MinimumNotice, DefaultMinimumNotice)), time.UTC)) {
		return StepChooseNewer
	}
	return StepApprove
}
