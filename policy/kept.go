package policy

import (
	"slices"
	"strconv"
	"time"
)

// lateStart is how late a wave may start and still count as on time: whoever
// starts waves looks for them every few minutes.
const lateStart = time.Hour

// Start returns the waves of an approval of the gate once the one at index i, which
// is due, starts at now, as [Schedule.Begin] does, or with that wave kept where it
// must not start.
func (s Schedule) Start(g Gate, a *Approval, waves []Wave, i int, now time.Time) []Wave {
	started := s.Begin(waves, i, now)
	as := started[i]
	if as.Start.Sub(waves[i].Start) < lateStart {
		as = waves[i]
	}
	if !s.Keeps(g, a, as) {
		started[i].Kept = false
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
	s := e.w.Schedule(e.g.Name, e.approval)
	i := s.KeptAt(*gate, e.approval)
	if i < 0 {
		return
	}
	gate.Reasons = append(gate.Reasons, reason(GateWaveKept, ParamWave, strconv.Itoa(i+1), ParamDate, date(e.times.ShelfLife), ParamDeadline, string(s.LastDeadline(*gate))))
	gate.NextHuman = StepChooseNewer
	if gate.Phase == PhaseApproved && i == 0 {
		gate.NextAutomatic = StepNone
	}
}

// nextVerified is what a person can do about a gate that is verified: in the last
// week of its build it is too late for an approval.
func (e *evaluation) nextVerified() Code {
	if e.w.Schedule(e.g.Name, nil).LastWeek(Gate{Clocks: e.times}, e.now) {
		return StepChooseNewer
	}
	return StepApprove
}
