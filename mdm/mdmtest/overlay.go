package mdmtest

// Apple's published schema in this package ends at iOS 18.1. What changed
// since, as far as it concerns operating system updates, is added here by hand
// from Apple's developer documentation.

const removedIn = "27.0"

// applyOverlay brings the table up to iOS 27.
func applyOverlay(t *table) {
	// Apple, Device Management, change list of 27.0: "removed commands".
	// ScheduleOSUpdateScan never existed on iOS and so is not in the table.
	for _, name := range []string{"AvailableOSUpdates", "ScheduleOSUpdate", "OSUpdateStatus"} {
		t.Commands[name].Removed = removedIn
	}
	removeQueries(t)
	removeRestrictions(t)
	addDeclarations(t)
	addStatusItems(t)
	correct(t)
}

// removeQueries: Apple, Device Management, DeviceInformationCommand; the three
// queries about updates went with the commands. OSUpdateSettings is macOS only.
func removeQueries(t *table) {
	queries := t.Commands["DeviceInformation"].key("Queries").Keys[0]
	for _, name := range []string{"SoftwareUpdateDeviceID", "SoftwareUpdateSettings"} {
		if k := find(queries.Keys, name); k != nil {
			k.Removed = removedIn
		}
	}
	if k := find(t.Commands["Settings"].key("Settings").Keys, "SoftwareUpdateSettings"); k != nil {
		k.Removed = removedIn
	}
}

// removeRestrictions: Apple, Device Management, Restrictions, change list of
// 27.0. Five of the nine removed keys are macOS only and not in the table.
func removeRestrictions(t *table) {
	for _, name := range []string{
		"forceDelayedSoftwareUpdates", "enforcedSoftwareUpdateDelay",
		"allowRapidSecurityResponseInstallation", "allowRapidSecurityResponseRemoval",
	} {
		t.Payloads["com.apple.applicationaccess"].key(name).Removed = removedIn
	}
}

func addDeclarations(t *table) {
	// Apple, Device Management, SoftwareUpdateSettings: the documentation of
	// 2026 lists InstallSecurityUpdate for iOS 18; the schema of 18.1 does not.
	// The phone takes it from 26 on, the first release documented that way.
	actions := find(t.Declarations["com.apple.configuration.softwareupdate.settings"].Keys, "AutomaticActions")
	actions.Keys = append(actions.Keys, &key{
		Name: "InstallSecurityUpdate", Type: "string", Introduced: "26.0",
		OneOf: []any{"Allowed", "AlwaysOn", "AlwaysOff"},
	})
	// Apple, Device Management, AppManaged: version pinning, iOS 26.
	app := t.Declarations["com.apple.configuration.app.managed"]
	if behavior := find(app.Keys, "InstallBehavior"); behavior != nil && find(behavior.Keys, "Version") == nil {
		behavior.Keys = append(behavior.Keys, &key{Name: "Version", Type: "integer", Introduced: "26.0"})
	}
	if find(app.Keys, "UpdateBehavior") == nil {
		app.Keys = append(app.Keys, &key{Name: "UpdateBehavior", Type: "dictionary", Introduced: "26.0", Keys: []*key{
			{Name: "AutomaticAppUpdates", Type: "string", OneOf: []any{"AlwaysOn", "AlwaysOff", "StoreSettings"}},
		}})
	}
	// The tokens are only a named type in the published schema; its members
	// are in Apple, Device Management, SynchronizationTokens.
	t.Protocol["TokensResponse"].key("SyncTokens").Keys = []*key{
		{Name: "DeclarationsToken", Type: "string", Required: true},
		{Name: "Timestamp", Type: "string", Required: true, Format: timestampFormat},
	}
}

// timestampFormat is RFC 3339 without a fraction, as Apple's schema defines
// the value type "timestamp".
const timestampFormat = `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:?\d\d)$`

// addStatusItems: Apple, Device Management, StatusItems, change list of 27.0.
func addStatusItems(t *table) {
	for _, name := range []string{
		"mdm.enrollment-type", "mdm.is-awaiting-configuration", "mdm.is-return-to-service",
		"mdm.is-shared-ipad", "mdm.push-magic", "mdm.push-token",
	} {
		t.Status[name] = &item{Introduced: "27.0"}
	}
	// These two belong to the status engine's own tests at Apple.
	for name := range t.Status {
		if len(name) > 5 && name[:5] == "test." {
			delete(t.Status, name)
		}
	}
}

// correct mends what the published schema states too narrowly or too loosely.
func correct(t *table) {
	// Apple, Device Management, SCEP.PayloadContent.SubjectAltName: "a single
	// string or an array of strings for each key"; the schema says string.
	scep := t.Payloads["com.apple.security.scep"].key("PayloadContent")
	for _, name := range []string{"rfc822Name", "dNSName", "uniformResourceIdentifier"} {
		find(find(scep.Keys, "SubjectAltName").Keys, name).Type = "any"
	}
	// The same document: "If this value is missing, the device applies the
	// default behavior", so Updates is not required after all.
	updates := t.Commands["ScheduleOSUpdate"].key("Updates")
	updates.Required = false
	// The other install actions are described there as macOS only.
	find(updates.Keys[0].Keys, "InstallAction").OneOf = []any{"Default", "DownloadOnly", "InstallASAP"}
	// iOS 15 had declarative management for User Enrollment only, which is not
	// simulated (Apple, "Leveraging the declarative management data model").
	t.Commands["DeclarativeManagement"].Introduced = "16.0"
	// Apple, Device Management, SoftwareUpdateEnforcementSpecific: local date
	// and time without zone or fraction.
	enforce := t.Declarations["com.apple.configuration.softwareupdate.enforcement.specific"]
	enforce.key("TargetLocalDateTime").Format = `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$`
	// Apple, Device Management, MDM payload: "must be 0 < AccessRights <= 8191".
	lo, hi := 1.0, 8191.0
	t.Payloads["com.apple.mdm"].key("AccessRights").Range = &bounds{Min: &lo, Max: &hi}
	// Every command may carry this common key.
	for _, c := range t.Commands {
		c.Keys = append(c.Keys, &key{Name: "RequestRequiresNetworkTether", Type: "boolean"})
	}
	// A profile that is encrypted has no PayloadContent.
	t.Payloads["TopLevel"].key("PayloadContent").Required = false
}

func (i *item) key(name string) *key { return find(i.Keys, name) }

func find(keys []*key, name string) *key {
	for _, k := range keys {
		if k.Name == name {
			return k
		}
	}
	return nil
}
