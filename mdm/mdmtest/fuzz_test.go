package mdmtest

import (
	"context"
	"crypto/x509"
	"testing"
)

// seedProfile is an enrolment profile that leads nowhere.
func seedProfile() string {
	return profileHead +
		payloadXML("com.apple.security.root", "root", "01", `<key>PayloadContent</key><data>AAAA</data>`) +
		payloadXML("com.apple.applicationaccess", "r", "02", `<key>forceDelayedSoftwareUpdates</key><true/>`) +
		payloadXML("com.apple.mdm", "mdm", "03", `<key>IdentityCertificateUUID</key><string>11111111-2222-4333-8444-000000000002</string>
<key>Topic</key><string>com.apple.mgmt.x</string><key>ServerURL</key><string>https://x/mdm</string><key>AccessRights</key><integer>3</integer>`) +
		profileTail
}

func FuzzParseProfile(f *testing.F) {
	f.Add([]byte(seedProfile()))
	f.Add([]byte("<plist><dict/></plist>"))
	f.Add([]byte{0x30, 0x80, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02})
	f.Fuzz(func(t *testing.T, data []byte) {
		p := offlinePhone(t)
		xml, _, err := p.openSigned(data)
		if err != nil {
			return
		}
		prof, err := p.reader().parseProfile(xml)
		if err != nil {
			return
		}
		_, _ = prof.certificates()
		if mdm := prof.payload("com.apple.mdm"); mdm != nil {
			_, _ = newEnrolment(prof, mdm)
		}
	})
}

func FuzzCommand(f *testing.F) {
	f.Add([]byte(command("1", "DeviceInformation", queries("UDID", "OSVersion"))))
	f.Add([]byte(command("2", "InstallProfile", "<key>Payload</key><data>PHBsaXN0Lz4=</data>")))
	f.Add([]byte(command("3", "DeclarativeManagement", "<key>Data</key><data>e30=</data>")))
	f.Add([]byte(command("4", "ScheduleOSUpdate", "<key>Updates</key><array><dict><key>InstallAction</key><string>Default</string></dict></array>")))
	f.Add([]byte(command("5", "Settings", "<key>Settings</key><array><dict><key>Item</key><string>Bluetooth</string><key>Enabled</key><true/></dict></array>")))
	f.Add([]byte(command("6", "EraseDevice", "")))
	f.Fuzz(func(t *testing.T, data []byte) {
		p := offlinePhone(t)
		p.offline = true // a profile in a command must not reach for the network
		p.enrolment = &enrolment{
			rights: 8191, profiles: map[string]*profile{}, ddm: newDDM(),
			identity: identity{cert: &x509.Certificate{}},
		}
		m, err := p.readCommand(answer{status: 200, mediaType: "application/xml", body: data})
		if err != nil {
			return
		}
		if _, err := p.execute(context.Background(), m); err != nil {
			t.Errorf("command was not answered: %v", err)
		}
	})
}

func FuzzDeclaration(f *testing.F) {
	f.Add("configuration", []byte(`{"Type":"`+typeEnforcement+`","Identifier":"x","ServerToken":"1","Payload":{"TargetOSVersion":"27.0","TargetLocalDateTime":"2026-11-20T10:00:00"}}`))
	f.Add("activation", []byte(`{"Type":"`+typeActivation+`","Identifier":"x","ServerToken":"1","Payload":{"StandardConfigurations":["x"]}}`))
	f.Add("configuration", []byte(`{"Type":"`+typeSubscriptions+`","Identifier":"x","ServerToken":"1","Payload":{"StatusItems":[{"Name":"passcode.is-present"}]}}`))
	f.Fuzz(func(t *testing.T, class string, data []byte) {
		p := offlinePhone(t)
		p.enrolment = &enrolment{profiles: map[string]*profile{}, ddm: newDDM()}
		d := p.readDeclaration(manifestItem{class, "x", "1"}, data)
		if d == nil {
			return
		}
		p.apply(&p.enrolment.ddm, map[string]*declaration{"x": d})
		if _, err := p.statusReport(p.changedItems(), true, true); err != nil {
			t.Errorf("status report: %v", err)
		}
		p.advance()
	})
}

// offlinePhone is a supervised phone that nothing was ever sent to.
func offlinePhone(tb testing.TB) *Phone {
	tb.Helper()
	p, err := New(Options{Now: newClock().Now, Supervised: true, Roots: x509.NewCertPool(), UDID: "fuzz", OSVersion: "26.6", Build: "X"})
	if err != nil {
		tb.Fatal(err)
	}
	return p
}
