package policy

import (
	"cmp"
	"slices"
	"time"
)

// Override marks an approval of a gate that was not verified. It takes two
// people, speaks of production phones only, and ends by itself: from Until on
// the approval stands no more, as if it were withdrawn.
type Override struct {
	By           string // person who proposed it
	Second       string // person who signed it
	Reason       string // of the first
	SecondReason string
	Until        time.Time // zero counts as over, so that a damaged record ends
	// Broken are verdicts that say broken and were known and accepted: they do
	// not stop the rollout. Any other does.
	Broken []string
}

// GateOverride is the override that stands at a gate, for as long as it lasts.
type GateOverride struct {
	By           string    `json:"by"`     // person who proposed it
	Second       string    `json:"second"` // person who signed it
	Reason       string    `json:"reason"` // of the first
	SecondReason string    `json:"second_reason"`
	At           time.Time `json:"at"`
	Until        time.Time `json:"until"`
	Models       []string  `json:"models"`                    // hardware identifiers covered
	Broken       []string  `json:"accepted_broken,omitempty"` // verdicts that say broken, known and accepted
	// Verified says that every app is verified meanwhile: an ordinary approval
	// can take the override's place.
	Verified bool `json:"verified,omitempty"`
}

// over reports whether the approval is an override that has ended.
func (a *Approval) over(now time.Time) bool {
	return a.Override != nil && begun(a.Override.Until, now)
}

// accepts reports whether a broken result was known when the approval was made
// in spite of it.
func (a *Approval) accepts(v verdictOf) bool {
	return a.Override != nil && slices.Contains(a.Override.Broken, v.ID)
}

// reason says that an override stands, or that it has ended.
func (o *Override) reason(code Code, releaseVersion string) Reason {
	return reason(code, ParamRelease, releaseVersion, ParamDate, date(o.Until), ParamBy, o.By, ParamSecond, o.Second, ParamReason, o.Reason)
}

// override completes a gate whose newest approval is an override: what stands,
// or that it has ended.
func (e *evaluation) override(gate *Gate) {
	a := e.g.newest(e.rel.Version, e.now)
	if a == nil || a.Override == nil || reached(a.Withdrawn, e.now) {
		return
	}
	if a.over(e.now) {
		gate.Reasons = append(gate.Reasons, a.Override.reason(GateOverrideEnded, a.Release))
		return
	}
	switch gate.Phase {
	case PhasePaused, PhaseBlocked, PhaseDone, PhaseRollingOut, PhaseApproved:
	case PhaseDeclined, PhaseExpired, PhaseSuperseded, PhaseVerified, PhaseVerifying, PhaseHeld:
		return // what closed the gate closed the override too
	}
	o := a.Override
	gate.Reasons = append(gate.Reasons, o.reason(GateOverridden, a.Release))
	gate.Override = &GateOverride{
		By: o.By, Second: o.Second, Reason: o.Reason, SecondReason: o.SecondReason, At: a.At, Until: o.Until,
		Models: unique(a.Models), Broken: unique(o.Broken), Verified: len(e.closed()) == 0,
	}
	switch {
	case gate.NextHuman != StepNone:
	case gate.Override.Verified:
		gate.NextHuman = e.nextVerified()
	default:
		gate.NextHuman = cmp.Or(e.nextSetUp(), StepTestToApprove)
	}
}

// exceptions returns the overrides and urgent approvals that stand and cover the
// phone and that it follows, or followed to the release it runs.
func (w *World) exceptions(f Facts, wanted string, now time.Time) []Reason {
	g := w.groups[f.Group]
	if g == nil || f.Ring == RingVerification {
		return nil
	}
	var list []Reason
	for _, release := range unique([]string{wanted, f.OSVersion}) {
		a := g.approval(release, now)
		switch {
		case a == nil || !a.covers(f.Model):
		case a.Override != nil:
			list = append(list, a.Override.reason(GateOverridden, release))
		case a.Lane != nil:
			list = append(list, a.Lane.reason(release))
		}
	}
	return list
}

// addOnce adds facts that are not there yet.
func (x *Explanation) addOnce(facts []Reason) {
	for _, r := range facts {
		same := func(have Reason) bool {
			return have.Code == r.Code && have.Params[ParamRelease] == r.Params[ParamRelease]
		}
		if !slices.ContainsFunc(x.Facts, same) {
			x.Facts = append(x.Facts, r)
		}
	}
}
