package policy

import (
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
)

// ImprovementMode says what becomes of Apple's background security
// improvements, "26.3.1 (a)".
type ImprovementMode string

// The modes. Any other value counts as ImprovementsAccept. Only the settings
// declaration hides improvements, and only on a supervised phone (Apple, Device
// Management, SoftwareUpdateSettings, RapidSecurityResponse); on any other they
// are as iOS and its user have it.
const (
	// ImprovementsAccept: phones take them by themselves. They follow their base
	// release: a phone with one is on that release, for gates and results.
	ImprovementsAccept ImprovementMode = "accept"
	// ImprovementsReverify: they are hidden, and each has a gate of its own, for
	// which it is a patch of its base release.
	ImprovementsReverify ImprovementMode = "reverify"
	// ImprovementsOff: they are hidden and have no gate.
	ImprovementsOff ImprovementMode = "off"
)

// Improvements is what a policy says about background security improvements.
type Improvements struct {
	Mode ImprovementMode // "" is ImprovementsAccept
	Keep bool            // nobody can remove an improvement from a phone
}

// ParseImprovementMode returns the mode named s.
func ParseImprovementMode(s string) (ImprovementMode, error) {
	return oneOf("setting for background security improvements", ImprovementMode(s), ImprovementsAccept, ImprovementsReverify, ImprovementsOff)
}

// resolved returns the mode that counts.
func (m ImprovementMode) resolved() ImprovementMode {
	if m == ImprovementsOff || m == ImprovementsReverify {
		return m
	}
	return ImprovementsAccept
}

// improvements completes a hold with what the policy of the phone's group says
// about improvements. A phone that gets no settings declaration, or one without
// the keys that need supervision, is told nothing. One that is let in is
// enforced, which beats the setting, so the next one stays hidden.
func (h *Hold) improvements(i Improvements) {
	if h.Cadence != ByDeclaration || !h.Supervised {
		return
	}
	h.HideImprovements = i.Mode != ImprovementsAccept
	h.KeepImprovements = i.Keep
}

// counts returns the version that a phone is taken to be on: the letter of an
// improvement tells only where improvements have a gate.
func (p Policy) counts(osVersion string) string {
	if p.Improvements.Mode == ImprovementsReverify {
		return osVersion
	}
	return version.Base(osVersion)
}

// Counted returns the facts of a phone with the version that its group takes it
// to be on, the letter of an improvement included where that has a gate. A phone without the settings declaration takes improvements as
// iOS has it, so that there they are nobody's decision.
func (w *World) Counted(f Facts) Facts {
	if g := w.groups[f.Group]; g != nil && f.Capabilities.Settings {
		f.OSVersion = g.policy.counts(version.WithExtra(f.OSVersion, f.Extra))
	}
	return f
}

// runs returns the version of a phone with its letter, whether its gates know that or not.
func (f *Facts) runs() string {
	if f.Extra == "" {
		return f.OSVersion
	}
	return version.WithExtra(version.Base(f.OSVersion), f.Extra)
}

// takes reports whether the phone can be given a release at all: an improvement
// is enforced by its build, for which it needs declarations. The settings
// declaration came with the iOS that installs an improvement together with its
// base (Apple, Device Management, SoftwareUpdateEnforcementSpecific).
func (c choice) takes(r *release) bool {
	return !r.improvement() || c.f.Capabilities.Settings && c.f.Capabilities.Enforcement
}

func (r *release) improvement() bool { return r.Class == ClassImprovement }

// gates reports whether a release can have a gate for the group.
func (g *group) gates(r *release) bool {
	return version.Valid(r.Version) && (!r.improvement() || g.gatesImprovements())
}

// gatesImprovements reports whether improvements have gates for the group.
func (g *group) gatesImprovements() bool { return g.policy.Improvements.Mode == ImprovementsReverify }

// noGate says why a release cannot have a gate for the group.
func (g *group) noGate(r *release) Reason {
	if r.improvement() && g.policy.Improvements.Mode == ImprovementsOff {
		return reason(GateImprovementOff)
	}
	return reason(GateImprovement)
}

// has reports whether phones of the group can come to a release at all: the policy
// hides no improvement that it is.
func (g *group) has(r *release) bool { return g.gates(r) || g.letsIn(r) }

// releasesOf returns the releases that can have a gate for the group, newest
// first.
func (w *World) releasesOf(g *group) []*release {
	if g.gatesImprovements() {
		return w.all
	}
	return w.releases
}

// letsIn reports whether phones of the group take a release by themselves,
// whatever was tested.
func (g *group) letsIn(r *release) bool {
	return r != nil && r.improvement() && g.policy.Improvements.Mode == ImprovementsAccept
}

// hiddenUntil returns the day from which users of the model can see the
// release, or zero when that is unknown or never comes: an improvement is not
// delayed but hidden, for as long as the policy says so.
func (r *release) hiddenUntil(m ModelWindow) time.Time {
	if r.improvement() {
		return time.Time{}
	}
	return m.hiddenUntil()
}
