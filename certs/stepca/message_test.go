package stepca_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/smallstep/pkcs7"
	"github.com/smallstep/scep"

	"github.com/kannuki-mdm/kannuki/certs"
	"github.com/kannuki-mdm/kannuki/certs/stepca"
)

func tlsState(cert *x509.Certificate) *tls.ConnectionState {
	return &tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert}}
}

// TestMessageTypes sends every type from 0 to 255 with a good challenge, and none at all, by POST and by GET.
func TestMessageTypes(t *testing.T) {
	key := phoneKey(t, 0)
	g := newGatekeeper("secret")
	a := start(t, g, nil)
	types := []scep.MessageType{" ", "19 ", "019", "-1", "PKCSReq"}
	for i := range 256 {
		types = append(types, scep.MessageType(strconv.Itoa(i)))
	}
	for _, messageType := range types {
		if messageType == scep.PKCSReq {
			continue
		}
		m := phone{signer: key, challenge: "secret", messageType: messageType}.message(t)
		wantStatus(t, post(a, m.Raw), http.StatusBadRequest)
		wantStatus(t, get(url.QueryEscape)(a, m.Raw), http.StatusBadRequest)
	}
	decrypter, _ := keyring(t).SCEPDecrypter()
	for _, attributes := range [][]pkcs7.Attribute{
		nil,
		{{Type: []int{2, 16, 840, 1, 113733, 1, 9, 7}, Value: scep.TransactionID("transaction")}},
		{{Type: []int{2, 16, 840, 1, 113733, 1, 9, 2}, Value: 19}, {Type: []int{2, 16, 840, 1, 113733, 1, 9, 7}, Value: scep.TransactionID("transaction")}},
	} {
		m := signedWith(t, key, encrypted(t, decrypter, []byte("request")), attributes)
		wantStatus(t, post(a, m), http.StatusBadRequest)
		wantStatus(t, get(url.QueryEscape)(a, m), http.StatusBadRequest)
	}
	if n := len(g.requests) + len(g.issued); n != 0 {
		t.Errorf("the gatekeeper was asked %d times", n)
	}
	if read(t, post(a, phone{signer: key, challenge: "secret"}.message(t).Raw), key) == nil {
		t.Error("PKCSReq was refused")
	}
}

func TestMessageRefused(t *testing.T) {
	key := phoneKey(t, 0)
	g := newGatekeeper("secret")
	a := start(t, g, nil)
	good := phone{signer: key, challenge: "secret"}.message(t).Raw
	decrypter, _ := keyring(t).SCEPDecrypter()
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	stray := bytes.Clone(good)
	stray[len(stray)-1] ^= 1
	for _, test := range []struct {
		name    string
		message []byte
		status  int
	}{
		{"empty", nil, http.StatusBadRequest},
		{"garbage", []byte("garbage"), http.StatusBadRequest},
		{"cut off", good[:len(good)/2], http.StatusBadRequest},
		{"bytes after it", append(bytes.Clone(good), 0), http.StatusBadRequest},
		{"signature does not fit", stray, http.StatusBadRequest},
		{"over 64 KiB", make([]byte, 64<<10+1), http.StatusRequestEntityTooLarge},
		{"nested indefinite", bytes.Repeat([]byte{0x30, 0x80}, 32<<10), http.StatusRequestEntityTooLarge},
		{"8 MB nested indefinite", bytes.Repeat([]byte{0x30, 0x80}, 4<<20), http.StatusRequestEntityTooLarge},
		{"nested inside the envelope", signed(t, key, bytes.Repeat([]byte{0x30, 0x80}, 2<<10)), http.StatusRequestEntityTooLarge},
		{"large envelope", signed(t, key, make([]byte, 9<<10)), http.StatusRequestEntityTooLarge},
		{"envelope is not one", signed(t, key, []byte{0x30, 0}), http.StatusBadRequest},
		{"sender with RSA-1024", phone{signer: weak, challenge: "secret"}.message(t).Raw, http.StatusBadRequest},
		{"no request inside", signed(t, key, encrypted(t, decrypter, []byte("no request"))), http.StatusBadRequest},
		{"for somebody else", signed(t, key, encrypted(t, selfSigned(t, key), []byte("x"))), http.StatusBadRequest},
	} {
		t.Run(test.name, func(t *testing.T) {
			wantStatus(t, post(a, test.message), test.status)
		})
	}
	if n := len(g.requests) + len(g.issued); n != 0 {
		t.Errorf("the gatekeeper was asked %d times", n)
	}
}

// signed wraps anything in the outer layer of a PKCSReq.
func signed(t testing.TB, key *rsa.PrivateKey, content []byte) []byte {
	t.Helper()
	return signedWith(t, key, content, []pkcs7.Attribute{
		{Type: []int{2, 16, 840, 1, 113733, 1, 9, 2}, Value: scep.PKCSReq},
		{Type: []int{2, 16, 840, 1, 113733, 1, 9, 5}, Value: scep.SenderNonce("0123456789abcdef")},
		{Type: []int{2, 16, 840, 1, 113733, 1, 9, 7}, Value: scep.TransactionID("transaction")},
	})
}

func signedWith(t testing.TB, key *rsa.PrivateKey, content []byte, attributes []pkcs7.Attribute) []byte {
	t.Helper()
	s, err := pkcs7.NewSignedData(content)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.AddSigner(selfSigned(t, key), key, pkcs7.SignerInfoConfig{ExtraSignedAttributes: attributes}); err != nil {
		t.Fatal(err)
	}
	der, err := s.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func encrypted(t testing.TB, to *x509.Certificate, content []byte) []byte {
	t.Helper()
	der, err := pkcs7.Encrypt(content, []*x509.Certificate{to})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestCipher(t *testing.T) {
	key := phoneKey(t, 0)
	defer func(old int) { pkcs7.ContentEncryptionAlgorithm = old }(pkcs7.ContentEncryptionAlgorithm)
	pkcs7.ContentEncryptionAlgorithm = pkcs7.EncryptionAlgorithmDESCBC
	m := phone{signer: key, challenge: "secret"}.message(t)
	t.Run("DES", func(t *testing.T) {
		wantStatus(t, post(start(t, newGatekeeper("secret"), nil), m.Raw), http.StatusBadRequest)
	})
	t.Run("DES allowed", func(t *testing.T) {
		var used []*x509.Certificate
		a := start(t, newGatekeeper("secret"), func(o *stepca.Options) {
			o.LegacyCrypto, o.LegacyUsed = true, func(c *x509.Certificate) { used = append(used, c) }
		})
		cert := read(t, post(a, m.Raw), key)
		if cert == nil {
			t.Fatal("got a failure")
		}
		if len(used) != 1 || !used[0].Equal(cert) {
			t.Errorf("told of %d certificates, want of the one issued", len(used))
		}
		pkcs7.ContentEncryptionAlgorithm = pkcs7.EncryptionAlgorithmAES256CBC
		if read(t, post(a, phone{signer: key, challenge: "secret"}.message(t).Raw), key) == nil || len(used) != 1 {
			t.Error("a request with AES failed, or was taken for a legacy one")
		}
	})
	pkcs7.ContentEncryptionAlgorithm = pkcs7.EncryptionAlgorithmAES128GCM
	m = phone{signer: key, challenge: "secret"}.message(t)
	t.Run("AES-GCM", func(t *testing.T) {
		wantStatus(t, post(start(t, newGatekeeper("secret"), nil), m.Raw), http.StatusBadRequest)
	})
}

// TestBusy: a message that does not get its turn is answered 503 and costs the phone nothing.
func TestBusy(t *testing.T) {
	key := phoneKey(t, 0)
	parses := certs.NewParses(1)
	a := start(t, newGatekeeper("secret"), func(o *stepca.Options) { o.Parses = parses })
	leave, err := parses.Enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m := phone{signer: key, challenge: "secret"}.message(t).Raw
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	a.SCEP().ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodPost, "/scep?operation=PKIOperation", bytes.NewReader(m)))
	wantStatus(t, w, http.StatusServiceUnavailable)
	leave()
	if read(t, post(a, m), key) == nil {
		t.Error("got a failure afterwards")
	}
}

func TestDescribe(t *testing.T) {
	a := start(t, newGatekeeper(), nil)
	decrypter, _ := keyring(t).SCEPDecrypter()
	caps := request(a, http.MethodGet, "/scep?operation=GetCACaps")
	if got, want := caps.Body.String(), "SHA-256\r\nAES\r\nPOSTPKIOperation\r\nSCEPStandard"; got != want {
		t.Errorf("got capabilities %q, want %q", got, want)
	}
	answer := request(a, http.MethodGet, "/scep/?operation=GetCACert&message=Kannuki")
	if got, want := answer.Header().Get("Content-Type"), "application/x-x509-ca-ra-cert"; got != want {
		t.Errorf("got content type %q, want %q", got, want)
	}
	got, err := scep.CACerts(answer.Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || !got[0].Equal(decrypter) || !got[1].Equal(keyring(t).DeviceCA()) {
		t.Errorf("got %d certificates, want SCEP decrypter and device CA", len(got))
	}
	if cas := a.CACertificates(); len(cas) != 2 || !cas[0].Equal(keyring(t).DeviceCA()) || !cas[1].Equal(keyring(t).Root()) {
		t.Errorf("got %d CA certificates, want device CA and root", len(cas))
	}
}

func request(a *stepca.Authority, method, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	a.SCEP().ServeHTTP(w, httptest.NewRequest(method, target, nil))
	return w
}

func TestRequestRefused(t *testing.T) {
	a := start(t, newGatekeeper(), nil)
	for _, test := range []struct {
		method, target string
		status         int
	}{
		{http.MethodGet, "/scep", http.StatusBadRequest},
		{http.MethodGet, "/scep?operation=GetNextCACert", http.StatusBadRequest},
		{http.MethodPost, "/scep?operation=GetCACert", http.StatusBadRequest},
		{http.MethodGet, "/scep?operation=PKIOperation", http.StatusBadRequest},
		{http.MethodGet, "/scep?operation=PKIOperation&message=%25", http.StatusBadRequest},
		{http.MethodGet, "/scep?operation=PKIOperation&message=" + strings.Repeat("A", 100<<10), http.StatusRequestEntityTooLarge},
		{http.MethodGet, "/scep?operation=%zz", http.StatusBadRequest},
		{http.MethodPut, "/scep?operation=PKIOperation", http.StatusMethodNotAllowed},
		{http.MethodGet, "/scep/devices?operation=GetCACaps", http.StatusNotFound},
		{http.MethodGet, "/?operation=GetCACaps", http.StatusNotFound},
	} {
		t.Run(test.method+" "+test.target[:min(len(test.target), 50)], func(t *testing.T) {
			wantStatus(t, request(a, test.method, test.target), test.status)
		})
	}
}

func TestNewRefuses(t *testing.T) {
	good := stepca.Options{Keyring: keyring(t), Gatekeeper: newGatekeeper(), Prefix: "/scep", Host: "localhost", Now: now}
	for _, test := range []struct {
		name   string
		change func(o *stepca.Options)
	}{
		{"no keyring", func(o *stepca.Options) { o.Keyring = nil }},
		{"no gatekeeper", func(o *stepca.Options) { o.Gatekeeper = nil }},
		{"no clock", func(o *stepca.Options) { o.Now = nil }},
		{"no prefix", func(o *stepca.Options) { o.Prefix = "" }},
		{"prefix with slash", func(o *stepca.Options) { o.Prefix = "/scep/" }},
		{"no host", func(o *stepca.Options) { o.Host = "" }},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := good
			test.change(&o)
			if _, err := stepca.New(o); err == nil {
				t.Error("got no error")
			}
		})
	}
}

// FuzzSCEPMessage looks for a message that ends the process, is answered as a fault of the server, or gets a
// certificate without a challenge that the gatekeeper knows.
func FuzzSCEPMessage(f *testing.F) {
	g := newGatekeeper() // knows none
	a := start(f, g, nil)
	key := phoneKey(f, 0)
	f.Add(phone{signer: key, challenge: "guess"}.message(f).Raw)
	f.Add(phone{signer: key, challenge: "guess", messageType: scep.UpdateReq}.message(f).Raw)
	f.Add(signed(f, key, []byte{0x30, 0x80, 0x05, 0x00, 0x00, 0x00}))
	decrypter, _ := keyring(f).SCEPDecrypter()
	f.Add(signed(f, key, encrypted(f, decrypter, []byte("no request"))))
	f.Fuzz(func(t *testing.T, message []byte) {
		switch status := post(a, message).Code; status {
		case http.StatusOK, http.StatusBadRequest, http.StatusRequestEntityTooLarge:
		default:
			t.Errorf("got status %d", status)
		}
		if len(g.issued) != 0 {
			t.Fatalf("issued %s", certs.Fingerprint(g.issued[0]))
		}
	})
}

// FuzzCSR puts anything in place of the certificate request, inside a good
// message: no certificate without a challenge that the gatekeeper knows.
func FuzzCSR(f *testing.F) {
	g := newGatekeeper() // knows none
	a := start(f, g, nil)
	key := phoneKey(f, 0)
	decrypter, _ := keyring(f).SCEPDecrypter()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(der)
	f.Add([]byte{0x30, 0})
	f.Fuzz(func(t *testing.T, request []byte) {
		switch status := post(a, signed(t, key, encrypted(t, decrypter, request))).Code; status {
		case http.StatusOK, http.StatusBadRequest, http.StatusRequestEntityTooLarge:
		default:
			t.Errorf("got status %d", status)
		}
		if len(g.issued) != 0 {
			t.Fatalf("issued %s", certs.Fingerprint(g.issued[0]))
		}
	})
}

// FuzzSCEPQuery sends any query: the message of a GET stands in it.
func FuzzSCEPQuery(f *testing.F) {
	a := start(f, newGatekeeper(), nil)
	for _, query := range []string{"operation=GetCACaps", "operation=GetCACert&message=x", "operation=PKIOperation&message=MAA%3D", "operation=PKIOperation&message=M A+=", "operation=%zz", ";&="} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest(http.MethodGet, "/scep", nil)
		r.URL.RawQuery = query
		w := httptest.NewRecorder()
		a.SCEP().ServeHTTP(w, r)
		switch w.Code {
		case http.StatusOK, http.StatusBadRequest, http.StatusRequestEntityTooLarge:
		default:
			t.Errorf("got status %d", w.Code)
		}
	})
}

// TestRefusedIsHeard: whatever is refused without asking the gatekeeper is
// told, once, and nothing else is.
func TestRefusedIsHeard(t *testing.T) {
	key := phoneKey(t, 0)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	good := phone{signer: key, challenge: "secret"}.message(t).Raw
	for _, test := range []struct {
		name string
		send func(a *stepca.Authority)
		want []string
	}{
		{"nothing", func(a *stepca.Authority) { post(a, nil) }, []string{"malformed"}},
		{"another type", func(a *stepca.Authority) { post(a, phone{signer: key, messageType: scep.RenewalReq}.message(t).Raw) }, []string{"malformed"}},
		{"over the limit", func(a *stepca.Authority) { post(a, make([]byte, 64<<10+1)) }, []string{"too-large"}},
		{"nested", func(a *stepca.Authority) { post(a, bytes.Repeat([]byte{0x30, 0x80}, 1000)) }, []string{"too-large"}},
		{"not base64", func(a *stepca.Authority) { request(a, http.MethodGet, "/scep?operation=PKIOperation&message=~") }, []string{"malformed"}},
		{"no challenge", func(a *stepca.Authority) { post(a, phone{signer: key}.message(t).Raw) }, []string{"certificate-request"}},
		{"weak key", func(a *stepca.Authority) {
			post(a, phone{signer: key, requestKey: weak, challenge: "secret"}.message(t).Raw)
		}, []string{"certificate-request"}},
		{"a challenge that the gatekeeper does not know", func(a *stepca.Authority) { post(a, phone{signer: key, challenge: "guess"}.message(t).Raw) }, nil},
		{"a good one", func(a *stepca.Authority) { post(a, good) }, nil},
		{"no message", func(a *stepca.Authority) { request(a, http.MethodGet, "/scep?operation=Nothing") }, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			var heard []string
			test.send(start(t, newGatekeeper("secret"), func(o *stepca.Options) {
				o.Refused = func(reason string) { heard = append(heard, reason) }
			}))
			if diff := cmp.Diff(test.want, heard); diff != "" {
				t.Errorf("heard (-want +got):\n%s", diff)
			}
		})
	}
}

// slowDisk is a gatekeeper that looks whether others may parse while it writes.
type slowDisk struct {
	*gatekeeper
	parses *certs.Parses
	free   int
}

func (g *slowDisk) look(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	if leave, err := g.parses.Enter(ctx); err == nil {
		leave()
		g.free++
	}
}

func (g *slowDisk) Admit(ctx context.Context, r certs.AdmitRequest) (certs.Admission, error) {
	g.look(ctx)
	return g.gatekeeper.Admit(ctx, r)
}

func (g *slowDisk) Issued(ctx context.Context, a certs.Admission, c *x509.Certificate) error {
	g.look(ctx)
	return g.gatekeeper.Issued(ctx, a, c)
}

// TestPlaceIsNotHeldForTheDisk: a message that waits for the disk keeps nobody
// from being parsed.
func TestPlaceIsNotHeldForTheDisk(t *testing.T) {
	key := phoneKey(t, 0)
	g := &slowDisk{gatekeeper: newGatekeeper("secret"), parses: certs.NewParses(1)}
	a := start(t, g, func(o *stepca.Options) { o.Parses = g.parses })
	if read(t, post(a, phone{signer: key, challenge: "secret"}.message(t).Raw), key) == nil {
		t.Fatal("got a failure")
	}
	if g.free != 2 {
		t.Errorf("the one place was free %d times, want when it was admitted and when it was recorded", g.free)
	}
	if _, err := g.parses.Enter(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
