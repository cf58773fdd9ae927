package mdm_test

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/micromdm/plist"

	"github.com/kannuki-mdm/kannuki/mdm"
)

// resultOf wraps the inside of an acknowledged result.
func resultOf(inside ...string) []byte {
	return plistOf(append([]string{str("UDID", udid), str("CommandUUID", "c1"), str("Status", "Acknowledged")}, inside...)...)
}

func decodeResult(t *testing.T, body []byte) *mdm.Result {
	t.Helper()
	r, err := mdm.DecodeResult(body, mdm.ResultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestDecodeResult(t *testing.T) {
	t.Parallel()
	device := mdm.Enrollment{UDID: udid}
	chain := "<array><dict>" + raw("ErrorCode", "<integer>4001</integer>") + str("ErrorDomain", "MCInstallationErrorDomain") +
		str("LocalizedDescription", "拒否") + str("USEnglishDescription", "refused") + "</dict><dict>" +
		raw("ErrorCode", "<integer>-9</integer>") + "</dict></array>"
	items := []mdm.ErrorItem{
		{Code: 4001, Domain: "MCInstallationErrorDomain", Localized: "拒否", USEnglish: "refused"}, {Code: -9},
	}
	failed := func(inside string) []byte {
		return plistOf(str("Status", "Error"), str("UDID", udid), str("CommandUUID", "c1"), inside)
	}
	for _, test := range []struct {
		name string
		body []byte
		want mdm.Result
	}{
		{
			name: "poll", body: plistOf(str("UDID", udid), str("Status", "Idle")),
			want: mdm.Result{Enrollment: device, Status: mdm.Idle},
		},
		{
			name: "acknowledged", body: resultOf(),
			want: mdm.Result{Enrollment: device, Status: mdm.Acknowledged, CommandUUID: "c1"},
		},
		{
			name: "status of the future", body: plistOf(str("EnrollmentID", "e"), str("CommandUUID", "c1"), str("Status", "Postponed")),
			want: mdm.Result{Enrollment: mdm.Enrollment{EnrollmentID: "e"}, Status: "Postponed", CommandUUID: "c1"},
		},
		{
			name: "error chain", body: failed(raw("ErrorChain", chain)),
			want: mdm.Result{Enrollment: device, Status: mdm.Error, CommandUUID: "c1", ErrorChain: items},
		},
		{
			name: "code as text", body: failed(raw("ErrorChain", "<array><dict>"+str("ErrorCode", "12")+"</dict></array>")),
			want: mdm.Result{Enrollment: device, Status: mdm.Error, CommandUUID: "c1", ErrorChain: []mdm.ErrorItem{{Code: 12}}},
		},
		{
			name: "error chain is a dictionary", body: failed(raw("ErrorChain", "<dict/>")),
			want: mdm.Result{Enrollment: device, Status: mdm.Error, CommandUUID: "c1", NotUnderstood: "mdm: ErrorChain has an unusable type"},
		},
		{
			name: "one odd link", body: failed(raw("ErrorChain", "<array><true/><dict>"+str("ErrorDomain", "d")+"</dict></array>")),
			want: mdm.Result{
				Enrollment: device, Status: mdm.Error, CommandUUID: "c1",
				ErrorChain: []mdm.ErrorItem{{Domain: "d"}}, NotUnderstood: "mdm: ErrorChain.0 has an unusable type",
			},
		},
		{
			name: "error chain cannot be read", body: failed(raw("ErrorChain", "<array><integer>x</integer></array>")),
			want: mdm.Result{Enrollment: device, Status: mdm.Error, CommandUUID: "c1", NotUnderstood: "mdm: ErrorChain cannot be read at byte"},
		},
		{
			name: "unknown element in the payload", body: resultOf(raw("QueryResponses", "<dict><key>a</key><set/></dict>")),
			want: mdm.Result{Enrollment: device, Status: mdm.Acknowledged, CommandUUID: "c1", NotUnderstood: "mdm: unknown element at byte"},
		},
		{
			name: "dangling key in the payload", body: resultOf(raw("QueryResponses", "<dict><key>a</key></dict>")),
			want: mdm.Result{Enrollment: device, Status: mdm.Acknowledged, CommandUUID: "c1", NotUnderstood: "mdm: key without a value at byte"},
		},
		{
			name: "no CommandUUID", body: plistOf(str("UDID", udid), str("Status", "Acknowledged")),
			want: mdm.Result{Enrollment: device, Status: mdm.Acknowledged, NotUnderstood: "mdm: missing CommandUUID"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := decodeResult(t, test.body)
			if !strings.HasPrefix(got.NotUnderstood, test.want.NotUnderstood) || (test.want.NotUnderstood == "" && got.NotUnderstood != "") {
				t.Errorf("got NotUnderstood %q, want %q", got.NotUnderstood, test.want.NotUnderstood)
			}
			if string(got.Raw) != string(test.body) {
				t.Error("Raw is not the body")
			}
			ignore := cmpopts.IgnoreFields(mdm.Result{}, "NotUnderstood", "Raw")
			if diff := cmp.Diff(&test.want, got, ignore, cmpopts.IgnoreUnexported(mdm.Result{})); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
		})
	}
}

// TestResultOf: a result of values is what a message with these values decodes to.
func TestResultOf(t *testing.T) {
	t.Parallel()
	values := map[string]any{
		"QueryResponses":           map[string]any{"OSVersion": "26.6.1", "IsSupervised": true, "AvailableDeviceCapacity": 12.5},
		"InstalledApplicationList": []any{map[string]any{"Identifier": "com.example.pos", "ShortVersion": "7.0"}},
		"ProfileList":              []any{map[string]any{"PayloadIdentifier": "kannuki.hold", "PayloadUUID": "u"}},
		"OSUpdateStatus":           []any{map[string]any{"ProductKey": "k", "IsDownloaded": true, "Status": "Idle"}},
		"Identifier":               "com.example.pos",
		"State":                    "Installing",
		"UpdateResults":            []any{map[string]any{"ProductKey": "k", "InstallAction": "DownloadOnly", "Status": "Downloading"}},
	}
	whole := maps.Clone(values)
	whole["UDID"], whole["Status"], whole["CommandUUID"] = udid, "Acknowledged", "c1"
	body, err := plist.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	want, got := decodeResult(t, body), mdm.ResultOf(mdm.Enrollment{UDID: udid}, mdm.Acknowledged, "c1", values)
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(mdm.Result{}, "Raw"), cmpopts.IgnoreUnexported(mdm.Result{})); diff != "" {
		t.Errorf("header (-decoded +given):\n%s", diff)
	}
	for what, read := range map[string]func(*mdm.Result) (any, error){
		"information": func(r *mdm.Result) (any, error) { return r.DeviceInformation() },
		"apps":        func(r *mdm.Result) (any, error) { return r.InstalledApplications() },
		"profiles":    func(r *mdm.Result) (any, error) { return r.Profiles() },
		"progress":    func(r *mdm.Result) (any, error) { return r.OSUpdateStatuses() },
		"updates":     func(r *mdm.Result) (any, error) { return r.UpdateResults() },
		"app":         func(r *mdm.Result) (any, error) { return r.AppInstallation() },
		"security":    func(r *mdm.Result) (any, error) { return r.SecurityInfo() }, // has none
	} {
		a, errA := read(want)
		b, errB := read(got)
		if diff := cmp.Diff(a, b); diff != "" || (errA == nil) != (errB == nil) {
			t.Errorf("%s: %v, %v (-decoded +given):\n%s", what, errA, errB, diff)
		}
	}
}

func TestDecodeResultRefuses(t *testing.T) {
	t.Parallel()
	id, idle := str("UDID", udid), str("Status", "Idle")
	for _, test := range []struct {
		name string
		body []byte
		want string
		is   error
	}{
		{name: "nothing", body: nil, want: "no property list dictionary"},
		{name: "binary", body: []byte("bplist00"), want: "binary"},
		{name: "no status", body: plistOf(id), want: "missing Status"},
		{name: "status not a string", body: plistOf(id, raw("Status", "<true/>")), want: "Status is not a string"},
		{name: "long status", body: plistOf(id, str("Status", long(65))), want: "Status with a bad length"},
		{name: "status with control character", body: plistOf(id, str("Status", "I\tdle")), want: "Status with a bad length or character"},
		{name: "long UUID", body: plistOf(id, idle, str("CommandUUID", long(129))), want: "CommandUUID with a bad length"},
		{name: "UUID not a string", body: plistOf(id, idle, raw("CommandUUID", "<data/>")), want: "CommandUUID is not a string"},
		{name: "status twice", body: plistOf(id, idle, str("Status", "Acknowledged")), want: "second Status"},
		{name: "no identifier", body: plistOf(idle), want: "neither", is: mdm.ErrIdentifiers},
		{name: "both identifiers", body: plistOf(id, str("EnrollmentID", "e"), idle), want: "both", is: mdm.ErrIdentifiers},
		{name: "identifier not a string", body: plistOf(raw("EnrollmentID", "<integer>1</integer>"), idle), want: "EnrollmentID is not a string"},
		{name: "too large", body: plistOf(id, idle, str("a", long(1<<20))), want: "larger", is: mdm.ErrTooLarge},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := mdm.DecodeResult(test.body, mdm.ResultLimits())
			wantParseError(t, err, test.want)
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("got error %v, want it to be %v", err, test.is)
			}
		})
	}
}

func TestStatusFinal(t *testing.T) {
	t.Parallel()
	for s, want := range map[mdm.Status]bool{
		mdm.Idle: false, mdm.NotNow: false, mdm.Acknowledged: true, mdm.Error: true, mdm.CommandFormatError: true, "Postponed": true,
	} {
		if got := s.Final(); got != want {
			t.Errorf("%s: got final %t, want %t", s, got, want)
		}
	}
}

func TestDeviceInformation(t *testing.T) {
	t.Parallel()
	r := decodeResult(t, resultOf(raw("QueryResponses", "<dict>"+
		str("UDID", udid)+str("SerialNumber", "F2L")+str("OSVersion", "26.6.1")+str("BuildVersion", "23G83")+
		str("SupplementalBuildVersion", "23G83a")+str("SupplementalOSVersionExtra", "(a)")+str("ProductName", "iPhone15,2")+
		str("ModelName", "iPhone")+str("Model", "MQ")+str("ModelNumber", "MQ/A")+str("TimeZone", "Asia/Tokyo")+
		str("SoftwareUpdateDeviceID", "iPhone15,2")+
		raw("SoftwareUpdateSettings", "<dict>"+raw("RecommendationsCadence", "<integer>1</integer>")+"</dict>")+boolean("IsSupervised", true)+raw("IsMultiUser", "<integer>0</integer>")+
		boolean("AwaitingConfiguration", false)+raw("DeviceCapacity", "<integer>128</integer>")+
		raw("AvailableDeviceCapacity", "<real>12.5</real>")+str("BatteryLevel", "0.75")+str("PhoneNumber", "1")+"</dict>")))
	got, err := r.DeviceInformation()
	if err != nil {
		t.Fatal(err)
	}
	want := mdm.DeviceInformation{
		UDID: ptr(udid), SerialNumber: ptr("F2L"), OSVersion: ptr("26.6.1"), BuildVersion: ptr("23G83"),
		SupplementalBuildVersion: ptr("23G83a"), SupplementalOSVersionExtra: ptr("(a)"), ProductName: ptr("iPhone15,2"),
		ModelName: ptr("iPhone"), Model: ptr("MQ"), ModelNumber: ptr("MQ/A"), TimeZone: ptr("Asia/Tokyo"),
		SoftwareUpdateDeviceID: ptr("iPhone15,2"), RecommendationsCadence: ptr(int64(1)), IsSupervised: ptr(true), IsMultiUser: ptr(false),
		AwaitingConfiguration: ptr(false), DeviceCapacity: ptr(128.0), AvailableDeviceCapacity: ptr(12.5), BatteryLevel: ptr(0.75),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("information (-want +got):\n%s", diff)
	}
}

func TestDeviceInformationOddValues(t *testing.T) {
	t.Parallel()
	r := decodeResult(t, resultOf(raw("QueryResponses", "<dict>"+
		raw("OSVersion", "<array/>")+str("IsSupervised", "yes")+raw("IsMultiUser", "<integer>2</integer>")+
		raw("BatteryLevel", "<real>-1.0</real>")+raw("DeviceCapacity", "<real>nan</real>")+
		raw("AvailableDeviceCapacity", "<dict/>")+raw("ModelName", "<integer>-7</integer>")+"</dict>")))
	got, err := r.DeviceInformation()
	if err != nil {
		t.Fatal(err)
	}
	want := mdm.DeviceInformation{
		ModelName: ptr("-7"),
		Skipped:   []string{"AvailableDeviceCapacity", "DeviceCapacity", "IsMultiUser", "IsSupervised", "OSVersion"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("information (-want +got):\n%s", diff)
	}
}

func TestInstalledApplications(t *testing.T) {
	t.Parallel()
	r := decodeResult(t, resultOf(raw("InstalledApplicationList", "<array><dict>"+
		str("Identifier", "com.example.pos")+str("Name", "POS")+str("Version", "1042")+str("ShortVersion", "4.2")+
		raw("ExternalVersionIdentifier", "<integer>866000001</integer>")+boolean("Installing", false)+"</dict><dict>"+
		str("Identifier", "com.example.old")+str("ExternalVersionIdentifier", "12")+raw("Version", "<integer>7</integer>")+"</dict><dict>"+
		str("Name", "no identifier")+"</dict><string>no dictionary</string></array>")))
	got, err := r.InstalledApplications()
	if err != nil {
		t.Fatal(err)
	}
	want := []mdm.InstalledApplication{
		{
			Identifier: "com.example.pos", Name: "POS", Version: "1042", ShortVersion: "4.2",
			ExternalVersionIdentifier: ptr(int64(866000001)), Installing: ptr(false),
		},
		{Identifier: "com.example.old", Version: "7", ExternalVersionIdentifier: ptr(int64(12))},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("apps (-want +got):\n%s", diff)
	}
	empty, err := decodeResult(t, resultOf(raw("InstalledApplicationList", "<array/>"))).InstalledApplications()
	if err != nil || empty == nil || len(empty) != 0 {
		t.Errorf("got %v, %v, want an empty list", empty, err)
	}
}

func TestExternalVersionIdentifierOutOfRange(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"<integer>18446744073709551615</integer>", "<real>1.5</real>", "<real>1e300</real>", "<string>x</string>"} {
		apps, err := decodeResult(t, resultOf(raw("InstalledApplicationList", "<array><dict>"+
			str("Identifier", "a")+raw("ExternalVersionIdentifier", value)+"</dict></array>"))).InstalledApplications()
		if err != nil || len(apps) != 1 || apps[0].ExternalVersionIdentifier != nil {
			t.Errorf("%s: got %v, %v, want one app without the number", value, apps, err)
		}
	}
}

func TestProfilesAndSecurityInfo(t *testing.T) {
	t.Parallel()
	r := decodeResult(t, resultOf(
		raw("ProfileList", "<array><dict>"+str("PayloadIdentifier", "p")+str("PayloadUUID", "u")+str("PayloadDisplayName", "d")+
			boolean("IsManaged", true)+raw("PayloadContent", "<array><dict>"+str("PayloadType", "com.apple.applicationaccess")+"</dict></array>")+
			"</dict></array>"),
		raw("SecurityInfo", "<dict>"+boolean("PasscodePresent", true)+"</dict>")))
	profiles, err := r.Profiles()
	if err != nil {
		t.Fatal(err)
	}
	want := []mdm.InstalledProfile{{
		Identifier: "p", UUID: "u", DisplayName: "d", IsManaged: true, PayloadTypes: []string{"com.apple.applicationaccess"},
	}}
	if diff := cmp.Diff(want, profiles); diff != "" {
		t.Errorf("profiles (-want +got):\n%s", diff)
	}
	security, err := r.SecurityInfo()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(mdm.SecurityInfo{PasscodePresent: ptr(true)}, security); diff != "" {
		t.Errorf("security (-want +got):\n%s", diff)
	}
}

func TestPayloadErrors(t *testing.T) {
	t.Parallel()
	accessors := map[string]func(*mdm.Result) error{
		"QueryResponses":           func(r *mdm.Result) error { _, err := r.DeviceInformation(); return err },
		"InstalledApplicationList": func(r *mdm.Result) error { _, err := r.InstalledApplications(); return err },
		"ProfileList":              func(r *mdm.Result) error { _, err := r.Profiles(); return err },
		"SecurityInfo":             func(r *mdm.Result) error { _, err := r.SecurityInfo(); return err },
		"AvailableOSUpdates":       func(r *mdm.Result) error { _, err := r.AvailableUpdates(); return err },
		"UpdateResults":            func(r *mdm.Result) error { _, err := r.UpdateResults(); return err },
		"OSUpdateStatus":           func(r *mdm.Result) error { _, err := r.OSUpdateStatuses(); return err },
		"Settings":                 func(r *mdm.Result) error { _, err := r.SettingsResults(); return err },
	}
	for key, read := range accessors {
		wantParseError(t, read(decodeResult(t, resultOf())), "missing "+key)
		wantParseError(t, read(&mdm.Result{}), "missing "+key)
		wantParseError(t, read(decodeResult(t, resultOf(str(key, "x")))), key+" has an unusable type")
		wantParseError(t, read(decodeResult(t, resultOf(raw(key, "<dict><key>a</key><data>!</data></dict>")))), key+" cannot be read")
	}
}

func appList(n int) []byte {
	var apps strings.Builder
	for i := range n {
		fmt.Fprintf(&apps, "<dict>%s%s%s%s</dict>", str("Identifier", fmt.Sprintf("com.example.app%d", i)), str("Name", "An app"),
			str("ShortVersion", "1.2.3"), raw("ExternalVersionIdentifier", "<integer>866000001</integer>"))
	}
	return resultOf(raw("InstalledApplicationList", "<array>"+apps.String()+"</array>"))
}

func TestAppListLimits(t *testing.T) {
	t.Parallel()
	body := appList(3_000)
	if _, err := mdm.DecodeResult(body, mdm.ResultLimits()); !errors.Is(err, mdm.ErrTooLarge) {
		t.Errorf("got error %v, want ErrTooLarge", err)
	}
	r, err := mdm.DecodeResult(body, mdm.AppListLimits())
	if err != nil {
		t.Fatal(err)
	}
	if apps, err := r.InstalledApplications(); err != nil || len(apps) != 3_000 {
		t.Errorf("got %d apps, %v, want 3000", len(apps), err)
	}
}

func BenchmarkDecodeCheckin(b *testing.B) {
	body := plistOf(str("MessageType", "TokenUpdate"), str("Topic", "com.apple.mgmt.External.1"), str("UDID", udid),
		str("PushMagic", "7B1F0C52-1111-4222-8333-444455556666"), data("Token", "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s="),
		data("UnlockToken", strings.Repeat("AAEC", 500)), boolean("AwaitingConfiguration", false))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := mdm.DecodeCheckin(body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeResult(b *testing.B) {
	for name, body := range map[string][]byte{
		"poll":     plistOf(str("UDID", udid), str("Status", "Idle")),
		"500 apps": appList(500),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := mdm.DecodeResult(body, mdm.AppListLimits()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkInstalledApplications(b *testing.B) {
	r, err := mdm.DecodeResult(appList(500), mdm.AppListLimits())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.InstalledApplications(); err != nil {
			b.Fatal(err)
		}
	}
}

func TestExcerpt(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, text, want string }{
		{"nothing", "", ""},
		{"short", "空き容量が足りません", "空き容量が足りません"},
		{"200 bytes", strings.Repeat("x", 200), strings.Repeat("x", 200)},
		{"a byte more", strings.Repeat("x", 201), strings.Repeat("x", 200)},
		{"66 characters of 3 bytes and one of 2", strings.Repeat("閂", 66) + "é", strings.Repeat("閂", 66) + "é"},
		{"67 characters of 3 bytes", strings.Repeat("閂", 67), strings.Repeat("閂", 66)},
		{"one of 4 bytes across the end", strings.Repeat("x", 199) + "𠮷", strings.Repeat("x", 199)},
		{"not UTF-8", "a\xffb", "a\uFFFDb"},
		{"not UTF-8 across the end", strings.Repeat("x", 199) + "\xe9\x96", strings.Repeat("x", 199)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := mdm.Excerpt(test.text); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
