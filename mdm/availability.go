package mdm

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/kannuki-mdm/kannuki/internal/version"
)

// AccessRights bits of the MDM payload that commands of this package need
// (Apple, Device Management, MDM.AccessRights).
const (
	RightInspectProfiles = 1
	RightInstallProfiles = 2
	RightQueryDevice     = 16
	RightQueryApps       = 256
	RightQuerySecurity   = 1024
	RightSettings        = 2048
	RightManageApps      = 4096 // apps, and operating system updates with them
)

// Features beyond request types: an item of a Settings command and queries of
// a DeviceInformation command have lives of their own.
const (
	FeatureUpdateCadence       = "Settings.SoftwareUpdateSettings"
	FeatureQueryUpdateDeviceID = "DeviceInformation.SoftwareUpdateDeviceID"
	FeatureQueryUpdateSettings = "DeviceInformation.SoftwareUpdateSettings"
)

// A Device is what decides whether a command may be sent to it.
type Device struct {
	// OSVersion is the iOS version last reported; "" when it never was.
	OSVersion  string
	Supervised bool
	// Rights are the AccessRights bits of the profile it enrolled with.
	Rights int
}

// An availability says where a feature exists on iOS.
type availability struct {
	feature string
	// from is "" for what every iOS since 12 has, the oldest managed here.
	from string
	// removed is the first version without the feature, "" for none.
	removed    string
	supervised bool
	rights     int
}

// availabilities is the one table of what exists where, for full enrolments:
// Apple's schema of device management, and its lists of what 26 deprecated and
// 27 removed. What is not in it is never sent. ScheduleOSUpdateScan and the
// query OSUpdateSettings never existed on iOS.
func availabilities() [17]availability {
	return [...]availability{
		{feature: reqDeviceInformation},
		{feature: "InstalledApplicationList", rights: RightQueryApps},
		{feature: reqInstallProfile, rights: RightInstallProfiles},
		{feature: "RemoveProfile", rights: RightInstallProfiles},
		{feature: "ProfileList", rights: RightInspectProfiles},
		{feature: "SecurityInfo", rights: RightQuerySecurity},
		{feature: reqSettings, rights: RightSettings},
		{feature: reqInstallApplication, rights: RightManageApps},
		{feature: reqManagedApplicationList, rights: RightManageApps},
		// iOS 15 had it in User Enrollment only.
		{feature: msgDeclarativeManagement, from: "16.0"},

		{feature: reqAvailableOSUpdates, removed: "27.0", supervised: true, rights: RightManageApps},
		{feature: reqScheduleOSUpdate, removed: "27.0", supervised: true, rights: RightManageApps},
		{feature: reqOSUpdateStatus, removed: "27.0", supervised: true, rights: RightManageApps},
		{feature: FeatureUpdateCadence, from: "14.5", removed: "27.0", supervised: true, rights: RightSettings},
		{feature: FeatureQueryUpdateDeviceID, from: "15.0", removed: "27.0"},
		{feature: FeatureQueryUpdateSettings, from: "14.5", removed: "27.0"},
		{feature: FeatureDeferralProfile, removed: "27.0", supervised: true, rights: RightInstallProfiles},
	}
}

// Unavailability says why a device cannot take a command.
type Unavailability string

// The reasons, in the order in which they are looked for.
const (
	// UnknownFeature: the table of this package does not have it.
	UnknownFeature Unavailability = "unknown"
	// UnknownOS: it depends on the version, and that is not known.
	UnknownOS Unavailability = "os-unknown"
	// OSTooOld: the version does not have it yet.
	OSTooOld Unavailability = "os-too-old"
	// OSRemoved: the version does not have it any more.
	OSRemoved Unavailability = "os-removed"
	// NotSupervised: only supervised devices have it.
	NotSupervised Unavailability = "unsupervised"
	// NoRight: the device enrolled without the access right for it.
	NoRight Unavailability = "no-right"
)

// An UnavailableError says that a device must not be sent a command.
type UnavailableError struct {
	Feature string // request type, or one of the Feature constants
	Why     Unavailability
	// Limit is the version, or the access right, it fails at; "" otherwise.
	Limit string
}

// Error returns the feature and the reason.
func (e *UnavailableError) Error() string {
	text := "mdm: " + e.Feature + ": "
	switch e.Why {
	case UnknownFeature:
		return text + "not a command this server sends"
	case UnknownOS:
		return text + "depends on the iOS version, which the device has not reported yet"
	case OSTooOld:
		return text + "needs iOS " + e.Limit + " or newer"
	case OSRemoved:
		return text + "iOS " + e.Limit + " removed it"
	case NotSupervised:
		return text + "needs a supervised device"
	case NoRight:
		return text + "needs access right " + e.Limit + "; rights are granted at enrolment only"
	}
	return text + string(e.Why)
}

// Supports returns nil when the device has the feature: a request type or one
// of the Feature constants. Otherwise the error is an *UnavailableError. A
// version that was never reported, or does not parse, supports only what every
// version since iOS 12 has.
func (d Device) Supports(feature string) error {
	table := availabilities()
	i := slices.IndexFunc(table[:], func(a availability) bool { return a.feature == feature })
	if i < 0 {
		return &UnavailableError{Feature: feature, Why: UnknownFeature}
	}
	a := table[i]
	switch {
	case (a.from != "" || a.removed != "") && !version.Valid(d.OSVersion):
		return &UnavailableError{Feature: feature, Why: UnknownOS}
	case a.from != "" && !version.AtLeast(d.OSVersion, a.from):
		return &UnavailableError{Feature: feature, Why: OSTooOld, Limit: a.from}
	case a.removed != "" && version.AtLeast(d.OSVersion, a.removed):
		return &UnavailableError{Feature: feature, Why: OSRemoved, Limit: a.removed}
	case a.supervised && !d.Supervised:
		return &UnavailableError{Feature: feature, Why: NotSupervised}
	case d.Rights&a.rights != a.rights:
		return &UnavailableError{Feature: feature, Why: NoRight, Limit: fmt.Sprint(a.rights)}
	}
	return nil
}

// Takes returns nil when the device has everything the command needs, the
// items of a Settings command, the queries of a DeviceInformation command and
// the deferral in an InstallProfile command included. It is asked when a
// command is queued and again when it is handed out, because a device may have
// moved to another version in between. Only the RequestType and the Body
// count. The error is an *UnavailableError, or says that the Body, which may
// have at most 1 MiB, cannot be read.
func (d Device) Takes(c Command) error {
	if err := d.Supports(c.RequestType); err != nil {
		return err
	}
	switch c.RequestType {
	case reqSettings, reqDeviceInformation, reqInstallProfile:
	default:
		return nil
	}
	f, err := commandOf(c.Body)
	if err != nil {
		return err
	}
	switch c.RequestType {
	case reqSettings:
		return d.takesItems(f.objects("Settings"))
	case reqInstallProfile:
		return d.takesProfile(deref(pick(f, "Payload", asData)))
	default:
		return d.takesQueries(f.texts("Queries"))
	}
}

// commandOf reads the Command dictionary of an encoded command.
func commandOf(body []byte) (fields, error) {
	doc, err := scan(body, ResultLimits())
	if err != nil {
		return fields{}, err
	}
	v, err := doc.value("Command")
	if err != nil {
		return fields{}, err
	}
	m, ok := asDictionary(v)
	if !ok {
		return fields{}, malformed("no Command dictionary")
	}
	return newFields(m), nil
}

func (d Device) takesItems(items []fields) error {
	for _, item := range items {
		if err := d.Supports("Settings." + item.text("Item")); err != nil {
			return err
		}
	}
	return nil
}

// takesProfile looks for the deferral without parsing: a signature leaves the
// profile inside it as it was.
func (d Device) takesProfile(profile []byte) error {
	if !bytes.Contains(profile, []byte(keyDeferral)) {
		return nil
	}
	return d.Supports(FeatureDeferralProfile)
}

// takesQueries lets queries pass that the table does not have: a device leaves
// out of its answer what it does not know.
func (d Device) takesQueries(queries []string) error {
	for _, q := range queries {
		err := d.Supports("DeviceInformation." + q)
		if u, ok := errors.AsType[*UnavailableError](err); ok && u.Why != UnknownFeature {
			return err
		}
	}
	return nil
}
