package mdm_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/mdm"
)

// fullReport has every item this package knows, one it does not, and both
// spellings of reason keys.
const fullReport = `{
 "StatusItems": {
  "softwareupdate": {
   "install-state": "downloading",
   "install-reason": {"reason": ["declaration"], "declaration-id": "enforce"},
   "pending-version": {"os-version": "26.6.1", "build-version": "23G83", "target-local-date-time": "2026-12-03T19:00:00"},
   "failure-reason": {"count": 2, "reason": "BatteryTooLow", "timestamp": "2026-12-01T00:00:00Z"},
   "device-id": "iPhone15,2", "beta-enrollment": ""},
  "device": {
   "operating-system": {"version": "26.6", "build-version": "23G80", "family": "iOS",
    "supplemental": {"build-version": "23G80a", "extra-version": "a"}},
   "model": {"identifier": "iPhone15,2", "family": "iPhone"},
   "identifier": {"serial-number": "F2L", "udid": "x"}},
  "passcode": {"is-present": true, "is-compliant": false},
  "mdm": {"enrollment-type": "supervised", "push-magic": "secret"},
  "app": {"managed": {"list": [
   {"identifier": "com.example.pos", "declaration-identifier": "pos", "name": "POS", "version": "1042", "short-version": "4.2",
    "external-version-id": 866000001, "state": "managed", "update-state": "available", "reasons": [{"code": "Info.UpdateAvailable"}]},
   {"identifier": "com.example.old", "_removed": true}]}},
  "management": {
   "declarations": {
    "activations": [{"identifier": "act", "server-token": "5", "active": true, "valid": "valid"}],
    "configurations": [{"identifier": "enforce", "server-token": "2", "active": true, "valid": "invalid",
     "reasons": [{"Code": "Error.ConfigurationIsInvalid", "Description": "old", "Details": {"Identifier": "enforce"}}]}],
    "assets": [], "management": [{"identifier": "org", "server-token": "4", "active": false, "valid": "valid"}]},
   "client-capabilities": {"supported-versions": ["1.0.0"], "supported-features": {},
    "supported-payloads": {"declarations": {
      "configurations": ["com.apple.configuration.softwareupdate.settings"], "activations": ["com.apple.activation.simple"]},
     "status-items": ["softwareupdate.install-state", "device.model.family"]}}},
  "security": {"lockdown-mode": true}},
 "Errors": [{"StatusItem": "mdm.app", "Reasons": [{"code": "Error.Unsupported"}]}],
 "FullReport": true}`

func TestDecodeStatus(t *testing.T) {
	t.Parallel()
	got, err := mdm.DecodeStatus([]byte(fullReport))
	if err != nil {
		t.Fatal(err)
	}
	want := mdm.StatusReport{
		FullReport: true,
		OSVersion:  ptr("26.6"), Build: ptr("23G80"), SupplementalBuild: ptr("23G80a"), SupplementalExtra: ptr("a"),
		Model: ptr("iPhone15,2"), ModelFamily: ptr("iPhone"), SerialNumber: ptr("F2L"),
		EnrollmentType: ptr("supervised"), Supervised: ptr(true), PasscodePresent: ptr(true), PasscodeCompliant: ptr(false),
		Update: &mdm.SoftwareUpdateStatus{
			InstallState:   ptr("downloading"),
			InstallReason:  &mdm.InstallReason{Reasons: []string{"declaration"}, DeclarationID: "enforce"},
			PendingVersion: &mdm.PendingVersion{OSVersion: "26.6.1", Build: "23G83", LocalDateTime: "2026-12-03T19:00:00"},
			Failure:        &mdm.UpdateFailure{Count: 2, Reason: "BatteryTooLow", Timestamp: "2026-12-01T00:00:00Z"},
			DeviceID:       ptr("iPhone15,2"), BetaEnrollment: ptr(""),
		},
		Declarations: &mdm.DeclarationStates{
			Activations: []mdm.DeclarationState{{Identifier: "act", ServerToken: "5", Active: true, Valid: mdm.ValidValid}},
			Configurations: []mdm.DeclarationState{{
				Identifier: "enforce", ServerToken: "2", Active: true, Valid: mdm.ValidInvalid,
				Reasons: []mdm.Reason{{
					Code: "Error.ConfigurationIsInvalid", Description: "old", Details: json.RawMessage(`{"Identifier":"enforce"}`),
				}},
			}},
			Management: []mdm.DeclarationState{{Identifier: "org", ServerToken: "4", Valid: mdm.ValidValid}},
		},
		Capabilities: &mdm.Capabilities{
			Declarations: []string{"com.apple.activation.simple", "com.apple.configuration.softwareupdate.settings"},
			StatusItems:  []string{"device.model.family", "softwareupdate.install-state"},
		},
		Apps: []mdm.AppStatus{
			{
				Identifier: "com.example.pos", DeclarationIdentifier: "pos", Name: "POS", Version: "1042", ShortVersion: "4.2",
				ExternalVersionID: ptr(int64(866000001)), State: "managed", UpdateState: "available",
				Reasons: []mdm.Reason{{Code: "Info.UpdateAvailable"}},
			},
			{Identifier: "com.example.old", Removed: true},
		},
		Errors: []mdm.StatusError{{Item: "mdm.app", Reasons: []mdm.Reason{{Code: "Error.Unsupported"}}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}

func TestDecodeStatusReportsOnlyWhatWasSent(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		data string
		want mdm.StatusReport
	}{
		"nothing":    {data: `{}`},
		"no items":   {data: `{"StatusItems":{},"Errors":[]}`},
		"nulls":      {data: `{"StatusItems":{"softwareupdate":null,"device":{"model":null}},"Errors":null}`},
		"empty list": {data: `{"StatusItems":{"app":{"managed":{"list":[]}}}}`, want: mdm.StatusReport{Apps: []mdm.AppStatus{}}},
		"one item": {
			data: `{"StatusItems":{"softwareupdate":{"install-state":"none"}}}`,
			want: mdm.StatusReport{Update: &mdm.SoftwareUpdateStatus{InstallState: ptr("none")}},
		},
		"device enrolment": {
			data: `{"StatusItems":{"mdm":{"enrollment-type":"device"}}}`,
			want: mdm.StatusReport{EnrollmentType: ptr("device"), Supervised: ptr(false)},
		},
		"nothing pending": {
			data: `{"StatusItems":{"softwareupdate":{"install-reason":{"reason":[]},"pending-version":{"os-version":"","build-version":""}}}}`,
			want: mdm.StatusReport{Update: &mdm.SoftwareUpdateStatus{
				InstallReason: &mdm.InstallReason{Reasons: []string{}}, PendingVersion: &mdm.PendingVersion{},
			}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := mdm.DecodeStatus([]byte(test.data))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("report (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeStatusSkipsOddItems(t *testing.T) {
	t.Parallel()
	got, err := mdm.DecodeStatus([]byte(`{
	 "StatusItems": {
	  "softwareupdate": {"install-state": ["x"], "install-reason": {"reason": ["mdm", {}]}, "pending-version": 7,
	   "failure-reason": {"count": "3"}},
	  "device": {"operating-system": {"version": 27.0, "build-version": true}, "model": "phone"},
	  "passcode": {"is-present": "yes", "is-compliant": 1},
	  "app": {"managed": {"list": [5, {"identifier": "com.example.pos", "external-version-id": "12"}, {"name": "none"}]}},
	  "management": {"declarations": {"configurations": [null, {"identifier": "hold", "active": "x"}]},
	   "client-capabilities": "all"}},
	 "Errors": {}, "FullReport": "yes"}`))
	if err != nil {
		t.Fatal(err)
	}
	want := mdm.StatusReport{
		OSVersion: ptr("27.0"), PasscodeCompliant: ptr(true),
		Update: &mdm.SoftwareUpdateStatus{
			InstallReason: &mdm.InstallReason{Reasons: []string{"mdm"}}, Failure: &mdm.UpdateFailure{Count: 3},
		},
		Apps:         []mdm.AppStatus{{Identifier: "com.example.pos", ExternalVersionID: ptr(int64(12))}},
		Declarations: &mdm.DeclarationStates{Configurations: []mdm.DeclarationState{{Identifier: "hold"}}},
		Skipped: []string{
			"Errors", "FullReport", "app.managed.list.0", "device.model", "device.operating-system.build-version",
			"management.client-capabilities", "management.declarations.configurations.0",
			"management.declarations.configurations.1.active", "passcode.is-present", "softwareupdate.install-reason.reason.1",
			"softwareupdate.install-state", "softwareupdate.pending-version",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	if got, err := mdm.DecodeStatus([]byte(`{"StatusItems":[]}`)); err != nil || len(got.Skipped) != 1 || got.Skipped[0] != "StatusItems" {
		t.Errorf("got %+v, %v, want StatusItems skipped", got, err)
	}
}

func TestDecodeStatusRefuses(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]string{
		"":                         "not valid JSON",
		"null":                     "not a JSON object",
		"[]":                       "not a JSON object",
		`"x"`:                      "not a JSON object",
		`{"StatusItems":`:          "not valid JSON",
		strings.Repeat("[", 1_000): "nested deeper",
	} {
		_, err := mdm.DecodeStatus([]byte(data))
		wantParseError(t, err, want)
	}
	if _, err := mdm.DecodeStatus([]byte(strings.Repeat(" ", 1<<20) + "{}")); !errors.Is(err, mdm.ErrTooLarge) {
		t.Errorf("got error %v, want ErrTooLarge", err)
	}
}

func TestStatusLookups(t *testing.T) {
	t.Parallel()
	r, err := mdm.DecodeStatus([]byte(fullReport))
	if err != nil {
		t.Fatal(err)
	}
	c := r.Capabilities
	if !c.Supports(mdm.TypeSoftwareUpdateSettings) || c.Supports(mdm.TypeSoftwareUpdateEnforcement) {
		t.Error("got the wrong supported declarations")
	}
	if !c.Reports("device.model.family") || c.Reports("passcode.is-present") {
		t.Error("got the wrong reported items")
	}
}

func BenchmarkDecodeStatus(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := mdm.DecodeStatus([]byte(fullReport)); err != nil {
			b.Fatal(err)
		}
	}
}
