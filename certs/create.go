package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	day          = 24 * time.Hour
	rootYears    = 20
	deviceYears  = 10
	leafLifetime = 397 * day // Apple refuses TLS server certificates of public roots above 398 days; stay below
	rsaBits      = 2048
)

// KeyringOptions say whom a new keyring is for.
type KeyringOptions struct {
	Host         string    // DNS name or IP address of the server's public URL, without port
	Organization string    // shown in every certificate; may be empty
	Now          time.Time // moment of issue, required
}

// CreateKeyring makes the keys and certificates of an installation in dir, which must not exist or be empty:
// root CA (ECDSA P-256, 20 years), device CA (ECDSA P-256, 10 years), SCEP decrypter (RSA-2048, as long as the
// device CA), TLS certificate for o.Host (ECDSA P-256, 397 days), profile signer (RSA-2048, 397 days), sealing
// key. All are valid from Backdate before o.Now.
//
// The folder appears complete and durable or not at all: its files are written and flushed beside it and moved
// into place by one rename. A folder that holds anything is left alone with ErrKeyringExists.
func CreateKeyring(dir string, o KeyringOptions) error {
	k, err := generate(o)
	if err != nil {
		return fmt.Errorf("create keyring: %w", err)
	}
	if err := publish(dir, k); err != nil {
		return fmt.Errorf("create keyring: %w", err)
	}
	return nil
}

func generate(o KeyringOptions) (*Keyring, error) {
	if o.Now.IsZero() {
		return nil, errors.New("time of issue missing")
	}
	if err := checkHost(o.Host); err != nil {
		return nil, err
	}
	k := &Keyring{sealing: make([]byte, SealingKeySize)}
	if _, err := rand.Read(k.sealing); err != nil {
		return nil, err
	}
	for _, step := range []struct {
		id       *identity
		template *x509.Certificate
		parent   *identity // nil: self-signed
		newKey   func() (crypto.Signer, error)
	}{
		{&k.root, caTemplate("Root CA", 1, rootYears, o), nil, newECDSAKey},
		{&k.device, caTemplate("Device CA", 0, deviceYears, o), &k.root, newECDSAKey},
		{&k.scep, scepTemplate(o), &k.device, newRSAKey},
		{&k.server, serverTemplate([]string{o.Host}, o), &k.root, newECDSAKey},
		{&k.profile, profileTemplate(o), &k.root, newRSAKey},
	} {
		id, err := issue(step.template, step.parent, step.newKey)
		if err != nil {
			return nil, err
		}
		*step.id = id
	}
	return k, nil
}

func newECDSAKey() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

func newRSAKey() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, rsaBits) }

// issue makes a key and has parent certify it by the template; without a parent the certificate is self-signed.
func issue(template *x509.Certificate, parent *identity, newKey func() (crypto.Signer, error)) (identity, error) {
	key, err := newKey()
	if err != nil {
		return identity{}, fmt.Errorf("make key of %s: %w", template.Subject.CommonName, err)
	}
	issuer := identity{cert: template, key: key}
	if parent != nil {
		issuer = *parent
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer.cert, key.Public(), issuer.key)
	if err != nil {
		return identity{}, fmt.Errorf("sign certificate of %s: %w", template.Subject.CommonName, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return identity{}, fmt.Errorf("sign certificate of %s: %w", template.Subject.CommonName, err)
	}
	return identity{cert: cert, key: key}, nil
}

// template returns what all certificates of a keyring have in common. The serial number is left to
// x509.CreateCertificate, which draws a random one.
func template(name string, notAfter time.Time, o KeyringOptions) *x509.Certificate {
	subject := pkix.Name{CommonName: strings.TrimSpace(o.Organization + " " + name)}
	if o.Organization != "" {
		subject.Organization = []string{o.Organization}
	}
	return &x509.Certificate{
		Subject:               subject,
		NotBefore:             o.Now.Add(-Backdate).UTC(),
		NotAfter:              notAfter.UTC(),
		BasicConstraintsValid: true,
	}
}

func caTemplate(name string, pathLen, years int, o KeyringOptions) *x509.Certificate {
	t := template(name, o.Now.AddDate(years, 0, 0), o)
	t.IsCA = true
	t.MaxPathLen = pathLen
	t.MaxPathLenZero = pathLen == 0
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	return t
}

// scepTemplate has the key usage by which Apple's SCEP client picks the certificate to encrypt to, and no extended
// key usage, so that Verifier never takes it for a phone.
func scepTemplate(o KeyringOptions) *x509.Certificate {
	t := template("SCEP", o.Now.AddDate(deviceYears, 0, 0), o)
	t.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
	return t
}

// serverTemplate takes host names and addresses that checkHost has let through.
func serverTemplate(hosts []string, o KeyringOptions) *x509.Certificate {
	t := template("Server", o.Now.Add(leafLifetime), o)
	t.KeyUsage = x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, host := range hosts {
		if addr, err := netip.ParseAddr(host); err == nil {
			t.IPAddresses = append(t.IPAddresses, addr.Unmap().AsSlice())
			continue
		}
		t.DNSNames = append(t.DNSNames, strings.ToLower(host))
	}
	return t
}

func profileTemplate(o KeyringOptions) *x509.Certificate {
	t := template("Profile Signer", o.Now.Add(leafLifetime), o)
	t.KeyUsage = x509.KeyUsageDigitalSignature
	return t
}

func checkHost(host string) error {
	if addr, err := netip.ParseAddr(host); err == nil && addr.Zone() == "" {
		return nil
	}
	if !isHostname(host) {
		return fmt.Errorf("host %q is neither a DNS name nor an IP address (no port, no scheme; "+
			"international names in their xn-- form)", host)
	}
	return nil
}

// isHostname reports whether s is a host name by RFC 1123.
func isHostname(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
				return false
			}
		}
	}
	return true
}

// publish writes the keyring beside dir and renames it into place.
func publish(dir string, k *Keyring) error {
	dir = filepath.Clean(dir)
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return err
	}
	// Remove takes away an empty folder only. It may be missing; whatever else it says, the rename will too.
	if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w: %w", ErrKeyringExists, err)
	}
	tmp, err := os.MkdirTemp(parent, "."+filepath.Base(dir)+"-new-") // mode 0700
	if err != nil {
		return err
	}
	defer removeQuietly(tmp)
	for name, id := range map[string]identity{
		rootFile: k.root, deviceFile: k.device, scepFile: k.scep, serverFile: k.server, profileFile: k.profile,
	} {
		data, err := encodeIdentity(id)
		if err != nil {
			return fmt.Errorf("encode %s: %w", name, err)
		}
		if err := writeNew(filepath.Join(tmp, name), data); err != nil {
			return err
		}
	}
	if err := writeNew(filepath.Join(tmp, sealingFile), encodeSealingKey(k.sealing)); err != nil {
		return err
	}
	if err := syncDir(tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, dir); err != nil {
		if errors.Is(err, os.ErrExist) {
			return fmt.Errorf("%w: %w", ErrKeyringExists, err)
		}
		return err
	}
	return syncDir(parent)
}
