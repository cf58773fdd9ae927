package server_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bbolt "go.etcd.io/bbolt" //nolint:depguard // to compare all that is stored, known to the store or not
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

// mintMD5 makes an identity whose certificate is signed with MD5, by another
// key in the name of an issuer. The standard library no longer signs so.
func mintMD5(t *testing.T, issuer *x509.Certificate) *identity {
	t.Helper()
	caKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	namesake := *issuer
	namesake.PublicKey = caKey.Public()
	id := mint(t, &identity{&namesake, caKey}, nil)
	// The object identifiers of RSA with SHA-256 and with MD5 differ in the
	// last byte only.
	sha256RSA, md5RSA := []byte{42, 134, 72, 134, 247, 13, 1, 1, 11}, []byte{42, 134, 72, 134, 247, 13, 1, 1, 4}
	tbs := bytes.ReplaceAll(id.cert.RawTBSCertificate, sha256RSA, md5RSA)
	sum := md5.Sum(tbs)
	signature, err := rsa.SignPKCS1v15(rand.Reader, caKey, crypto.MD5, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	der, err := asn1.Marshal(struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}{
		asn1.RawValue{FullBytes: tbs},
		pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 4}, Parameters: asn1.NullRawValue},
		asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if id.cert, err = x509.ParseCertificate(der); err != nil || id.cert.SignatureAlgorithm != x509.MD5WithRSA {
		t.Fatalf("certificate signed with %v, %v; want MD5", id.cert.SignatureAlgorithm, err)
	}
	return id
}

// sign returns an Mdm-Signature header over a body.
func (id *identity) sign(t *testing.T, body []byte) string {
	t.Helper()
	return id.signBy(t, pkcs7.OIDDigestAlgorithmSHA256, body)
}

// signBy is sign with a digest of choice.
func (id *identity) signBy(t *testing.T, digest asn1.ObjectIdentifier, body []byte) string {
	t.Helper()
	signed, err := pkcs7.NewSignedData(body)
	if err != nil {
		t.Fatal(err)
	}
	signed.SetDigestAlgorithm(digest)
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
	status, _, answer := w.exchange(method, path, header, body)
	return status, answer
}

// exchange is do with the header of the answer.
func (w *wire) exchange(method, path string, header http.Header, body []byte) (int, http.Header, []byte) {
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
	return resp.StatusCode, resp.Header, answer
}

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
		for _, id := range ids {
			in.recordIn(ctx, s, storage.DefaultSegment, id, nil)
		}
	})
}

// recordIn puts one certificate on record as issued, with a grant that the
// caller may change.
func (in *installation) recordIn(ctx context.Context, s *bolt.Store, seg storage.Segment, id *identity, change func(*storage.Grant)) {
	in.t.Helper()
	g := storage.Grant{ID: "grant-" + id.fingerprint()[:16], Purpose: storage.PurposeNew, Rights: 7443, ExpiresAt: time.Now().Add(time.Hour)}
	if change != nil {
		change(&g)
	}
	in.must(s.CreateGrant(ctx, seg, g, storage.AuditEntry{Actor: "test", Action: "grant"}))
	in.must(s.RecordCertificate(ctx, storage.Certificate{
		Fingerprint: id.fingerprint(), Segment: seg, Grant: g.ID, State: storage.CertificateIssued,
	}, storage.AuditEntry{Actor: "test", Action: "issue"}))
}

// bind binds a certificate on record to an enrolled phone, in a state.
func (in *installation) bind(ctx context.Context, s *bolt.Store, seg storage.Segment, id *identity, who string, state storage.CertificateState) {
	in.t.Helper()
	_, err := s.UpdateEnrollment(ctx, seg, who, id.fingerprint(), func(e *storage.Enrollment) error {
		e.Certificate.State, e.Certificate.Phone, e.Certificate.Epoch = state, who, 1
		e.Phone = &storage.Phone{UDID: who, Epoch: 1, State: storage.PhoneEnrolled, Certificate: id.fingerprint()}
		return nil
	})
	in.must(err)
}

// enrolRaw sends what a phone sends to enrol, and wants it accepted.
func (in *installation) enrolRaw(id *identity, who string) {
	in.t.Helper()
	in.accepted(id, who, "Authenticate", "TokenUpdate")
}

// accepted sends messages over TLS and wants each answered as for the phone's
// own identity.
func (in *installation) accepted(id *identity, who string, names ...string) {
	in.t.Helper()
	w := in.as(id)
	for _, name := range names {
		m := messageNamed(in.t, name)
		body, header := m.of(in.t, udid(who))
		if status, _ := w.do(http.MethodPut, m.path, header, body); status != m.want {
			in.t.Fatalf("%s of %s: %d, want %d", m.name, who, status, m.want)
		}
	}
}

// records returns a digest of each bucket of the database but the audit log's,
// and the entries of that by segment.
func (in *installation) records() (digests map[string]string, log map[storage.Segment][]storage.AuditEntry) {
	in.t.Helper()
	digests, log = map[string]string{}, map[storage.Segment][]storage.AuditEntry{}
	in.offline(func(ctx context.Context, s *bolt.Store) {
		segments, err := s.Segments(ctx)
		in.must(err)
		for _, seg := range segments {
			log[seg], err = s.Audit(ctx, seg, 0, 1000)
			in.must(err)
		}
		copied := filepath.Join(in.t.TempDir(), "copy.db")
		file, err := os.Create(copied)
		in.must(err)
		_, err = s.Backup(ctx, file)
		in.must(errors.Join(err, file.Close()))
		db, err := bbolt.Open(copied, 0o600, &bbolt.Options{ReadOnly: true})
		in.must(err)
		defer db.Close() //nolint:errcheck // a copy that was only read
		in.must(db.View(func(tx *bbolt.Tx) error {
			return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
				sum := sha256.New()
				err := b.ForEach(func(k, v []byte) error {
					if string(name) == "meta" && string(k) == "clock" {
						return nil // each start notes the time
					}
					_, err := fmt.Fprintf(sum, "%q %q\n", k, v)
					return err
				})
				digests[string(name)] = hex.EncodeToString(sum.Sum(nil))
				return err
			})
		}))
	})
	delete(digests, "audit")
	return digests, log
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
