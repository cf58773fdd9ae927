package mdm

import (
	"errors"
	"fmt"
)

// InstallAction is what ScheduleOSUpdate asks for, and what a device decided.
type InstallAction string

// The actions of iOS (Apple, Device Management, ScheduleOSUpdate). An update
// takes two steps: the first command downloads, a second one, sent once the
// update is downloaded, installs.
const (
	// ActionDefault downloads or installs, whichever comes next.
	ActionDefault InstallAction = "Default"
	// ActionDownloadOnly downloads.
	ActionDownloadOnly InstallAction = "DownloadOnly"
	// ActionInstallASAP installs what is downloaded. A device with a passcode
	// asks for it, and its user may put that off.
	ActionInstallASAP InstallAction = "InstallASAP"
	// ActionError is only ever reported: the device scheduled nothing.
	ActionError InstallAction = "Error"
)

// UpdateStatus is the state of an update under way. Values unknown today are
// kept as they are.
type UpdateStatus string

// The documented states of iOS (Apple, Device Management, ScheduleOSUpdate and
// OSUpdateStatus). OSUpdateStatus knows only the first three; its Downloading
// includes preparing.
const (
	UpdateIdle                        UpdateStatus = "Idle"
	UpdateDownloading                 UpdateStatus = "Downloading"
	UpdateInstalling                  UpdateStatus = "Installing"
	UpdateDownloadFailed              UpdateStatus = "DownloadFailed"
	UpdateDownloadRequiresComputer    UpdateStatus = "DownloadRequiresComputer"
	UpdateDownloadInsufficientSpace   UpdateStatus = "DownloadInsufficientSpace"
	UpdateDownloadInsufficientPower   UpdateStatus = "DownloadInsufficientPower"
	UpdateDownloadInsufficientNetwork UpdateStatus = "DownloadInsufficientNetwork"
	UpdateInstallInsufficientSpace    UpdateStatus = "InstallInsufficientSpace"
	UpdateInstallInsufficientPower    UpdateStatus = "InstallInsufficientPower"
	UpdateInstallPhoneCallInProgress  UpdateStatus = "InstallPhoneCallInProgress"
	UpdateInstallFailed               UpdateStatus = "InstallFailed"
)

// AvailableOSUpdatesCommand asks which updates the device is offered. It
// answers with the newest only, and leaves out what a declaration enforces.
// Supervised devices before iOS 27. Needs right 4096.
type AvailableOSUpdatesCommand struct{}

// ScheduleOSUpdateCommand downloads or installs updates. While a declaration
// enforces an update, the device ignores the command and answers with an error
// that is for information only. Supervised devices before iOS 27. Needs right
// 4096.
type ScheduleOSUpdateCommand struct {
	Updates []OSUpdate `plist:"Updates"` // at least one
}

// OSUpdate names one update and what to do with it.
type OSUpdate struct {
	// ProductKey is the device's own name of the update, from
	// AvailableOSUpdates. Either it or ProductVersion is needed.
	ProductKey string `plist:"ProductKey,omitempty"`
	// ProductVersion is "16.7.16" for instance (iOS 11.3). It does not reach
	// Rapid Security Responses.
	ProductVersion string `plist:"ProductVersion,omitempty"`
	// InstallAction is any but ActionError.
	InstallAction InstallAction `plist:"InstallAction"`
}

// OSUpdateStatusCommand asks how far updates have come. It tells nothing of an
// update that a declaration enforces. Supervised devices before iOS 27. Needs
// right 4096.
type OSUpdateStatusCommand struct{}

const (
	reqAvailableOSUpdates = "AvailableOSUpdates"
	reqScheduleOSUpdate   = "ScheduleOSUpdate"
	reqOSUpdateStatus     = "OSUpdateStatus"
)

// RequestType returns "AvailableOSUpdates".
func (AvailableOSUpdatesCommand) RequestType() string { return reqAvailableOSUpdates }

// RequestType returns "ScheduleOSUpdate".
func (ScheduleOSUpdateCommand) RequestType() string { return reqScheduleOSUpdate }

// RequestType returns "OSUpdateStatus".
func (OSUpdateStatusCommand) RequestType() string { return reqOSUpdateStatus }

func (c ScheduleOSUpdateCommand) validate() error {
	if len(c.Updates) == 0 {
		return errors.New("no updates")
	}
	for _, u := range c.Updates {
		if u.ProductKey == "" && u.ProductVersion == "" {
			return errors.New("update with neither product key nor version")
		}
		switch u.InstallAction {
		case ActionDefault, ActionDownloadOnly, ActionInstallASAP:
		case ActionError:
			return errors.New("install action Error is an answer")
		default:
			return fmt.Errorf("install action %q is not one of iOS", u.InstallAction)
		}
	}
	return nil
}

// AvailableUpdate is one update a device is offered. nil means not reported.
type AvailableUpdate struct {
	ProductKey    string
	ProductName   string // "iOS"
	HumanReadable string // HumanReadableName
	Version       string // "16.7.16"
	Build         string
	// DownloadSize and InstallSize are bytes; the sum must be free.
	DownloadSize *int64
	InstallSize  *int64
	// IsSecurityResponse tells a Rapid Security Response (iOS 16.2).
	IsSecurityResponse         bool
	SupplementalBuildVersion   string // equals Build (iOS 16.2)
	SupplementalOSVersionExtra string // "(a)", of a Rapid Security Response only
}

// AvailableUpdates reads the AvailableOSUpdates of the result, in its order.
// Entries with neither ProductKey nor Version are left out. It is an error, a
// *ParseError, when there is no list; an empty list is an answer.
func (r *Result) AvailableUpdates() ([]AvailableUpdate, error) {
	entries, err := r.list(reqAvailableOSUpdates)
	if err != nil {
		return nil, err
	}
	updates := make([]AvailableUpdate, 0, len(entries))
	for _, f := range entries {
		u := AvailableUpdate{
			ProductKey:                 f.text("ProductKey"),
			ProductName:                f.text("ProductName"),
			HumanReadable:              f.text("HumanReadableName"),
			Version:                    f.text("Version"),
			Build:                      f.text("Build"),
			DownloadSize:               f.integer("DownloadSize"),
			InstallSize:                f.integer("InstallSize"),
			IsSecurityResponse:         f.flag("IsSecurityResponse"),
			SupplementalBuildVersion:   f.text("SupplementalBuildVersion"),
			SupplementalOSVersionExtra: f.text("SupplementalOSVersionExtra"),
		}
		if u.ProductKey != "" || u.Version != "" {
			updates = append(updates, u)
		}
	}
	return updates, nil
}

// UpdateResult is what a device did about one scheduled update.
type UpdateResult struct {
	ProductKey string
	// InstallAction is what the device decided, which may differ from what was
	// asked; ActionError when it scheduled nothing.
	InstallAction InstallAction
	Status        UpdateStatus
	ErrorChain    []ErrorItem
}

// UpdateResults reads the UpdateResults of the result, in its order. It is an
// error, a *ParseError, when there is no list: a device that restarts at once
// may answer without one, and then still has installed.
func (r *Result) UpdateResults() ([]UpdateResult, error) {
	entries, err := r.list("UpdateResults")
	if err != nil {
		return nil, err
	}
	results := make([]UpdateResult, 0, len(entries))
	for _, f := range entries {
		results = append(results, UpdateResult{
			ProductKey:    f.text("ProductKey"),
			InstallAction: InstallAction(f.text("InstallAction")),
			Status:        UpdateStatus(f.text("Status")),
			ErrorChain:    f.errorChain(),
		})
	}
	return results, nil
}

// OSUpdateStatus is how far one update has come.
type OSUpdateStatus struct {
	ProductKey string
	// IsDownloaded is true once a second ScheduleOSUpdate would install.
	IsDownloaded bool
	// DownloadComplete is 0 to 1 (DownloadPercentComplete), nil when it is not
	// reported or out of that range.
	DownloadComplete *float64
	Status           UpdateStatus
}

// OSUpdateStatuses reads the OSUpdateStatus of the result, in its order. It is
// an error, a *ParseError, when there is no list; an empty list says that no
// update is under way.
func (r *Result) OSUpdateStatuses() ([]OSUpdateStatus, error) {
	entries, err := r.list(reqOSUpdateStatus)
	if err != nil {
		return nil, err
	}
	statuses := make([]OSUpdateStatus, 0, len(entries))
	for _, f := range entries {
		s := OSUpdateStatus{
			ProductKey:       f.text("ProductKey"),
			IsDownloaded:     f.flag("IsDownloaded"),
			DownloadComplete: f.real("DownloadPercentComplete"),
			Status:           UpdateStatus(f.text("Status")),
		}
		if c := s.DownloadComplete; c != nil && (*c < 0 || *c > 1) {
			s.DownloadComplete = nil
		}
		statuses = append(statuses, s)
	}
	return statuses, nil
}
