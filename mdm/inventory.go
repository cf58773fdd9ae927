package mdm

// DeviceInformation is the answer to a [DeviceInformationCommand]. Devices
// leave out what they do not know or may not tell: nil means not reported,
// never "no". Names and units are Apple's.
type DeviceInformation struct {
	UDID                       *string
	SerialNumber               *string
	OSVersion                  *string
	BuildVersion               *string
	SupplementalBuildVersion   *string
	SupplementalOSVersionExtra *string
	ProductName                *string // "iPhone15,2"
	ModelName                  *string
	Model                      *string
	ModelNumber                *string
	TimeZone                   *string // IANA name
	SoftwareUpdateDeviceID     *string
	// RecommendationsCadence is that of SoftwareUpdateSettings, spelled with an
	// s there: 0 both branches, 1 the older, 2 the newer one.
	RecommendationsCadence *int64
	IsSupervised           *bool
	IsMultiUser            *bool
	AwaitingConfiguration  *bool
	// DeviceCapacity and AvailableDeviceCapacity are in decimal gigabytes.
	DeviceCapacity          *float64
	AvailableDeviceCapacity *float64
	// BatteryLevel is 0 to 1, nil also when the device cannot determine it.
	BatteryLevel *float64
	// Skipped names, sorted, what was reported with an unusable type.
	Skipped []string
}

// DeviceInformation reads the QueryResponses of the result. It is an error,
// a *ParseError, when there are none or they are not a dictionary.
func (r *Result) DeviceInformation() (DeviceInformation, error) {
	f, err := r.dictionary("QueryResponses")
	if err != nil {
		return DeviceInformation{}, err
	}
	d := DeviceInformation{
		UDID:                       f.str("UDID"),
		SerialNumber:               f.str("SerialNumber"),
		OSVersion:                  f.str("OSVersion"),
		BuildVersion:               f.str("BuildVersion"),
		SupplementalBuildVersion:   f.str("SupplementalBuildVersion"),
		SupplementalOSVersionExtra: f.str("SupplementalOSVersionExtra"),
		ProductName:                f.str("ProductName"),
		ModelName:                  f.str("ModelName"),
		Model:                      f.str("Model"),
		ModelNumber:                f.str("ModelNumber"),
		TimeZone:                   f.str("TimeZone"),
		SoftwareUpdateDeviceID:     f.str("SoftwareUpdateDeviceID"),
		RecommendationsCadence:     f.object("SoftwareUpdateSettings").integer("RecommendationsCadence"),
		IsSupervised:               f.boolean("IsSupervised"),
		IsMultiUser:                f.boolean("IsMultiUser"),
		AwaitingConfiguration:      f.boolean("AwaitingConfiguration"),
		DeviceCapacity:             f.real("DeviceCapacity"),
		AvailableDeviceCapacity:    f.real("AvailableDeviceCapacity"),
		BatteryLevel:               f.real("BatteryLevel"),
	}
	// iOS reports -1 when the level cannot be determined.
	if d.BatteryLevel != nil && *d.BatteryLevel < 0 {
		d.BatteryLevel = nil
	}
	d.Skipped = f.skippedSorted()
	return d, nil
}

// InstalledApplication is one entry of an application list. Only Identifier
// is always there; what else is depends on the Items asked for.
type InstalledApplication struct {
	Identifier   string // bundle id
	Name         string
	Version      string
	ShortVersion string // the version people see
	// ExternalVersionIdentifier is the App Store's number of this version.
	ExternalVersionIdentifier *int64
	// Installing is nil when not reported.
	Installing *bool
}

// InstalledApplications reads the InstalledApplicationList of the result, in
// its order. Entries without an Identifier are left out. It is an error, a
// *ParseError, when there is no list; an empty list is an answer.
func (r *Result) InstalledApplications() ([]InstalledApplication, error) {
	entries, err := r.list("InstalledApplicationList")
	if err != nil {
		return nil, err
	}
	apps := make([]InstalledApplication, 0, len(entries))
	for _, f := range entries {
		app := InstalledApplication{
			Identifier:                f.text("Identifier"),
			Name:                      f.text("Name"),
			Version:                   f.text("Version"),
			ShortVersion:              f.text("ShortVersion"),
			ExternalVersionIdentifier: f.integer("ExternalVersionIdentifier"),
			Installing:                f.boolean("Installing"),
		}
		if app.Identifier != "" {
			apps = append(apps, app)
		}
	}
	return apps, nil
}

// InstalledProfile is one entry of a profile list.
type InstalledProfile struct {
	Identifier  string // PayloadIdentifier
	UUID        string // PayloadUUID
	DisplayName string
	IsManaged   bool
	// PayloadTypes are the types of the payloads inside, in their order.
	PayloadTypes []string
}

// Profiles reads the ProfileList of the result, in its order. It is an error,
// a *ParseError, when there is no list.
func (r *Result) Profiles() ([]InstalledProfile, error) {
	entries, err := r.list("ProfileList")
	if err != nil {
		return nil, err
	}
	profiles := make([]InstalledProfile, 0, len(entries))
	for _, f := range entries {
		p := InstalledProfile{
			Identifier:  f.text("PayloadIdentifier"),
			UUID:        f.text("PayloadUUID"),
			DisplayName: f.text("PayloadDisplayName"),
			IsManaged:   f.flag("IsManaged"),
		}
		for _, payload := range f.objects("PayloadContent") {
			p.PayloadTypes = append(p.PayloadTypes, payload.text("PayloadType"))
		}
		profiles = append(profiles, p)
	}
	return profiles, nil
}

// SecurityInfo is the answer to a [SecurityInfoCommand]; nil means not
// reported.
type SecurityInfo struct {
	PasscodePresent   *bool
	PasscodeCompliant *bool
}

// SecurityInfo reads the SecurityInfo of the result. It is an error, a
// *ParseError, when there is none.
func (r *Result) SecurityInfo() (SecurityInfo, error) {
	f, err := r.dictionary("SecurityInfo")
	if err != nil {
		return SecurityInfo{}, err
	}
	return SecurityInfo{
		PasscodePresent:   f.boolean("PasscodePresent"),
		PasscodeCompliant: f.boolean("PasscodeCompliant"),
	}, nil
}

func (r *Result) dictionary(key string) (fields, error) {
	m, err := payload(r, key, asDictionary)
	return newFields(m), err
}

func (r *Result) list(key string) ([]fields, error) {
	l, err := payload(r, key, asList)
	if err != nil {
		return nil, err
	}
	return newFields(map[string]any{key: l}).objects(key), nil
}

// payload decodes the top-level value under key.
func payload[T any](r *Result, key string, conv func(any) (T, bool)) (T, error) {
	var zero T
	v, err := r.value(key)
	if err != nil {
		return zero, err
	}
	if v == nil {
		return zero, malformed("missing " + key)
	}
	t, ok := conv(v)
	if !ok {
		return zero, malformed(key + " has an unusable type")
	}
	return t, nil
}
