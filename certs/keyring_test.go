package certs_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/certs"
)

func TestCreateKeyring(t *testing.T) {
	t.Parallel()
	k, dir := createKeyring(t)

	roots, deviceCAs := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(k.Root())
	deviceCAs.AddCert(k.DeviceCA())
	scep, key := k.SCEPDecrypter()
	if key == nil || key.N.BitLen() != 2048 {
		t.Error("SCEP decrypter is not RSA-2048")
	}
	for _, test := range []struct {
		name  string
		cert  *x509.Certificate
		host  string
		usage x509.ExtKeyUsage
		roots *x509.CertPool
		days  int
	}{
		{"root", k.Root(), "", x509.ExtKeyUsageAny, roots, 7305},
		{"device CA", k.DeviceCA(), "", x509.ExtKeyUsageAny, roots, 3652},
		{"SCEP", scep, "", x509.ExtKeyUsageAny, deviceCAs, 3652},
		{"server", k.ServerTLS().Leaf, "mdm.example.co.jp", x509.ExtKeyUsageServerAuth, roots, 397},
		{"profile", k.ProfileSigner(), "", x509.ExtKeyUsageAny, roots, 397},
	} {
		_, err := test.cert.Verify(x509.VerifyOptions{
			Roots: test.roots, DNSName: test.host, CurrentTime: now(), KeyUsages: []x509.ExtKeyUsage{test.usage},
		})
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if got := now().Sub(test.cert.NotBefore); got != certs.Backdate {
			t.Errorf("%s: backdated %v, want %v", test.name, got, certs.Backdate)
		}
		if got := int(test.cert.NotAfter.Sub(now()).Hours()) / 24; got < test.days-1 || got > test.days+1 {
			t.Errorf("%s: lives %d days, want %d", test.name, got, test.days)
		}
	}
	for name, cert := range map[string]*x509.Certificate{"server": k.ServerTLS().Leaf, "profile": k.ProfileSigner()} {
		if err := cert.CheckSignatureFrom(k.DeviceCA()); err == nil {
			t.Errorf("%s certificate comes from the device CA", name)
		}
	}
	if ca := k.DeviceCA(); !ca.IsCA || ca.MaxPathLen != 0 || !ca.MaxPathLenZero {
		t.Error("device CA may issue CAs")
	}
	if got := len(k.SealingKey()); got != certs.SealingKeySize {
		t.Errorf("got sealing key of %d bytes, want %d", got, certs.SealingKeySize)
	}
	wantModes(t, dir)
}

func wantModes(t *testing.T, dir string) {
	t.Helper()
	got := make(map[string]os.FileMode)
	err := filepath.Walk(filepath.Dir(dir), func(path string, info os.FileInfo, err error) error {
		if err != nil || path == filepath.Dir(dir) {
			return err
		}
		got[info.Name()] = info.Mode()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]os.FileMode{
		"keys": 0o700 | os.ModeDir, "root.pem": 0o600, "device-ca.pem": 0o600, "scep-ra.pem": 0o600,
		"server-tls.pem": 0o600, "profile-signer.pem": 0o600, "sealing.key": 0o600,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestCreateKeyringRefuses(t *testing.T) {
	t.Parallel()
	t.Run("existing", func(t *testing.T) {
		k, dir := createKeyring(t)
		err := certs.CreateKeyring(dir, certs.KeyringOptions{Host: "mdm.example.com", Now: now()})
		if !errors.Is(err, certs.ErrKeyringExists) {
			t.Errorf("got %v, want %v", err, certs.ErrKeyringExists)
		}
		again, err := certs.OpenKeyring(dir)
		if err != nil {
			t.Fatal(err)
		}
		if !again.Root().Equal(k.Root()) {
			t.Error("the keyring was replaced")
		}
		wantModes(t, dir)
	})
	for _, host := range []string{"", "mdm.example.com:8443", "https://mdm.example.com", "a b", "-a.example", "日本.jp", "fe80::1%eth0"} {
		t.Run("host "+host, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "keys")
			if err := certs.CreateKeyring(dir, certs.KeyringOptions{Host: host, Now: now()}); err == nil {
				t.Error("got no error")
			}
			if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("folder was made: %v", err)
			}
		})
	}
}

// TestCreateKeyringHosts also creates into an empty folder.
func TestCreateKeyringHosts(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"localhost", "127.0.0.1", "2001:db8::1", "MDM.Example.com"} {
		dir := t.TempDir()
		if err := certs.CreateKeyring(dir, certs.KeyringOptions{Host: host, Now: now()}); err != nil {
			t.Fatal(err)
		}
		k, err := certs.OpenKeyring(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := k.ServerTLS().Leaf.VerifyHostname(host); err != nil {
			t.Error(err)
		}
	}
}

// TestOpenKeyringRefuses damages one file at a time; the error must name it.
func TestOpenKeyringRefuses(t *testing.T) {
	t.Parallel()
	_, dir := createKeyring(t)
	_, other := createKeyring(t)
	read := func(dir, name string) []byte {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	// parts separates a file into certificate and key.
	parts := func(data []byte) (cert, key []byte) {
		at := bytes.Index(data, []byte("-----BEGIN PRIVATE"))
		return data[:at:at], data[at:]
	}
	cert, _ := parts(read(dir, "device-ca.pem"))
	_, otherKey := parts(read(other, "device-ca.pem"))
	for _, test := range []struct {
		name string
		file string
		data []byte // nil: removed
		mode os.FileMode
		want string
	}{
		{"missing", "root.pem", nil, 0, "no such file"},
		{"group readable", "device-ca.pem", read(dir, "device-ca.pem"), 0o640, "mode 0640"},
		{"world readable", "sealing.key", read(dir, "sealing.key"), 0o604, "mode 0604"},
		{"empty", "server-tls.pem", []byte{}, 0o600, "does not start with a certificate"},
		{"no key", "device-ca.pem", cert, 0o600, "no PKCS#8 key"},
		{"two identities", "root.pem", bytes.Repeat(read(dir, "root.pem"), 2), 0o600, "more than one"},
		{"other installation", "server-tls.pem", read(other, "server-tls.pem"), 0o600, "not issued by this keyring"},
		{"other CA", "device-ca.pem", read(other, "device-ca.pem"), 0o600, "not issued by this keyring"},
		{"other key", "device-ca.pem", append(cert, otherKey...), 0o600, "do not belong together"},
		{"too large", "root.pem", make([]byte, 1<<20), 0o600, "larger than"},
		{"short sealing key", "sealing.key", []byte("AAAA\n"), 0o600, "not a base64 key of 32 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(dir, test.file)
			good := read(dir, test.file)
			defer func() {
				if err := errors.Join(os.WriteFile(path, good, 0o600), os.Chmod(path, 0o600)); err != nil {
					t.Fatal(err)
				}
			}()
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if test.data != nil {
				if err := errors.Join(os.WriteFile(path, test.data, 0o600), os.Chmod(path, test.mode)); err != nil {
					t.Fatal(err)
				}
			}
			_, err := certs.OpenKeyring(dir)
			if err == nil || !strings.Contains(err.Error(), test.file) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got error %v, want one with %q and %q", err, test.file, test.want)
			}
		})
	}
	if _, err := certs.OpenKeyring(dir); err != nil {
		t.Errorf("after putting all back: %v", err)
	}
}

func TestRenewLeaves(t *testing.T) {
	t.Parallel()
	k, dir := createKeyring(t)
	oldTLS, oldProfile := k.ServerTLS().Leaf, k.ProfileSigner()
	renewed, err := k.RenewLeaves(now().AddDate(0, 0, 260))
	if err != nil || len(renewed) != 0 {
		t.Fatalf("before two thirds: got %v, %v", renewed, err)
	}

	due := now().AddDate(0, 0, 270)
	var wg sync.WaitGroup
	for range 8 { // listeners take the certificate meanwhile
		wg.Go(func() { _ = k.ServerTLS() })
	}
	renewed, err = k.RenewLeaves(due)
	wg.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"server-tls.pem", "profile-signer.pem"}, renewed); diff != "" {
		t.Errorf("renewed (-want +got):\n%s", diff)
	}
	leaf := k.ServerTLS().Leaf
	if leaf.Equal(oldTLS) || k.ProfileSigner().Equal(oldProfile) {
		t.Error("the old certificate is still in use")
	}
	if diff := cmp.Diff(oldTLS.DNSNames, leaf.DNSNames); diff != "" {
		t.Errorf("host names (-old +new):\n%s", diff)
	}
	if got, want := leaf.Subject.String(), oldTLS.Subject.String(); got != want {
		t.Errorf("got subject %s, want %s", got, want)
	}
	if got := leaf.NotAfter.Sub(due); got != 397*24*time.Hour {
		t.Errorf("got a life of %v", got)
	}
	again, err := certs.OpenKeyring(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !again.ServerTLS().Leaf.Equal(leaf) || !again.ProfileSigner().Equal(k.ProfileSigner()) {
		t.Error("the renewed certificates are not on disk")
	}
	wantModes(t, dir)
}
