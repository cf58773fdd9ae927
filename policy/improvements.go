package policy

// ImprovementMode says what becomes of Apple's background security
// improvements, "26.3.1 (a)".
type ImprovementMode string

// The modes. Any other value counts as ImprovementsAccept. Only the settings
// declaration hides improvements, and only on a supervised phone (Apple, Device
// Management, SoftwareUpdateSettings, RapidSecurityResponse); on any other they
// are as iOS and its user have it.
const (
	ImprovementsAccept ImprovementMode = "accept" // phones take them by themselves; they follow their base release
	ImprovementsOff    ImprovementMode = "off"    // they are not offered
)

// Improvements is what a policy says about background security improvements.
type Improvements struct {
	Mode ImprovementMode // "" is ImprovementsAccept
	Keep bool            // nobody can remove an improvement from a phone
}

// ParseImprovementMode returns the mode named s.
func ParseImprovementMode(s string) (ImprovementMode, error) {
	return oneOf("setting for background security improvements", ImprovementMode(s), ImprovementsAccept, ImprovementsOff)
}

// resolved returns the mode that counts.
func (m ImprovementMode) resolved() ImprovementMode {
	if m == ImprovementsOff {
		return m
	}
	return ImprovementsAccept
}

// improvements completes a hold with what the policy of the phone's group says
// about improvements. A phone that gets no settings declaration, or one without
// the keys that need supervision, is told nothing.
func (h *Hold) improvements(i Improvements) {
	if h.Cadence != ByDeclaration || !h.Supervised {
		return
	}
	h.HideImprovements = i.Mode == ImprovementsOff
	h.KeepImprovements = i.Keep
}
