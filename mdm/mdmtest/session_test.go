package mdmtest

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func connect(t *testing.T, p *Phone) {
	t.Helper()
	if err := p.Connect(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func queries(names ...string) string {
	return "<key>Queries</key><array><string>" + strings.Join(names, "</string><string>") + "</string></array>"
}

func TestCommandLoop(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	p := enrolled(t, s, newClock(), Options{
		Supervised: true, TimeZone: "Asia/Tokyo", AvailableGB: 12.5, Battery: 0.5,
		Apps: []App{{"com.example.pos", "POS", "100", "1.0"}, {"com.example.mail", "Mail", "7", "7.1"}},
	})
	s.send(
		command("1", "DeviceInformation", queries("OSVersion", "AvailableDeviceCapacity", "BatteryLevel", "TimeZone", "IsSupervised")),
		command("2", "InstalledApplicationList", "<key>Identifiers</key><array><string>com.example.pos</string></array><key>Items</key><array><string>Identifier</string><string>ShortVersion</string></array>"),
		command("3", "ProfileList", ""),
	)
	connect(t, p)
	want := map[string]any{
		"OSVersion": "18.1", "AvailableDeviceCapacity": 12.5, "BatteryLevel": 0.5, "TimeZone": "Asia/Tokyo", "IsSupervised": true,
	}
	if d := cmp.Diff(want, dict(s.result("1"), "QueryResponses")); d != "" {
		t.Errorf("DeviceInformation (-want +got):\n%s", d)
	}
	apps := []any{map[string]any{"Identifier": "com.example.pos", "ShortVersion": "1.0"}}
	if d := cmp.Diff(apps, list(s.result("2"), "InstalledApplicationList")); d != "" {
		t.Errorf("InstalledApplicationList (-want +got):\n%s", d)
	}
	if got := len(list(s.result("3"), "ProfileList")); got != 1 {
		t.Errorf("%d profiles, want the enrolment profile", got)
	}
	if d := cmp.Diff([]string{"Idle", "Acknowledged 1", "Acknowledged 2", "Acknowledged 3"}, s.took()); d != "" {
		t.Errorf("messages (-want +got):\n%s", d)
	}
	wantNoViolations(t, p)
}

func TestConnectionPerSession(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	p := enrolled(t, s, newClock(), Options{})
	s.mu.Lock()
	clear(s.conns)
	s.mu.Unlock()
	for range 2 {
		s.send(command("1", "ProfileList", ""))
		connect(t, p)
	}
	if len(s.conns) != 2 {
		t.Errorf("%d connections for 2 sessions of 2 requests, want 2", len(s.conns))
	}
}

func TestCommandRefused(t *testing.T) {
	t.Parallel()
	deferral := `<key>Payload</key><data>` + base64.StdEncoding.EncodeToString([]byte(profileHead+
		payloadXML("com.apple.applicationaccess", "r", "07", "<key>forceDelayedSoftwareUpdates</key><true/>")+profileTail)) + `</data>`
	tests := []struct {
		name       string
		supervised bool
		version    string
		rights     string
		command    string
		want       string
		violation  string
	}{
		{"unknown command", true, "18.1", "8191", command("c", "MakeCoffee", ""), "Error", "unknown command"},
		{"unknown key", true, "18.1", "8191", command("c", "ProfileList", "<key>All</key><true/>"), "CommandFormatError", "All: unknown key"},
		{"wrong type", true, "18.1", "8191", command("c", "ProfileList", "<key>ManagedOnly</key><string>yes</string>"), "CommandFormatError", "ManagedOnly: wrong type"},
		{"missing key", true, "18.1", "8191", command("c", "RemoveProfile", ""), "CommandFormatError", "Identifier: required key is missing"},
		{"bad element", true, "18.1", "8191", command("c", "DeviceInformation", "<key>Queries</key><array><integer>1</integer></array>"), "CommandFormatError", "Queries[0]: wrong type"},
		{"supervised only", false, "18.1", "8191", command("c", "ScheduleOSUpdate", "<key>Updates</key><array/>"), "Error", "needs supervision"},
		{"missing right", true, "18.1", "1", command("c", "SecurityInfo", ""), "Error", "access right AllowQuerySecurity was not granted"},
		{"ScheduleOSUpdate on 27", true, "27.0", "8191", command("c", "ScheduleOSUpdate", "<key>Updates</key><array/>"), "Error", "removed in this version"},
		{"AvailableOSUpdates on 27", true, "27.0", "8191", command("c", "AvailableOSUpdates", ""), "Error", "removed in this version"},
		{"OSUpdateStatus on 27", true, "27.0", "8191", command("c", "OSUpdateStatus", ""), "Error", "removed in this version"},
		{"AvailableOSUpdates unsupervised", false, "12.5", "8191", command("c", "AvailableOSUpdates", ""), "Error", "needs supervision"},
		{"ScheduleOSUpdate without the right", true, "16.7", "4095", command("c", "ScheduleOSUpdate", "<key>Updates</key><array/>"), "Error", "AllowAppInstallation was not granted"},
		{"install action of macOS", true, "16.7", "8191", schedule("c", "16.7.12", "InstallLater"), "CommandFormatError", "InstallAction: value not allowed"},
		{"update without a name", true, "16.7", "8191", command("c", "ScheduleOSUpdate", "<key>Updates</key><array><dict><key>InstallAction</key><string>Default</string></dict></array>"), "CommandFormatError", "neither ProductKey nor ProductVersion"},
		{"DeclarativeManagement on 15", true, "15.8", "8191", command("c", "DeclarativeManagement", ""), "Error", "not known to this version"},
		{"settings item on 14.4", true, "14.4", "8191", cadenceCommand("c", 1), "CommandFormatError", "not known to this version"},
		{"settings item unsupervised", false, "16.7", "8191", cadenceCommand("c", 1), "CommandFormatError", "needs supervision"},
		{"cadence out of range", true, "16.7", "8191", cadenceCommand("c", 3), "CommandFormatError", "RecommendationCadence: value not allowed"},
		{"ScheduleOSUpdateScan", true, "26.6", "8191", command("c", "ScheduleOSUpdateScan", ""), "Error", "unknown command"},
		{"settings item on 27", true, "27.0", "8191", cadenceCommand("c", 1), "CommandFormatError", "removed in this version"},
		{"query on 27", true, "27.0", "8191", command("c", "DeviceInformation", queries("SoftwareUpdateDeviceID", "UDID")), "Acknowledged", "removed in this version"},
		{"unknown query", true, "26.0", "8191", command("c", "DeviceInformation", queries("ShoeSize")), "Acknowledged", "value not allowed"},
		{"remove what is not there", true, "18.1", "8191", command("c", "RemoveProfile", "<key>Identifier</key><string>x</string>"), "Error", ""},
		{"remove the MDM profile", true, "18.1", "8191", command("c", "RemoveProfile", "<key>Identifier</key><string>com.example.enroll</string>"), "Error", "RemoveProfile for the MDM profile"},
		{"restriction on 27", true, "27.0", "8191", command("c", "InstallProfile", deferral), "Error", "removed in this version"},
		{"restriction unsupervised", false, "18.1", "8191", command("c", "InstallProfile", deferral), "Error", "needs supervision"},
		{"restriction supervised", true, "26.6", "8191", command("c", "InstallProfile", deferral), "Acknowledged", ""},
		{"settings item before 27", true, "26.6", "8191", cadenceCommand("c", 1), "Acknowledged", ""},
	}
	s := newFakeServer(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPhone(t, s, newClock(), Options{Supervised: tt.supervised, OSVersion: tt.version, Build: "X"})
			if err := p.InstallProfile(context.Background(), []byte(s.profile(map[string]string{"8191": tt.rights}))); err != nil {
				t.Fatal(err)
			}
			s.took()
			s.send(tt.command)
			connect(t, p)
			if got := str(s.result("c"), "Status"); got != tt.want {
				t.Errorf("status %q, want %q", got, tt.want)
			}
			got := strings.Join(p.Snapshot().Violations, "\n")
			if !strings.Contains(got, tt.violation) || (tt.violation == "") != (got == "") {
				t.Errorf("violations %q, want %q", got, tt.violation)
			}
			if strings.Contains(tt.name, "query on 27") && dict(s.result("c"), "QueryResponses")["SoftwareUpdateDeviceID"] != nil {
				t.Error("the removed query was answered")
			}
		})
	}
}

func TestNotNow(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	step := func(t *testing.T, p *Phone) {
		t.Helper()
		if err := p.Step(ctx); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("polls on unlock when NotNow was last", func(t *testing.T) {
		t.Parallel()
		s := newFakeServer(t)
		p := enrolled(t, s, newClock(), Options{})
		p.SetLocked(true)
		s.send(command("1", "DeviceInformation", queries("UDID")), command("2", "SecurityInfo", ""))
		connect(t, p)
		if d := cmp.Diff([]string{"Idle", "Acknowledged 1", "NotNow 2"}, s.took()); d != "" {
			t.Errorf("messages (-want +got):\n%s", d)
		}
		p.SetLocked(false)
		step(t, p)
		if d := cmp.Diff([]string{"Idle"}, s.took()); d != "" {
			t.Errorf("messages after unlocking (-want +got):\n%s", d)
		}
	})
	t.Run("stays silent when another answer came last", func(t *testing.T) {
		t.Parallel()
		s := newFakeServer(t)
		p := enrolled(t, s, newClock(), Options{})
		p.SetLocked(true)
		s.send(command("1", "SecurityInfo", ""), command("2", "ProfileList", ""))
		connect(t, p)
		if d := cmp.Diff([]string{"Idle", "NotNow 1", "Acknowledged 2"}, s.took()); d != "" {
			t.Errorf("messages (-want +got):\n%s", d)
		}
		p.SetLocked(false)
		step(t, p)
		if got := s.took(); len(got) > 0 {
			t.Errorf("phone said %v, want silence", got)
		}
	})
}

func TestNotNowIsForgottenAfterIdle(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	p := enrolled(t, s, newClock(), Options{})
	p.SetLocked(true)
	s.send(command("1", "SecurityInfo", ""))
	connect(t, p)
	connect(t, p) // Idle is now the last status sent
	s.took()
	p.SetLocked(false)
	if err := p.Step(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := s.took(); len(got) > 0 {
		t.Errorf("phone said %v, want silence", got)
	}
}

func TestQueryWithoutRight(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	p := newPhone(t, s, newClock(), Options{})
	if err := p.InstallProfile(context.Background(), []byte(s.profile(map[string]string{"8191": "4096"}))); err != nil {
		t.Fatal(err)
	}
	if got := s.messages[0]["SerialNumber"]; got != nil {
		t.Errorf("Authenticate names the serial number %v without the right to it", got)
	}
	s.send(command("1", "DeviceInformation", queries("UDID", "OSVersion")))
	connect(t, p)
	if d := cmp.Diff(map[string]any{"UDID": p.UDID()}, dict(s.result("1"), "QueryResponses")); d != "" {
		t.Errorf("answer (-want +got):\n%s", d)
	}
}

func TestLostResponse(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s, c := newFakeServer(t), newClock()
	p := enrolled(t, s, c, Options{})
	p.BlockLostResponse(1)
	s.send(command("1", "SecurityInfo", ""))
	if err := p.Connect(ctx); err == nil {
		t.Error("session went well although an answer was lost")
	}
	s.send(command("2", "ProfileList", ""))
	c.set(p.NextStep())
	if err := p.Step(ctx); err != nil {
		t.Fatal(err)
	}
	want := []string{"Idle", "Acknowledged 1", "Acknowledged 1", "Acknowledged 2"}
	if d := cmp.Diff(want, s.took()); d != "" {
		t.Errorf("messages (-want +got):\n%s", d)
	}
	wantNoViolations(t, p)
}

func TestResultIsKeptOnError(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	p := enrolled(t, s, newClock(), Options{})
	s.send(command("1", "SecurityInfo", ""))
	s.setAnswer(func(w http.ResponseWriter, m map[string]any) bool {
		if str(m, "Status") == "Idle" {
			return false
		}
		w.WriteHeader(http.StatusInternalServerError)
		return true
	})
	if err := p.Connect(context.Background()); err == nil {
		t.Error("session went well although the server answered 500")
	}
	s.setAnswer(nil)
	s.took()
	connect(t, p)
	if d := cmp.Diff([]string{"Acknowledged 1"}, s.took()); d != "" {
		t.Errorf("messages (-want +got):\n%s", d)
	}
}

func TestOddAnswers(t *testing.T) {
	t.Parallel()
	write := func(contentType, body string) func(http.ResponseWriter, map[string]any) bool {
		return func(w http.ResponseWriter, m map[string]any) bool {
			if str(m, "Status") != "Idle" {
				return false
			}
			w.Header().Set("Content-Type", contentType)
			_, _ = io.WriteString(w, body)
			return true
		}
	}
	tests := []struct {
		name, contentType, body, want string
	}{
		{"empty dictionary for no command", "application/xml", `<plist><dict/></plist>`, "without CommandUUID"},
		{"html", "text/html", "<html>proxy</html>", "neither empty nor a command"},
		{"a space", "application/xml", " ", "neither empty nor a command"},
		{"content type", "text/plain", command("1", "ProfileList", ""), `content type "text/plain"`},
		{"unknown envelope key", "application/xml", strings.Replace(command("1", "ProfileList", ""), "<key>Command</key>", "<key>Extra</key><true/><key>Command</key>", 1), `unknown key "Extra"`},
	}
	s := newFakeServer(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s.setAnswer(nil)
			p := enrolled(t, s, newClock(), Options{})
			s.setAnswer(write(tt.contentType, tt.body))
			_ = p.Connect(context.Background())
			if got := strings.Join(p.Snapshot().Violations, "\n"); !strings.Contains(got, tt.want) {
				t.Errorf("violations %q, want %q", got, tt.want)
			}
			if !p.Enrolled() {
				t.Error("phone lost its enrolment")
			}
		})
	}
}

func TestCheckinAnswerWithBody(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	p := newPhone(t, s, newClock(), Options{})
	s.setAnswer(func(w http.ResponseWriter, m map[string]any) bool {
		_, _ = io.WriteString(w, "OK")
		return str(m, "MessageType") == "Authenticate"
	})
	if err := p.InstallProfile(context.Background(), []byte(s.profile(nil))); err != nil {
		t.Fatal(err)
	}
	if got := p.Snapshot().Violations; len(got) == 0 || !strings.Contains(got[0], "Authenticate has a body") {
		t.Errorf("violations %q", got)
	}
}

func TestEndlessCommands(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	p := enrolled(t, s, newClock(), Options{})
	s.setAnswer(func(w http.ResponseWriter, _ map[string]any) bool {
		w.Header().Set("Content-Type", "application/xml")
		_, _ = io.WriteString(w, command("again", "ProfileList", ""))
		return true
	})
	err := p.Connect(context.Background())
	if err == nil || errors.Is(err, ErrUnenrolled) {
		t.Errorf("got %v, want the session cut off", err)
	}
}
