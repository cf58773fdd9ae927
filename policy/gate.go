package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Phase is where a gate stands.
type Phase string

// The phases, in the order in which they are tried: the first that holds is
// the phase of the gate.
const (
	PhaseDeclined   Phase = "declined"
	PhaseExpired    Phase = "expired"
	PhasePaused     Phase = "paused"
	PhaseBlocked    Phase = "blocked"
	PhaseDone       Phase = "done"
	PhaseRollingOut Phase = "rolling-out"
	PhaseApproved   Phase = "approved"
	PhaseSuperseded Phase = "superseded"
	PhaseVerified   Phase = "verified"
	PhaseVerifying  Phase = "verifying"
	PhaseHeld       Phase = "held"
)

// Gate is the computed answer to "may this group take this release?", with
// everything a person deciding about it should see. Its slices are sorted.
type Gate struct {
	Group   string   `json:"group"`
	Release string   `json:"release"`
	Phase   Phase    `json:"phase"`
	Reasons []Reason `json:"reasons"`

	Apps    []AppState `json:"apps"`
	Missing []string   `json:"missing,omitempty"` // bundle identifiers that are not verified; see WaitsFor
	Models  []string   `json:"models,omitempty"`  // hardware identifiers verified: for Approval.Models
	Floors  []Floor    `json:"floors,omitempty"`  // versions verified: for Approval.Floors
	// Classes are the model classes that Apps name, of a group whose policy lets a model
	// stand for others; none of any other group, where each model is its own.
	Classes []Class `json:"model_classes,omitempty"`
	// Broken are the results of critical and important apps that say broken and
	// that nothing cleared, and those on older releases that stop the rollout
	// because it was carried over from there: for Override.Broken.
	Broken []string `json:"broken,omitempty"`
	// ProductionModels are the hardware identifiers of the production phones
	// that can get the release: for Approval.Models of an override.
	ProductionModels []string `json:"production_models,omitempty"`

	Clocks Clocks `json:"clocks"`
	// ModelClocks are those of each model, sorted, of which Clocks has the
	// earliest.
	ModelClocks []ModelClocks `json:"model_clocks,omitempty"`
	// Branch is set while production phones are on an older branch than the
	// release's.
	Branch *Branch `json:"branch,omitempty"`
	// CVEs are fixed by the release and those before it since FixesSince, the
	// oldest release on a production phone that can get this one: 0 when all of
	// them have it. Without such a phone FixesSince is "" and CVEs are those of
	// the release alone.
	CVEs       int      `json:"cves"`
	FixesSince string   `json:"fixes_since,omitempty"`
	Exploited  []string `json:"exploited,omitempty"` // those of the CVEs known to be exploited
	Counts     Counts   `json:"counts"`

	// Approval is the identifier of the approval that stands, "" when none does.
	Approval string `json:"approval,omitempty"`
	// Override is set while that approval is one of a gate that was not verified.
	Override *GateOverride `json:"override,omitempty"`
	// Lane is set while that approval came by the emergency lane.
	Lane *GateLane `json:"urgent_approval,omitempty"`
	// Uncovered are the models of production phones that wait because the approval
	// that stands does not cover them, sorted; none of an override, whose models two
	// people chose.
	Uncovered []Uncovered `json:"uncovered,omitempty"`
	// Urgent is set while production phones lack the fix of a flaw known to be
	// exploited that the release brings.
	Urgent *Urgency `json:"urgent,omitempty"`
	// Fingerprint changes when anything changes that a person approving the
	// gate should have seen: phase, state of the apps, models and floors. It
	// does not change with counts and dates. It detects change; it is no
	// defence against forgery.
	Fingerprint string `json:"fingerprint"`

	NextAutomatic Code `json:"next_automatic,omitempty"`
	// NextWave is when the next wave of a rollout that goes on starts by itself;
	// zero when none is to come.
	NextWave  time.Time `json:"next_wave,omitzero"`
	NextHuman Code      `json:"next_human,omitempty"`
}

// Status is the state of one app at one gate.
type Status string

// The states of an app.
const (
	StatusWorks         Status = "works"
	StatusWorksWithNote Status = "works-with-note"
	StatusBroken        Status = "broken"      // an accepted broken result that no later result cleared
	StatusCarried       Status = "carried"     // a smoke test, and a result of an older release of the same x.y; see Carried
	StatusProvisional   Status = "provisional" // only the smoke test is missing for that
	StatusPartial       Status = "partial"     // accepted on some, not on all model classes needed
	StatusStale         Status = "stale"       // the newest result has expired
	StatusUntested      Status = "untested"    // no accepted result; Why says what is wrong with the others
)

// AppState is how far one app is at one gate.
type AppState struct {
	BundleID   string     `json:"bundle_id"`
	Name       string     `json:"name"`
	Importance Importance `json:"importance"`
	State      Status     `json:"state"`
	Why        Code       `json:"why,omitempty"`     // "" when nothing is missing
	Verdict    string     `json:"verdict,omitempty"` // identifier of the newest result State rests on; of a provisional app one that a smoke test can rest on
	Floor      string     `json:"floor,omitempty"`   // lowest app version the results cover
	// External says that at least one of the results counted was made outside
	// the group's phones.
	External bool `json:"external,omitempty"`
	// Noted says that at least one of the results counted came with a note.
	Noted bool `json:"noted,omitempty"`
	// Carried are the model classes, sorted, that are verified by carry-over.
	Carried []Carried `json:"carried,omitempty"`
	// Provisional are the model classes for which only the smoke test on this
	// release is missing, also where the app needs a full test on others.
	Provisional []string `json:"provisional,omitempty"`
	// Alone are the missing model classes on which there is a smoke test that rests on
	// nothing.
	Alone         []string `json:"smoke_alone,omitempty"`
	Models        []string `json:"models,omitempty"`         // model classes with an accepted result
	MissingModels []string `json:"missing_models,omitempty"` // model classes still needed
	BrokenModels  []string `json:"broken_models,omitempty"`  // of a broken app: hardware identifiers on which it does not work
	Tested        []string `json:"-"`                        // hardware identifiers that the results were made on, for Gate.Models
}

// WhyModels returns what Why is about: the models on which the app does not work, or
// else the model classes that still need a result.
func (s AppState) WhyModels() []string {
	if s.State == StatusBroken {
		return s.BrokenModels
	}
	return s.MissingModels
}

// Clocks are the dates a gate runs against, as midnight UTC, over the models of
// the group; zero when unknown or not running. A date is good to about one day:
// Apple does not publish which one a phone uses.
type Clocks struct {
	HiddenUntil time.Time `json:"hidden_until,omitzero"` // users can see the release from this day
	ShelfLife   time.Time `json:"shelf_life,omitzero"`   // first day it cannot be installed on one of the models
	Branch      time.Time `json:"branch,omitzero"`       // the older branch, on which production still is, stopped
	VerifyBy    time.Time `json:"verify_by,omitzero"`    // the earliest of the three
	// Passed says that VerifyBy has come and no approval stands.
	Passed bool `json:"verify_by_passed,omitempty"`
}

// ModelClocks are the clocks of one model of the gate.
type ModelClocks struct {
	Model string `json:"model"` // hardware identifier
	Clocks
}

// Counts are numbers of phones of the group. Production phones whose model
// cannot get the release count in CannotRun only.
type Counts struct {
	Production   int `json:"production"`
	Done         int `json:"done"`             // production phones on the release or newer
	Silent       int `json:"silent,omitempty"` // production phones not there that nobody waits for
	CannotRun    int `json:"cannot_run,omitempty"`
	Verification int `json:"verification"`
	OnRelease    int `json:"on_release"`            // verification phones on exactly this release
	NotCovered   int `json:"not_covered,omitempty"` // production phones of a model the standing approval does not cover
}

// ClosedError says why a gate cannot be approved.
type ClosedError struct {
	Group   string
	Release string
	Phase   Phase
	Reasons []Reason
	Apps    []AppState // the apps that keep it closed, sorted by bundle identifier
}

// Error names the phase and every missing app with its state and cause.
func (e *ClosedError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "gate of group %s for release %s is %s", e.Group, e.Release, e.Phase)
	for i, r := range e.Reasons {
		b.WriteString(listSeparator(i))
		b.WriteString(string(r.Code))
	}
	for i, a := range e.Apps {
		if i == 0 {
			b.WriteString("; missing: ")
		} else {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s (%s: %s", a.Name, a.BundleID, a.State)
		if a.Why != "" {
			fmt.Fprintf(&b, ", %s", a.Why)
		}
		if models := a.WhyModels(); len(models) > 0 {
			fmt.Fprintf(&b, " on %s", strings.Join(models, " "))
		}
		b.WriteByte(')')
	}
	return b.String()
}

func listSeparator(i int) string {
	if i == 0 {
		return ": "
	}
	return ", "
}

// Paused reports whether the rollout is paused until a person resumes it.
func (g Gate) Paused() bool {
	return slices.ContainsFunc(g.Reasons, func(r Reason) bool { return r.Code == GatePausedByPerson || r.Code == GateStoppedByBreaker })
}

// StoppedByResult reports whether a rollout stands still because of what tests show: an
// app that does not work, or a result that was revoked. It goes on by itself when the
// results no longer say so.
func (g Gate) StoppedByResult() bool {
	return g.Approval != "" && slices.ContainsFunc(g.Reasons, func(r Reason) bool { return r.Code == GateVerdictRevoked || r.Code == GateAppBroken })
}

// WaitsFor returns the bundle identifiers of the apps that keep the gate closed:
// those of Missing, or none while an approval carries phones past them.
func (g Gate) WaitsFor() []string {
	switch g.Phase {
	case PhaseApproved, PhaseRollingOut, PhaseDone:
		return nil
	case PhaseDeclined, PhaseExpired, PhasePaused, PhaseBlocked, PhaseSuperseded, PhaseVerified, PhaseVerifying, PhaseHeld:
	}
	return g.Missing
}

// NoGate returns why the group has no gate for the release at all, so that what is
// computed for one says nothing and nobody can decide about it; false where it has one.
func NoGate(g Gate) (Reason, bool) {
	i := slices.IndexFunc(g.Reasons, func(r Reason) bool {
		switch r.Code {
		case GateImprovement, GateImprovementOff, GateNotApplicable, GateNotPosted:
			return true
		default:
			return false
		}
	})
	if i < 0 {
		return Reason{}, false
	}
	return g.Reasons[i], true
}

// Approvable returns nil when a person may approve the gate as it is, that is,
// when its phase is PhaseVerified or it is overridden, was verified since and is
// not paused until a person resumes it, and a *ClosedError otherwise.
func Approvable(g Gate) error {
	if g.Phase == PhaseVerified || g.Override != nil && g.Override.Verified && !g.Paused() {
		return nil
	}
	closed := &ClosedError{Group: g.Group, Release: g.Release, Phase: g.Phase, Reasons: g.Reasons}
	for _, a := range g.Apps {
		if slices.Contains(g.Missing, a.BundleID) {
			closed.Apps = append(closed.Apps, a)
		}
	}
	return closed
}
