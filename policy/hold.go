package policy

import (
	"slices"
	"strconv"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
)

// HoldAlarms returns the days of a hold on which somebody is to be told that it
// will end before the gate was decided about: half of it, two thirds, and two
// weeks and one before its end.
func HoldAlarms() []int { return []int{45, 60, 75, 83} }

// HoldReached returns the newest day of HoldAlarms, or HoldDays, that has come
// for the hold of a gate, and the models of the production phones that wait for
// it, sorted. The day is 0 when none has come or nothing has to be told: no
// phone waits, or the group has decided about the release. Of a release that a
// newer one took the place of it tells as well: users see that too, once it is
// 90 days old.
func HoldReached(w *World, gate Gate, now time.Time) (day int, waiting []string) {
	g, rel := w.groups[gate.Group], w.known[gate.Release]
	if g == nil || rel == nil {
		return 0, nil
	}
	switch gate.Phase {
	case PhaseDeclined, PhaseExpired, PhaseDone, PhaseRollingOut, PhaseApproved:
		return 0, nil
	case PhasePaused, PhaseBlocked, PhaseSuperseded, PhaseVerified, PhaseVerifying, PhaseHeld:
	}
	if waiting = g.waiting(rel, now); len(waiting) == 0 {
		return 0, nil
	}
	hidden := gate.Clocks.HiddenUntil
	come := func(day int) bool { return reached(hidden, now.AddDate(0, 0, HoldDays-day)) }
	if come(HoldDays) {
		return HoldDays, waiting
	}
	for _, alarm := range slices.Backward(HoldAlarms()) {
		if come(alarm) {
			return alarm, waiting
		}
	}
	return 0, nil
}

// HoldDay returns the day of a gate's hold that it is, from Apple's posting on: of
// an alarm that comes late another than the one it was for.
func HoldDay(gate Gate, now time.Time) int {
	return int(now.Sub(gate.Clocks.HiddenUntil.AddDate(0, 0, -HoldDays)) / (24 * time.Hour))
}

// waiting returns the models of the production phones that could get a release,
// do not have it, and for which no newer one is approved.
func (g *group) waiting(rel *release, now time.Time) []string {
	var models []string
	for _, c := range g.Census {
		_, applicable := rel.windows[c.Model]
		if c.Ring != RingVerification && applicable && !version.AtLeast(c.OSVersion, rel.Version) && !g.newerApproved(rel, c.Model, now) {
			models = append(models, c.Model)
		}
	}
	return unique(models)
}

// newerApproved reports whether an approval of a newer release stands that a
// model can follow.
func (g *group) newerApproved(rel *release, model string, now time.Time) bool {
	for _, a := range g.approvals {
		if a.release.rank <= rel.rank {
			return false
		}
		_, applicable := a.release.windows[model]
		if applicable && a.covers(model) && g.approval(a.Release, now) == a.Approval {
			return true
		}
	}
	return false
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
