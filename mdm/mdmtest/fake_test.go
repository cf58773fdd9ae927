package mdmtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/smallstep/scep"
	"go.mozilla.org/pkcs7"
)

// testKeys are shared by all tests of the package; generating keys is slow.
var testKeys = NewKeyPool(2048, 2)

// fakeServer is an MDM server in a hundred lines: it speaks raw property lists
// and knows one phone at a time.
type fakeServer struct {
	t      *testing.T
	ts     *httptest.Server
	caKey  *rsa.PrivateKey
	caCert *x509.Certificate

	mu        sync.Mutex
	messages  []map[string]any // check-ins and results, in order
	headers   []http.Header
	clients   []string // common names of the client certificates, per message
	conns     map[string]bool
	queue     []string // commands as XML, sent one after another
	ddm       fakeDDM
	challenge string

	// answer overrides the response to any device request when it returns true.
	answer func(w http.ResponseWriter, m map[string]any) bool
}

type fakeDDM struct {
	token, stamp string
	items        map[string]string // "configuration/id" -> declaration JSON
	hide         map[string]bool   // listed but answered 404
	gets         []string
}

func newFakeServer(t *testing.T) *fakeServer {
	t.Helper()
	s := &fakeServer{t: t, challenge: "secret", conns: map[string]bool{}}
	s.ddm.items, s.ddm.hide = map[string]string{}, map[string]bool{}
	s.ddm.stamp = "2026-11-01T00:00:00Z"
	s.makeCA()
	mux := http.NewServeMux()
	mux.HandleFunc("/scep", s.scep)
	mux.HandleFunc("/mdm", s.device)
	mux.HandleFunc("/checkin", s.device)
	mux.HandleFunc("/enroll", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", typeProfile)
		_, _ = io.WriteString(w, s.profile(nil))
	})
	s.ts = httptest.NewUnstartedServer(mux)
	s.ts.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}
	s.ts.StartTLS()
	t.Cleanup(s.ts.Close)
	return s
}

func (s *fakeServer) makeCA() {
	key, err := testKeys.Get()
	if err != nil {
		s.t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test CA"},
		NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC),
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		s.t.Fatal(err)
	}
	s.caKey = key
	if s.caCert, err = x509.ParseCertificate(der); err != nil {
		s.t.Fatal(err)
	}
}

func (s *fakeServer) scep(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Query().Get("operation") {
	case "GetCACaps":
		_, _ = io.WriteString(w, "POSTPKIOperation\nSHA-256\nAES\n")
	case "GetCACert":
		w.Header().Set("Content-Type", "application/x-x509-ca-cert")
		_, _ = w.Write(s.caCert.Raw)
	case "PKIOperation":
		body, _ := io.ReadAll(r.Body)
		reply, err := s.issue(body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/x-pki-message")
		_, _ = w.Write(reply)
	}
}

func (s *fakeServer) issue(body []byte) ([]byte, error) {
	if bytes.Contains(body, []byte("\x06\x05\x2b\x0e\x03\x02\x07")) {
		return nil, fmt.Errorf("request is encrypted with DES")
	}
	msg, err := scep.ParsePKIMessage(body)
	if err != nil {
		return nil, err
	}
	if err := msg.DecryptPKIEnvelope(s.caCert, s.caKey); err != nil {
		return nil, err
	}
	if msg.ChallengePassword != s.challenge {
		fail, err := msg.Fail(s.caCert, s.caKey, scep.BadRequest)
		if err != nil {
			return nil, err
		}
		return fail.Raw, nil
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(2), RawSubject: msg.CSR.RawSubject,
		NotBefore: s.caCert.NotBefore, NotAfter: s.caCert.NotAfter,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, s.caCert, msg.CSR.PublicKey, s.caKey)
	if err != nil {
		return nil, err
	}
	crt, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	ok, err := msg.Success(s.caCert, s.caKey, crt)
	if err != nil {
		return nil, err
	}
	return ok.Raw, nil
}

// device handles check-ins and polls.
func (s *fakeServer) device(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	m, err := parsePlist(body)
	if err != nil || len(r.TLS.PeerCertificates) == 0 {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	s.messages = append(s.messages, m)
	s.headers = append(s.headers, r.Header.Clone())
	s.clients = append(s.clients, r.TLS.PeerCertificates[0].Subject.CommonName)
	s.conns[r.RemoteAddr] = true
	if sig := r.Header.Get("Mdm-Signature"); sig != "" {
		s.verifySignature(sig, body)
	}
	if s.answer != nil && s.answer(w, m) {
		return
	}
	switch {
	case str(m, "MessageType") == "DeclarativeManagement":
		s.declarative(w, str(m, "Endpoint"))
	case str(m, "MessageType") != "":
	case len(s.queue) > 0:
		w.Header().Set("Content-Type", "application/xml; charset=UTF-8")
		_, _ = io.WriteString(w, s.queue[0])
		s.queue = s.queue[1:]
	}
}

func (s *fakeServer) verifySignature(sig string, body []byte) {
	der, err := base64.StdEncoding.DecodeString(sig)
	if err != nil {
		s.t.Errorf("Mdm-Signature: %v", err)
		return
	}
	p7, err := pkcs7.Parse(der)
	if err != nil {
		s.t.Errorf("Mdm-Signature: %v", err)
		return
	}
	if len(p7.Content) != 0 {
		s.t.Error("Mdm-Signature carries the content, want it detached")
	}
	p7.Content = body
	if err := p7.Verify(); err != nil {
		s.t.Errorf("Mdm-Signature: %v", err)
	}
}

func (s *fakeServer) declarative(w http.ResponseWriter, endpoint string) {
	w.Header().Set("Content-Type", "application/json")
	s.ddm.gets = append(s.ddm.gets, endpoint)
	switch {
	case endpoint == "tokens":
		_, _ = io.WriteString(w, s.tokensJSON())
	case endpoint == "declaration-items":
		lists := map[string][]any{"Activations": {}, "Assets": {}, "Configurations": {}, "Management": {}}
		for path, body := range s.ddm.items {
			d, err := parseJSON([]byte(body))
			if err != nil {
				s.t.Errorf("test declaration: %v", err)
			}
			for _, c := range classes {
				if strings.HasPrefix(path, c.class+"/") {
					lists[c.array] = append(lists[c.array], map[string]any{"Identifier": d["Identifier"], "ServerToken": d["ServerToken"]})
				}
			}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"DeclarationsToken": s.ddm.token, "Declarations": lists})
	case strings.HasPrefix(endpoint, "declaration/"):
		path := strings.TrimPrefix(endpoint, "declaration/")
		body, ok := s.ddm.items[path]
		if !ok || s.ddm.hide[path] {
			http.NotFound(w, nil)
			return
		}
		_, _ = io.WriteString(w, body)
	case endpoint == "status":
		w.Header().Del("Content-Type")
	}
}

func (s *fakeServer) tokensJSON() string {
	return fmt.Sprintf(`{"SyncTokens":{"DeclarationsToken":%q,"Timestamp":%q}}`, s.ddm.token, s.ddm.stamp)
}

// declare replaces the set of declarations: "class/id" -> type and payload.
func (s *fakeServer) declare(token string, set map[string][2]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ddm.token, s.ddm.items, s.ddm.gets = token, map[string]string{}, nil
	for path, d := range set {
		_, id, _ := strings.Cut(path, "/")
		s.ddm.items[path] = fmt.Sprintf(`{"Type":%q,"Identifier":%q,"ServerToken":%q,"Payload":%s}`, d[0], id, fmt.Sprintf("%x", sha256.Sum256([]byte(d[1])))[:16], d[1])
	}
	s.queue = append(s.queue, command("sync-"+token, "DeclarativeManagement", ""))
}

func (s *fakeServer) send(cmds ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = append(s.queue, cmds...)
}

func (s *fakeServer) setAnswer(f func(w http.ResponseWriter, m map[string]any) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = f
}

// took returns "MessageType" or "Status CommandUUID" of every message so far
// and forgets them.
func (s *fakeServer) took() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []string{}
	for _, m := range s.messages {
		switch {
		case m["Endpoint"] != nil:
			out = append(out, str(m, "Endpoint"))
		case m["MessageType"] != nil:
			out = append(out, str(m, "MessageType"))
		default:
			out = append(out, strings.TrimSpace(str(m, "Status")+" "+str(m, "CommandUUID")))
		}
	}
	s.messages = nil
	return out
}

// lastStatus returns the newest status report.
func (s *fakeServer) lastStatus() map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.messages) - 1; i >= 0; i-- {
		if str(s.messages[i], "Endpoint") == "status" {
			m, err := parseJSON(bytesOf(s.messages[i], "Data"))
			if err != nil {
				s.t.Errorf("status report: %v", err)
			}
			return m
		}
	}
	return nil
}

func (s *fakeServer) result(id string) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.messages {
		if str(m, "CommandUUID") == id {
			return m
		}
	}
	return nil
}

func command(id, requestType, more string) string {
	return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict><key>CommandUUID</key><string>` + id + `</string><key>Command</key><dict>
<key>RequestType</key><string>` + requestType + `</string>` + more + `</dict></dict></plist>`
}

// profile returns an enrolment profile; edits replace one string by another.
func (s *fakeServer) profile(edits map[string]string) string {
	fp := sha1.Sum(s.caCert.Raw)
	x := profileHead +
		payloadXML("com.apple.security.root", "root", "01", `<key>PayloadContent</key><data>`+base64.StdEncoding.EncodeToString(s.ts.Certificate().Raw)+`</data>`) +
		payloadXML("com.apple.security.scep", "scep", "02", `<key>PayloadContent</key><dict>
<key>URL</key><string>`+s.ts.URL+`/scep</string><key>Keysize</key><integer>2048</integer><key>Key Type</key><string>RSA</string>
<key>Challenge</key><string>secret</string><key>CAFingerprint</key><data>`+base64.StdEncoding.EncodeToString(fp[:])+`</data>
<key>Subject</key><array><array><array><string>O</string><string>Example</string></array></array><array><array><string>CN</string><string>phone-1</string></array></array></array></dict>`) +
		payloadXML("com.apple.mdm", "mdm", "03", `<key>IdentityCertificateUUID</key><string>11111111-2222-4333-8444-000000000002</string>
<key>Topic</key><string>com.apple.mgmt.External.test</string><key>ServerURL</key><string>`+s.ts.URL+`/mdm</string>
<key>CheckInURL</key><string>`+s.ts.URL+`/checkin</string><key>AccessRights</key><integer>8191</integer>
<key>CheckOutWhenRemoved</key><true/><key>SignMessage</key><false/>`) + profileTail
	for old, now := range edits {
		if !strings.Contains(x, old) {
			s.t.Fatalf("profile has no %q to replace", old)
		}
		x = strings.ReplaceAll(x, old, now)
	}
	return x
}

const profileHead = `<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict><key>PayloadType</key><string>Configuration</string><key>PayloadVersion</key><integer>1</integer>
<key>PayloadIdentifier</key><string>com.example.enroll</string><key>PayloadUUID</key><string>11111111-2222-4333-8444-000000000000</string>
<key>PayloadContent</key><array>`

const profileTail = `</array></dict></plist>`

func payloadXML(typ, id, n, more string) string {
	return `<dict><key>PayloadType</key><string>` + typ + `</string><key>PayloadVersion</key><integer>1</integer>
<key>PayloadIdentifier</key><string>com.example.enroll.` + id + `</string><key>PayloadUUID</key><string>11111111-2222-4333-8444-0000000000` + n + `</string>` + more + `</dict>`
}

// clock is a fake phone clock.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

// catalog is a fixed list of offers, all on offer from their posting on.
type catalog []Offer

func (c catalog) Offered(_ string, now time.Time) []Offer {
	var out []Offer
	for _, o := range c {
		if !o.Posted.After(now) {
			out = append(out, o)
		}
	}
	return out
}

// newPhone returns an unmanaged phone on a fake clock that trusts s.
func newPhone(t *testing.T, s *fakeServer, c *clock, o Options) *Phone {
	t.Helper()
	o.Now, o.Keys = c.Now, testKeys
	if o.UDID == "" {
		o.UDID = "00008110-000A1B2C3D4E001E"
	}
	o.Roots = x509.NewCertPool()
	if s != nil {
		o.Roots.AddCert(s.ts.Certificate())
	}
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// enrolled returns a phone enrolled with s; the messages so far are forgotten.
func enrolled(t *testing.T, s *fakeServer, c *clock, o Options) *Phone {
	t.Helper()
	p := newPhone(t, s, c, o)
	if err := p.InstallProfile(context.Background(), []byte(s.profile(nil))); err != nil {
		t.Fatal(err)
	}
	s.took()
	return p
}

// run steps p through every moment it wants to be stepped, until the clock
// reaches the given time.
func run(t *testing.T, p *Phone, c *clock, until time.Time) {
	t.Helper()
	for range 1000 {
		if err := p.Step(context.Background()); err != nil {
			t.Fatalf("step at %v: %v", c.Now(), err)
		}
		next := p.NextStep()
		if next.IsZero() || next.After(until) {
			c.set(until)
			if err := p.Step(context.Background()); err != nil {
				t.Fatalf("step at %v: %v", c.Now(), err)
			}
			return
		}
		if next.After(c.Now()) {
			c.set(next)
		}
	}
	t.Fatal("phone never comes to rest")
}

func wantNoViolations(t *testing.T, p *Phone) {
	t.Helper()
	for _, v := range p.Snapshot().Violations {
		t.Errorf("violation: %s", v)
	}
}
