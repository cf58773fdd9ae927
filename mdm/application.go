package mdm

import (
	"errors"
	"maps"
	"slices"
)

// PurchaseMethod is how a device pays for an app of the App Store (Apple,
// Device Management, InstallApplication, Options.PurchaseMethod).
type PurchaseMethod int

// The purchase methods.
const (
	// PurchaseByAccount takes the app with the Apple Account that is signed in:
	// free apps, and those it has already.
	PurchaseByAccount PurchaseMethod = 0
	// PurchaseByLicence takes a licence of Apps and Books that was assigned to the
	// device, or its user, before.
	PurchaseByLicence PurchaseMethod = 1
)

// InstallApplicationCommand installs an app from the App Store or, where it is
// installed already, updates it to the store's version. Supervised devices ask
// nobody. An acknowledgement only says that the device took it up. ManagementFlags
// are left out, which is 0: the app stays when management ends. Needs right 4096.
type InstallApplicationCommand struct {
	Identifier string         `plist:"Identifier"` // bundle id (iOS 7)
	Options    InstallOptions `plist:"Options"`
	// ChangeManagementState is "" or [ManagementTakeOver].
	ChangeManagementState string `plist:"ChangeManagementState,omitempty"`
}

// InstallOptions are the Options of an [InstallApplicationCommand].
type InstallOptions struct {
	PurchaseMethod PurchaseMethod `plist:"PurchaseMethod"`
}

// ManagementTakeOver makes an app that its user installed a managed one (iOS 9),
// without which a device refuses to update it. Unsupervised devices ask their user.
const ManagementTakeOver = "Managed"

// ManagedApplicationListCommand asks for the states of the named apps, of those
// that are managed. Needs right 4096.
type ManagedApplicationListCommand struct {
	Identifiers []string `plist:"Identifiers"` // iOS 7
}

const (
	reqInstallApplication     = "InstallApplication"
	reqManagedApplicationList = "ManagedApplicationList"
)

// RequestType returns "InstallApplication".
func (InstallApplicationCommand) RequestType() string { return reqInstallApplication }

// RequestType returns "ManagedApplicationList".
func (ManagedApplicationListCommand) RequestType() string { return reqManagedApplicationList }

func (c InstallApplicationCommand) validate() error {
	switch {
	case c.Identifier == "":
		return errors.New("no app identifier")
	case c.Options.PurchaseMethod != PurchaseByAccount && c.Options.PurchaseMethod != PurchaseByLicence:
		return errors.New("no such purchase method")
	case c.ChangeManagementState != "" && c.ChangeManagementState != ManagementTakeOver:
		return errors.New("no such management state")
	}
	return nil
}

func (c ManagedApplicationListCommand) validate() error {
	if len(c.Identifiers) == 0 {
		return errors.New("no app identifiers")
	}
	return nil
}

// AppState is where a managed app stands. Values unknown today are kept as they
// are.
type AppState string

// The documented states that mean something for an update (Apple, Device
// Management, InstallApplication and ManagedApplicationList).
const (
	AppNeedsRedemption         AppState = "NeedsRedemption"
	AppPrompting               AppState = "Prompting"
	AppPromptingForLogin       AppState = "PromptingForLogin"
	AppPromptingForUpdate      AppState = "PromptingForUpdate"
	AppPromptingForUpdateLogin AppState = "PromptingForUpdateLogin"
	AppPromptingForManagement  AppState = "PromptingForManagement"
	AppManaged                 AppState = "Managed" // installed; says nothing about its version
	// Each of these is reported once only.
	AppUserRejected       AppState = "UserRejected"
	AppUpdateRejected     AppState = "UpdateRejected"
	AppManagementRejected AppState = "ManagementRejected"
	AppFailed             AppState = "Failed"
)

// RejectedAlreadyQueued is the one rejection that refuses nothing: the app is on
// its way.
const RejectedAlreadyQueued = "AppAlreadyQueued"

// AppInstallation is the answer to an [InstallApplicationCommand]. What the
// device left out is "".
type AppInstallation struct {
	Identifier      string
	State           AppState
	RejectionReason string // why it refused, whatever its status
}

// AppInstallation reads the answer to an InstallApplicationCommand. It is an
// error, a *ParseError, when it cannot be read.
func (r *Result) AppInstallation() (AppInstallation, error) {
	var a AppInstallation
	if r.doc == nil && r.given == nil {
		return a, malformed("missing answer")
	}
	values := map[string]any{}
	for _, key := range []string{"Identifier", "State", "RejectionReason"} {
		v, err := r.value(key)
		if err != nil {
			return a, err
		}
		values[key] = v
	}
	f := newFields(values)
	a = AppInstallation{f.text("Identifier"), AppState(f.text("State")), f.text("RejectionReason")}
	return a, nil
}

// ManagedApplication is where one managed app stands.
type ManagedApplication struct {
	Identifier string
	Status     AppState
}

// ManagedApplications reads the ManagedApplicationList of the result, by
// identifier. Apps without a status are left out. It is an error, a *ParseError,
// when there is no list.
func (r *Result) ManagedApplications() ([]ManagedApplication, error) {
	f, err := r.dictionary(reqManagedApplicationList)
	if err != nil {
		return nil, err
	}
	var apps []ManagedApplication
	for _, id := range slices.Sorted(maps.Keys(f.m)) {
		if status := f.object(id).text("Status"); status != "" {
			apps = append(apps, ManagedApplication{id, AppState(status)})
		}
	}
	return apps, nil
}
