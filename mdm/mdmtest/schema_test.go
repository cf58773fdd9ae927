package mdmtest

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestSchemaTable holds that the embedded table can be read and that the
// overlay found everything it changes.
func TestSchemaTable(t *testing.T) {
	t.Parallel()
	tbl := schema()
	for _, name := range []string{"AvailableOSUpdates", "ScheduleOSUpdate", "OSUpdateStatus"} {
		if got := tbl.Commands[name].Removed; got != "27.0" {
			t.Errorf("%s: removed %q, want 27.0", name, got)
		}
	}
	if tbl.Commands["ScheduleOSUpdateScan"] != nil {
		t.Error("ScheduleOSUpdateScan is macOS only but in the table")
	}
	queries := tbl.Commands["DeviceInformation"].key("Queries").Keys[0].Keys
	for _, name := range []string{"SoftwareUpdateDeviceID", "SoftwareUpdateSettings"} {
		if k := find(queries, name); k == nil || k.Removed != "27.0" {
			t.Errorf("query %s: %+v, want it removed in 27.0", name, k)
		}
	}
	if k := find(queries, "OSUpdateSettings"); k != nil {
		t.Error("query OSUpdateSettings is macOS only but in the table")
	}
	if k := find(tbl.Commands["Settings"].key("Settings").Keys, "SoftwareUpdateSettings"); k == nil || k.Removed != "27.0" {
		t.Errorf("settings item: %+v, want it removed in 27.0", k)
	}
	for name, it := range tbl.Commands {
		if it.Rights != "" && rightBit(it.Rights) == 0 {
			t.Errorf("command %s needs the unknown right %q", name, it.Rights)
		}
		checkKeys(t, name, it.Keys)
	}
	for _, section := range []map[string]*item{tbl.Payloads, tbl.Declarations, tbl.Protocol} {
		for name, it := range section {
			checkKeys(t, name, it.Keys)
		}
	}
}

// checkKeys finds what checkDict could not work with.
func checkKeys(t *testing.T, path string, keys []*key) {
	t.Helper()
	types := []string{"string", "integer", "real", "boolean", "date", "data", "array", "dictionary", "any"}
	for _, k := range keys {
		at := join(path, k.Name)
		if !slices.Contains(types, k.Type) {
			t.Errorf("%s: unknown type %q", at, k.Type)
		}
		if k.Rights != "" && rightBit(k.Rights) == 0 {
			t.Errorf("%s: unknown right %q", at, k.Rights)
		}
		if _, err := regexp.Compile(k.Format); err != nil {
			t.Errorf("%s: %v", at, err)
		}
		checkKeys(t, at, k.Keys)
	}
}

func TestCompareVersions(t *testing.T) {
	t.Parallel()
	tests := []struct {
		a, b string
		want int
	}{
		{"26.6", "26.6", 0},
		{"26.6", "26.6.0", 0},
		{"26.10", "26.9", 1},
		{"26.6.1", "26.6", 1},
		{"9.3", "27.0", -1},
	}
	for _, tt := range tests {
		if got := compareVersions(tt.a, tt.b); (got > 0) != (tt.want > 0) || (got < 0) != (tt.want < 0) {
			t.Errorf("compare %s with %s: %d, want the sign of %d", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestParsePlistRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, in, want string
	}{
		{"empty", "", "EOF"},
		{"other root", "<html/>", "root element"},
		{"array root", "<plist><array/></plist>", "want <dict>"},
		{"two roots", "<plist><dict/><dict/></plist>", "more than one root"},
		{"content after", "<plist><dict/></plist><plist/>", "content after"},
		{"truncated", "<plist><dict><key>a</key>", "without value"},
		{"key without value", "<plist><dict><key>a</key></dict></plist>", "without value"},
		{"value without key", "<plist><dict><string>a</string></dict></plist>", "where <key> is due"},
		{"duplicate", "<plist><dict><key>a</key><true/><key>a</key><true/></dict></plist>", "twice"},
		{"stray text", "<plist><dict>x</dict></plist>", "text between"},
		{"unknown element", "<plist><dict><key>a</key><uid/></dict></plist>", "unknown element"},
		{"element in a string", "<plist><dict><key>a</key><string><b/></string></dict></plist>", "inside a simple value"},
		{"bad integer", "<plist><dict><key>a</key><integer>0x10</integer></dict></plist>", "invalid syntax"},
		{"bad data", "<plist><dict><key>a</key><data>***</data></dict></plist>", "illegal base64"},
		{"bad date", "<plist><dict><key>a</key><date>today</date></dict></plist>", "cannot parse"},
		{"entity", `<!DOCTYPE plist [<!ENTITY e "x">]><plist><dict><key>a</key><string>&e;</string></dict></plist>`, "entity"},
		{"deep", "<plist><dict><key>a</key>" + strings.Repeat("<array>", 100_000), "nested deeper"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := parsePlist([]byte(tt.in))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}
