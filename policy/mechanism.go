package policy

import "github.com/kannuki-mdm/kannuki/internal/version"

// The releases of iOS at which a mechanism begins or ends (Apple, Device
// Management: SoftwareUpdateEnforcementSpecific, SoftwareUpdateSettings,
// Restrictions, SettingsCommand, ScheduleOSUpdate; change list of OS 27).
const (
	commandFrom     = "9.0"  // ScheduleOSUpdate
	profileFrom     = "11.3" // forceDelayedSoftwareUpdates
	cadenceFrom     = "14.5" // RecommendationCadence of the Settings command
	enforcementFrom = "17.0" // enforcement declaration
	settingsFrom    = "18.0" // settings declaration
	legacyRemoved   = "27.0" // commands, the deferral keys and RecommendationCadence
)

// HoldFor computes what one phone must hide: the Hold of [TargetFor]. No app
// takes part in it.
func HoldFor(w *World, f Facts) Hold {
	h := holdFor(f)
	g := w.groups[f.Group]
	if g == nil || f.Group == "" {
		h.improvements(Improvements{Mode: ImprovementsOff}) // until somebody decides where it belongs
		return h
	}
	h.improvements(g.policy.Improvements)
	h.beta(g.policy.Beta, f.Ring)
	h.AllowMajors = h.Cadence == ByDeclaration && g.policy.Majors == MajorsAllow
	return h
}

// holdFor returns the standing hold of a phone, whatever its group.
func holdFor(f Facts) Hold {
	h := Hold{Days: HoldDays, Supervised: f.Supervised == Supervised}
	h.By, _ = holdBy(f)
	switch {
	case f.Capabilities.Known && f.Capabilities.Settings:
		h.Cadence = ByDeclaration
	case h.By == ByProfile && version.AtLeast(f.OSVersion, cadenceFrom):
		h.Cadence = ByCommand
	}
	return h
}

// holdBy returns what hides new releases on a phone or, when nothing does,
// why: a lasting cause or one that a report of the phone ends.
func holdBy(f Facts) (Mechanism, Code) {
	declarations := f.Capabilities
	switch {
	case f.Supervised == Unsupervised:
		return ByNothing, WhyUnsupervised
	case f.Supervised != Supervised:
		return ByNothing, WhySupervisionUnknown
	case declarations.Known && declarations.Settings:
		return ByDeclaration, ""
	case f.OSVersion == "":
		return ByNothing, WhyFactsUnknown
	case !version.Valid(f.OSVersion):
		return ByNothing, WhyVersionUnreadable
	case !declarations.Known && version.AtLeast(f.OSVersion, settingsFrom):
		return ByNothing, WhyCapabilitiesUnknown
	case version.AtLeast(f.OSVersion, legacyRemoved):
		return ByNothing, WhyNoDeclaration
	case !version.AtLeast(f.OSVersion, profileFrom):
		return ByNothing, WhyBeforeHold
	default:
		return ByProfile, ""
	}
}

// enforceBy returns how a phone whose version can be ordered is made to install
// a release, or why it cannot be.
func enforceBy(f *Facts) (Mechanism, Reason) {
	never := func(why Code) (Mechanism, Reason) {
		return ByNothing, reason(ReasonNotControllable, ParamWhy, string(why), ParamVersion, f.OSVersion)
	}
	knowsDeclarations := version.AtLeast(f.OSVersion, enforcementFrom)
	switch {
	case f.Capabilities.Known && f.Capabilities.Enforcement:
		return ByDeclaration, Reason{}
	case knowsDeclarations && !f.Capabilities.Known:
		return ByNothing, reason(ReasonSyncPending, ParamWhy, string(WhyCapabilitiesUnknown))
	case version.AtLeast(f.OSVersion, legacyRemoved):
		return never(WhyNoDeclaration)
	case !version.AtLeast(f.OSVersion, commandFrom):
		return never(WhySystemTooOld)
	case f.Supervised == Supervised:
		return ByCommand, Reason{}
	case f.Supervised != Unsupervised:
		return ByNothing, reason(ReasonSyncPending, ParamWhy, string(WhySupervisionUnknown))
	case knowsDeclarations:
		return never(WhyNoDeclaration)
	default:
		return never(WhyUnsupervisedOld)
	}
}
