package mdmtest

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mozilla.org/pkcs7"
)

func TestEnrol(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s, c := newFakeServer(t), newClock()
	p := newPhone(t, s, c, Options{Supervised: true})
	if err := p.InstallFromLink(ctx, s.ts.URL+"/enroll"); err != nil {
		t.Fatal(err)
	}
	if !p.Enrolled() {
		t.Error("phone is not enrolled")
	}
	s.mu.Lock()
	auth, token := s.messages[0], s.messages[1]
	cn := s.clients[0]
	s.mu.Unlock()
	if cn != "phone-1" {
		t.Errorf("client certificate names %q, want the subject of the payload", cn)
	}
	want := map[string]any{
		"MessageType": "Authenticate", "Topic": "com.apple.mgmt.External.test", "UDID": p.UDID(),
		"OSVersion": "18.1", "BuildVersion": "22B83", "ProductName": "iPhone15,2", "SerialNumber": p.Snapshot().SerialNumber,
	}
	if d := cmp.Diff(want, auth); d != "" {
		t.Errorf("Authenticate (-want +got):\n%s", d)
	}
	if d := cmp.Diff(p.PushToken(), bytesOf(token, "Token")); d != "" {
		t.Errorf("Token (-want +got):\n%s", d)
	}
	if got := str(token, "PushMagic"); got != p.PushMagic() || got == "" {
		t.Errorf("PushMagic %q, want %q", got, p.PushMagic())
	}
	if d := cmp.Diff([]string{"Authenticate", "TokenUpdate"}, s.took()); d != "" {
		t.Errorf("messages (-want +got):\n%s", d)
	}
	wantNoViolations(t, p)
}

func TestEnrolRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		edits map[string]string
		want  string
	}{
		{"unknown key", map[string]string{"<key>SignMessage</key>": "<key>SignMessages</key>"}, "SignMessages: unknown key"},
		{"wrong type", map[string]string{"<integer>8191</integer>": "<string>8191</string>"}, "AccessRights: wrong type"},
		{"missing key", map[string]string{"<key>Topic</key><string>com.apple.mgmt.External.test</string>": ""}, "Topic: required key is missing"},
		{"topic prefix", map[string]string{"com.apple.mgmt.External": "com.example"}, "Topic does not start"},
		{"rights zero", map[string]string{"8191": "0"}, "AccessRights: value not allowed"},
		{"rights 2 without 1", map[string]string{"8191": "8190"}, "access right 2 needs 1"},
		{"http server", map[string]string{"<key>ServerURL</key><string>https": "<key>ServerURL</key><string>http"}, "ServerURL: value not allowed"},
		{"no identity", map[string]string{"<string>11111111-2222-4333-8444-000000000002</string>\n<key>Topic": "<string>11111111-2222-4333-8444-000000000009</string>\n<key>Topic"}, "names no payload"},
		{"payload type", map[string]string{"com.apple.security.root": "com.apple.wifi.managed"}, "not simulated"},
		{"same identifier", map[string]string{"enroll.root": "enroll.mdm"}, "share one PayloadIdentifier"},
		{"key size", map[string]string{"<integer>2048</integer>": "<integer>2047</integer>"}, "Keysize: value not allowed"},
		{"not a profile", map[string]string{"Configuration": "Configurations"}, "PayloadType: value not allowed"},
		{"duplicate key", map[string]string{"<key>SignMessage</key>": "<key>Topic</key>"}, `key "Topic" twice`},
	}
	s := newFakeServer(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPhone(t, s, newClock(), Options{})
			err := p.InstallProfile(context.Background(), []byte(s.profile(tt.edits)))
			if !errors.Is(err, ErrProfile) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want ErrProfile with %q", err, tt.want)
			}
			if p.Enrolled() {
				t.Error("phone is enrolled all the same")
			}
		})
	}
	if got := s.took(); len(got) > 0 {
		t.Errorf("server got %v, want nothing", got)
	}
}

func TestSCEPRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, old, now, want string
	}{
		{"challenge", "<string>secret</string>", "<string>wrong</string>", "failInfo"},
		{"fingerprint", "<key>CAFingerprint</key><data>", "<key>CAFingerprint</key><data>AAAA", "fingerprint"},
	}
	s := newFakeServer(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPhone(t, s, newClock(), Options{})
			err := p.InstallProfile(context.Background(), []byte(s.profile(map[string]string{tt.old: tt.now})))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestSignedProfile(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	sd, err := pkcs7.NewSignedData([]byte(s.profile(nil)))
	if err != nil {
		t.Fatal(err)
	}
	sd.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	if err := sd.AddSigner(s.caCert, s.caKey, pkcs7.SignerInfoConfig{}); err != nil {
		t.Fatal(err)
	}
	signed, err := sd.Finish()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		trust bool
		want  string
	}{
		{"known signer", true, "verified"},
		{"unknown signer", false, "not verified"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPhone(t, s, newClock(), Options{})
			if tt.trust {
				p.roots.AddCert(s.caCert)
			}
			if err := p.InstallProfile(context.Background(), signed); err != nil {
				t.Fatal(err)
			}
			if got := p.o.Journal.Entries(KindTrust)[0].Detail; got != tt.want {
				t.Errorf("signature is %q, want %q", got, tt.want)
			}
			wantNoViolations(t, p)
		})
	}
	t.Run("tampered", func(t *testing.T) {
		broken := []byte(strings.Replace(string(signed), "com.example.enroll.mdm", "com.example.enroll.mdx", 1))
		p := newPhone(t, s, newClock(), Options{})
		if err := p.InstallProfile(context.Background(), broken); !errors.Is(err, ErrProfile) {
			t.Errorf("got %v, want ErrProfile", err)
		}
	})
}

// A root of the profile is trusted only while it is being installed and after:
// without it the TLS handshake with the server fails.
func TestProfileRootIsTrusted(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	p := newPhone(t, s, newClock(), Options{})
	p.roots = x509.NewCertPool()
	if err := p.InstallFromLink(context.Background(), s.ts.URL+"/enroll"); err == nil {
		t.Error("the link opened without trust in the server")
	}
	if err := p.InstallProfile(context.Background(), []byte(s.profile(nil))); err != nil {
		t.Errorf("with the root in the profile: %v", err)
	}
}

func TestSignMessage(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	p := newPhone(t, s, newClock(), Options{})
	prof := s.profile(map[string]string{"<key>SignMessage</key><false/>": "<key>SignMessage</key><true/>"})
	if err := p.InstallProfile(context.Background(), []byte(prof)); err != nil {
		t.Fatal(err)
	}
	if s.headers[0].Get("Mdm-Signature") == "" { // the fake server verifies it
		t.Error("no Mdm-Signature")
	}
}

func TestRemoveProfile(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	p := enrolled(t, s, newClock(), Options{})
	if err := p.RemoveProfile(context.Background()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"CheckOut"}, s.took()); d != "" {
		t.Errorf("messages (-want +got):\n%s", d)
	}
	if p.Enrolled() {
		t.Error("phone is still enrolled")
	}
	if err := p.Connect(context.Background()); !errors.Is(err, ErrNotEnrolled) {
		t.Errorf("Connect: got %v, want ErrNotEnrolled", err)
	}
}

func TestServerAnswers401(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	p := enrolled(t, s, newClock(), Options{})
	s.setAnswer(func(w http.ResponseWriter, _ map[string]any) bool {
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	if err := p.Connect(context.Background()); !errors.Is(err, ErrUnenrolled) {
		t.Errorf("got %v, want ErrUnenrolled", err)
	}
	if p.Enrolled() {
		t.Error("phone is still enrolled")
	}
	if d := cmp.Diff([]string{"server answered 401"}, p.Snapshot().Violations); d != "" {
		t.Errorf("violations (-want +got):\n%s", d)
	}
}

func TestUnrecognizedDevice(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, version, body string
		want                bool
	}{
		{"iOS 18", "18.1", `{"code":"com.apple.unrecognized.device"}`, false},
		{"iOS 16", "16.7", `{"code":"com.apple.unrecognized.device"}`, true},
		{"no document", "18.1", "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newFakeServer(t)
			p := enrolled(t, s, newClock(), Options{OSVersion: tt.version, Build: "X"})
			s.setAnswer(func(w http.ResponseWriter, _ map[string]any) bool {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusForbidden)
				_, _ = io.WriteString(w, tt.body)
				return true
			})
			_ = p.Connect(context.Background())
			if p.Enrolled() != tt.want {
				t.Errorf("enrolled %v, want %v", p.Enrolled(), tt.want)
			}
		})
	}
}

func TestRenewal(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	p := enrolled(t, s, newClock(), Options{Supervised: true})
	magic := p.PushMagic()
	ask(t, s, p, "cadence", cadenceCommand("cadence", 2))
	s.took()
	install := func(id, prof string) {
		s.send(command(id, "InstallProfile", "<key>Payload</key><data>"+base64.StdEncoding.EncodeToString([]byte(prof))+"</data>"))
		if err := p.Connect(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	install("r1", s.profile(map[string]string{"phone-1": "phone-2"}))
	if d := cmp.Diff([]string{"Idle", "Authenticate", "Acknowledged r1", "TokenUpdate"}, s.took()); d != "" {
		t.Errorf("messages (-want +got):\n%s", d)
	}
	if got := s.clients[len(s.clients)-1]; got != "phone-2" {
		t.Errorf("TokenUpdate came from %q, want the new identity", got)
	}
	if p.PushMagic() != magic {
		t.Error("PushMagic changed")
	}
	if got := p.Snapshot().Cadence; got != "Newest" {
		t.Errorf("cadence is %q after the renewal, want Newest", got)
	}
	for name, edit := range map[string][2]string{
		"topic":      {"External.test", "External.other"},
		"server url": {"/mdm<", "/other<"},
		"check-in":   {"/checkin", "/other"},
		"profile":    {"com.example.enroll<", "com.example.second<"},
	} {
		install("r2", s.profile(map[string]string{edit[0]: edit[1]}))
		if d := cmp.Diff([]string{"Idle", "Error r2"}, s.took()); d != "" {
			t.Errorf("messages after a changed %s (-want +got):\n%s", name, d)
		}
	}
}

func TestRenewalAddsRights(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	p := newPhone(t, s, newClock(), Options{})
	for _, step := range []struct {
		rights string
		ok     bool
	}{{"7", true}, {"3", true}, {"7", false}} {
		err := p.InstallProfile(context.Background(), []byte(s.profile(map[string]string{"8191": step.rights})))
		if (err == nil) != step.ok {
			t.Errorf("rights %s: %v", step.rights, err)
		}
	}
}

func TestSetters(t *testing.T) {
	t.Parallel()
	s, c := newFakeServer(t), newClock()
	p := fleetPhone(t, s, c, Options{Supervised: true, Passcode: true, Apple: catalog{release}, Apps: []App{{"a", "A", "1", "1"}}},
		map[string][2]string{"configuration/e": enforce("26.7", "2026-11-01T12:00:00")})
	p.SetApp(App{"a", "A", "2", "2"})
	p.SetApp(App{"b", "B", "1", "1"})
	s.send(command("apps", "InstalledApplicationList", ""))
	connect(t, p)
	var got []string
	for _, a := range list(s.result("apps"), "InstalledApplicationList") {
		got = append(got, str(asDict(a), "Identifier")+" "+str(asDict(a), "Version"))
	}
	if d := cmp.Diff([]string{"a 2", "b 1"}, got); d != "" {
		t.Errorf("apps (-want +got):\n%s", d)
	}
	run(t, p, c, c.Now().Add(5*time.Hour))
	if got := p.Snapshot().InstallState; got != "prepared" {
		t.Errorf("without passcode: %s, want prepared", got)
	}
	p.SetPasscodeEntry(true)
	run(t, p, c, c.Now().Add(time.Hour))
	if got := p.Snapshot().OSVersion; got != "26.7" {
		t.Errorf("with passcode the phone is on %s, want 26.7", got)
	}
	p.Erase()
	if p.Enrolled() || p.PushToken() != nil || p.PushMagic() != "" {
		t.Error("an erased phone is still managed")
	}
}

func TestEraseAndEnrolAgain(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	p := enrolled(t, s, newClock(), Options{})
	magic := p.PushMagic()
	s.send(command("e1", "EraseDevice", ""))
	if err := p.Connect(context.Background()); !errors.Is(err, ErrUnenrolled) {
		t.Errorf("got %v, want ErrUnenrolled", err)
	}
	if d := cmp.Diff([]string{"Idle", "Acknowledged e1"}, s.took()); d != "" {
		t.Errorf("messages (-want +got):\n%s", d)
	}
	if err := p.InstallProfile(context.Background(), []byte(s.profile(nil))); err != nil {
		t.Fatal(err)
	}
	if p.PushMagic() == magic {
		t.Error("PushMagic outlived the erasure")
	}
	wantNoViolations(t, p)
}

func TestNew(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		o    Options
		ok   bool
	}{
		{"no clock", Options{}, false},
		{"unknown zone", Options{Now: newClock().Now, TimeZone: "Asia/Atlantis"}, false},
		{"zero value but for the clock", Options{Now: newClock().Now}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(tt.o)
			if (err == nil) != tt.ok {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestPush(t *testing.T) {
	t.Parallel()
	s, c := newFakeServer(t), newClock()
	p := enrolled(t, s, c, Options{})
	p.Push("wrong")
	if err := p.Step(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := s.took(); len(got) != 0 {
		t.Errorf("phone said %v after a push with a wrong magic", got)
	}
	if n := len(p.Snapshot().Violations); n != 1 {
		t.Errorf("%d violations, want 1", n)
	}
	p.Push(p.PushMagic())
	if got := p.NextStep(); got.After(c.Now()) {
		t.Errorf("next step at %v, want now", got)
	}
	if err := p.Step(context.Background()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"Idle"}, s.took()); d != "" {
		t.Errorf("messages (-want +got):\n%s", d)
	}
}

func TestOfflineAndBackOff(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s, c := newFakeServer(t), newClock()
	p := enrolled(t, s, c, Options{})
	p.SetOffline(true)
	if err := p.Connect(ctx); !errors.Is(err, ErrOffline) {
		t.Errorf("got %v, want ErrOffline", err)
	}
	p.SetOffline(false)
	s.setAnswer(func(w http.ResponseWriter, _ map[string]any) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	if err := p.Step(ctx); err == nil {
		t.Error("step succeeded although the server answered 503")
	}
	if err := p.Step(ctx); err != nil {
		t.Errorf("second step tried again at once: %v", err)
	}
	if got, want := p.NextStep(), c.Now().Add(time.Minute); !got.Equal(want) {
		t.Errorf("next step at %v, want %v", got, want)
	}
	s.setAnswer(nil)
	s.took()
	c.set(c.Now().Add(time.Minute))
	if err := p.Step(ctx); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"Idle"}, s.took()); d != "" {
		t.Errorf("messages (-want +got):\n%s", d)
	}
	wantNoViolations(t, p)
}
