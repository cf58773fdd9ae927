package policy

import (
	"slices"
	"strconv"
	"time"
)

// HoldAlarms returns the days of a hold on which somebody is to be told that it
// will end before the gate was decided about: half of it, two thirds, and two
// weeks and one before its end.
func HoldAlarms() []int { return []int{45, 60, 75, 83} }

// HoldReached returns the newest day of HoldAlarms, or HoldDays, that has come
// for the hold of a gate, and 0 when none has or nothing has to be told: nobody
// in production waits for the release, or the group has decided about it or
// about a newer one. Of a release that a newer one took the place of it tells
// as well: users see that too, once it is 90 days old.
func HoldReached(w *World, gate Gate, now time.Time) int {
	g, rel := w.groups[gate.Group], w.known[gate.Release]
	if g == nil || rel == nil || gate.Counts.Production == gate.Counts.Done {
		return 0
	}
	if s := g.standing(now); s != nil && s.rank > rel.rank {
		return 0
	}
	switch gate.Phase {
	case PhaseDeclined, PhaseExpired, PhaseDone, PhaseRollingOut, PhaseApproved:
		return 0
	case PhasePaused, PhaseBlocked, PhaseSuperseded, PhaseVerified, PhaseVerifying, PhaseHeld:
	}
	hidden := gate.Clocks.HiddenUntil
	come := func(day int) bool { return reached(hidden, now.AddDate(0, 0, HoldDays-day)) }
	if come(HoldDays) {
		return HoldDays
	}
	for _, day := range slices.Backward(HoldAlarms()) {
		if come(day) {
			return day
		}
	}
	return 0
}

// holdEnded says that users can see a release although its gate is closed, and
// what the policy says about that.
func (e *evaluation) holdEnded(phase Phase) []Reason {
	switch phase {
	case PhaseDeclined, PhaseExpired, PhaseDone, PhaseRollingOut, PhaseApproved:
		return nil
	case PhasePaused, PhaseBlocked, PhaseSuperseded, PhaseVerified, PhaseVerifying, PhaseHeld:
	}
	if _, none := e.ineligible(); none || !reached(e.times.HiddenUntil, e.now) {
		return nil
	}
	return []Reason{reason(
		GateHoldEnded, ParamDate, date(e.times.HiddenUntil), ParamCount, strconv.Itoa(HoldDays), ParamSetting, string(e.g.policy.OnExpiry),
	)}
}
