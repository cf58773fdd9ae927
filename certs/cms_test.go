package certs_test

import (
	"bytes"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"go.mozilla.org/pkcs7"

	"github.com/kannuki-mdm/kannuki/certs"
)

// phone is the holder of a device identity.
type phone struct {
	cert *x509.Certificate
	key  any
}

// message is an Mdm-Signature under construction.
type message struct {
	digest    asn1.ObjectIdentifier
	signers   []phone
	bare      bool // no signed attributes
	embedded  bool
	noCert    bool
	attribute *pkcs7.Attribute
}

func (m message) header(t testing.TB, body []byte) string {
	t.Helper()
	signed, err := pkcs7.NewSignedData(body)
	if err != nil {
		t.Fatal(err)
	}
	if m.digest == nil {
		m.digest = pkcs7.OIDDigestAlgorithmSHA256
	}
	signed.SetDigestAlgorithm(m.digest)
	for _, s := range m.signers {
		config := pkcs7.SignerInfoConfig{}
		if m.attribute != nil {
			config.ExtraSignedAttributes = []pkcs7.Attribute{*m.attribute}
		}
		if m.bare {
			err = signed.SignWithoutAttr(s.cert, s.key, config)
		} else {
			err = signed.AddSigner(s.cert, s.key, config)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if !m.embedded {
		signed.Detach()
	}
	der, err := signed.Finish()
	if err != nil {
		t.Fatal(err)
	}
	if m.noCert {
		der = bytes.ReplaceAll(der, m.signers[0].cert.Raw, nil)
	}
	return base64.StdEncoding.EncodeToString(der)
}

func signatureFixture(t testing.TB) (*certs.Keyring, *certs.Verifier, phone) {
	t.Helper()
	k := keyring(t)
	key := ecdsaKey(t, elliptic.P256())
	p := phone{key: key, cert: certify(t, deviceTemplate(), key.Public(), k.DeviceCA(), k.DeviceCASigner())}
	return k, certs.NewVerifier([]*x509.Certificate{k.DeviceCA()}, certs.VerifierOptions{Now: now}), p
}

func TestSignature(t *testing.T) {
	t.Parallel()
	k, v, p := signatureFixture(t)
	key := rsaKey(t, 2048)
	rsaPhone := phone{
		key:  key,
		cert: certify(t, deviceTemplate(), key.Public(), k.DeviceCA(), k.DeviceCASigner()),
	}
	body := []byte("<plist>idle</plist>")
	for _, test := range []struct {
		name string
		message
	}{
		{"ECDSA SHA-256", message{signers: []phone{p}}},
		{"ECDSA SHA-512", message{signers: []phone{p}, digest: pkcs7.OIDDigestAlgorithmSHA512}},
		{"RSA SHA-256", message{signers: []phone{rsaPhone}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := v.ParseSignature(t.Context(), test.header(t, body))
			if err != nil {
				t.Fatal(err)
			}
			if got, want := s.Certificate().Raw, test.signers[0].cert.Raw; !bytes.Equal(got, want) {
				t.Error("got another certificate than the signer's")
			}
			if age := s.SigningTime().Sub(now()); age < -time.Minute || age > time.Minute {
				t.Errorf("got signing time %v at %v", s.SigningTime(), now())
			}
			for range 2 {
				if err := s.Verify(body); err != nil {
					t.Errorf("its own body: %v", err)
				}
				wantRefused(t, s.Verify([]byte("<plist>else</plist>")), certs.ReasonBadSignature)
				wantRefused(t, s.Verify(nil), certs.ReasonBadSignature)
			}
		})
	}
}

func TestSignatureRefused(t *testing.T) {
	t.Parallel()
	k, v, p := signatureFixture(t)
	body := []byte("<plist>idle</plist>")
	key := ecdsaKey(t, elliptic.P256())
	second := phone{key: key, cert: certify(t, deviceTemplate(), key.Public(), k.DeviceCA(), k.DeviceCASigner())}
	late := deviceTemplate()
	late.NotAfter = now().Add(-time.Hour)
	expired := phone{key: key, cert: certify(t, late, key.Public(), k.DeviceCA(), k.DeviceCASigner())}
	early := deviceTemplate()
	early.NotBefore = now().Add(time.Hour)
	future := certify(t, early, key.Public(), k.DeviceCA(), k.DeviceCASigner())
	der := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	good := message{signers: []phone{p}}.header(t, body)
	for _, test := range []struct {
		name   string
		header string
		reason string
	}{
		{"none", "", certs.ReasonNoCertificate},
		{"embedded content", message{signers: []phone{p}, embedded: true}.header(t, body), certs.ReasonMalformed},
		{"no signed attributes", message{signers: []phone{p}, bare: true}.header(t, body), certs.ReasonMalformed},
		{"no signer", message{}.header(t, body), certs.ReasonMalformed},
		{"two signers", message{signers: []phone{p, second}}.header(t, body), certs.ReasonMalformed},
		{"one signer twice", message{signers: []phone{p, p}}.header(t, body), certs.ReasonMalformed},
		{"two content types", message{signers: []phone{p}, attribute: &pkcs7.Attribute{
			Type: pkcs7.OIDAttributeContentType, Value: pkcs7.OIDSignedData,
		}}.header(t, body), certs.ReasonMalformed},
		{"two digests", message{signers: []phone{p}, attribute: &pkcs7.Attribute{
			Type: pkcs7.OIDAttributeMessageDigest, Value: []byte("digest"),
		}}.header(t, body), certs.ReasonMalformed},
		{"SHA-1", message{signers: []phone{p}, digest: pkcs7.OIDDigestAlgorithmSHA1}.header(t, body), certs.ReasonWeakSignature},
		{"certificate missing", message{signers: []phone{p}, noCert: true}.header(t, body), certs.ReasonMalformed},
		{"expired", message{signers: []phone{expired}}.header(t, body), certs.ReasonExpired},
		{"not yet valid", message{signers: []phone{{cert: future, key: key}}}.header(t, body), certs.ReasonNotYetValid},
		{"not base64", "%%%", certs.ReasonMalformed},
		{"base64 with bits left over", "AB==", certs.ReasonMalformed},
		{"garbage", der("garbage"), certs.ReasonMalformed},
		{"cut off", good[:len(good)/4*2], certs.ReasonMalformed},
		{"bytes after it", good + "AAAA", certs.ReasonMalformed},
		{"over 16 KiB", der("\x04\x82\x40\x00" + strings.Repeat("x", 16<<10)), certs.ReasonTooLarge},
		{"8 MB nested", der(strings.Repeat("\x30\x80", 4<<20)), certs.ReasonTooLarge},
		{"nested below the size limit", der(strings.Repeat("\x30\x80", 5<<10)), certs.ReasonTooLarge},
		{"nested with lengths", der(nested(64)), certs.ReasonTooLarge},
		{"many elements", der("\x30\x82\x27\x10" + strings.Repeat("\x05\x00", 5000)), certs.ReasonTooLarge},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := v.ParseSignature(t.Context(), test.header)
			if err == nil {
				t.Logf("verify says %v", s.Verify(body))
			}
			wantRefused(t, err, test.reason)
		})
	}
}

// TestLegacySignature: the switch lets SHA-1 in, marked as such, and nothing weaker.
func TestLegacySignature(t *testing.T) {
	t.Parallel()
	k, strict, p := signatureFixture(t)
	key := rsaKey(t, 2048)
	rsaPhone := phone{key: key, cert: certify(t, deviceTemplate(), key.Public(), k.DeviceCA(), k.DeviceCASigner())}
	legacy := certs.NewVerifier([]*x509.Certificate{k.DeviceCA()}, certs.VerifierOptions{Now: now, LegacyCrypto: true})
	body := []byte("<plist>idle</plist>")
	replaced := func(m message, from, to asn1.ObjectIdentifier) string {
		der, err := base64.StdEncoding.DecodeString(m.header(t, body))
		if err != nil {
			t.Fatal(err)
		}
		return base64.StdEncoding.EncodeToString(bytes.ReplaceAll(der, marshal(t, from), marshal(t, to)))
	}
	for _, test := range []struct {
		name   string
		header string
		legacy bool
		reason string // of refusing it with the switch on
	}{
		{"RSA SHA-256", message{signers: []phone{rsaPhone}}.header(t, body), false, ""},
		{"RSA SHA-1", message{signers: []phone{rsaPhone}, digest: pkcs7.OIDDigestAlgorithmSHA1}.header(t, body), true, ""},
		{"ECDSA SHA-1", message{signers: []phone{p}, digest: pkcs7.OIDDigestAlgorithmSHA1}.header(t, body), true, ""},
		{"MD5", replaced(message{signers: []phone{p}, digest: pkcs7.OIDDigestAlgorithmSHA1}, pkcs7.OIDDigestAlgorithmSHA1, asn1.ObjectIdentifier{1, 3, 14, 3, 2, 5}), false, certs.ReasonWeakSignature},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := strict.ParseSignature(t.Context(), test.header); test.legacy {
				wantRefused(t, err, certs.ReasonWeakSignature)
			}
			s, err := legacy.ParseSignature(t.Context(), test.header)
			if test.reason != "" {
				wantRefused(t, err, test.reason)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if s.Legacy() != test.legacy {
				t.Errorf("legacy = %t, want %t", s.Legacy(), test.legacy)
			}
			if err := s.Verify(body); err != nil {
				t.Error(err)
			}
			wantRefused(t, s.Verify([]byte("another body")), certs.ReasonBadSignature)
		})
	}
}

func marshal(t testing.TB, oid asn1.ObjectIdentifier) []byte {
	t.Helper()
	der, err := asn1.Marshal(oid)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// TestSignatureIdentities signs with each certificate of the matrix that VerifyTLS is tested with.
func TestSignatureIdentities(t *testing.T) {
	t.Parallel()
	k, v, p := signatureFixture(t)
	body := []byte("<plist>idle</plist>")
	for _, test := range identityMatrix(t, k) {
		if test.reason == "" {
			continue
		}
		t.Run(test.name, func(t *testing.T) {
			// The certificate is judged before the signature, so any key will do.
			header := message{signers: []phone{{cert: inTime(test.cert), key: p.key}}}.header(t, body)
			_, err := v.ParseSignature(t.Context(), header)
			wantRefused(t, err, test.reason)
		})
	}
}

// inTime returns a certificate whose validity the CMS library does not mind when it signs; the bytes are the same.
func inTime(c *x509.Certificate) *x509.Certificate {
	changed := *c
	changed.NotBefore, changed.NotAfter = now().AddDate(-1, 0, 0), now().AddDate(1, 0, 0)
	return &changed
}

// nested returns well-formed definite-length sequences inside each other.
func nested(depth int) string {
	s := "\x05\x00"
	for range depth {
		s = "\x30\x82" + string([]byte{byte(len(s) >> 8), byte(len(s))}) + s
	}
	return s
}

func TestSignProfile(t *testing.T) {
	t.Parallel()
	k := keyring(t)
	profile := []byte("<plist>profile</plist>")
	der, err := k.SignProfile(profile)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := pkcs7.Parse(der)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(signed.Content, profile) {
		t.Errorf("got content %q, want %q", signed.Content, profile)
	}
	if got := signed.Signers[0].DigestAlgorithm.Algorithm; !got.Equal(pkcs7.OIDDigestAlgorithmSHA256) {
		t.Errorf("got digest %v, want SHA-256", got)
	}
	roots := x509.NewCertPool()
	roots.AddCert(k.Root())
	if err := signed.VerifyWithChainAtTime(roots, now()); err != nil {
		t.Error(err)
	}
	if n := len(signed.Certificates); n != 2 {
		t.Errorf("got %d certificates, want signer and root", n)
	}
}

// FuzzParseSignature looks for a header that ends the process or is taken for a phone's.
func FuzzParseSignature(f *testing.F) {
	k, v, _ := signatureFixture(f)
	// Seeds are signed by a stranger: the fuzzer must not find an accepted one.
	key := ecdsaKey(f, elliptic.P256())
	stranger := phone{key: key, cert: certify(f, deviceTemplate(), key.Public(), nil, key)}
	body := []byte("<plist>idle</plist>")
	for _, m := range []message{
		{signers: []phone{stranger}},
		{signers: []phone{stranger}, bare: true},
		{signers: []phone{stranger}, embedded: true},
	} {
		f.Add(m.header(f, body))
	}
	profile, err := k.SignProfile(body) // a signature that we gave away
	if err != nil {
		f.Fatal(err)
	}
	f.Add(base64.StdEncoding.EncodeToString(profile))
	f.Fuzz(func(t *testing.T, header string) {
		if s, err := v.ParseSignature(t.Context(), header); err == nil {
			t.Errorf("accepted as %s", certs.Fingerprint(s.Certificate()))
		}
	})
}

func BenchmarkSignature(b *testing.B) {
	_, v, p := signatureFixture(b)
	body := bytes.Repeat([]byte("x"), 2<<10)
	header := message{signers: []phone{p}}.header(b, body)
	for b.Loop() {
		s, err := v.ParseSignature(b.Context(), header)
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Verify(body); err != nil {
			b.Fatal(err)
		}
	}
}
