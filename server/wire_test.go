package server_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/micromdm/plist"
	"go.mozilla.org/pkcs7"

	"github.com/kannuki-mdm/kannuki/certs"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/bolt"
)

// identity is a certificate and its key, however they came about.
type identity struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func (id *identity) fingerprint() string { return certs.Fingerprint(id.cert) }

// mint makes a key and has the issuer certify it; a nil issuer is the key
// itself. The template is of a good device identity, for the caller to spoil.
func mint(t *testing.T, issuer *identity, change func(*x509.Certificate)) *identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "phone"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true,
	}
	if change != nil {
		change(template)
	}
	if issuer == nil {
		issuer = &identity{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer.cert, key.Public(), issuer.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &identity{cert, key}
}

// sign returns an Mdm-Signature header over a body.
func (id *identity) sign(t *testing.T, body []byte) string {
	t.Helper()
	signed, err := pkcs7.NewSignedData(body)
	if err != nil {
		t.Fatal(err)
	}
	signed.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	if err := signed.AddSigner(id.cert, id.key, pkcs7.SignerInfoConfig{}); err != nil {
		t.Fatal(err)
	}
	signed.Detach()
	der, err := signed.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

// wire sends requests to the device listener byte by byte as given.
type wire struct {
	in     *installation
	client *http.Client
}

// as returns a client that shows a certificate in TLS, or none for nil.
func (in *installation) as(id *identity) *wire {
	config := &tls.Config{RootCAs: in.roots, MinVersion: tls.VersionTLS12}
	if id != nil {
		cert := tls.Certificate{Certificate: [][]byte{id.cert.Raw}, PrivateKey: id.key}
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
	}
	transport := &http.Transport{TLSClientConfig: config}
	in.t.Cleanup(transport.CloseIdleConnections)
	return &wire{in, &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// do returns the status and the body of the answer.
func (w *wire) do(method, path string, header http.Header, body []byte) (int, []byte) {
	w.in.t.Helper()
	req, err := http.NewRequestWithContext(w.in.t.Context(), method, w.in.url+path, bytes.NewReader(body))
	w.in.must(err)
	if header != nil {
		req.Header = header
	}
	resp, err := w.client.Do(req)
	w.in.must(err)
	answer, err := io.ReadAll(resp.Body)
	w.in.must(err)
	w.in.must(resp.Body.Close())
	return resp.StatusCode, answer
}

// message is one thing that phones send.
type message struct {
	name, path, media string
	keys              map[string]any
}

func messages() []message {
	const checkin, command = "application/x-apple-aspen-mdm-checkin", "application/x-apple-aspen-mdm; charset=UTF-8"
	stolen := []byte("stolen")
	return []message{
		{"Authenticate", "/mdm/checkin", checkin, map[string]any{"MessageType": "Authenticate", "Topic": topic, "SerialNumber": "S"}},
		{"TokenUpdate", "/mdm/checkin", checkin, map[string]any{"MessageType": "TokenUpdate", "Topic": topic, "Token": stolen, "PushMagic": "stolen"}},
		{"CheckOut", "/mdm/checkin", checkin, map[string]any{"MessageType": "CheckOut", "Topic": topic}},
		{"SetBootstrapToken", "/mdm/checkin", checkin, map[string]any{"MessageType": "SetBootstrapToken", "BootstrapToken": stolen}},
		{"GetBootstrapToken", "/mdm/checkin", checkin, map[string]any{"MessageType": "GetBootstrapToken"}},
		{"UserAuthenticate", "/mdm/checkin", checkin, map[string]any{"MessageType": "UserAuthenticate", "UserID": "501"}},
		{"DeclarativeManagement", "/mdm/checkin", checkin, map[string]any{"MessageType": "DeclarativeManagement", "Endpoint": "tokens"}},
		{"status", "/mdm/checkin", checkin, map[string]any{"MessageType": "DeclarativeManagement", "Endpoint": "status", "Data": []byte(`{"StatusItems":{},"Errors":[]}`)}},
		{"Idle", "/mdm/command", command, map[string]any{"Status": "Idle"}},
		{"Acknowledged", "/mdm/command", command, map[string]any{"Status": "Acknowledged", "CommandUUID": "x"}},
		{"poll without media type", "/mdm/command", "", map[string]any{"Status": "Idle"}},
	}
}

// of returns the message's body and header for a phone.
func (m message) of(t *testing.T, who map[string]any) ([]byte, http.Header) {
	t.Helper()
	keys := map[string]any{}
	for _, part := range []map[string]any{m.keys, who} {
		for k, v := range part {
			keys[k] = v
		}
	}
	body, err := plist.MarshalIndent(keys, "\t")
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{}
	if m.media != "" {
		header.Set("Content-Type", m.media)
	}
	return body, header
}

func udid(s string) map[string]any { return map[string]any{"UDID": s} }

func (in *installation) keyring() *certs.Keyring {
	in.t.Helper()
	k, err := certs.OpenKeyring(filepath.Join(in.data, "keys"))
	in.must(err)
	return k
}

func (in *installation) deviceCA() *identity {
	k := in.keyring()
	return &identity{k.DeviceCA(), k.DeviceCASigner()}
}

// offline runs f on the database while the server is stopped.
func (in *installation) offline(f func(ctx context.Context, s *bolt.Store)) {
	in.t.Helper()
	in.stop()
	s, err := bolt.Open(filepath.Join(in.data, "kannuki.db"), bolt.Options{})
	in.must(err)
	f(in.t.Context(), s)
	in.must(s.Close())
	in.start()
}

// record puts certificates on record as issued, each with a grant of its own.
func (in *installation) record(ids ...*identity) {
	in.t.Helper()
	in.offline(func(ctx context.Context, s *bolt.Store) {
		for i, id := range ids {
			g := storage.Grant{ID: "test-grant-" + strconv.Itoa(i), Purpose: storage.PurposeNew, Rights: 7443, ExpiresAt: time.Now().Add(time.Hour)}
			in.must(s.CreateGrant(ctx, storage.DefaultSegment, g, storage.AuditEntry{Actor: "test", Action: "grant"}))
			in.must(s.RecordCertificate(ctx, storage.Certificate{
				Fingerprint: id.fingerprint(), Segment: storage.DefaultSegment, Grant: g.ID, State: storage.CertificateIssued,
			}, storage.AuditEntry{Actor: "test", Action: "issue"}))
		}
	})
}

// enrolRaw sends what a phone sends to enrol, and wants it accepted.
func (in *installation) enrolRaw(id *identity, who string) {
	in.t.Helper()
	for _, m := range messages()[:2] {
		body, header := m.of(in.t, udid(who))
		if status, _ := in.as(id).do(http.MethodPut, m.path, header, body); status != http.StatusOK {
			in.t.Fatalf("%s of %s: %d", m.name, who, status)
		}
	}
}

// records returns all that the server knows of phones and their certificates.
func (in *installation) records(ids ...*identity) (phones []storage.Phone, known []storage.Certificate, log []storage.AuditEntry) {
	in.t.Helper()
	in.offline(func(ctx context.Context, s *bolt.Store) {
		var err error
		phones, err = s.Phones(ctx, storage.DefaultSegment, storage.PhoneQuery{})
		in.must(err)
		for _, id := range ids {
			c, err := s.Certificate(ctx, id.fingerprint())
			in.must(err)
			known = append(known, c)
		}
		log, err = s.Audit(ctx, storage.DefaultSegment, 0, 1000)
		in.must(err)
	})
	return phones, known, log
}

// reconfigure changes the configuration file and restarts the server.
func (in *installation) reconfigure(from, to string) {
	in.t.Helper()
	in.stop()
	in.edit(from, to)
	in.start()
}

// edit replaces a line, or part of one, of the configuration file.
func (in *installation) edit(from, to string) {
	in.t.Helper()
	path := filepath.Join(in.data, "config.yaml")
	text, err := os.ReadFile(path)
	in.must(err)
	if strings.Count(string(text), from) != 1 {
		in.t.Fatalf("%q does not occur once in the configuration:\n%s", from, text)
	}
	in.must(os.WriteFile(path, []byte(strings.Replace(string(text), from, to, 1)), 0o600))
}
