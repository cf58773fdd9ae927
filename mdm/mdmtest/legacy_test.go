package mdmtest

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	patch16  = Offer{Version: "16.7.12", Build: "20H364", Posted: posted, DownloadTime: time.Hour, InstallTime: 20 * time.Minute}
	older16  = Offer{Version: "16.7.11", Build: "20H360", Posted: posted.AddDate(0, -3, 0), DownloadTime: time.Hour, InstallTime: 20 * time.Minute}
	major17  = Offer{Version: "17.7.2", Build: "21H221", Posted: posted, DownloadTime: time.Hour, InstallTime: 20 * time.Minute}
	offers16 = catalog{patch16, major17, older16}
)

func schedule(id, version, action string) string {
	return command(id, "ScheduleOSUpdate", "<key>Updates</key><array><dict><key>ProductVersion</key><string>"+version+
		"</string><key>InstallAction</key><string>"+action+"</string></dict></array>")
}

func cadenceCommand(id string, n int) string {
	return command(id, "Settings", fmt.Sprintf("<key>Settings</key><array><dict><key>Item</key><string>SoftwareUpdateSettings</string>"+
		"<key>RecommendationCadence</key><integer>%d</integer></dict></array>", n))
}

// deferProfile installs a deferral by command.
func deferProfile(id string, days int) string {
	prof := profileHead + payloadXML("com.apple.applicationaccess", "r", "07", fmt.Sprintf(
		"<key>forceDelayedSoftwareUpdates</key><true/><key>enforcedSoftwareUpdateDelay</key><integer>%d</integer>", days)) + profileTail
	prof = strings.Replace(prof, "com.example.enroll<", "com.example.defer<", 1)
	return command(id, "InstallProfile", "<key>Payload</key><data>"+base64.StdEncoding.EncodeToString([]byte(prof))+"</data>")
}

// legacyPhone is a supervised phone on 16.7 that is offered 16.7.12 and 17.7.2.
func legacyPhone(t *testing.T, s *fakeServer, c *clock, o Options) *Phone {
	t.Helper()
	o.Supervised, o.Apple = true, offers16
	if o.OSVersion == "" {
		o.OSVersion, o.Build = "16.7", "20H19"
	}
	return enrolled(t, s, c, o)
}

// ask sends a command and returns what the journal says of the answer.
func ask(t *testing.T, s *fakeServer, p *Phone, id, cmd string) string {
	t.Helper()
	s.send(cmd)
	connect(t, p)
	for _, e := range p.o.Journal.Entries(KindAnswer) {
		if e.CommandUUID == id {
			return strings.TrimSpace(e.Status + " " + e.Detail)
		}
	}
	t.Fatalf("no answer to %s", id)
	return ""
}

func TestLegacyUpdateInTwoSteps(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		o    Options
		want []string // after the second command
	}{
		{"no passcode", Options{}, []string{"01T10:00 installing: mdm", "01T10:20 installed 16.7.12 mdm"}},
		{
			"passcode at once",
			Options{Passcode: true, User: User{EntersPasscode: time.Minute}},
			[]string{"01T10:00 passcode-requested 16.7.12", "01T10:01 installing: mdm", "01T10:21 installed 16.7.12 mdm"},
		},
		{
			"put off twice",
			Options{Passcode: true, User: User{EntersPasscode: time.Minute, PutsOff: 2}},
			[]string{
				"01T10:00 passcode-requested 16.7.12", "01T10:01 put-off 16.7.12", "02T10:01 passcode-requested 16.7.12", "02T10:02 put-off 16.7.12",
				"03T10:02 passcode-requested 16.7.12", "03T10:03 installing: mdm", "03T10:23 installed 16.7.12 mdm",
			},
		},
		{
			"three times at the most",
			Options{Passcode: true, User: User{EntersPasscode: time.Minute, PutsOff: 9}},
			[]string{
				"01T10:00 passcode-requested 16.7.12", "01T10:01 put-off 16.7.12", "02T10:01 passcode-requested 16.7.12", "02T10:02 put-off 16.7.12",
				"03T10:02 passcode-requested 16.7.12", "03T10:03 put-off 16.7.12", "04T10:03 passcode-requested 16.7.12",
				"04T10:04 installing: mdm", "04T10:24 installed 16.7.12 mdm",
			},
		},
		{"user never enters it", Options{Passcode: true}, []string{"01T10:00 passcode-requested 16.7.12"}},
	}
	s := newFakeServer(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newClock()
			p := legacyPhone(t, s, c, tt.o)
			steps := []struct{ cmd, id, want string }{
				{schedule("one", "16.7.12", "Default"), "one", "Acknowledged DownloadOnly Downloading"},
				{command("two", "OSUpdateStatus", ""), "two", "Acknowledged Downloading"},
				{schedule("three", "16.7.12", "InstallASAP"), "three", "Acknowledged DownloadOnly Downloading"},
			}
			for _, st := range steps {
				if got := ask(t, s, p, st.id, st.cmd); got != st.want {
					t.Errorf("%s: got %q, want %q", st.id, got, st.want)
				}
			}
			run(t, p, c, c.Now().Add(time.Hour))
			if got := ask(t, s, p, "four", command("four", "OSUpdateStatus", "")); got != "Acknowledged Idle" {
				t.Errorf("downloaded: got %q", got)
			}
			status, _ := s.result("four")["OSUpdateStatus"].([]any)
			if items(first(status), "IsDownloaded") != true {
				t.Errorf("got %v, want it downloaded", status)
			}
			before := len(updates(p))
			want := "Acknowledged InstallASAP Installing"
			if tt.o.Passcode {
				want = "Acknowledged InstallASAP Idle"
			}
			if got := ask(t, s, p, "five", schedule("five", "16.7.12", "Default")); got != want {
				t.Errorf("install: got %q, want %q", got, want)
			}
			run(t, p, c, c.Now().AddDate(0, 0, 6))
			if d := cmp.Diff(tt.want, updates(p)[before:]); d != "" {
				t.Errorf("after the second command (-want +got):\n%s", d)
			}
			if n := len(p.o.Journal.Entries(KindScheduled)); n != 3 {
				t.Errorf("%d commands in the journal, want 3", n)
			}
			wantNoViolations(t, p)
		})
	}
}

// A restart may swallow the answer. The phone comes back by itself, gets the
// same command again, and has nothing more to tell.
func TestLegacySwallowedAnswer(t *testing.T) {
	t.Parallel()
	s, c := newFakeServer(t), newClock()
	p := legacyPhone(t, s, c, Options{Faults: Faults{SwallowAnswer: 1}})
	ask(t, s, p, "one", schedule("one", "16.7.12", "Default"))
	run(t, p, c, c.Now().Add(time.Hour))
	s.send(schedule("two", "16.7.12", "InstallASAP"))
	p.Push(p.PushMagic())
	if err := p.Step(t.Context()); err == nil {
		t.Error("the session ended well although the phone restarted")
	}
	if s.result("two") != nil {
		t.Fatal("the answer got out")
	}
	s.send(schedule("two", "16.7.12", "InstallASAP"))
	run(t, p, c, c.Now().Add(time.Hour))
	r := s.result("two")
	if str(r, "Status") != "Acknowledged" || r["UpdateResults"] != nil {
		t.Errorf("after the restart it answers %v, want Acknowledged without UpdateResults", r)
	}
	if got := p.Snapshot().OSVersion; got != "16.7.12" {
		t.Errorf("phone is on %s, want 16.7.12", got)
	}
	wantNoViolations(t, p)
}

func TestLegacyRefusals(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		prepared bool // the update is downloaded already
		change   func(*Phone)
		version  string
		want     string
	}{
		{"not offered", false, nil, "16.7.13", "Acknowledged Error Idle"},
		{"installed", false, nil, "16.7", "Acknowledged"},
		{"no space", false, func(p *Phone) { p.SetAvailableGB(5) }, "16.7.12", "Acknowledged Error DownloadInsufficientSpace"},
		{"no power", false, func(p *Phone) { p.SetBattery(0.1) }, "16.7.12", "Acknowledged Error DownloadInsufficientPower"},
		{"no network", false, func(p *Phone) { p.SetWiFi(false) }, "16.7.12", "Acknowledged Error DownloadInsufficientNetwork"},
		{"no space to install", true, func(p *Phone) { p.SetAvailableGB(2) }, "16.7.12", "Acknowledged Error InstallInsufficientSpace"},
		{"no power to install", true, func(p *Phone) { p.SetBattery(0.1) }, "16.7.12", "Acknowledged Error InstallInsufficientPower"},
	}
	s := newFakeServer(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newClock()
			p := legacyPhone(t, s, c, Options{})
			if tt.prepared {
				ask(t, s, p, "download", schedule("download", "16.7.12", "DownloadOnly"))
				run(t, p, c, c.Now().Add(time.Hour))
			}
			if tt.change != nil {
				tt.change(p)
			}
			if got := ask(t, s, p, "c", schedule("c", tt.version, "Default")); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			run(t, p, c, c.Now().Add(3*time.Hour))
			if got := p.Snapshot().OSVersion; got != "16.7" {
				t.Errorf("phone moved to %s", got)
			}
			wantNoViolations(t, p)
		})
	}
}

// What a command started and failed, the phone does not try again by itself.
func TestLegacyInstallFails(t *testing.T) {
	t.Parallel()
	s, c := newFakeServer(t), newClock()
	p := legacyPhone(t, s, c, Options{})
	p.FailInstall("verification failed", 1)
	ask(t, s, p, "download", schedule("download", "16.7.12", "Default"))
	run(t, p, c, c.Now().Add(time.Hour))
	ask(t, s, p, "install", schedule("install", "16.7.12", "Default"))
	run(t, p, c, c.Now().AddDate(0, 0, 2))
	if got := p.Snapshot(); got.OSVersion != "16.7" || got.InstallState != "failed" {
		t.Errorf("phone is on %s, %s", got.OSVersion, got.InstallState)
	}
	for _, st := range [][2]string{{"told", "Acknowledged Error InstallFailed"}, {"again", "Acknowledged InstallASAP Installing"}} {
		if got := ask(t, s, p, st[0], schedule(st[0], "16.7.12", "Default")); got != st[1] {
			t.Errorf("%s: got %q, want %q", st[0], got, st[1])
		}
	}
	run(t, p, c, c.Now().Add(time.Hour))
	if got := p.Snapshot().OSVersion; got != "16.7.12" {
		t.Errorf("phone is on %s, want 16.7.12", got)
	}
}

// A download by command waits for Wi-Fi.
func TestLegacyDownloadWaitsForWiFi(t *testing.T) {
	t.Parallel()
	s, c := newFakeServer(t), newClock()
	p := legacyPhone(t, s, c, Options{})
	ask(t, s, p, "one", schedule("one", "16.7.12", "Default"))
	p.SetWiFi(false)
	run(t, p, c, c.Now().Add(5*time.Hour))
	if got := ask(t, s, p, "two", command("two", "OSUpdateStatus", "")); got != "Acknowledged Downloading" {
		t.Errorf("without Wi-Fi: got %q", got)
	}
	p.SetWiFi(true)
	run(t, p, c, c.Now().Add(time.Hour))
	if got := ask(t, s, p, "three", command("three", "OSUpdateStatus", "")); got != "Acknowledged Idle" {
		t.Errorf("with Wi-Fi: got %q", got)
	}
}

func TestLegacyOffers(t *testing.T) {
	t.Parallel()
	s, c := newFakeServer(t), newClock()
	p := legacyPhone(t, s, c, Options{})
	steps := []struct{ id, cmd, want string }{
		{"all", command("all", "AvailableOSUpdates", ""), "Acknowledged 16.7.12 17.7.2"},
		{"oldest", cadenceCommand("oldest", 1), "Acknowledged"},
		{"cadence is for the user only", command("cadence is for the user only", "AvailableOSUpdates", ""), "Acknowledged 16.7.12 17.7.2"},
		{"hold", deferProfile("hold", 60), "Acknowledged"},
		{"held", command("held", "AvailableOSUpdates", ""), "Acknowledged 16.7.11"},
		{"a command reaches what is hidden", schedule("a command reaches what is hidden", "16.7.12", "Default"), "Acknowledged DownloadOnly Downloading"},
	}
	for _, st := range steps {
		if got := ask(t, s, p, st.id, st.cmd); got != st.want {
			t.Errorf("%s: got %q, want %q", st.id, got, st.want)
		}
	}
	ask(t, s, p, "info", command("info", "DeviceInformation", queries("SoftwareUpdateSettings")))
	if got := items(s.result("info"), "QueryResponses", "SoftwareUpdateSettings", "RecommendationsCadence"); got != int64(1) {
		t.Errorf("reported cadence is %v, want 1", got)
	}
	if got := p.Snapshot().Cadence; got != "Oldest" {
		t.Errorf("cadence is %q", got)
	}
	c.set(posted.AddDate(0, 0, 61))
	var offered []string
	for _, o := range p.OfferedUpdates() {
		offered = append(offered, o.Version)
	}
	if d := cmp.Diff([]string{"16.7.12"}, offered); d != "" {
		t.Errorf("Settings shows with cadence Oldest (-want +got):\n%s", d)
	}
	wantNoViolations(t, p)
}

// While a declaration enforces an update, the commands neither see nor touch it.
func TestLegacyCommandsUnderEnforcement(t *testing.T) {
	t.Parallel()
	s, c := newFakeServer(t), newClock()
	p := fleetPhone(t, s, c, Options{Supervised: true, Apple: catalog{release, upgrade}},
		map[string][2]string{"configuration/e": enforce("26.7", "2026-11-20T10:00:00")})
	steps := []struct{ id, cmd, want string }{
		{"list", command("list", "AvailableOSUpdates", ""), "Acknowledged 27.0"},
		{"status", command("status", "OSUpdateStatus", ""), "Acknowledged"},
		{"schedule", schedule("schedule", "27.0", "InstallASAP"), "Error " + errSuperseded.Error()},
	}
	for _, st := range steps {
		if got := ask(t, s, p, st.id, st.cmd); got != st.want {
			t.Errorf("%s: got %q, want %q", st.id, got, st.want)
		}
	}
	if got := p.Snapshot().PendingVersion; got != "26.7" {
		t.Errorf("works on %q, want 26.7", got)
	}
	wantNoViolations(t, p)
}

// The hold of a phone over its life: by profile, with the declaration beside
// it, by declaration alone, and not at all once iOS 27 ended the profile.
func TestHoldAcrossUpgrades(t *testing.T) {
	t.Parallel()
	s, c := newFakeServer(t), newClock()
	p := enrolled(t, s, c, Options{Supervised: true, OSVersion: "17.7", Build: "21H1", Apple: offers16})
	ask(t, s, p, "p1", deferProfile("p1", 90))
	ask(t, s, p, "p2", deferProfile("p2", 60))
	p.SetOSVersion("18.7", "22H1")
	s.declare("hold", baseline(map[string][2]string{"configuration/d": hold("90")}))
	connect(t, p)
	ask(t, s, p, "gone", command("gone", "RemoveProfile", "<key>Identifier</key><string>com.example.defer</string>"))
	ask(t, s, p, "back", deferProfile("back", 30))
	s.declare("none", baseline(nil))
	connect(t, p)
	ask(t, s, p, "list", command("list", "ProfileList", ""))
	if d := cmp.Diff([]string{"com.example.defer", "com.example.enroll"}, p.Snapshot().Profiles); d != "" {
		t.Errorf("profiles (-want +got):\n%s", d)
	}
	p.SetOSVersion("27.0", "24A1")
	ask(t, s, p, "still", command("still", "ProfileList", ""))
	var got []string
	for _, e := range p.o.Journal.Entries(KindHold) {
		got = append(got, e.Version+" "+e.Detail)
	}
	want := []string{
		"17.7 90 days by profile", "17.7 60 days by profile", "18.7 90 days by declaration, 60 by profile", "18.7 90 days by declaration",
		"18.7 90 days by declaration, 30 by profile", "18.7 30 days by profile", "27.0 none",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("holds (-want +got):\n%s", d)
	}
	for _, id := range []string{"list", "still"} {
		if !strings.Contains(fmt.Sprint(s.result(id)["ProfileList"]), "com.example.defer") {
			t.Errorf("%s: the profile is not listed", id)
		}
	}
	wantNoViolations(t, p)
}
