package mdmtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// systems are the versions whose abilities differ, oldest first.
func systems() []System {
	return BothWays([]System{
		{Version: "12.5.7"},
		{Version: "13.7"},
		{Version: "14.4"},
		{Version: "14.8.1"},
		{Version: "15.8"},
		{Version: "16.0"},
		{Version: "16.7"},
		{Version: "17.7"},
		{Version: "18.7"},
		{Version: "26.6"},
		{Version: "27.0"},
	})
}

// abilities are what a server may use, each with a command or a question that
// tells whether the phone has it.
func abilities(p *Phone) []string {
	var out []string
	add := func(name string, has bool) {
		if has {
			out = append(out, name)
		}
	}
	r := p.reader()
	cmd := func(name string) bool {
		c := schema().Commands[name]
		return r.available(c.Introduced, c.Removed, c.Supervised) == ""
	}
	caps, _ := p.capabilities()["supported-payloads"].(map[string]any)
	declared, _ := caps["declarations"].(map[string][]string)
	items, _ := caps["status-items"].([]string)
	add("declarative", cmd("DeclarativeManagement"))
	add("enforcement", slices.Contains(declared["configurations"], typeEnforcement))
	add("settings", slices.Contains(declared["configurations"], typeSettings))
	add("install-state", slices.Contains(items, "softwareupdate.install-state"))
	add("beta-status", slices.Contains(items, "softwareupdate.beta-enrollment"))
	add("enrollment-type", slices.Contains(items, "mdm.enrollment-type"))
	add("commands", cmd("AvailableOSUpdates") && cmd("ScheduleOSUpdate") && cmd("OSUpdateStatus"))
	return out
}

// TestAbilities: what there is on which system, supervised or not.
func TestAbilities(t *testing.T) {
	t.Parallel()
	want := []string{
		"12.5.7 supervised: commands",
		"12.5.7: ",
		"13.7 supervised: commands",
		"13.7: ",
		"14.4 supervised: commands",
		"14.4: ",
		"14.8.1 supervised: commands",
		"14.8.1: ",
		"15.8 supervised: commands",
		"15.8: ",
		"16.0 supervised: declarative commands",
		"16.0: declarative",
		"16.7 supervised: declarative commands",
		"16.7: declarative",
		"17.7 supervised: declarative enforcement install-state commands",
		"17.7: declarative enforcement install-state",
		"18.7 supervised: declarative enforcement settings install-state beta-status commands",
		"18.7: declarative enforcement settings install-state beta-status",
		"26.6 supervised: declarative enforcement settings install-state beta-status commands",
		"26.6: declarative enforcement settings install-state beta-status",
		"27.0 supervised: declarative enforcement settings install-state beta-status enrollment-type",
		"27.0: declarative enforcement settings install-state beta-status enrollment-type",
	}
	var got []string
	for _, o := range Variants(Options{Now: newClock().Now}, systems()) {
		p, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		line := o.OSVersion
		if o.Supervised {
			line += " supervised"
		}
		got = append(got, line+": "+strings.Join(abilities(p), " "))
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("abilities (-want +got):\n%s", d)
	}
}

// TestQueriesByVersion: a phone leaves out what its version does not know.
func TestQueriesByVersion(t *testing.T) {
	t.Parallel()
	asked := []string{
		"OSVersion", "IsSupervised", "TimeZone", "SupplementalBuildVersion", "SoftwareUpdateDeviceID", "SoftwareUpdateSettings",
	}
	tests := map[string][]string{
		"12.5.7": {"IsSupervised", "OSVersion"},
		"14.4":   {"IsSupervised", "OSVersion", "TimeZone"},
		"14.8.1": {"IsSupervised", "OSVersion", "SoftwareUpdateSettings", "TimeZone"},
		"15.8":   {"IsSupervised", "OSVersion", "SoftwareUpdateDeviceID", "SoftwareUpdateSettings", "TimeZone"},
		"16.7":   {"IsSupervised", "OSVersion", "SoftwareUpdateDeviceID", "SoftwareUpdateSettings", "SupplementalBuildVersion", "TimeZone"},
		"27.0":   {"IsSupervised", "OSVersion", "SupplementalBuildVersion", "TimeZone"},
	}
	for version, want := range tests {
		p, err := New(Options{Now: newClock().Now, OSVersion: version})
		if err != nil {
			t.Fatal(err)
		}
		p.enrolment = &enrolment{rights: 8191}
		if d := cmp.Diff(want, slices.Sorted(maps.Keys(p.deviceInformation(asked)))); d != "" {
			t.Errorf("iOS %s (-want +got):\n%s", version, d)
		}
	}
}

func TestVariants(t *testing.T) {
	t.Parallel()
	base := Options{UDID: "one", SerialNumber: "two", ProductName: "iPhone15,2", TimeZone: "Asia/Tokyo"}
	var got []string
	for _, o := range Variants(base, BothWays([]System{{Version: "12.5.7", Build: "16H81", ProductName: "iPhone7,2"}, {Version: "26.6"}})) {
		got = append(got, fmt.Sprint(o.UDID, o.SerialNumber, " ", o.ProductName, " ", o.OSVersion, " ", o.Build, " ", o.Supervised, " ", o.TimeZone))
	}
	want := []string{
		" iPhone7,2 12.5.7 16H81 true Asia/Tokyo", " iPhone7,2 12.5.7 16H81 false Asia/Tokyo",
		" iPhone15,2 26.6  true Asia/Tokyo", " iPhone15,2 26.6  false Asia/Tokyo",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("variants (-want +got):\n%s", d)
	}
}
