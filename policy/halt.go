package policy

import (
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
)

// Halt says that the engine stands still until a person lets it go on, because it
// cannot trust what it goes by. Phones keep their hold and, unless the records are
// those of a copy, what they were told; decisions that stop something hold at once;
// nothing begins. The zero value is no halt.
type Halt struct {
	Cause HaltCause
	At    time.Time // by the server's clock
	// Was is what the clock should have shown. While it shows less, everything is
	// as at that time: what was decided before a clock was set back still is.
	Was time.Time
}

// HaltCause is why the engine stands still.
type HaltCause string

// The causes of a halt.
const (
	HaltClock   HaltCause = "clock"   // the server's clock jumped
	HaltRestore HaltCause = "restore" // the records are those of an older copy
)

// reason returns why everything stands still, as a reason of a gate.
func (h Halt) reason() Reason {
	code := GateClockJumped
	if h.Cause == HaltRestore {
		code = GateRestored
	}
	return reason(code, ParamDate, date(h.At))
}

// time returns the time that decisions are made for when the clock shows now.
func (h Halt) time(now time.Time) time.Time {
	if h.stands() {
		return latest(now, h.Was)
	}
	return now
}

// stands reports whether there is a halt.
func (h Halt) stands() bool { return h.Cause != "" }

// halted tells what a halt does to a gate in a phase: a rollout stands still, and
// every gate that may still open says so.
func (e *evaluation) halted(phase Phase, why []Reason) (Phase, []Reason) {
	if !e.w.halt.stands() {
		return phase, why
	}
	switch phase {
	case PhaseDeclined, PhaseExpired, PhaseDone, PhaseSuperseded:
		return phase, why
	case PhaseApproved, PhaseRollingOut:
		return PhasePaused, append([]Reason{e.w.halt.reason()}, why...)
	case PhasePaused, PhaseBlocked, PhaseVerified, PhaseVerifying, PhaseHeld:
	}
	return phase, append(why, e.w.halt.reason())
}

// OnlyHalted reports whether a halt alone keeps the gate's rollout from going on.
func (g Gate) OnlyHalted() bool {
	return g.Phase == PhasePaused && len(g.Reasons) > 0 && haltStep(g.Reasons[0].Code) != ""
}

// halt leaves of a target what the phone was announced already, for as long as
// what that rests on allows it; nothing else begins. A restored copy leaves nothing:
// that may have been stopped since, and the phone told so.
func (c choice) halt(t *Target) {
	t.Apps = nil
	if t.Enforce == nil {
		return
	}
	if a := c.f.Announced; a != nil && c.w.halt.Cause != HaltRestore && version.Newer(a.Release, c.f.OSVersion) && c.allows(a) {
		kept := *a
		kept.Keep, kept.By = true, t.Enforce.By
		t.Enforce, t.Release = &kept, kept.Release
		return
	}
	r := c.w.halt.reason()
	t.Blocked = reason(ReasonPaused, ParamRelease, t.Release, ParamPhase, string(PhasePaused), ParamWhy, string(r.Code))
	t.Enforce = nil
}

// haltStep returns what a person can do about a halt, by the code of its reason;
// StepNone for any other code.
func haltStep(why Code) Code {
	return map[Code]Code{GateClockJumped: StepConfirmClock, GateRestored: StepConfirmRestore}[why]
}
