package mdm_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/micromdm/plist"

	"github.com/kannuki-mdm/kannuki/mdm"
)

func TestCommandBytes(t *testing.T) {
	t.Parallel()
	tokens := mdm.TokensJSON("token", time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC))
	for _, test := range []struct {
		name string
		p    mdm.Payload
	}{
		{"device-information", mdm.DeviceInformationCommand{Queries: []string{"OSVersion", "ProductName"}}},
		{"installed-application-list", mdm.InstalledApplicationListCommand{
			Identifiers: []string{"com.example.pos"}, Items: []string{"ShortVersion", "Version"},
		}},
		{"installed-application-list-plain", mdm.InstalledApplicationListCommand{Identifiers: []string{"com.example.pos"}}},
		{"declarative-management", mdm.DeclarativeManagementCommand{Data: tokens}},
		{"declarative-management-plain", mdm.DeclarativeManagementCommand{}},
		{"install-profile", mdm.InstallProfileCommand{Payload: []byte("<plist>&</plist>")}},
		{"remove-profile", mdm.RemoveProfileCommand{Identifier: "jp.example.<hold>&"}},
		{"profile-list", mdm.ProfileListCommand{ManagedOnly: true}},
		{"security-info", mdm.SecurityInfoCommand{}},
		{"available-os-updates", mdm.AvailableOSUpdatesCommand{}},
		{"schedule-os-update", mdm.ScheduleOSUpdateCommand{Updates: []mdm.OSUpdate{
			{ProductVersion: "16.7.16", InstallAction: mdm.ActionDefault},
			{ProductKey: "20H392", InstallAction: mdm.ActionInstallASAP},
		}}},
		{"os-update-status", mdm.OSUpdateStatusCommand{}},
		{"settings-cadence", mdm.SettingsCommand{Settings: []mdm.SettingsItem{mdm.CadenceItem(mdm.CadenceOldest)}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			const uuid = "5E0C2C1A-0000-4000-8000-00000000A001"
			cmd, err := mdm.NewCommand(uuid, test.p)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, test.name+".plist", cmd.Body)
			if cmd.UUID != uuid || cmd.RequestType != test.p.RequestType() {
				t.Errorf("got header %q %q", cmd.UUID, cmd.RequestType)
			}
			if err := mdm.Guard(cmd.Body, mdm.ResultLimits()); err != nil {
				t.Errorf("our own command is refused: %v", err)
			}
			again, err := mdm.NewCommand(uuid, test.p)
			if err != nil || !bytes.Equal(cmd.Body, again.Body) {
				t.Errorf("got other bytes the second time, %v", err)
			}
			for _, other := range []string{"u", "5E0C2C1A-0000-4000-8000-00000000B002", `<&">`} {
				want, err := mdm.NewCommand(other, test.p)
				if err != nil {
					t.Fatal(err)
				}
				got, err := cmd.With(other)
				if diff := cmp.Diff(want, got); err != nil || diff != "" {
					t.Errorf("with UUID %s: %v (-encoded +got):\n%s", other, err, diff)
				}
				if back, err := got.With(uuid); err != nil || !bytes.Equal(back.Body, cmd.Body) {
					t.Errorf("and back: %v, %s", err, back.Body)
				}
			}
		})
	}
}

func BenchmarkNewCommand(b *testing.B) {
	tokens := mdm.DeclarativeManagementCommand{Data: mdm.TokensJSON("token", time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC))}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := mdm.NewCommand("5E0C2C1A-0000-4000-8000-00000000A001", tokens); err != nil {
			b.Fatal(err)
		}
	}
}

// restartCommand stands for a payload another package defines.
type restartCommand struct {
	Count  int            `plist:"Count"`
	Share  float64        `plist:"Share"`
	Notify bool           `plist:"NotifyUser"`
	Nested map[string]any `plist:"Nested"`
}

func (restartCommand) RequestType() string { return "RestartDevice" }

func TestCommandTakesForeignPayloads(t *testing.T) {
	t.Parallel()
	cmd, err := mdm.NewCommand("u", restartCommand{Count: -3, Share: 0.5, Notify: true, Nested: map[string]any{"b": "1", "a": 2}})
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Command struct {
			RequestType string
			Count       int
			Share       float64
			NotifyUser  bool
		}
		CommandUUID string
	}
	if err := plist.NewXMLDecoder(bytes.NewReader(cmd.Body)).Decode(&got); err != nil {
		t.Fatal(err)
	}
	c := got.Command
	if got.CommandUUID != "u" || c.RequestType != "RestartDevice" || c.Count != -3 || c.Share != 0.5 || !c.NotifyUser {
		t.Errorf("got %+v", got)
	}
}

func TestWithRefuses(t *testing.T) {
	t.Parallel()
	c, err := mdm.NewCommand("u", mdm.SecurityInfoCommand{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.With("a\n"); err == nil {
		t.Error("a UUID with a line feed is taken")
	}
	c.UUID = "v"
	if _, err := c.With("w"); err == nil {
		t.Error("a command with another UUID in its body is taken")
	}
}

type stringPayload string

func (stringPayload) RequestType() string { return "Odd" }

type funcPayload struct{ F func() }

func (funcPayload) RequestType() string { return "Odd" }

func schedule(u mdm.OSUpdate) mdm.Payload {
	return mdm.ScheduleOSUpdateCommand{Updates: []mdm.OSUpdate{u}}
}

func TestNewCommandRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, uuid string
		p          mdm.Payload
		want       string
	}{
		{"no UUID", "", mdm.SecurityInfoCommand{}, "command UUID"},
		{"UUID with line feed", "a\n", mdm.SecurityInfoCommand{}, "command UUID"},
		{"no queries", "u", mdm.DeviceInformationCommand{}, "DeviceInformation: no queries"},
		{"whole app list", "u", mdm.InstalledApplicationListCommand{}, "InstalledApplicationList: no app identifiers"},
		{"empty profile", "u", mdm.InstallProfileCommand{}, "InstallProfile: empty profile"},
		{"no identifier", "u", mdm.RemoveProfileCommand{}, "RemoveProfile: no profile identifier"},
		{"no updates", "u", mdm.ScheduleOSUpdateCommand{}, "ScheduleOSUpdate: no updates"},
		{"update without a name", "u", schedule(mdm.OSUpdate{InstallAction: mdm.ActionDefault}), "neither product key nor version"},
		{"update without action", "u", schedule(mdm.OSUpdate{ProductVersion: "16.0"}), `install action "" is not one of iOS`},
		{"action of macOS", "u", schedule(mdm.OSUpdate{ProductVersion: "16.0", InstallAction: "InstallLater"}), "not one of iOS"},
		{"action of an answer", "u", schedule(mdm.OSUpdate{ProductVersion: "16.0", InstallAction: mdm.ActionError}), "is an answer"},
		{"no settings", "u", mdm.SettingsCommand{}, "Settings: no settings"},
		{"unknown cadence", "u", mdm.SettingsCommand{Settings: []mdm.SettingsItem{mdm.CadenceItem("Latest")}}, "cadence is not 0, 1 or 2"},
		{"unknown item", "u", mdm.SettingsCommand{Settings: []mdm.SettingsItem{{Item: "Wallpaper"}}}, `unknown item "Wallpaper"`},
		{"control character", "u", mdm.RemoveProfileCommand{Identifier: "a\x01"}, "text that XML cannot carry"},
		{"invalid UTF-8", "u", mdm.RemoveProfileCommand{Identifier: "a\xff"}, "text that XML cannot carry"},
		{"no dictionary", "u", stringPayload("x"), "Odd: "},
		{"no plist type", "u", funcPayload{}, "Odd: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cmd, err := mdm.NewCommand(test.uuid, test.p)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %q, %v, want error %q", cmd.Body, err, test.want)
			}
		})
	}
}
