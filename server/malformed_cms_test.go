package server_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/smallstep/scep/x509util"
	"go.mozilla.org/pkcs7"

	"github.com/kannuki-mdm/kannuki/storage"
)

// brokenBER returns what no CMS parser must be led astray by.
func brokenBER() []input {
	var lengths []byte // definite-length sequences inside each other
	for range 500 {
		lengths = append([]byte{0x30, 0x82, byte(len(lengths) >> 8), byte(len(lengths))}, lengths...)
	}
	return []input{
		{"nothing", nil},
		{"one byte", []byte{0x30}},
		{"garbage", []byte("garbage")},
		{"PEM", []byte("-----BEGIN PKCS7-----\nMAA=\n-----END PKCS7-----\n")},
		{"empty sequence", []byte{0x30, 0}},
		{"length of 4 GiB", []byte{0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0}},
		{"length of 2 to the 64", []byte{0x30, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
		{"length field of 126 octets", append([]byte{0x30, 0xfe}, bytes.Repeat([]byte{0xff}, 126)...)},
		{"indefinite length, never ended", []byte{0x30, 0x80}},
		{"indefinite length, empty", []byte{0x30, 0x80, 0, 0}},
		{"indefinite length of a primitive", []byte{0x04, 0x80, 0, 0}},
		{"end without a beginning", []byte{0, 0}},
		{"tag number above 30", []byte{0x3f, 0x81, 0x01, 0}},
		{"element beyond the one around it", []byte{0x30, 3, 0x04, 9, 1}},
		{"no end after 5,000 elements", append([]byte{0x30, 0x82, 0x27, 0x10}, bytes.Repeat([]byte{5}, 10_000)...)},
		{"octet strings of octet strings", bytes.Repeat([]byte{0x24, 0x80}, 1000)},
		{"another content type", []byte{0x30, 11, 6, 9, 42, 134, 72, 134, 247, 13, 1, 7, 3}},
		{"content is null", []byte{0x30, 15, 6, 9, 42, 134, 72, 134, 247, 13, 1, 7, 2, 0xa0, 2, 5, 0}},
		{"nested with lengths", lengths},
		{"nested without lengths", bytes.Repeat([]byte{0x30, 0x80}, 5<<10)},
	}
}

// TestMalformedSignatures sends broken Mdm-Signatures over a poll. Nothing but
// the signature speaks for the sender.
func TestMalformedSignatures(t *testing.T) {
	in := install(t)
	in.setUp()
	a := mint(t, in.deviceCA(), nil)
	in.record(a)
	in.enrolRaw(a, "PHONE-A")
	nobody := in.as(nil)
	body, header := messageNamed(t, "Idle").of(t, udid("PHONE-A"))
	good := a.sign(t, body)
	der, err := base64.StdEncoding.DecodeString(good)
	in.must(err)
	encoded := base64.StdEncoding.EncodeToString
	var cases []malformed
	add := func(want []int, name string, values ...string) {
		cases = append(cases, malformed{name, func() int {
			h := header.Clone()
			h["Mdm-Signature"] = values
			status, _ := nobody.do(http.MethodPut, "/mdm/command", h, body)
			return status
		}, want})
	}
	bad := answers(http.StatusBadRequest)
	for _, d := range append(brokenBER(), cuts(der, 24)...) {
		add(bad, d.name, encoded(d.body))
	}
	value := len(der) - 48 // within the signature's own value
	for _, d := range flips(der[value:], 48) {
		add(bad, "in the value, "+d.name, encoded(append(bytes.Clone(der[:value]), d.body...)))
	}
	add(bad, "no base64", "!!!")
	add(bad, "base64 for URLs", strings.NewReplacer("+", "-", "/", "_").Replace(good)+"-_")
	add(bad, "base64 cut off", good[:len(good)-3])
	add(bad, "base64 with a blank", good[:100]+" "+good[100:])
	add(bad, "signature twice", good, good)
	add(bad, "two in one", good+","+good)
	add(bad, "bytes after it", encoded(append(bytes.Clone(der), 0)))
	add(bad, "16 KiB", encoded(make([]byte, 12<<10)))
	add(bad, "over 16 KiB", encoded(make([]byte, 13<<10)))
	add(answers(http.StatusRequestHeaderFieldsTooLarge), "over the header limit", encoded(make([]byte, 24<<10)))
	in.refuses("Mdm-Signature", cases)
}

// applicant makes SCEP messages.
type applicant struct {
	in        *installation
	key       *rsa.PrivateKey
	cert      *x509.Certificate
	recipient *x509.Certificate
}

func (in *installation) applicant(bits int) *applicant {
	in.t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	in.must(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "phone"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	in.must(err)
	cert, err := x509.ParseCertificate(der)
	in.must(err)
	recipient, _ := in.keyring().SCEPDecrypter()
	return &applicant{in, key, cert, recipient}
}

// wrap signs content as a PKCSReq.
func (a *applicant) wrap(content []byte) []byte {
	a.in.t.Helper()
	return a.wrapAs("19", content)
}

// wrapAs signs content as a message of a type.
func (a *applicant) wrapAs(messageType string, content []byte) []byte {
	a.in.t.Helper()
	signed, err := pkcs7.NewSignedData(content)
	a.in.must(err)
	signed.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	a.in.must(signed.AddSigner(a.cert, a.key, pkcs7.SignerInfoConfig{ExtraSignedAttributes: []pkcs7.Attribute{
		{Type: asn1.ObjectIdentifier{2, 16, 840, 1, 113733, 1, 9, 2}, Value: messageType},
		{Type: asn1.ObjectIdentifier{2, 16, 840, 1, 113733, 1, 9, 5}, Value: []byte("0123456789abcdef")},
		{Type: asn1.ObjectIdentifier{2, 16, 840, 1, 113733, 1, 9, 7}, Value: "transaction"},
	}}))
	der, err := signed.Finish()
	a.in.must(err)
	return der
}

// message encrypts a certificate request, or what passes for one, and signs it.
func (a *applicant) message(request []byte) []byte {
	a.in.t.Helper()
	enveloped, err := pkcs7.Encrypt(request, []*x509.Certificate{a.recipient})
	a.in.must(err)
	return a.wrap(enveloped)
}

// request makes a certificate request with a challenge.
func (a *applicant) request(key any, challenge string, change func(*x509.CertificateRequest)) []byte {
	a.in.t.Helper()
	template := x509.CertificateRequest{Subject: pkix.Name{CommonName: "phone"}}
	if change != nil {
		change(&template)
	}
	der, err := x509util.CreateCertificateRequest(rand.Reader, &x509util.CertificateRequest{CertificateRequest: template, ChallengePassword: challenge}, key)
	a.in.must(err)
	return der
}

// TestMalformedCertificateRequests sends broken SCEP messages by POST and by
// GET, and good messages around broken certificate requests.
func TestMalformedCertificateRequests(t *testing.T) {
	defer func(old int) { pkcs7.ContentEncryptionAlgorithm = old }(pkcs7.ContentEncryptionAlgorithm)
	pkcs7.ContentEncryptionAlgorithm = pkcs7.EncryptionAlgorithmAES256CBC
	in := install(t)
	in.setUp()
	nobody := in.as(nil)
	p := in.applicant(2048)
	good := p.message(p.request(p.key, "guess", nil))
	var cases []malformed
	add := func(name string, message []byte, want ...int) {
		cases = append(cases,
			malformed{"POST " + name, func() int {
				status, _ := nobody.do(http.MethodPost, "/scep?operation=PKIOperation", nil, message)
				return status
			}, want},
			malformed{"GET " + name, func() int {
				status, _ := nobody.do(http.MethodGet, "/scep?operation=PKIOperation&message="+url.QueryEscape(base64.StdEncoding.EncodeToString(message)), nil, nil)
				return status
			}, append(want, http.StatusRequestHeaderFieldsTooLarge)},
		)
	}
	const ok, bad, large = http.StatusOK, http.StatusBadRequest, http.StatusRequestEntityTooLarge
	for _, d := range brokenBER() {
		add(d.name, d.body, bad, large)
	}
	for _, d := range cuts(good, 24) {
		add(d.name, d.body, bad)
	}
	for _, d := range flips(good, 64) {
		add(d.name, d.body, bad, large, ok) // ok where the bit means nothing: the answer is a refusal
	}
	add("bytes after it", append(bytes.Clone(good), 0), bad)
	add("64 KiB nested", bytes.Repeat([]byte{0x30, 0x80}, 32<<10), large)
	add("over 64 KiB", make([]byte, 64<<10+1), large)
	add("a request in the clear", p.request(p.key, "guess", nil), bad)
	add("envelope is a request", p.wrap(p.request(p.key, "guess", nil)), bad)
	add("envelope is nested", p.wrap(bytes.Repeat([]byte{0x30, 0x80}, 3<<10)), large)
	add("envelope over 8 KiB", p.wrap(make([]byte, 9<<10)), large)
	weak := in.applicant(1024)
	add("sender with RSA-1024", weak.message(weak.request(weak.key, "guess", nil)), bad)
	in.refuses("SCEP message", cases)

	cases = nil
	csr := p.request(p.key, "guess", nil)
	for _, d := range append(brokenBER(), cuts(csr, 24)...) {
		add(d.name, p.message(d.body), bad, large)
	}
	for _, d := range flips(csr, 64) {
		add(d.name, p.message(d.body), bad, ok)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	in.must(err)
	add("nothing wrong but the challenge", good, ok)
	add("key of another kind", p.message(p.request(curve, "guess", nil)), ok)
	add("key of RSA-1024", p.message(p.request(weak.key, "guess", nil)), ok)
	add("no challenge", p.message(p.request(p.key, "", nil)), ok, bad)
	add("challenge of 2,000 bytes", p.message(p.request(p.key, strings.Repeat("x", 2000), nil)), ok)
	add("challenge with NUL and line ends", p.message(p.request(p.key, "a\x00b\nc", nil)), ok, bad)
	add("500 names", p.message(p.request(p.key, "guess", func(r *x509.CertificateRequest) { r.DNSNames = strings.Split(strings.Repeat("a,", 499)+"a", ",") })), ok)
	add("name with a line end", p.message(p.request(p.key, "guess", func(r *x509.CertificateRequest) { r.Subject.CommonName = "a\nb" })), ok)
	add("modulus of 32,768 bits", p.message(replacedModulus(csr, p.key, 4096)), bad, ok)
	in.refuses("certificate request", cases)
}

// replacedModulus gives a request a key so large that checking with it would be
// an attack. Its signature does not fit any more.
func replacedModulus(csr []byte, key *rsa.PrivateKey, size int) []byte {
	var request struct {
		Info struct {
			Version int
			Subject asn1.RawValue
			Key     struct {
				Algorithm pkix.AlgorithmIdentifier
				Key       asn1.BitString
			}
			Attributes asn1.RawValue `asn1:"tag:0"`
		}
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	if _, err := asn1.Unmarshal(csr, &request); err != nil {
		return nil
	}
	modulus := new(big.Int).SetBytes(bytes.Repeat([]byte{0xff}, size))
	public, err := asn1.Marshal(struct{ N, E *big.Int }{modulus, big.NewInt(int64(key.E))})
	if err != nil {
		return nil
	}
	request.Info.Key.Key = asn1.BitString{Bytes: public, BitLength: 8 * len(public)}
	out, err := asn1.Marshal(request)
	if err != nil {
		return nil
	}
	return out
}

// TestRefusedCertificateRequestsAreCounted sends every message type of SCEP:
// nothing is stored but entries that count the refusals of a minute.
func TestRefusedCertificateRequestsAreCounted(t *testing.T) {
	defer func(old int) { pkcs7.ContentEncryptionAlgorithm = old }(pkcs7.ContentEncryptionAlgorithm)
	pkcs7.ContentEncryptionAlgorithm = pkcs7.EncryptionAlgorithmAES256CBC
	in := install(t)
	in.setUp()
	p := in.applicant(2048)
	send := func(message []byte, want int) {
		t.Helper()
		if status, _ := in.as(nil).do(http.MethodPost, "/scep?operation=PKIOperation", nil, message); status != want {
			t.Errorf("got %d, want %d", status, want)
		}
	}
	enveloped, err := pkcs7.Encrypt(p.request(p.key, "guess", nil), []*x509.Certificate{p.recipient})
	in.must(err)
	in.nothingStored(func() {
		for i := range 256 {
			if i != 19 {
				send(p.wrapAs(strconv.Itoa(i), enveloped), http.StatusBadRequest)
			}
		}
		send(make([]byte, 64<<10+1), http.StatusRequestEntityTooLarge)
		send(p.message(p.request(p.key, "", nil)), http.StatusOK)
		send(p.wrap(enveloped), http.StatusOK)
	})
	_, log := in.records()
	got := map[string]int{}
	for _, e := range log[storage.DefaultSegment] {
		if e.Action != "security.refused" {
			continue
		}
		for _, counted := range strings.Split(e.Detail["reasons"], ", ") {
			var reason string
			var n int
			_, err := fmt.Sscan(counted, &reason, &n)
			in.must(err)
			got[e.Target+" "+reason] += n
		}
	}
	want := map[string]int{"scep malformed": 255, "scep too-large": 1, "scep certificate-request": 1, "scep challenge": 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("refusals in the audit log (-want +got):\n%s", diff)
	}
}
