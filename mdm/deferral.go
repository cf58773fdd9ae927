package mdm

import (
	"errors"
	"fmt"

	"github.com/micromdm/plist"
)

// FeatureDeferralProfile is what a DeferralProfile needs of a device.
const FeatureDeferralProfile = "InstallProfile." + keyDeferral

// keyDeferral is the restriction that switches a deferral on.
const keyDeferral = "forceDelayedSoftwareUpdates"

// TypeRestrictions is the payload type of restrictions, as a ProfileList names
// it.
const TypeRestrictions = "com.apple.applicationaccess"

// DeferralProfile is a configuration profile that hides updates and upgrades
// from the person for a number of days after their release (Apple, Device
// Management, Restrictions: forceDelayedSoftwareUpdates and
// enforcedSoftwareUpdateDelay). It works on supervised devices from iOS 11.3
// to 26; iOS 18 has [SoftwareUpdateSettings] for it.
type DeferralProfile struct {
	// Identifier names the profile for ever: one with the same identifier
	// replaces it.
	Identifier string
	// UUID and PayloadUUID are those of the profile and of its one payload.
	// The caller gives them, so that the same arguments give the same bytes.
	UUID, PayloadUUID string
	Name              string // what people see in Settings
	Organization      string // may be ""
	Days              int    // 1 to 90
}

// profile and its payload, in Apple's keys.
type (
	profile struct {
		PayloadContent      []restrictions `plist:"PayloadContent"`
		PayloadDisplayName  string         `plist:"PayloadDisplayName"`
		PayloadIdentifier   string         `plist:"PayloadIdentifier"`
		PayloadOrganization string         `plist:"PayloadOrganization,omitempty"`
		PayloadType         string         `plist:"PayloadType"`
		PayloadUUID         string         `plist:"PayloadUUID"`
		PayloadVersion      int            `plist:"PayloadVersion"`
	}
	restrictions struct {
		EnforcedSoftwareUpdateDelay int    `plist:"enforcedSoftwareUpdateDelay"`
		ForceDelayedSoftwareUpdates bool   `plist:"forceDelayedSoftwareUpdates"`
		PayloadDisplayName          string `plist:"PayloadDisplayName"`
		PayloadIdentifier           string `plist:"PayloadIdentifier"`
		PayloadType                 string `plist:"PayloadType"`
		PayloadUUID                 string `plist:"PayloadUUID"`
		PayloadVersion              int    `plist:"PayloadVersion"`
	}
)

// Encode returns the profile, unsigned. A missing identifier, UUID or name,
// and days out of range, are errors.
func (p DeferralProfile) Encode() ([]byte, error) {
	switch {
	case p.Identifier == "" || p.UUID == "" || p.PayloadUUID == "" || p.Name == "":
		return nil, errors.New("mdm: deferral profile needs an identifier, two UUIDs and a name")
	case p.Days < 1 || p.Days > maxDeferralDays:
		return nil, fmt.Errorf("mdm: deferral of %d days is not 1 to %d", p.Days, maxDeferralDays)
	}
	out, err := plist.Marshal(profile{
		PayloadContent: []restrictions{{
			EnforcedSoftwareUpdateDelay: p.Days,
			ForceDelayedSoftwareUpdates: true,
			PayloadDisplayName:          p.Name,
			PayloadIdentifier:           p.Identifier + ".restrictions",
			PayloadType:                 TypeRestrictions,
			PayloadUUID:                 p.PayloadUUID,
			PayloadVersion:              1,
		}},
		PayloadDisplayName:  p.Name,
		PayloadIdentifier:   p.Identifier,
		PayloadOrganization: p.Organization,
		PayloadType:         "Configuration",
		PayloadUUID:         p.UUID,
		PayloadVersion:      1,
	})
	if err != nil {
		return nil, fmt.Errorf("mdm: deferral profile: %w", err)
	}
	return out, nil
}
