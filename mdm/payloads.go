package mdm

import (
	"errors"
	"fmt"
	"net/url"
	"time"
)

// Types of the declarations this package has payloads for.
const (
	TypeActivationSimple          = "com.apple.activation.simple"
	TypeOrganizationInfo          = "com.apple.management.organization-info"
	TypeSoftwareUpdateEnforcement = "com.apple.configuration.softwareupdate.enforcement.specific"
	TypeSoftwareUpdateSettings    = "com.apple.configuration.softwareupdate.settings"
	TypeStatusSubscriptions       = "com.apple.configuration.management.status-subscriptions"
)

// LocalDateTimeLayout is the form of TargetLocalDateTime: the device's own
// clock, no zone, no fraction.
const LocalDateTimeLayout = "2006-01-02T15:04:05"

// maxDeferralDays is the longest Apple lets a release be hidden, by declaration
// or by profile.
const maxDeferralDays = 90

// Values of AutomaticActions and Beta.ProgramEnrollment.
const (
	Allowed   = "Allowed"
	AlwaysOn  = "AlwaysOn"
	AlwaysOff = "AlwaysOff"
)

// Values of RecommendedCadence.
const (
	CadenceAll    = "All"
	CadenceOldest = "Oldest"
	CadenceNewest = "Newest"
)

// SoftwareUpdateSettings is the payload of TypeSoftwareUpdateSettings (iOS
// 18). What is nil or empty is left to the device. Several such declarations
// merge key by key, so a device should get exactly one.
type SoftwareUpdateSettings struct {
	Notifications         *bool                  `json:"Notifications,omitempty"`
	Deferrals             *Deferrals             `json:"Deferrals,omitempty"`
	RecommendedCadence    string                 `json:"RecommendedCadence,omitempty"`
	AutomaticActions      *AutomaticActions      `json:"AutomaticActions,omitempty"`
	RapidSecurityResponse *RapidSecurityResponse `json:"RapidSecurityResponse,omitempty"`
	Beta                  *Beta                  `json:"Beta,omitempty"`
}

// Deferrals hide updates after their release. Supervised devices only.
type Deferrals struct {
	// CombinedPeriodInDays is 1 to 90. iOS knows no separate periods for
	// major and minor updates.
	CombinedPeriodInDays int `json:"CombinedPeriodInDays"`
}

// AutomaticActions are Allowed, AlwaysOn or AlwaysOff. Supervised devices
// only.
type AutomaticActions struct {
	Download         string `json:"Download,omitempty"`
	InstallOSUpdates string `json:"InstallOSUpdates,omitempty"`
}

// RapidSecurityResponse rules what Apple now calls Background Security
// Improvements. Supervised devices only.
type RapidSecurityResponse struct {
	Enable         *bool `json:"Enable,omitempty"`
	EnableRollback *bool `json:"EnableRollback,omitempty"`
}

// Beta rules beta programs.
type Beta struct {
	// ProgramEnrollment is Allowed, AlwaysOn or AlwaysOff. Supervised devices
	// only.
	ProgramEnrollment string `json:"ProgramEnrollment,omitempty"`
	// OfferPrograms stand neither beside RequireProgram nor with AlwaysOff.
	OfferPrograms []BetaProgram `json:"OfferPrograms,omitempty"`
	// RequireProgram works with AlwaysOn only. Supervised devices only.
	RequireProgram *BetaProgram `json:"RequireProgram,omitempty"`
}

// BetaProgram is one of Apple's beta programs.
type BetaProgram struct {
	Description string `json:"Description"`
	Token       string `json:"Token"`
}

// ForUnsupervised returns s without the keys that only supervised devices
// take: an unsupervised one refuses a declaration that has any of them as a
// whole.
func (s SoftwareUpdateSettings) ForUnsupervised() SoftwareUpdateSettings {
	u := SoftwareUpdateSettings{Notifications: s.Notifications, RecommendedCadence: s.RecommendedCadence}
	if s.Beta != nil && len(s.Beta.OfferPrograms) > 0 {
		u.Beta = &Beta{OfferPrograms: s.Beta.OfferPrograms}
	}
	return u
}

func (s SoftwareUpdateSettings) validate() error {
	if d := s.Deferrals; d != nil && (d.CombinedPeriodInDays < 1 || d.CombinedPeriodInDays > maxDeferralDays) {
		return fmt.Errorf("deferral of %d days is not 1 to %d", d.CombinedPeriodInDays, maxDeferralDays)
	}
	switch s.RecommendedCadence {
	case "", CadenceAll, CadenceOldest, CadenceNewest:
	default:
		return fmt.Errorf("unknown RecommendedCadence %q", s.RecommendedCadence)
	}
	var actions []string
	if a := s.AutomaticActions; a != nil {
		actions = append(actions, a.Download, a.InstallOSUpdates)
	}
	if b := s.Beta; b != nil {
		actions = append(actions, b.ProgramEnrollment)
		switch {
		case b.RequireProgram != nil && b.ProgramEnrollment != AlwaysOn:
			return errors.New("a required beta program needs ProgramEnrollment AlwaysOn")
		case len(b.OfferPrograms) > 0 && (b.RequireProgram != nil || b.ProgramEnrollment == AlwaysOff):
			return errors.New("beta programs offered although one is required or none allowed")
		}
	}
	for _, a := range actions {
		switch a {
		case "", Allowed, AlwaysOn, AlwaysOff:
		default:
			return fmt.Errorf("unknown action %q", a)
		}
	}
	return nil
}

// SoftwareUpdateEnforcement is the payload of TypeSoftwareUpdateEnforcement
// (iOS 17). The device starts to download and notify as soon as it has it.
type SoftwareUpdateEnforcement struct {
	// TargetOSVersion is the exact version, spelled as Apple's catalogue does.
	TargetOSVersion string `json:"TargetOSVersion"`
	// TargetBuildVersion is needed only for one build among several.
	TargetBuildVersion string `json:"TargetBuildVersion,omitempty"`
	// TargetLocalDateTime is the deadline, in LocalDateTimeLayout.
	TargetLocalDateTime string `json:"TargetLocalDateTime"`
	// DetailsURL is an https page the person can open.
	DetailsURL string `json:"DetailsURL,omitempty"`
}

func (e SoftwareUpdateEnforcement) validate() error {
	if e.TargetOSVersion == "" {
		return errors.New("no target version")
	}
	t, err := time.Parse(LocalDateTimeLayout, e.TargetLocalDateTime)
	// Formatted again, because Parse also takes fractions.
	if err != nil || t.Format(LocalDateTimeLayout) != e.TargetLocalDateTime {
		return fmt.Errorf("target time %q is not of the form %s", e.TargetLocalDateTime, LocalDateTimeLayout)
	}
	if e.DetailsURL == "" {
		return nil
	}
	if u, err := url.Parse(e.DetailsURL); err != nil || u.Scheme != "https" || u.Host == "" {
		return errors.New("details URL is not an https URL")
	}
	return nil
}

// StatusSubscriptions is the payload of TypeStatusSubscriptions (iOS 15).
type StatusSubscriptions struct {
	StatusItems []StatusItem `json:"StatusItems"`
}

// StatusItem names one status item, "softwareupdate.install-state" for
// instance.
type StatusItem struct {
	Name string `json:"Name"`
}

// SubscribeTo returns the subscription to the named items, in that order.
func SubscribeTo(names ...string) StatusSubscriptions {
	s := StatusSubscriptions{StatusItems: make([]StatusItem, 0, len(names))}
	for _, n := range names {
		s.StatusItems = append(s.StatusItems, StatusItem{Name: n})
	}
	return s
}

func (s StatusSubscriptions) validate() error {
	if s.StatusItems == nil {
		return errors.New("no status items")
	}
	for _, it := range s.StatusItems {
		if it.Name == "" {
			return errors.New("status item without a name")
		}
	}
	return nil
}

// OrganizationInfo is the payload of TypeOrganizationInfo (iOS 15). Name is
// what people see in prompts.
type OrganizationInfo struct {
	Name  string `json:"Name"`
	Email string `json:"Email,omitempty"`
	URL   string `json:"URL,omitempty"`
}

func (o OrganizationInfo) validate() error {
	if o.Name == "" {
		return errors.New("organisation without a name")
	}
	return nil
}

// ActivationSimple is the payload of TypeActivationSimple (iOS 15). A
// configuration no activation names stays inactive.
type ActivationSimple struct {
	StandardConfigurations []string `json:"StandardConfigurations"`
	// Predicate, when not empty, is evaluated on the device. Versions compare
	// as text there, so order of versions has no place in one.
	Predicate string `json:"Predicate,omitempty"`
}

func (a ActivationSimple) validate() error {
	if a.StandardConfigurations == nil {
		return errors.New("no configurations")
	}
	for _, id := range a.StandardConfigurations {
		if !validIdentifier(id) {
			return fmt.Errorf("configuration identifier %q has a bad length or character", id)
		}
	}
	return nil
}
