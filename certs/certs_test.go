package certs_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/certs"
)

// now is the moment at which all tests take place. It is the machine's, because the CMS library stamps signatures
// with the machine's clock.
var now = sync.OnceValue(func() time.Time {
	return time.Now().UTC().Truncate(time.Second)
})

func createKeyring(t testing.TB) (*certs.Keyring, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "keys")
	o := certs.KeyringOptions{Host: "mdm.example.co.jp", Organization: "Example", Now: now()}
	if err := certs.CreateKeyring(dir, o); err != nil {
		t.Fatal(err)
	}
	k, err := certs.OpenKeyring(dir)
	if err != nil {
		t.Fatal(err)
	}
	return k, dir
}

// keyring and otherKeyring return two installations that all tests share which change nothing on disk.
func keyring(t testing.TB) *certs.Keyring      { return opened(t, firstKeyring) }
func otherKeyring(t testing.TB) *certs.Keyring { return opened(t, secondKeyring) }

var (
	firstKeyring  = sync.OnceValues(newKeyring)
	secondKeyring = sync.OnceValues(newKeyring)
)

func newKeyring() (*certs.Keyring, error) {
	tmp, err := os.MkdirTemp("", "certs-test-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	dir := filepath.Join(tmp, "keys")
	o := certs.KeyringOptions{Host: "mdm.example.co.jp", Organization: "Example", Now: now()}
	if err := certs.CreateKeyring(dir, o); err != nil {
		return nil, err
	}
	return certs.OpenKeyring(dir)
}

func opened(t testing.TB, open func() (*certs.Keyring, error)) *certs.Keyring {
	t.Helper()
	k, err := open()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// rsaKey returns one of a few RSA keys that all tests share, because making them is slow.
func rsaKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	sharedKeys.Lock()
	defer sharedKeys.Unlock()
	if key := sharedKeys.byBits[bits]; key != nil {
		return key
	}
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	sharedKeys.byBits[bits] = key
	return key
}

var sharedKeys = struct {
	sync.Mutex
	byBits map[int]*rsa.PrivateKey
}{byBits: make(map[int]*rsa.PrivateKey)}

func ecdsaKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// deviceTemplate is a certificate as phones get them.
func deviceTemplate() *x509.Certificate {
	return &x509.Certificate{
		Subject:               pkix.Name{CommonName: "phone"},
		NotBefore:             now().Add(-certs.Backdate),
		NotAfter:              now().Add(certs.DefaultDeviceLifetime),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
}

// certify has a CA sign a template; a nil CA makes it self-signed.
func certify(
	t testing.TB, template *x509.Certificate, public crypto.PublicKey, ca *x509.Certificate, signer crypto.Signer,
) *x509.Certificate {
	t.Helper()
	if ca == nil {
		ca = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca, public, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func wantRefused(t *testing.T, err error, reason string) {
	t.Helper()
	refused, ok := errors.AsType[*certs.RefusedError](err)
	if !ok || refused.Reason != reason {
		t.Fatalf("got error %v, want a refusal for %q", err, reason)
	}
}
