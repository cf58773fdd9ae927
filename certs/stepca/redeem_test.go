package stepca_test

import (
	"bytes"
	"context"
	"crypto"
	_ "crypto/md5" // both are linked in to be refused or put up with
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/certs"
	"github.com/kannuki-mdm/kannuki/enroll"
	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/bolt"
)

const (
	topic        = "com.apple.mgmt.External.6ec6a3b8-0f0e-4b4e-9c5a-000000000001"
	otherSegment = storage.Segment("other")
)

// desk is the authority with the real gatekeeper over a real database, behind
// HTTP.
type desk struct {
	t      *testing.T
	store  *bolt.Store
	enroll *enroll.Service
	url    string
	now    time.Time
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, now: now()}
	path := filepath.Join(t.TempDir(), "kannuki.db")
	d.must(bolt.Create(path, storage.Instance{ID: "0123456789abcdef"}, bolt.Options{}))
	var err error
	d.store, err = bolt.Open(path, bolt.Options{})
	d.must(err)
	t.Cleanup(func() { d.must(d.store.Close()) })
	config := enroll.Config{URL: "https://mdm.example.co.jp", InstanceID: "0123456789abcdef", Organization: "Example"}
	d.enroll = enroll.NewService(d.store, keyring(t), nil, config, func() string { return topic }, func() time.Time { return d.now })
	s := httptest.NewServer(start(t, d.enroll, nil).SCEP())
	t.Cleanup(s.Close)
	d.url = s.URL
	return d
}

func (d *desk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// challenge makes a grant and returns the challenge of its profile.
func (d *desk) challenge(seg storage.Segment) string {
	d.t.Helper()
	profile, _, err := d.enroll.CreateProfile(d.t.Context(), seg, enroll.GrantRequest{Actor: "test", Life: time.Hour}, true)
	d.must(err)
	found := regexp.MustCompile(`<key>Challenge</key>\s*<string>(.+?)</string>`).FindSubmatch(profile)
	if found == nil {
		d.t.Fatal("the profile has no challenge")
	}
	return string(found[1])
}

// ask posts a message and returns the answer as read wants it.
func (d *desk) ask(message []byte) (*httptest.ResponseRecorder, error) {
	request, err := http.NewRequestWithContext(d.t.Context(), http.MethodPost, d.url+"/scep?operation=PKIOperation", bytes.NewReader(message))
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() //nolint:errcheck // it was read to its end
	answer := httptest.NewRecorder()
	for k, v := range response.Header {
		answer.Header()[k] = v
	}
	answer.WriteHeader(response.StatusCode)
	_, err = io.Copy(answer, response.Body)
	return answer, err
}

// redeem asks for a certificate and returns it, or nil when it was refused.
func (d *desk) redeem(p phone) *x509.Certificate {
	d.t.Helper()
	answer, err := d.ask(p.message(d.t).Raw)
	d.must(err)
	return read(d.t, answer, p.signer)
}

// issued returns the fingerprints of all certificates in the audit log of a
// segment.
func (d *desk) issued(seg storage.Segment) []string {
	d.t.Helper()
	log, err := d.store.Audit(d.t.Context(), seg, 0, 1000)
	d.must(err)
	var out []string
	for _, e := range log {
		if e.Action == "certificate.issued" {
			out = append(out, e.Target)
		}
	}
	return out
}

// manyKeys returns n different RSA keys, made from few primes: generating each
// anew would take a minute. They are good for nothing but tests.
func manyKeys(t *testing.T, n int) []*rsa.PrivateKey {
	t.Helper()
	const exponent = 65537
	one, e := big.NewInt(1), big.NewInt(exponent)
	var primes []*big.Int
	var keys []*rsa.PrivateKey
	for len(keys) < n {
		p, err := rand.Prime(rand.Reader, 1024)
		if err != nil {
			t.Fatal(err)
		}
		if new(big.Int).GCD(nil, nil, e, new(big.Int).Sub(p, one)).Cmp(one) != 0 {
			continue
		}
		for _, q := range primes {
			phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
			key := &rsa.PrivateKey{
				PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: exponent},
				D:         new(big.Int).ModInverse(e, phi),
				Primes:    []*big.Int{p, q},
			}
			key.Precompute()
			keys = append(keys, key)
		}
		primes = append(primes, p)
	}
	return keys[:n]
}

// TestOneChallengeOneCertificate has a hundred phones present one challenge at
// the same time.
func TestOneChallengeOneCertificate(t *testing.T) {
	d := newDesk(t)
	challenge := d.challenge(storage.DefaultSegment)
	keys := manyKeys(t, 100)
	messages := make([][]byte, len(keys))
	for i, key := range keys {
		messages[i] = phone{signer: key, challenge: challenge}.message(t).Raw
	}
	answers, errs := make([]*httptest.ResponseRecorder, len(keys)), make([]error, len(keys))
	var wg sync.WaitGroup
	for i, m := range messages {
		wg.Go(func() { answers[i], errs[i] = d.ask(m) })
	}
	wg.Wait()
	d.must(errors.Join(errs...))
	var winners []string
	for i, answer := range answers {
		if cert := read(t, answer, keys[i]); cert != nil {
			if !keys[i].PublicKey.Equal(cert.PublicKey) {
				t.Error("a phone got the certificate of another")
			}
			winners = append(winners, certs.Fingerprint(cert))
		}
	}
	if len(winners) != 1 {
		t.Errorf("%d of %d phones got a certificate, want 1", len(winners), len(keys))
	}
	if diff := cmp.Diff(winners, d.issued(storage.DefaultSegment)); diff != "" {
		t.Errorf("certificates in the audit log (-got by phones +in the log):\n%s", diff)
	}
}

// TestChallenges asks with challenges that must not be good, or not for that.
func TestChallenges(t *testing.T) {
	d := newDesk(t)
	a, b := phoneKey(t, 0), phoneKey(t, 1)
	used := d.challenge(storage.DefaultSegment)
	first := d.redeem(phone{signer: a, challenge: used})
	if first == nil {
		t.Fatal("the first redemption failed")
	}
	late := d.challenge(storage.DefaultSegment)
	stored := sha256.Sum256([]byte(late))
	for _, test := range []struct {
		name  string
		at    time.Duration
		phone phone
	}{
		{"used by another key", 0, phone{signer: b, challenge: used}},
		{"used by another key, signed with the certificate it led to", 0, phone{signer: a, signerCert: first, requestKey: b, challenge: used}},
		{"none, signed with a certificate of the authority", 0, phone{signer: a, signerCert: first}},
		{"unknown", 0, phone{signer: b, challenge: "guess"}},
		{"in capitals", 0, phone{signer: b, challenge: strings.ToUpper(late)}},
		{"cut off", 0, phone{signer: b, challenge: late[:len(late)-1]}},
		{"the hash that is stored of it", 0, phone{signer: b, challenge: hex.EncodeToString(stored[:])}},
		{"empty", 0, phone{signer: b}},
		{"expired", time.Hour, phone{signer: b, challenge: late}},
		{"expired, by the key that used it", time.Hour, phone{signer: a, challenge: used}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d.now = now().Add(test.at)
			defer func() { d.now = now() }()
			if cert := d.redeem(test.phone); cert != nil {
				t.Errorf("got a certificate for %s", cert.Subject)
			}
		})
	}
	if got := d.issued(storage.DefaultSegment); len(got) != 1 {
		t.Errorf("%d certificates were issued, want 1", len(got))
	}
	if d.redeem(phone{signer: b, challenge: late}) == nil {
		t.Error("the challenge that others tried was no longer good for its own phone")
	}
}

// TestChallengeOfAnother: what a certificate is good for comes from the grant
// of its challenge, whatever the request says.
func TestChallengeOfAnother(t *testing.T) {
	d := newDesk(t)
	key := phoneKey(t, 0)
	victim := d.redeem(phone{signer: phoneKey(t, 1), challenge: d.challenge(storage.DefaultSegment)})
	if victim == nil {
		t.Fatal("no certificate")
	}
	cert := d.redeem(phone{signer: key, challenge: d.challenge(otherSegment), template: x509.CertificateRequest{
		RawSubject: victim.RawSubject, URIs: victim.URIs,
	}})
	if cert == nil {
		t.Fatal("no certificate")
	}
	if cert.Subject.CommonName == victim.Subject.CommonName || cert.URIs[0].String() == victim.URIs[0].String() {
		t.Errorf("got subject %s and %s, those of another phone", cert.Subject, cert.URIs[0])
	}
	if got := d.issued(otherSegment); !cmp.Equal(got, []string{certs.Fingerprint(cert)}) {
		t.Errorf("issued in the grant's segment: %v", got)
	}
	// It enrols into the segment of its grant and nowhere else.
	peer := mdm.Peer{Fingerprint: certs.Fingerprint(cert), Certificate: cert}
	message := &mdm.Authenticate{Enrollment: mdm.Enrollment{UDID: "PHONE"}, Topic: topic}
	seg, _, err := d.enroll.Checkin(t.Context(), peer, message)
	d.must(err)
	if seg != otherSegment {
		t.Errorf("enrolled in segment %s", seg)
	}
	if _, err := d.store.Phone(context.WithoutCancel(t.Context()), storage.DefaultSegment, "PHONE"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("phone of the other segment: %v, want none", err)
	}
}

// TestRequestSignature: the signature on a request proves that the sender has
// the key and nothing else. Apple documents SHA-1 for it
// (SecCertificateRequest.h), so SHA-1 must do; certificates are never signed
// with it.
func TestRequestSignature(t *testing.T) {
	key := phoneKey(t, 0)
	sha1 := phone{signer: key, challenge: "secret", spoil: signedWithHash(t, key, crypto.SHA1, 5)}
	cert := read(t, post(start(t, newGatekeeper("secret"), nil), sha1.message(t).Raw), key)
	if cert == nil {
		t.Fatal("SHA-1: got a failure")
	}
	wantDevice(t, cert, key, certs.DefaultDeviceLifetime)

	md5 := phone{signer: key, challenge: "secret", spoil: signedWithHash(t, key, crypto.MD5, 4)}
	other := phone{signer: key, challenge: "secret", spoil: func(csr []byte) []byte {
		csr[len(csr)-1] ^= 1
		return csr
	}}
	for name, p := range map[string]phone{"MD5": md5, "of another key": other} {
		g := newGatekeeper("secret")
		wantStatus(t, post(start(t, g, nil), p.message(t).Raw), http.StatusBadRequest)
		if len(g.requests) != 0 {
			t.Errorf("%s: the gatekeeper was asked", name)
		}
	}
}

// signedWithHash returns what signs a request anew with a hash that the
// library would not use; id is the last number of the object identifier of RSA
// with it.
func signedWithHash(t *testing.T, key *rsa.PrivateKey, hash crypto.Hash, id int) func(csr []byte) []byte {
	return func(csr []byte) []byte {
		var request struct {
			Info      asn1.RawValue
			Algorithm pkix.AlgorithmIdentifier
			Signature asn1.BitString
		}
		if _, err := asn1.Unmarshal(csr, &request); err != nil {
			t.Fatal(err)
		}
		h := hash.New()
		h.Write(request.Info.FullBytes)
		signature, err := rsa.SignPKCS1v15(rand.Reader, key, hash, h.Sum(nil))
		if err != nil {
			t.Fatal(err)
		}
		request.Algorithm.Algorithm = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, id}
		request.Signature = asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}
		der, err := asn1.Marshal(request)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
}
