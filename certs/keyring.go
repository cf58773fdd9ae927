// Package certs owns the identities of an installation: the keyring on disk, the check of a phone's identity
// (TLS client certificate or Mdm-Signature), signed profiles, and the sealing of secrets at rest. It also names,
// as Issuer and Gatekeeper, what a certificate authority must do; package stepca does it. It knows nothing about
// enrolments or storage: whether a verified certificate belongs to a phone is decided elsewhere, by Fingerprint.
package certs

import (
	"crypto"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Files of a keyring. An identity is one file, its certificate followed by its key, so that replacing it is one
// rename and no reader ever sees a certificate with another key.
const (
	rootFile    = "root.pem"
	deviceFile  = "device-ca.pem"
	scepFile    = "scep-ra.pem"
	serverFile  = "server-tls.pem"
	profileFile = "profile-signer.pem"
	sealingFile = "sealing.key"
)

// ErrKeyringExists is returned by CreateKeyring when its folder already holds something.
var ErrKeyringExists = errors.New("keyring exists")

// identity is a certificate with its key.
type identity struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// Keyring holds the keys of one installation. All methods may be called at the same time; certificates that they
// return must not be changed.
//
// Two separate lines start at the root: the device CA issues identities of phones (and the SCEP decrypter, which
// is not a client), the root itself issues the server's TLS and profile certificates. A phone's identity is
// verified against the device CA only, so no other certificate of the keyring can pass for a phone.
type Keyring struct {
	dir     string
	root    identity
	device  identity
	scep    identity
	sealing []byte

	renewing sync.Mutex // one RenewLeaves at a time

	mu      sync.RWMutex // guards the leaves, which RenewLeaves replaces
	server  identity
	profile identity
}

// OpenKeyring reads the keyring that CreateKeyring wrote to dir. The error names the file at fault: one that is
// missing, not a regular file, readable by other users, not parseable, holds a key that is not the
// certificate's, or was issued by another keyring.
func OpenKeyring(dir string) (*Keyring, error) {
	k := &Keyring{dir: dir}
	for _, f := range []struct {
		name string
		id   *identity
	}{
		{rootFile, &k.root},
		{deviceFile, &k.device},
		{scepFile, &k.scep},
		{serverFile, &k.server},
		{profileFile, &k.profile},
	} {
		id, err := readIdentity(filepath.Join(dir, f.name))
		if err != nil {
			return nil, fmt.Errorf("open keyring: %w", err)
		}
		*f.id = id
	}
	sealing, err := readSealingKey(filepath.Join(dir, sealingFile))
	if err != nil {
		return nil, fmt.Errorf("open keyring: %w", err)
	}
	k.sealing = sealing
	if err := k.checkLines(); err != nil {
		return nil, fmt.Errorf("open keyring: %w", err)
	}
	return k, nil
}

// checkLines makes sure that the files belong together: a file copied in from another installation would
// otherwise be noticed by phones only.
func (k *Keyring) checkLines() error {
	for _, f := range []struct {
		name         string
		cert, parent *x509.Certificate
	}{
		{rootFile, k.root.cert, k.root.cert},
		{deviceFile, k.device.cert, k.root.cert},
		{scepFile, k.scep.cert, k.device.cert},
		{serverFile, k.server.cert, k.root.cert},
		{profileFile, k.profile.cert, k.root.cert},
	} {
		if err := f.cert.CheckSignatureFrom(f.parent); err != nil {
			return fmt.Errorf("%s: not issued by this keyring: %w", filepath.Join(k.dir, f.name), err)
		}
	}
	if _, ok := k.scep.key.(*rsa.PrivateKey); !ok {
		return fmt.Errorf("%s: key is not RSA", filepath.Join(k.dir, scepFile))
	}
	return nil
}

// Root returns the root certificate, which enrolment profiles make phones trust.
func (k *Keyring) Root() *x509.Certificate { return k.root.cert }

// DeviceCA returns the certificate of the CA that issues device identities, and nothing else a TLS listener or a
// person would trust.
func (k *Keyring) DeviceCA() *x509.Certificate { return k.device.cert }

// DeviceCASigner returns the key of the device CA. Only an Issuer needs it.
func (k *Keyring) DeviceCASigner() crypto.Signer { return k.device.key }

// SCEPDecrypter returns the RSA identity that phones encrypt their SCEP requests to and that signs the answers.
// It exists because SCEP can encrypt to RSA keys only and the CAs use ECDSA.
func (k *Keyring) SCEPDecrypter() (*x509.Certificate, *rsa.PrivateKey) {
	key, _ := k.scep.key.(*rsa.PrivateKey) // checkLines has seen to the type
	return k.scep.cert, key
}

// ServerTLS returns the identity of the device listener, current as of the call: a listener asks anew for each
// handshake (tls.Config.GetCertificate), so that a renewal needs no restart.
func (k *Keyring) ServerTLS() tls.Certificate {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return tls.Certificate{
		Certificate: [][]byte{k.server.cert.Raw},
		PrivateKey:  k.server.key,
		Leaf:        k.server.cert,
	}
}

// ProfileSigner returns the certificate that SignProfile signs with at present.
func (k *Keyring) ProfileSigner() *x509.Certificate {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.profile.cert
}

// SealingKey returns a copy of the 32-byte key for Seal and Open.
func (k *Keyring) SealingKey() []byte { return slices.Clone(k.sealing) }

// RenewLeaves replaces the server's TLS certificate and the profile signer, each once two thirds of its life are
// over, with a new key and the same names. It returns the names of the files that it replaced, durable and in
// use when it returns; with an error, those replaced before the error.
func (k *Keyring) RenewLeaves(now time.Time) (renewed []string, err error) {
	k.renewing.Lock()
	defer k.renewing.Unlock()
	o := KeyringOptions{Organization: firstOrganization(k.root.cert), Now: now}
	for _, leaf := range []struct {
		name     string
		id       *identity // written by this method only, which runs once at a time
		template *x509.Certificate
		newKey   func() (crypto.Signer, error)
	}{
		{serverFile, &k.server, serverTemplate(hostsOf(k.server.cert), o), newECDSAKey},
		{profileFile, &k.profile, profileTemplate(o), newRSAKey},
	} {
		if now.Before(RenewalDue(leaf.id.cert)) {
			continue
		}
		fresh, err := issue(leaf.template, &k.root, leaf.newKey)
		if err != nil {
			return renewed, fmt.Errorf("renew %s: %w", leaf.name, err)
		}
		if err := replaceIdentity(k.dir, leaf.name, fresh); err != nil {
			return renewed, fmt.Errorf("renew %s: %w", leaf.name, err)
		}
		k.mu.Lock()
		*leaf.id = fresh
		k.mu.Unlock()
		renewed = append(renewed, leaf.name)
	}
	return renewed, nil
}

// RenewalDue is the moment at which two thirds of a certificate's life are over.
func RenewalDue(c *x509.Certificate) time.Time {
	return c.NotBefore.Add(c.NotAfter.Sub(c.NotBefore) / 3 * 2)
}

// hostsOf returns the host names and addresses a certificate was issued for.
func hostsOf(c *x509.Certificate) []string {
	hosts := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		hosts = append(hosts, ip.String())
	}
	return hosts
}

func firstOrganization(c *x509.Certificate) string {
	if len(c.Subject.Organization) == 0 {
		return ""
	}
	return c.Subject.Organization[0]
}

// removeQuietly clears away what an unfinished write left; the error that stopped the write is the one that counts.
func removeQuietly(path string) { _ = os.RemoveAll(path) }
