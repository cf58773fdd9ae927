package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
)

// Extension is how a model came to an approval that stood already. It is one of
// the approval's Models.
type Extension struct {
	Model  string // hardware identifier
	By     string
	Reason string
	At     time.Time
	Floors []Floor // for phones of this model, in place of the approval's
}

func copyExtensions(list []Extension) []Extension {
	list = slices.Clone(list)
	for i := range list {
		list[i].Floors = slices.Clone(list[i].Floors)
	}
	return list
}

// floorsFor returns the lowest app versions with which phones of a model follow
// the approval. A model that was added has those of its own results: what it was
// tested with says nothing about the others, some of which install already.
func (a *Approval) floorsFor(model string) []Floor {
	for _, x := range a.Extensions {
		if x.Model == model {
			return x.Floors
		}
	}
	return a.Floors
}

// Uncovered is a model of production phones that the approval at a gate does not
// cover, with what adding it would rest on.
type Uncovered struct {
	Model  string `json:"model"` // hardware identifier
	Phones int    `json:"phones"`
	// Missing are the apps that keep the model out; none: it is verified.
	Missing []AppState `json:"missing,omitempty"`
	// For Extension.Floors and Approval.Verdicts: app versions and identifiers of
	// results, sorted.
	Floors   []Floor  `json:"floors,omitempty"`
	Verdicts []string `json:"verdicts,omitempty"`
}

// extensions completes a gate with an approval: which models were added to it, and
// which are left out.
func (e *evaluation) extensions(gate *Gate) {
	if e.approval == nil || gate.Phase == PhaseDeclined || gate.Phase == PhaseExpired {
		return
	}
	for _, x := range e.approval.Extensions {
		gate.Reasons = append(gate.Reasons, reason(GateModelAdded, ParamRelease, e.rel.Version, ParamModel, x.Model, ParamBy, x.By,
			ParamDate, date(x.At), ParamReason, x.Reason))
	}
	if e.approval.Override == nil {
		gate.Uncovered = e.uncovered()
	}
	can := func(u Uncovered) bool { return Extendable(*gate, u.Model) == nil }
	switch {
	case gate.NextHuman != StepNone || len(gate.Uncovered) == 0 || extendClosed(*gate) != "":
	case slices.ContainsFunc(gate.Uncovered, can):
		gate.NextHuman = StepExtend
	default:
		gate.NextHuman = StepTestModel
	}
}

// appsSince names the apps that closed gates depend on and that an ordinary approval was
// given without: it goes on past them.
func (e *evaluation) appsSince(gate *Gate) {
	if gate.Phase != PhaseApproved && gate.Phase != PhaseRollingOut || e.approval.Override != nil || e.approval.Lane != nil {
		return
	}
	for _, bundleID := range e.missing {
		if !slices.ContainsFunc(e.approval.Floors, func(f Floor) bool { return f.BundleID == bundleID }) {
			gate.Reasons = append(gate.Reasons, reason(GateAppNotCovered, ParamApp, bundleID))
		}
	}
}

// uncovered returns the models of production phones below the release that can
// get it and that the approval does not cover.
func (e *evaluation) uncovered() []Uncovered {
	waiting := map[string]int{}
	for _, c := range e.g.Census {
		window, applicable := e.rel.windows[c.Model]
		waits := c.Ring != RingVerification && !version.AtLeast(c.OSVersion, e.rel.Version)
		if waits && applicable && window.open(e.now) && !e.approval.covers(c.Model) {
			waiting[c.Model] += c.Count
		}
	}
	var list []Uncovered
	for _, model := range e.production {
		if waiting[model] == 0 {
			continue
		}
		u := Uncovered{Model: model, Phones: waiting[model]}
		for _, a := range e.g.apps {
			if a.Importance != ImportanceInformational {
				e.tested(&u, a)
			}
		}
		slices.Sort(u.Verdicts)
		u.Verdicts = slices.Compact(u.Verdicts)
		list = append(list, u)
	}
	return list
}

// tested adds to a model how far an app is for it: what a gate would ask that had
// this model too. An important app that is verified on any model is verified.
func (e *evaluation) tested(u *Uncovered, a App) {
	class, classes := e.g.class(u.Model), e.classes
	if a.Importance != ImportanceImportant {
		classes = []string{class}
	}
	s, closes := e.w.app(e.g, a, e.rel, classes, e.now)
	if closes {
		u.Missing = append(u.Missing, s)
		return
	}
	t := e.g.tests(a.BundleID, e.rel, e.now, e.now)
	floor := s.Floor
	switch c, carriedOver := t.carried[class]; {
	case t.full[class] != nil:
		floor = t.full[class].AppVersion
		u.Verdicts = append(u.Verdicts, t.full[class].ID)
	case carriedOver:
		floor = c.smoke.AppVersion
		u.Verdicts = append(u.Verdicts, c.smoke.ID, c.base.ID)
	default:
		u.Verdicts = append(u.Verdicts, s.Verdict)
	}
	u.Floors = append(u.Floors, Floor{BundleID: a.BundleID, MinVersion: floor})
}

// ExtendError says why models cannot be added to the approval at a gate.
type ExtendError struct {
	Group   string
	Release string
	Phase   Phase
	Why     ExtendClosed
	Models  []string   // those that cannot be, sorted
	Apps    []AppState // for ExtendUntested: those that keep the models out
}

// ExtendClosed is why models cannot be added.
type ExtendClosed string

// Why models cannot be added, in the order in which it is looked at.
const (
	ExtendNotApproved ExtendClosed = "extend-not-approved" // no approval stands, or a newer one took its place
	ExtendException   ExtendClosed = "extend-exception"    // two people chose the models of an override
	ExtendStopped     ExtendClosed = "extend-stopped"      // the rollout stands still
	ExtendNoTest      ExtendClosed = "extend-no-test"      // no app or no verification phone to test with
	ExtendNotWaiting  ExtendClosed = "extend-not-waiting"  // no production phone of the model is left out
	ExtendUntested    ExtendClosed = "extend-untested"     // an app is not verified on it
)

// Error names the reason, the models and every app that keeps them out.
func (e *ExtendError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "approval of release %s for group %s (%s): %s", e.Release, e.Group, e.Phase, e.Why)
	for i, m := range e.Models {
		b.WriteString(listSeparator(i))
		b.WriteString(m)
	}
	for _, a := range e.Apps {
		fmt.Fprintf(&b, "; %s (%s: %s)", a.Name, a.BundleID, a.State)
	}
	return b.String()
}

// Extendable returns nil when a person may add models, hardware identifiers, to the
// approval that stands at a gate, and an *ExtendError otherwise: phones of each of them
// wait, and each app meets there what the gate would ask if it had not been approved
// yet, by full tests or by carry-over, whatever the approval itself rests on.
func Extendable(g Gate, models ...string) error {
	e := &ExtendError{Group: g.Group, Release: g.Release, Phase: g.Phase, Why: extendClosed(g), Models: unique(models)}
	if e.Why != "" {
		return e
	}
	var strange, untested []string
	for _, m := range e.Models {
		i := slices.IndexFunc(g.Uncovered, func(u Uncovered) bool { return u.Model == m })
		if i < 0 {
			strange = append(strange, m)
			continue
		}
		if missing := g.Uncovered[i].Missing; len(missing) > 0 {
			untested, e.Apps = append(untested, m), append(e.Apps, missing...)
		}
	}
	switch {
	case len(strange) > 0 || len(e.Models) == 0:
		e.Why, e.Models, e.Apps = ExtendNotWaiting, strange, nil
	case len(untested) > 0:
		e.Why, e.Models = ExtendUntested, untested
	default:
		return nil
	}
	return e
}

// extendClosed returns why no model at all can be added, "" when some may be.
func extendClosed(g Gate) ExtendClosed {
	switch g.Phase {
	case PhasePaused, PhaseBlocked, PhaseDone, PhaseRollingOut, PhaseApproved:
	case PhaseDeclined, PhaseExpired, PhaseSuperseded, PhaseVerified, PhaseVerifying, PhaseHeld:
		return ExtendNotApproved
	}
	blocking := func(a AppState) bool { return a.Importance != ImportanceInformational }
	switch {
	case g.Approval == "":
		return ExtendNotApproved
	case g.Override != nil:
		return ExtendException
	case g.Phase == PhasePaused || g.Phase == PhaseBlocked:
		return ExtendStopped
	case !slices.ContainsFunc(g.Apps, blocking) || g.Counts.Verification == 0:
		return ExtendNoTest
	default:
		return ""
	}
}

// extension returns the approval with who added a model to it, and when.
func (c citer) extension(release, model string) []Record {
	list := c.approval(release)
	if a := c.g.newest(release, c.now); a != nil {
		for _, x := range a.Extensions {
			if x.Model == model && len(list) > 0 {
				list[0].By, list[0].At = x.By, x.At
			}
		}
	}
	return list
}
