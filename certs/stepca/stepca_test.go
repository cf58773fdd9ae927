package stepca_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/smallstep/pkcs7"
	"github.com/smallstep/scep"
	"github.com/smallstep/scep/x509util"

	"github.com/kannuki-mdm/kannuki/certs"
	"github.com/kannuki-mdm/kannuki/certs/stepca"
)

// now is the moment at which all tests take place; the CMS library uses the machine's clock too.
var now = sync.OnceValue(func() time.Time {
	return time.Now().UTC().Truncate(time.Second)
})

func TestMain(m *testing.M) {
	// What the simulated phones encrypt with: the library's default is DES.
	pkcs7.ContentEncryptionAlgorithm = pkcs7.EncryptionAlgorithmAES256CBC
	os.Exit(m.Run())
}

// gatekeeper is a certs.Gatekeeper that knows a few challenges and keeps the rules of one.
type gatekeeper struct {
	mu       sync.Mutex
	keys     map[string][32]byte // challenge to the key that redeemed it; zero: free
	requests []certs.AdmitRequest
	issued   []*x509.Certificate

	admitErr, issuedErr error
	admission           certs.Admission
}

func newGatekeeper(challenges ...string) *gatekeeper {
	g := &gatekeeper{keys: make(map[string][32]byte), admission: certs.Admission{
		GrantID: "grant-1", Segment: "default", CommonName: "phone 7", URI: "urn:kannuki:grant:grant-1",
	}}
	for _, c := range challenges {
		g.keys[c] = [32]byte{}
	}
	return g
}

func (g *gatekeeper) Admit(_ context.Context, r certs.AdmitRequest) (certs.Admission, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.requests = append(g.requests, r)
	if g.admitErr != nil {
		return certs.Admission{}, g.admitErr
	}
	key, known := g.keys[r.Challenge]
	if !known || key != [32]byte{} && key != r.PublicKey {
		return certs.Admission{}, certs.ErrNotAdmitted
	}
	g.keys[r.Challenge] = r.PublicKey
	return g.admission, nil
}

func (g *gatekeeper) Issued(_ context.Context, _ certs.Admission, cert *x509.Certificate) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.issuedErr != nil {
		return g.issuedErr
	}
	g.issued = append(g.issued, cert)
	return nil
}

var sharedKeyring = sync.OnceValues(func() (*certs.Keyring, error) {
	dir, err := os.MkdirTemp("", "stepca-test-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	dir = filepath.Join(dir, "keys")
	if err := certs.CreateKeyring(dir, certs.KeyringOptions{Host: "localhost", Now: now()}); err != nil {
		return nil, err
	}
	return certs.OpenKeyring(dir)
})

func keyring(t testing.TB) *certs.Keyring {
	t.Helper()
	k, err := sharedKeyring()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func start(t testing.TB, g certs.Gatekeeper, change func(o *stepca.Options)) *stepca.Authority {
	t.Helper()
	o := stepca.Options{
		Keyring: keyring(t), Gatekeeper: g, Prefix: "/scep", Host: "localhost", Organization: "Example", Now: now,
	}
	if change != nil {
		change(&o)
	}
	a, err := stepca.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// phoneKeys are shared by all tests, because making RSA keys is slow.
var phoneKeys = sync.OnceValues(func() ([]*rsa.PrivateKey, error) {
	keys := make([]*rsa.PrivateKey, 4)
	for i := range keys {
		var err error
		if keys[i], err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			return nil, err
		}
	}
	return keys, nil
})

func phoneKey(t testing.TB, i int) *rsa.PrivateKey {
	t.Helper()
	keys, err := phoneKeys()
	if err != nil {
		t.Fatal(err)
	}
	return keys[i]
}

// phone is the client side of one enrolment.
type phone struct {
	signer      *rsa.PrivateKey   // of the envelope, and of the request unless requestKey is set
	signerCert  *x509.Certificate // self-signed when nil
	requestKey  crypto.Signer
	spoil       func(csr []byte) []byte
	challenge   string
	messageType scep.MessageType
	template    x509.CertificateRequest
}

// message returns the SCEP request as DER.
func (p phone) message(t testing.TB) *scep.PKIMessage {
	t.Helper()
	if p.requestKey == nil {
		p.requestKey = p.signer
	}
	if p.messageType == "" {
		p.messageType = scep.PKCSReq
	}
	if p.signerCert == nil {
		p.signerCert = selfSigned(t, p.signer)
	}
	p.template.Subject.CommonName = "chosen by the phone"
	der, err := x509util.CreateCertificateRequest(rand.Reader, &x509util.CertificateRequest{
		CertificateRequest: p.template, ChallengePassword: p.challenge,
	}, p.requestKey)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		t.Fatal(err)
	}
	if p.spoil != nil {
		csr.Raw = p.spoil(csr.Raw)
	}
	decrypter, _ := keyring(t).SCEPDecrypter()
	m, err := scep.NewCSRRequest(csr, &scep.PKIMessage{
		MessageType: p.messageType,
		Recipients:  []*x509.Certificate{decrypter},
		SignerKey:   p.signer,
		SignerCert:  p.signerCert,
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func selfSigned(t testing.TB, key crypto.Signer) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "phone"},
		NotBefore: now().Add(-time.Hour), NotAfter: now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func post(a *stepca.Authority, message []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/scep?operation=PKIOperation", bytes.NewReader(message))
	w := httptest.NewRecorder()
	a.SCEP().ServeHTTP(w, r)
	return w
}

// read returns the certificate in an answer, or nil if the answer is a SCEP failure.
func read(t testing.TB, response *httptest.ResponseRecorder, key *rsa.PrivateKey) *x509.Certificate {
	t.Helper()
	body := response.Body.Bytes()
	if response.Code != http.StatusOK {
		t.Fatalf("got status %d: %s", response.Code, body)
	}
	if got, want := response.Header().Get("Content-Type"), "application/x-pki-message"; got != want {
		t.Errorf("got content type %q, want %q", got, want)
	}
	decrypter, _ := keyring(t).SCEPDecrypter()
	m, err := scep.ParsePKIMessage(body, scep.WithCACerts([]*x509.Certificate{decrypter}))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := pkcs7.Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	if got := signed.Signers[0].DigestAlgorithm.Algorithm; !got.Equal(pkcs7.OIDDigestAlgorithmSHA256) {
		t.Errorf("got an answer signed with digest %v, want SHA-256", got)
	}
	if m.PKIStatus != scep.SUCCESS {
		if m.FailInfo != scep.BadRequest {
			t.Errorf("got failure %s, want badRequest", m.FailInfo)
		}
		return nil
	}
	if !bytes.Contains(signed.Content, oidAES256CBC()) {
		t.Error("the answer is not encrypted with AES-256-CBC")
	}
	if err := m.DecryptPKIEnvelope(selfSigned(t, key), key); err != nil {
		t.Fatal(err)
	}
	return m.Certificate
}

func oidAES256CBC() []byte { return []byte{0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2a} }

func TestEnrol(t *testing.T) {
	key := phoneKey(t, 0)
	for _, test := range []struct {
		name     string
		lifetime time.Duration
		send     func(a *stepca.Authority, message []byte) *httptest.ResponseRecorder
		want     time.Duration
	}{
		{"POST", 0, post, certs.DefaultDeviceLifetime},
		{"GET", 90 * 24 * time.Hour, get(url.QueryEscape), 90 * 24 * time.Hour},
		{"GET with bare plus signs", 0, get(func(s string) string { return s }), certs.DefaultDeviceLifetime},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newGatekeeper("secret")
			g.admission.Lifetime = test.lifetime
			a := start(t, g, nil)
			cert := read(t, test.send(a, phone{signer: key, challenge: "secret"}.message(t).Raw), key)
			if cert == nil {
				t.Fatal("got a failure")
			}
			wantDevice(t, cert, key, test.want)
			if len(g.issued) != 1 || !g.issued[0].Equal(cert) {
				t.Errorf("gatekeeper was told of %d certificates, want this one", len(g.issued))
			}
			if r := g.requests[0]; r.TransactionID == "" || !r.Now.Equal(now()) ||
				r.PublicKey != certs.PublicKeyHash(cert.RawSubjectPublicKeyInfo) {
				t.Errorf("got admit request %+v", r)
			}
		})
	}
}

func get(escape func(string) string) func(a *stepca.Authority, message []byte) *httptest.ResponseRecorder {
	return func(a *stepca.Authority, message []byte) *httptest.ResponseRecorder {
		query := "operation=PKIOperation&message=" + escape(base64.StdEncoding.EncodeToString(message))
		r := httptest.NewRequest(http.MethodGet, "/scep", nil)
		r.URL.RawQuery = query
		w := httptest.NewRecorder()
		a.SCEP().ServeHTTP(w, r)
		return w
	}
}

// wantDevice checks everything that a device certificate says.
func wantDevice(t *testing.T, cert *x509.Certificate, key *rsa.PrivateKey, lifetime time.Duration) {
	t.Helper()
	v := certs.NewVerifier([]*x509.Certificate{keyring(t).DeviceCA()}, certs.VerifierOptions{Now: now})
	if _, err := v.VerifyTLS(tlsState(cert)); err != nil {
		t.Errorf("not accepted as a phone: %v", err)
	}
	if !key.PublicKey.Equal(cert.PublicKey) {
		t.Error("certificate of another key")
	}
	if got, want := cert.Subject.String(), "CN=phone 7,O=Example"; got != want {
		t.Errorf("got subject %s, want %s", got, want)
	}
	if len(cert.URIs) != 1 || cert.URIs[0].String() != "urn:kannuki:grant:grant-1" {
		t.Errorf("got URIs %v, want the grant's", cert.URIs)
	}
	if n := len(cert.DNSNames) + len(cert.IPAddresses) + len(cert.EmailAddresses); n != 0 {
		t.Errorf("got %d other names", n)
	}
	if cert.IsCA || cert.KeyUsage != x509.KeyUsageDigitalSignature {
		t.Errorf("got CA %v, key usage %b", cert.IsCA, cert.KeyUsage)
	}
	if len(cert.ExtKeyUsage) != 1 || cert.ExtKeyUsage[0] != x509.ExtKeyUsageClientAuth || len(cert.UnknownExtKeyUsage) != 0 {
		t.Errorf("got extended key usage %v %v", cert.ExtKeyUsage, cert.UnknownExtKeyUsage)
	}
	if got := now().Sub(cert.NotBefore); got != certs.Backdate {
		t.Errorf("got backdated %v, want %v", got, certs.Backdate)
	}
	if got := cert.NotAfter.Sub(now()); got != lifetime {
		t.Errorf("got a life of %v, want %v", got, lifetime)
	}
	if n := len(cert.Extensions); n != 6 { // key usage, extended key usage, basic constraints, two key ids, URI
		t.Errorf("got %d extensions, want 6", n)
	}
}

func TestRefused(t *testing.T) {
	key, other := phoneKey(t, 0), phoneKey(t, 1)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	odd, err := rsa.GenerateKey(rand.Reader, 2047)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		phone phone
	}{
		{"wrong challenge", phone{signer: key, challenge: "guess"}},
		{"empty challenge", phone{signer: key}},
		{"huge challenge", phone{signer: key, challenge: string(make([]byte, 2000))}},
		{"RSA-1024", phone{signer: key, requestKey: weak, challenge: "secret"}},
		{"RSA-2047", phone{signer: key, requestKey: odd, challenge: "secret"}},
		{"redeemed by another key", phone{signer: other, challenge: "used"}},
	}
	for _, curve := range []elliptic.Curve{elliptic.P224(), elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		curveKey, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		tests = append(tests, struct {
			name  string
			phone phone
		}{curve.Params().Name, phone{signer: key, requestKey: curveKey, challenge: "secret"}})
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := newGatekeeper("secret", "used", "")
			a := start(t, g, nil)
			if read(t, post(a, phone{signer: key, challenge: "used"}.message(t).Raw), key) == nil {
				t.Fatal("the first redemption failed")
			}
			if cert := read(t, post(a, test.phone.message(t).Raw), test.phone.signer); cert != nil {
				t.Errorf("got a certificate for %s", cert.Subject)
			}
			if len(g.issued) != 1 {
				t.Errorf("gatekeeper was told of %d certificates, want 1", len(g.issued))
			}
		})
	}
}

// TestLostAnswer is a phone that asks again because the answer did not arrive.
func TestLostAnswer(t *testing.T) {
	key := phoneKey(t, 0)
	g := newGatekeeper("secret")
	a := start(t, g, nil)
	for range 2 {
		if read(t, post(a, phone{signer: key, challenge: "secret"}.message(t).Raw), key) == nil {
			t.Fatal("got a failure")
		}
	}
}

// TestRequestIgnored asks for everything that a phone must not get.
func TestRequestIgnored(t *testing.T) {
	key := phoneKey(t, 0)
	a := start(t, newGatekeeper("secret"), nil)
	uri := &url.URL{Scheme: "urn", Opaque: "kannuki:grant:other"}
	p := phone{signer: key, challenge: "secret", template: x509.CertificateRequest{
		Subject:        pkix.Name{Organization: []string{"Other"}, SerialNumber: "7", Country: []string{"JP"}},
		DNSNames:       []string{"mdm.example.com"},
		EmailAddresses: []string{"a@example.com"},
		URIs:           []*url.URL{uri},
		ExtraExtensions: []pkix.Extension{
			{Id: []int{2, 5, 29, 19}, Critical: true, Value: []byte{0x30, 3, 1, 1, 0xff}},      // CA
			{Id: []int{2, 5, 29, 15}, Critical: true, Value: []byte{3, 2, 1, 6}},               // certificate signing
			{Id: []int{2, 5, 29, 37}, Value: []byte{0x30, 10, 6, 8, 43, 6, 1, 5, 5, 7, 3, 1}},  // server authentication
			{Id: []int{1, 3, 6, 1, 4, 1, 37476, 9000, 64, 1}, Value: []byte{0x30, 3, 2, 1, 1}}, // smallstep's own
			{Id: []int{1, 2, 3, 4, 5}, Critical: true, Value: []byte{5, 0}},                    // unknown
		},
	}}
	cert := read(t, post(a, p.message(t).Raw), key)
	if cert == nil {
		t.Fatal("got a failure")
	}
	wantDevice(t, cert, key, certs.DefaultDeviceLifetime)
}

// TestFaults makes the gatekeeper fail at each step: no certificate, and nothing about the fault, gets out.
func TestFaults(t *testing.T) {
	key := phoneKey(t, 0)
	broken := errors.New("storage closed: /var/lib/secret")
	for _, test := range []struct {
		name   string
		change func(g *gatekeeper)
		status int
	}{
		{"admit", func(g *gatekeeper) { g.admitErr = broken }, http.StatusServiceUnavailable},
		{"issued", func(g *gatekeeper) { g.issuedErr = broken }, http.StatusServiceUnavailable},
		{"issued refuses", func(g *gatekeeper) { g.issuedErr = certs.ErrNotAdmitted }, http.StatusForbidden},
		{"no name", func(g *gatekeeper) { g.admission.CommonName = "" }, http.StatusServiceUnavailable},
		{"no URI", func(g *gatekeeper) { g.admission.URI = "grant-1" }, http.StatusServiceUnavailable},
		{"negative life", func(g *gatekeeper) { g.admission.Lifetime = -1 }, http.StatusServiceUnavailable},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newGatekeeper("secret")
			test.change(g)
			response := post(start(t, g, nil), phone{signer: key, challenge: "secret"}.message(t).Raw)
			wantStatus(t, response, test.status)
			if retry := response.Header().Get("Retry-After"); (retry != "") != (test.status == http.StatusServiceUnavailable) {
				t.Errorf("got Retry-After %q", retry)
			}
		})
	}
}

// wantStatus also wants the standard text and no more.
func wantStatus(t *testing.T, response *httptest.ResponseRecorder, status int) {
	t.Helper()
	body := response.Body.Bytes()
	if response.Code != status || string(body) != http.StatusText(status)+"\n" {
		t.Errorf("got status %d: %s, want %d", response.Code, body, status)
	}
}

// TestLifetimeEnds caps a certificate at its CA's end.
func TestLifetimeEnds(t *testing.T) {
	key := phoneKey(t, 0)
	g := newGatekeeper("secret")
	g.admission.Lifetime = 100 * 365 * 24 * time.Hour
	cert := read(t, post(start(t, g, nil), phone{signer: key, challenge: "secret"}.message(t).Raw), key)
	if cert == nil {
		t.Fatal("got a failure")
	}
	if want := keyring(t).DeviceCA().NotAfter; !cert.NotAfter.Equal(want) {
		t.Errorf("got an end at %v, want the CA's %v", cert.NotAfter, want)
	}
}

// TestParallelRedemption has a hundred messages of different keys present one challenge at the same time.
func TestParallelRedemption(t *testing.T) {
	g := newGatekeeper("secret")
	a := start(t, g, nil)
	messages := make([][]byte, 100)
	keys := make([]*rsa.PrivateKey, len(messages))
	for i := range messages {
		keys[i] = phoneKey(t, i%4)
		messages[i] = phone{signer: keys[i], challenge: "secret"}.message(t).Raw
	}
	answers := make([]*httptest.ResponseRecorder, len(messages))
	var wg sync.WaitGroup
	for i, m := range messages {
		wg.Go(func() { answers[i] = post(a, m) })
	}
	wg.Wait()
	winners := make(map[*rsa.PrivateKey]int)
	for i, answer := range answers {
		if cert := read(t, answer, keys[i]); cert != nil {
			if !keys[i].PublicKey.Equal(cert.PublicKey) {
				t.Error("a phone got the certificate of another")
			}
			winners[keys[i]]++
		}
	}
	if len(winners) != 1 {
		t.Errorf("%d keys got a certificate, want 1", len(winners))
	}
	for _, n := range winners {
		if n != len(messages)/4 || len(g.issued) != n {
			t.Errorf("%d answers with a certificate, %d recorded, want %d", n, len(g.issued), len(messages)/4)
		}
	}
}

func BenchmarkEnrol(b *testing.B) {
	a := start(b, newGatekeeper("secret"), nil)
	message := phone{signer: phoneKey(b, 0), challenge: "secret"}.message(b).Raw
	for b.Loop() {
		if code := post(a, message).Code; code != http.StatusOK {
			b.Fatalf("got status %d", code)
		}
	}
}
