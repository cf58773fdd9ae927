package mdm_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/mdm"
)

func appInstallation(state, rejection string) []byte {
	inside := []string{str("Identifier", "com.example.pos")}
	if state != "" {
		inside = append(inside, str("State", state))
	}
	if rejection != "" {
		inside = append(inside, str("RejectionReason", rejection))
	}
	return resultOf(inside...)
}

func managedApps() []byte {
	return resultOf(raw("ManagedApplicationList", "<dict>"+
		raw("com.example.scan", "<dict>"+str("Status", "UpdateRejected")+raw("ManagementFlags", "<integer>0</integer>")+"</dict>")+
		raw("com.example.pos", "<dict>"+str("Status", "Updating")+"</dict>")+
		raw("com.example.odd", "<dict/>")+raw("com.example.text", "<string>Managed</string>")+"</dict>"))
}

func TestAppInstallation(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		body []byte
		want mdm.AppInstallation
	}{
		{"taken up", appInstallation("Installing", ""), mdm.AppInstallation{Identifier: "com.example.pos", State: "Installing"}},
		{"refused", appInstallation("", "AppStoreDisabled"), mdm.AppInstallation{Identifier: "com.example.pos", RejectionReason: "AppStoreDisabled"}},
		{"says nothing", resultOf(), mdm.AppInstallation{}},
		{"odd type", resultOf(raw("State", "<array/>")), mdm.AppInstallation{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := decodeResult(t, test.body).AppInstallation()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
	_, err := (&mdm.Result{}).AppInstallation()
	wantOwnError(t, err)
}

func TestManagedApplications(t *testing.T) {
	t.Parallel()
	got, err := decodeResult(t, managedApps()).ManagedApplications()
	if err != nil {
		t.Fatal(err)
	}
	want := []mdm.ManagedApplication{{Identifier: "com.example.pos", Status: "Updating"}, {Identifier: "com.example.scan", Status: mdm.AppUpdateRejected}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("apps (-want +got):\n%s", diff)
	}
	_, err = decodeResult(t, resultOf()).ManagedApplications()
	wantOwnError(t, err)
}

func TestInstallApplicationCommand(t *testing.T) {
	t.Parallel()
	licence := mdm.InstallOptions{PurchaseMethod: mdm.PurchaseByLicence}
	for _, test := range []struct {
		name string
		c    mdm.Payload
		ok   bool
	}{
		{"by account", mdm.InstallApplicationCommand{Identifier: "com.example.pos"}, true},
		{"by licence", mdm.InstallApplicationCommand{Identifier: "com.example.pos", Options: licence, ChangeManagementState: mdm.ManagementTakeOver}, true},
		{"no app", mdm.InstallApplicationCommand{Options: licence}, false},
		{"no such method", mdm.InstallApplicationCommand{Identifier: "a", Options: mdm.InstallOptions{PurchaseMethod: 2}}, false},
		{"no such state", mdm.InstallApplicationCommand{Identifier: "a", ChangeManagementState: "Unmanaged"}, false},
		{"states of no apps", mdm.ManagedApplicationListCommand{}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if _, err := mdm.NewCommand("c1", test.c); (err == nil) != test.ok {
				t.Errorf("error %v, want one: %t", err, !test.ok)
			}
		})
	}
	c, err := mdm.NewCommand("c1", mdm.InstallApplicationCommand{Identifier: "com.example.pos"})
	if err != nil {
		t.Fatal(err)
	}
	// 0 is said, not left out: the method is a choice.
	for _, want := range []string{"<key>PurchaseMethod</key>", "<integer>0</integer>", "<string>com.example.pos</string>"} {
		if !bytes.Contains(c.Body, []byte(want)) {
			t.Errorf("the command lacks %s:\n%s", want, c.Body)
		}
	}
	for _, never := range []string{"ChangeManagementState", "ManagementFlags"} {
		if bytes.Contains(c.Body, []byte(never)) {
			t.Errorf("the command has %s:\n%s", never, c.Body)
		}
	}
}
