package certs_test

import (
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"strings"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/certs"
)

// identityMatrix returns certificates as a stranger, a neighbour or an expired phone would present them, with the
// reason for which each must be refused ("" for none).
func identityMatrix(t testing.TB, k *certs.Keyring) []identityCase {
	t.Helper()
	other := otherKeyring(t)
	key := ecdsaKey(t, elliptic.P256())
	fromDeviceCA := func(change func(c *x509.Certificate)) *x509.Certificate {
		template := deviceTemplate()
		change(template)
		return certify(t, template, key.Public(), k.DeviceCA(), k.DeviceCASigner())
	}
	scep, _ := k.SCEPDecrypter()
	selfSigned := deviceTemplate()
	selfSigned.Subject = k.DeviceCA().Subject
	sub := fromDeviceCA(func(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign })
	rsaCA := deviceTemplate()
	rsaCA.Subject, rsaCA.IsCA, rsaCA.KeyUsage = pkix.Name{CommonName: "RSA CA"}, true, x509.KeyUsageCertSign
	caKey := rsaKey(t, 2048)
	rsaCACert := certify(t, rsaCA, caKey.Public(), nil, caKey)
	sha1 := deviceTemplate()
	sha1.SignatureAlgorithm = x509.SHA1WithRSA
	plain := func(*x509.Certificate) {}
	return []identityCase{
		{"phone", fromDeviceCA(plain), ""},
		{"phone with RSA key", certify(t, deviceTemplate(), caKey.Public(), k.DeviceCA(), k.DeviceCASigner()), ""},
		{"self-signed", certify(t, deviceTemplate(), key.Public(), nil, key), certs.ReasonUnknownAuthority},
		{"self-signed in the CA's name", certify(t, selfSigned, key.Public(), nil, key), certs.ReasonUnknownAuthority},
		{
			"other installation",
			certify(t, deviceTemplate(), key.Public(), other.DeviceCA(), other.DeviceCASigner()),
			certs.ReasonUnknownAuthority,
		},
		{"issued by a phone's CA bit", certify(t, deviceTemplate(), key.Public(), sub, key), certs.ReasonUnknownAuthority},
		{"server authentication only", fromDeviceCA(func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		}), certs.ReasonNotAClient},
		{"any usage", fromDeviceCA(func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny}
		}), certs.ReasonNotAClient},
		{"no usage", fromDeviceCA(func(c *x509.Certificate) { c.ExtKeyUsage = nil }), certs.ReasonNotAClient},
		{"encryption only", fromDeviceCA(func(c *x509.Certificate) {
			c.KeyUsage = x509.KeyUsageKeyEncipherment
		}), certs.ReasonNotAClient},
		{"expired", fromDeviceCA(func(c *x509.Certificate) { c.NotAfter = now().Add(-time.Second) }), certs.ReasonExpired},
		{"not yet valid", fromDeviceCA(func(c *x509.Certificate) {
			c.NotBefore = now().Add(time.Second)
		}), certs.ReasonNotYetValid},
		{"CA certificate below the device CA", sub, certs.ReasonNotAClient},
		{"device CA itself", k.DeviceCA(), certs.ReasonUnknownAuthority},
		{"root itself", k.Root(), certs.ReasonUnknownAuthority},
		{"SCEP decrypter", scep, certs.ReasonNotAClient},
		{"server's TLS certificate", k.ServerTLS().Leaf, certs.ReasonUnknownAuthority},
		{"profile signer", k.ProfileSigner(), certs.ReasonUnknownAuthority},
		{"SHA-1", certify(t, sha1, key.Public(), rsaCACert, caKey), certs.ReasonWeakSignature},
		{
			"RSA-1024",
			certify(t, deviceTemplate(), rsaKey(t, 1024).Public(), k.DeviceCA(), k.DeviceCASigner()),
			certs.ReasonWeakKey,
		},
		{
			"P-224",
			certify(t, deviceTemplate(), ecdsaKey(t, elliptic.P224()).Public(), k.DeviceCA(), k.DeviceCASigner()),
			certs.ReasonWeakKey,
		},
		{"unknown critical extension", fromDeviceCA(func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: []int{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}}
		}), certs.ReasonMalformed},
	}
}

type identityCase struct {
	name   string
	cert   *x509.Certificate
	reason string
}

func TestVerifyTLS(t *testing.T) {
	t.Parallel()
	k := keyring(t)
	v := certs.NewVerifier([]*x509.Certificate{k.DeviceCA()}, certs.VerifierOptions{Now: now})
	for _, test := range identityMatrix(t, k) {
		t.Run(test.name, func(t *testing.T) {
			for range 2 { // the second time from memory
				got, err := v.VerifyTLS(&tls.ConnectionState{PeerCertificates: []*x509.Certificate{test.cert}})
				if test.reason != "" {
					wantRefused(t, err, test.reason)
					continue
				}
				if err != nil || got != test.cert {
					t.Fatalf("got %v, %v, want the certificate", got, err)
				}
			}
		})
	}
	t.Run("no TLS", func(t *testing.T) {
		_, err := v.VerifyTLS(nil)
		wantRefused(t, err, certs.ReasonNoCertificate)
	})
	t.Run("no certificate", func(t *testing.T) {
		_, err := v.VerifyTLS(&tls.ConnectionState{})
		wantRefused(t, err, certs.ReasonNoCertificate)
	})
}

// TestVerifiedExpires makes sure that remembering a certificate does not outlive it.
func TestVerifiedExpires(t *testing.T) {
	t.Parallel()
	k := keyring(t)
	clock := now()
	v := certs.NewVerifier([]*x509.Certificate{k.DeviceCA()}, certs.VerifierOptions{Now: func() time.Time { return clock }})
	key := ecdsaKey(t, elliptic.P256())
	cert := certify(t, deviceTemplate(), key.Public(), k.DeviceCA(), k.DeviceCASigner())
	state := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert}}
	if _, err := v.VerifyTLS(state); err != nil {
		t.Fatal(err)
	}
	clock = cert.NotAfter.Add(time.Second)
	_, err := v.VerifyTLS(state)
	wantRefused(t, err, certs.ReasonExpired)
	clock = cert.NotBefore.Add(-time.Second)
	_, err = v.VerifyTLS(state)
	wantRefused(t, err, certs.ReasonNotYetValid)
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	got := certs.Fingerprint(&x509.Certificate{Raw: []byte("abc")})
	const want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // FIPS 180-2, B.1
	if got != want || got != strings.ToLower(got) {
		t.Errorf("got %s, want %s", got, want)
	}
}
