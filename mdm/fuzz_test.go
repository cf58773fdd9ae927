package mdm_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/micromdm/plist"

	"github.com/kannuki-mdm/kannuki/mdm"
)

// wantOwnError fails unless err is a *ParseError.
func wantOwnError(t *testing.T, err error) {
	t.Helper()
	if _, ok := errors.AsType[*mdm.ParseError](err); !ok {
		t.Fatalf("got error %v, want a *ParseError", err)
	}
}

// What the guard lets through, the decoder reads without a panic.
func FuzzGuard(f *testing.F) {
	f.Add(plistOf(str("UDID", udid), raw("a", "<array><dict/><real>1</real></array>")))
	f.Fuzz(func(t *testing.T, body []byte) {
		if err := mdm.Guard(body, mdm.CheckinLimits()); err != nil {
			wantOwnError(t, err)
			return
		}
		var m map[string]any
		if err := plist.NewXMLDecoder(bytes.NewReader(body)).Decode(&m); err == nil && m == nil {
			t.Error("got no dictionary from a document that passed")
		}
	})
}

// The identity a message was accepted for is the one the decoder of the
// whole document sees: there is no second reading of it.
func FuzzDecodeCheckin(f *testing.F) {
	f.Add(checkOut())
	f.Add(ddm())
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := mdm.DecodeCheckin(body)
		if err != nil {
			wantOwnError(t, err)
			return
		}
		if _, err := c.Enrolled().Resolve(); err != nil {
			t.Errorf("got a message that does not resolve: %v", err)
		}
		if err := mdm.Guard(body, mdm.ResultLimits()); err != nil {
			t.Errorf("got a message the guard refuses: %v", err)
		}
		var header struct{ UDID, EnrollmentID, MessageType string }
		if err := plist.NewXMLDecoder(bytes.NewReader(body)).Decode(&header); err != nil {
			return // in a key of no interest
		}
		e := c.Enrolled()
		if header.UDID != e.UDID || header.EnrollmentID != e.EnrollmentID || header.MessageType != c.MessageType() {
			t.Errorf("got %+v, %s, the decoder reads %+v", e, c.MessageType(), header)
		}
	})
}

func FuzzDecodeResult(f *testing.F) {
	f.Add(poll())
	f.Add(resultOf(raw("QueryResponses", "<dict>"+str("OSVersion", "26.6")+"</dict>")))
	f.Add(resultOf(raw("ErrorChain", "<array><dict>"+raw("ErrorCode", "<integer>1</integer>")+"</dict></array>")))
	f.Add(appList(2))
	f.Add(availableUpdates())
	f.Add(updateResults())
	f.Add(updateStatuses())
	f.Add(settingsResults())
	f.Add(appInstallation("Installing", ""))
	f.Add(appInstallation("", "AppAlreadyQueued"))
	f.Add(managedApps())
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := mdm.DecodeResult(body, mdm.ResultLimits())
		if err != nil {
			wantOwnError(t, err)
			return
		}
		if r.Status == "" || len(r.CommandUUID) > 128 {
			t.Errorf("got status %q and UUID %q", r.Status, r.CommandUUID)
		}
		if _, err := r.Resolve(); err != nil {
			t.Errorf("got a result that does not resolve: %v", err)
		}
		_, errInfo := r.DeviceInformation()
		_, errApps := r.InstalledApplications()
		_, errProfiles := r.Profiles()
		_, errSecurity := r.SecurityInfo()
		_, errAvailable := r.AvailableUpdates()
		_, errScheduled := r.UpdateResults()
		statuses, errStatuses := r.OSUpdateStatuses()
		_, errSettings := r.SettingsResults()
		_, errInstallation := r.AppInstallation()
		managed, errManaged := r.ManagedApplications()
		for _, a := range managed {
			if a.Status == "" {
				t.Errorf("got %q without a status", a.Identifier)
			}
		}
		for _, s := range statuses {
			if c := s.DownloadComplete; c != nil && (*c < 0 || *c > 1) {
				t.Errorf("got a download complete to %v", *c)
			}
		}
		for _, err := range []error{errInfo, errApps, errProfiles, errSecurity, errAvailable, errScheduled, errStatuses, errSettings, errInstallation, errManaged} {
			if err != nil {
				wantOwnError(t, err)
			}
		}
	})
}

func FuzzDecodeStatus(f *testing.F) {
	f.Add([]byte(fullReport))
	f.Add([]byte(`{"StatusItems":{"app":{"managed":{"list":[{"identifier":"a","_removed":true}]}}},"Errors":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := mdm.DecodeStatus(data)
		if err != nil {
			wantOwnError(t, err)
			return
		}
		for _, app := range r.Apps {
			if app.Identifier == "" {
				t.Error("got an app without identifier")
			}
		}
		if r.Supervised != nil && r.EnrollmentType == nil {
			t.Error("got supervision out of nothing")
		}
	})
}

// What an endpoint names is safe to look up and to log.
func FuzzParseEndpoint(f *testing.F) {
	for _, s := range []string{"tokens", "declaration-items", "status", "declaration/configuration/a.b-c", "declaration/asset/", "declaration/x/../y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := mdm.ParseEndpoint(s)
		if err != nil {
			wantOwnError(t, err)
			return
		}
		if e.Kind == mdm.EndpointDeclaration && "declaration/"+e.Class+"/"+e.Identifier != s {
			t.Errorf("got class %q and identifier %q of %q", e.Class, e.Identifier, s)
		}
	})
}
