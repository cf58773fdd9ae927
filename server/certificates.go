package server

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/kannuki-mdm/kannuki/certs"
)

// CertificateInfo describes one certificate of an installation.
type CertificateInfo struct {
	Name        string    `json:"name"`    // what it is for
	Subject     string    `json:"subject"` // common name
	NotBefore   time.Time `json:"not_before"`
	NotAfter    time.Time `json:"not_after"`
	RenewalDue  time.Time `json:"renewal_due,omitzero"` // from when on the running server renews it; zero: a person has to
	Fingerprint string    `json:"sha256"`
	File        string    `json:"file"`
}

// Names of certificates in a [CertificateInfo]: those of the files they are in.
const (
	certRoot    = "root"
	certDevice  = "device-ca"
	certSCEP    = "scep-ra"
	certServer  = "server-tls"
	certProfile = "profile-signer"
	certPush    = "push"
)

// Certificates reads the certificates of a data directory, without a server.
// The push certificate is missing from the list when there is none yet, and the
// certificate of the device listener is the one in use, be it the
// installation's own or from the files the configuration names.
func Certificates(data string, getenv func(string) string) ([]CertificateInfo, error) {
	config, err := LoadConfig(data, getenv)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(data, keysDir)
	keys, err := certs.OpenKeyring(dir)
	if err != nil {
		return nil, fmt.Errorf("open keys: %w", err)
	}
	scep, _ := keys.SCEPDecrypter()
	list := []CertificateInfo{}
	for _, k := range []struct {
		name string
		cert *x509.Certificate
	}{
		{certRoot, keys.Root()},
		{certDevice, keys.DeviceCA()},
		{certSCEP, scep},
		{certProfile, keys.ProfileSigner()},
		{certServer, keys.ServerTLS().Leaf},
	} {
		list = append(list, describeCertificate(k.name, k.cert, filepath.Join(dir, k.name+".pem")))
	}
	if config.TLS.Certificate != "" {
		pair, err := tls.LoadX509KeyPair(config.TLS.Certificate, config.TLS.Key)
		if err != nil {
			return nil, fmt.Errorf("tls certificate: %w", err)
		}
		list[len(list)-1] = describeCertificate(certServer, pair.Leaf, config.TLS.Certificate)
		list[len(list)-1].RenewalDue = time.Time{}
	}
	pushPath := filepath.Join(dir, pushFile)
	push, err := tls.LoadX509KeyPair(pushPath, pushPath)
	if errors.Is(err, fs.ErrNotExist) {
		return list, nil
	}
	if err != nil {
		return nil, fmt.Errorf("push certificate: %w", err)
	}
	return append(list, describeCertificate(certPush, push.Leaf, pushPath)), nil
}

func describeCertificate(name string, c *x509.Certificate, file string) CertificateInfo {
	info := CertificateInfo{
		Name: name, Subject: c.Subject.CommonName, NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(),
		Fingerprint: certs.Fingerprint(c), File: file,
	}
	if name == certServer || name == certProfile {
		info.RenewalDue = certs.RenewalDue(c).UTC()
	}
	return info
}
