package mdm_test

import (
	"errors"
	"testing"

	"github.com/kannuki-mdm/kannuki/mdm"
)

const allRights = 8191

// why is the reason an error gives, "" for none.
func why(t *testing.T, err error) mdm.Unavailability {
	t.Helper()
	if err == nil {
		return ""
	}
	u, ok := errors.AsType[*mdm.UnavailableError](err)
	if !ok {
		t.Fatalf("got error %v, want an *UnavailableError", err)
	}
	return u.Why
}

func TestSupports(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		features []string
		// want is the reason on iOS 12, 14.4, 14.5, 15, 16, 26.9 and 27,
		// supervised and with all rights, then on 26 without supervision,
		// without rights, and on an unknown version.
		want [10]mdm.Unavailability
	}{
		{
			[]string{"AvailableOSUpdates", "ScheduleOSUpdate", "OSUpdateStatus", mdm.FeatureDeferralProfile},
			[10]mdm.Unavailability{6: mdm.OSRemoved, 7: mdm.NotSupervised, 8: mdm.NoRight, 9: mdm.UnknownOS},
		},
		{
			[]string{mdm.FeatureUpdateCadence},
			[10]mdm.Unavailability{mdm.OSTooOld, mdm.OSTooOld, 6: mdm.OSRemoved, 7: mdm.NotSupervised, 8: mdm.NoRight, 9: mdm.UnknownOS},
		},
		{
			[]string{mdm.FeatureQueryUpdateDeviceID},
			[10]mdm.Unavailability{mdm.OSTooOld, mdm.OSTooOld, mdm.OSTooOld, 6: mdm.OSRemoved, 9: mdm.UnknownOS},
		},
		{
			[]string{mdm.FeatureQueryUpdateSettings},
			[10]mdm.Unavailability{mdm.OSTooOld, mdm.OSTooOld, 6: mdm.OSRemoved, 9: mdm.UnknownOS},
		},
		{
			[]string{"DeclarativeManagement"},
			[10]mdm.Unavailability{mdm.OSTooOld, mdm.OSTooOld, mdm.OSTooOld, mdm.OSTooOld, 9: mdm.UnknownOS},
		},
		{
			[]string{"InstalledApplicationList", "InstallProfile", "RemoveProfile", "ProfileList", "SecurityInfo", "Settings", "InstallApplication", "ManagedApplicationList"},
			[10]mdm.Unavailability{8: mdm.NoRight},
		},
		{[]string{"DeviceInformation"}, [10]mdm.Unavailability{}},
		{
			[]string{"ScheduleOSUpdateScan", "DeviceInformation.OSUpdateSettings", "EraseDevice", ""},
			[10]mdm.Unavailability{
				mdm.UnknownFeature, mdm.UnknownFeature, mdm.UnknownFeature, mdm.UnknownFeature, mdm.UnknownFeature,
				mdm.UnknownFeature, mdm.UnknownFeature, mdm.UnknownFeature, mdm.UnknownFeature, mdm.UnknownFeature,
			},
		},
	} {
		for _, feature := range test.features {
			t.Run(feature, func(t *testing.T) {
				t.Parallel()
				devices := [10]mdm.Device{}
				for i, os := range []string{"12.0", "14.4", "14.5", "15.8", "16.0", "26.9.1", "27.0"} {
					devices[i] = mdm.Device{OSVersion: os, Supervised: true, Rights: allRights}
				}
				devices[7] = mdm.Device{OSVersion: "26.0", Rights: allRights}
				devices[8] = mdm.Device{OSVersion: "26.0", Supervised: true}
				devices[9] = mdm.Device{Supervised: true, Rights: allRights}
				for i, d := range devices {
					if got := why(t, d.Supports(feature)); got != test.want[i] {
						t.Errorf("%+v: got %q, want %q", d, got, test.want[i])
					}
				}
			})
		}
	}
}

func TestTakes(t *testing.T) {
	t.Parallel()
	cadence := mdm.SettingsCommand{Settings: []mdm.SettingsItem{mdm.CadenceItem(mdm.CadenceAll)}}
	profile, err := deferral().Encode()
	if err != nil {
		t.Fatal(err)
	}
	held := mdm.InstallProfileCommand{Payload: profile}
	queries := mdm.DeviceInformationCommand{Queries: []string{"OSVersion", "NotYetInvented", "SoftwareUpdateSettings"}}
	for _, test := range []struct {
		name string
		p    mdm.Payload
		d    mdm.Device
		want mdm.Unavailability
	}{
		{"schedule on 26", schedule(mdm.OSUpdate{ProductVersion: "26.1", InstallAction: mdm.ActionDefault}), mdm.Device{OSVersion: "26.0", Supervised: true, Rights: allRights}, ""},
		{"schedule on 27", schedule(mdm.OSUpdate{ProductVersion: "27.1", InstallAction: mdm.ActionDefault}), mdm.Device{OSVersion: "27.0", Supervised: true, Rights: allRights}, mdm.OSRemoved},
		{"cadence on 26", cadence, mdm.Device{OSVersion: "26.0", Supervised: true, Rights: mdm.RightSettings}, ""},
		{"cadence on 27", cadence, mdm.Device{OSVersion: "27.0", Supervised: true, Rights: mdm.RightSettings}, mdm.OSRemoved},
		{"cadence unsupervised", cadence, mdm.Device{OSVersion: "26.0", Rights: mdm.RightSettings}, mdm.NotSupervised},
		{"queries on 26", queries, mdm.Device{OSVersion: "26.0"}, ""},
		{"queries on 27", queries, mdm.Device{OSVersion: "27.0"}, mdm.OSRemoved},
		{"queries on 14", queries, mdm.Device{OSVersion: "14.0"}, mdm.OSTooOld},
		{"first question to a new device", mdm.DeviceInformationCommand{Queries: []string{"OSVersion"}}, mdm.Device{}, ""},
		{"deferral on 17", held, mdm.Device{OSVersion: "17.7", Supervised: true, Rights: allRights}, ""},
		{"deferral on 27", held, mdm.Device{OSVersion: "27.0", Supervised: true, Rights: allRights}, mdm.OSRemoved},
		{"deferral unsupervised", held, mdm.Device{OSVersion: "17.7", Rights: allRights}, mdm.NotSupervised},
		{"other profile on 27", mdm.InstallProfileCommand{Payload: []byte("<plist/>")}, mdm.Device{OSVersion: "27.0", Rights: allRights}, ""},
		{"foreign command", restartCommand{}, mdm.Device{OSVersion: "26.0", Rights: allRights}, mdm.UnknownFeature},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cmd, err := mdm.NewCommand("u", test.p)
			if err != nil {
				t.Fatal(err)
			}
			if got := why(t, test.d.Takes(cmd)); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestTakesUnreadableBody(t *testing.T) {
	t.Parallel()
	d := mdm.Device{OSVersion: "26.0", Supervised: true, Rights: allRights}
	for name, body := range map[string][]byte{
		"nothing":    nil,
		"no command": plistOf(str("CommandUUID", "u")),
		"not plist":  []byte("{}"),
	} {
		if err := d.Takes(mdm.Command{RequestType: "Settings", Body: body}); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}
