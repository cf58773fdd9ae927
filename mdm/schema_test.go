package mdm_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kannuki-mdm/kannuki/mdm"
)

// schema returns one file of Apple's published device management schema.
func schema(t *testing.T, path string) string {
	t.Helper()
	dir := os.Getenv("KANNUKI_DATA_DIR")
	if dir == "" {
		t.Skip("KANNUKI_DATA_DIR is not set: Apple's schema is not at hand")
	}
	b, err := os.ReadFile(filepath.Join(dir, "apple-schema", filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// wantKeys fails for every key in v, at any depth, that the schema lacks.
func wantKeys(t *testing.T, yaml string, v any) {
	t.Helper()
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			if !strings.Contains(yaml, "- key: "+key+"\n") {
				t.Errorf("Apple's schema has no key %s", key)
			}
			wantKeys(t, yaml, inner)
		}
	case []any:
		for _, inner := range v {
			wantKeys(t, yaml, inner)
		}
	}
}

func TestDeclarationKeysAreApples(t *testing.T) {
	t.Parallel()
	for path, payload := range map[string]any{
		"configurations/softwareupdate.settings.yaml":             hold(),
		"configurations/softwareupdate.enforcement.specific.yaml": enforcement(),
		"configurations/management.status-subscriptions.yaml":     mdm.SubscribeTo("a"),
		"management/organization-info.yaml":                       mdm.OrganizationInfo{Name: "a", Email: "b", URL: "c"},
		"activations/simple.yaml":                                 mdm.ActivationSimple{StandardConfigurations: []string{"a"}, Predicate: "b"},
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			yaml := schema(t, "declarative/declarations/"+path)
			encoded, err := json.Marshal(payload)
			if err != nil {
				t.Fatal(err)
			}
			var m map[string]any
			if err := json.Unmarshal(encoded, &m); err != nil {
				t.Fatal(err)
			}
			wantKeys(t, yaml, m)
		})
	}
}

func TestCommandKeysAreApples(t *testing.T) {
	t.Parallel()
	for path, c := range map[string]struct {
		p    mdm.Payload
		keys []string
	}{
		"information.device.yaml":         {mdm.DeviceInformationCommand{}, []string{"Queries", "QueryResponses", "IsSupervised", "AvailableDeviceCapacity"}},
		"application.installed.list.yaml": {mdm.InstalledApplicationListCommand{}, []string{"Identifiers", "Items", "ExternalVersionIdentifier"}},
		"declarativemanagement.yaml":      {mdm.DeclarativeManagementCommand{}, []string{"Data"}},
		"profile.install.yaml":            {mdm.InstallProfileCommand{}, []string{"Payload"}},
		"profile.remove.yaml":             {mdm.RemoveProfileCommand{}, []string{"Identifier"}},
		"profile.list.yaml":               {mdm.ProfileListCommand{}, []string{"ManagedOnly", "PayloadIdentifier"}},
		"system.update.available.yaml":    {mdm.AvailableOSUpdatesCommand{}, []string{"ProductKey", "DownloadSize", "InstallSize", "IsSecurityResponse"}},
		"system.update.schedule.yaml":     {mdm.ScheduleOSUpdateCommand{}, []string{"Updates", "ProductVersion", "InstallAction", "UpdateResults"}},
		"system.update.status.yaml":       {mdm.OSUpdateStatusCommand{}, []string{"OSUpdateStatus", "IsDownloaded", "DownloadPercentComplete"}},
		"settings.yaml":                   {mdm.SettingsCommand{}, []string{"Settings", "SoftwareUpdateSettings", "RecommendationCadence"}},
		"application.install.yaml":        {mdm.InstallApplicationCommand{}, []string{"Identifier", "Options", "PurchaseMethod", "ChangeManagementState", "State", "RejectionReason"}},
		"application.managed.list.yaml":   {mdm.ManagedApplicationListCommand{}, []string{"Identifiers", "ManagedApplicationList", "Status"}},
		"information.security.yaml":       {mdm.SecurityInfoCommand{}, []string{"SecurityInfo", "PasscodePresent"}},
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			yaml := schema(t, "mdm/commands/"+path)
			if !strings.Contains(yaml, "requesttype: "+c.p.RequestType()+"\n") {
				t.Errorf("Apple's schema has another request type than %s", c.p.RequestType())
			}
			for _, key := range c.keys {
				if !strings.Contains(yaml, "- key: "+key+"\n") {
					t.Errorf("Apple's schema has no key %s", key)
				}
			}
		})
	}
}
