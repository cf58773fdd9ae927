package mdm

import (
	"bytes"
	"encoding/json"
	"slices"
)

// StatusReport is what a device says about itself (Apple, Declarative
// Management, StatusReport). nil means not reported. A report with FullReport
// replaces all that is known about the device, any other adds to it.
type StatusReport struct {
	FullReport bool

	OSVersion         *string
	Build             *string
	SupplementalBuild *string
	SupplementalExtra *string // "a" of a Background Security Improvement
	Model             *string // device.model.identifier, "iPhone15,2"
	ModelFamily       *string // "iPhone"
	SerialNumber      *string
	// EnrollmentType is none, supervised, device or user (iOS 27).
	EnrollmentType *string
	// Supervised follows from EnrollmentType.
	Supervised        *bool
	PasscodePresent   *bool
	PasscodeCompliant *bool

	// Update is nil when nothing about updates was reported.
	Update *SoftwareUpdateStatus
	// Declarations, when not nil, is the complete set on the device.
	Declarations *DeclarationStates
	// Capabilities are what the device understands.
	Capabilities *Capabilities
	// Apps are the apps managed by declarations; nil when not reported. Unless
	// FullReport is set they are changes, by Identifier.
	Apps []AppStatus
	// Errors are status items the device could not report.
	Errors []StatusError
	// Skipped names, sorted, the items whose value had an unusable type.
	Skipped []string
}

// SoftwareUpdateStatus is the part of a report about updates.
type SoftwareUpdateStatus struct {
	// InstallState is none, waiting, downloading, prepared, installing, failed
	// or a value of the future.
	InstallState   *string
	InstallReason  *InstallReason
	PendingVersion *PendingVersion
	Failure        *UpdateFailure
	// DeviceID finds the device in Apple's catalogue.
	DeviceID *string
	// BetaEnrollment is the beta program, "" for none.
	BetaEnrollment *string
}

// InstallReason says why an update is under way.
type InstallReason struct {
	// Reasons is empty when no update is pending.
	Reasons []string
	// DeclarationID is the Identifier of the declaration behind it, or "".
	DeclarationID string
}

// PendingVersion is the update under way; all empty when there is none.
type PendingVersion struct {
	OSVersion string
	Build     string
	// LocalDateTime is the deadline by the device's clock, or "".
	LocalDateTime string
}

// UpdateFailure is the last failure of the update under way.
type UpdateFailure struct {
	Count int64
	// Reason is free text of the OS: keep it, never compare for equality.
	Reason string
	// Timestamp is RFC 3339, by the device's clock.
	Timestamp string
}

// Validity of a declaration on the device.
const (
	ValidUnknown = "unknown"
	ValidInvalid = "invalid"
	ValidValid   = "valid"
)

// DeclarationStates are the declarations a device holds.
type DeclarationStates struct {
	Activations    []DeclarationState
	Assets         []DeclarationState
	Configurations []DeclarationState
	Management     []DeclarationState
}

// DeclarationState is the state of one declaration on the device. It speaks
// of the revision ServerToken only.
type DeclarationState struct {
	Identifier  string
	ServerToken string
	Active      bool
	Valid       string // one of the Valid… constants, or a future value
	Reasons     []Reason
}

// Reason explains a state. Description is untrusted text.
type Reason struct {
	Code        string // "Error.UnknownDeclarationType"
	Description string
	// Details is the JSON object the device sent, nil when none.
	Details json.RawMessage
}

// Capabilities are the declaration types and status items a device knows,
// each sorted. They change when the OS does.
type Capabilities struct {
	Declarations []string
	StatusItems  []string
}

// Supports reports whether the device knows the declaration type.
func (c Capabilities) Supports(declarationType string) bool {
	_, ok := slices.BinarySearch(c.Declarations, declarationType)
	return ok
}

// Reports reports whether the device knows the status item.
func (c Capabilities) Reports(item string) bool {
	_, ok := slices.BinarySearch(c.StatusItems, item)
	return ok
}

// AppStatus is one app managed by a declaration. When Removed is set, nothing
// else but Identifier is.
type AppStatus struct {
	Identifier            string // bundle id
	Removed               bool
	DeclarationIdentifier string
	Name                  string
	Version               string
	ShortVersion          string // the version people see
	// ExternalVersionID is the App Store's number of this version.
	ExternalVersionID *int64
	State             string
	UpdateState       string
	Reasons           []Reason
}

// StatusError is a status item the device could not report.
type StatusError struct {
	Item    string
	Reasons []Reason
}

// DecodeStatus reads a status report within [ResultLimits]. Items it does not
// know are ignored; an item of an unusable type is left out and named in
// Skipped. It is an error, a *ParseError, when data is over a limit or is not
// a JSON object.
func DecodeStatus(data []byte) (StatusReport, error) {
	if err := GuardJSON(data, ResultLimits()); err != nil {
		return StatusReport{}, err
	}
	var top map[string]any
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber() // App Store numbers must survive
	if err := dec.Decode(&top); err != nil || top == nil {
		return StatusReport{}, malformed("status report is not a JSON object")
	}
	f := newFields(top)
	r := StatusReport{FullReport: f.flag("FullReport"), Errors: statusErrors(f)}
	items := f.object("StatusItems")
	items.path = "" // items are known by their own dotted names
	r.readDevice(items)
	r.Update = updateStatus(items)
	management := items.object("management")
	if o, ok := management.reportedObject("declarations"); ok {
		r.Declarations = declarationStates(o)
	}
	if o, ok := management.reportedObject("client-capabilities"); ok {
		r.Capabilities = capabilities(o)
	}
	r.Apps = appStatuses(items.object("app").object("managed"))
	r.Skipped = f.skippedSorted()
	return r, nil
}

func (r *StatusReport) readDevice(items fields) {
	device := items.object("device")
	os := device.object("operating-system")
	r.OSVersion = os.str("version")
	r.Build = os.str("build-version")
	supplemental := os.object("supplemental")
	r.SupplementalBuild = supplemental.str("build-version")
	r.SupplementalExtra = supplemental.str("extra-version")
	model := device.object("model")
	r.Model = model.str("identifier")
	r.ModelFamily = model.str("family")
	r.SerialNumber = device.object("identifier").str("serial-number")
	passcode := items.object("passcode")
	r.PasscodePresent = passcode.boolean("is-present")
	r.PasscodeCompliant = passcode.boolean("is-compliant")
	r.EnrollmentType = items.object("mdm").str("enrollment-type")
	if r.EnrollmentType != nil {
		supervised := *r.EnrollmentType == "supervised"
		r.Supervised = &supervised
	}
}

// updateStatus returns nil unless at least one item was reported.
func updateStatus(items fields) *SoftwareUpdateStatus {
	f := items.object("softwareupdate")
	u := SoftwareUpdateStatus{
		InstallState:   f.str("install-state"),
		DeviceID:       f.str("device-id"),
		BetaEnrollment: f.str("beta-enrollment"),
	}
	if o, ok := f.reportedObject("install-reason"); ok {
		u.InstallReason = &InstallReason{Reasons: o.texts("reason"), DeclarationID: o.text("declaration-id")}
	}
	if o, ok := f.reportedObject("pending-version"); ok {
		u.PendingVersion = &PendingVersion{
			OSVersion: o.text("os-version"), Build: o.text("build-version"),
			LocalDateTime: o.text("target-local-date-time"),
		}
	}
	if o, ok := f.reportedObject("failure-reason"); ok {
		u.Failure = &UpdateFailure{
			Count: deref(o.integer("count")), Reason: o.text("reason"), Timestamp: o.text("timestamp"),
		}
	}
	if u == (SoftwareUpdateStatus{}) {
		return nil
	}
	return &u
}

func declarationStates(f fields) *DeclarationStates {
	list := func(key string) []DeclarationState {
		var states []DeclarationState
		for _, o := range f.objects(key) {
			o = o.fold()
			states = append(states, DeclarationState{
				Identifier:  o.text("identifier"),
				ServerToken: o.text("server-token"),
				Active:      o.flag("active"),
				Valid:       o.text("valid"),
				Reasons:     reasons(o),
			})
		}
		return states
	}
	return &DeclarationStates{
		Activations:    list("activations"),
		Assets:         list("assets"),
		Configurations: list("configurations"),
		Management:     list("management"),
	}
}

func capabilities(f fields) *Capabilities {
	payloads := f.object("supported-payloads")
	declarations := payloads.object("declarations")
	var c Capabilities
	for _, class := range []string{"activations", "assets", "configurations", "management"} {
		c.Declarations = append(c.Declarations, declarations.texts(class)...)
	}
	c.StatusItems = payloads.texts("status-items")
	slices.Sort(c.Declarations)
	slices.Sort(c.StatusItems)
	return &c
}

func appStatuses(managed fields) []AppStatus {
	if managed.list("list") == nil {
		return nil
	}
	entries := managed.objects("list")
	apps := make([]AppStatus, 0, len(entries))
	for _, o := range entries {
		app := AppStatus{
			Identifier:            o.text("identifier"),
			Removed:               o.flag("_removed"),
			DeclarationIdentifier: o.text("declaration-identifier"),
			Name:                  o.text("name"),
			Version:               o.text("version"),
			ShortVersion:          o.text("short-version"),
			ExternalVersionID:     o.integer("external-version-id"),
			State:                 o.text("state"),
			UpdateState:           o.text("update-state"),
			Reasons:               reasons(o.fold()),
		}
		if app.Identifier != "" {
			apps = append(apps, app)
		}
	}
	return apps
}

func statusErrors(f fields) []StatusError {
	var errs []StatusError
	for _, o := range f.objects("Errors") {
		o = o.fold()
		errs = append(errs, StatusError{Item: o.text("statusitem"), Reasons: reasons(o)})
	}
	return errs
}

// reasons reads the reasons of f, whose keys are folded.
func reasons(f fields) []Reason {
	var out []Reason
	for _, o := range f.objects("reasons") {
		o = o.fold()
		r := Reason{Code: o.text("code"), Description: o.text("description")}
		if o.reported("details") {
			r.Details, _ = json.Marshal(o.m["details"]) // it was decoded from JSON, so it encodes
		}
		out = append(out, r)
	}
	return out
}
