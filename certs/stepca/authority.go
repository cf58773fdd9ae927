// Package stepca is the certificate authority of device identities: smallstep/certificates embedded behind
// certs.Issuer. It owns the SCEP protocol (RFC 8894) and what a device certificate looks like. It keeps no state:
// who may have a certificate, and which ones exist, is the Gatekeeper's. It is the only importer of
// smallstep/certificates.
//
// The library signs and encrypts with settings that are global to github.com/smallstep/pkcs7 and not safe to read
// elsewhere while a request is answered; a program that embeds this package uses another CMS library for the rest.
package stepca

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/smallstep/certificates/authority"
	"github.com/smallstep/certificates/authority/config"
	"github.com/smallstep/certificates/authority/provisioner"
	"github.com/smallstep/pkcs7"

	"github.com/kannuki-mdm/kannuki/certs"
)

const (
	provisionerName = "devices"

	// leafTemplate is what the library makes of a request before redemption.enforce replaces every field. It
	// takes nothing from the request either, so that neither of the two alone could let something through.
	leafTemplate = `{"subject": {}, "keyUsage": ["digitalSignature"], "extKeyUsage": ["clientAuth"]}`

	contentAES256CBC = 2 // the library's number of AES-256-CBC; its default is DES
)

// Options configure an Authority. All fields are required unless said otherwise.
type Options struct {
	Keyring      *certs.Keyring
	Gatekeeper   certs.Gatekeeper
	Prefix       string                  // URL path that the handler answers, such as "/scep"
	Host         string                  // host name of the public URL
	Organization string                  // in the subject of every certificate; optional
	Now          func() time.Time        // wall clock
	Parses       *certs.Parses           // shared with whatever else parses CMS; nil for its own
	LegacyCrypto bool                    // also accept requests encrypted with DES or triple DES
	LegacyUsed   func(*x509.Certificate) // hears of each certificate issued to such a request; optional
	Refused      func(reason string)     // hears of each message refused, unless the gatekeeper did it; optional
	Logger       *slog.Logger            // optional
}

// Authority is the embedded CA. It is safe for concurrent use.
type Authority struct {
	options Options
	library *authority.Authority
	scep    *provisioner.SCEP
}

var _ certs.Issuer = (*Authority)(nil)

// New starts the CA on the keys of a keyring. Close releases it.
func New(o Options) (*Authority, error) {
	switch {
	case o.Keyring == nil || o.Gatekeeper == nil || o.Now == nil:
		return nil, errors.New("start certificate authority: keyring, gatekeeper and clock are required")
	case !strings.HasPrefix(o.Prefix, "/") || strings.HasSuffix(o.Prefix, "/"):
		return nil, fmt.Errorf("start certificate authority: prefix %q does not start with / or ends with it", o.Prefix)
	case o.Host == "":
		return nil, errors.New("start certificate authority: host is required")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Parses == nil {
		o.Parses = certs.NewParses(0)
	}
	if o.LegacyUsed == nil {
		o.LegacyUsed = func(*x509.Certificate) {}
	}
	if o.Refused == nil {
		o.Refused = func(string) {}
	}
	// Answers are signed with the library's default digest, which is SHA-1 unless it is told.
	if err := pkcs7.SetDefaultDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256); err != nil {
		return nil, fmt.Errorf("start certificate authority: %w", err)
	}
	scep, err := newProvisioner(o.Keyring)
	if err != nil {
		return nil, fmt.Errorf("start certificate authority: %w", err)
	}
	yes, lifetime := true, &provisioner.Duration{Duration: certs.DefaultDeviceLifetime}
	library, err := authority.NewEmbedded(
		authority.WithConfig(&config.Config{
			DNSNames: []string{o.Host},
			AuthorityConfig: &config.AuthConfig{
				Provisioners: provisioner.List{scep},
				Backdate:     &provisioner.Duration{Duration: certs.Backdate},
				Claims: &provisioner.Claims{
					DefaultTLSDur: lifetime, MaxTLSDur: lifetime, // 24 hours unless set
					DisableSmallstepExtensions: &yes,
				},
			},
		}),
		authority.WithX509RootCerts(o.Keyring.Root()),
		authority.WithX509SignerChain([]*x509.Certificate{o.Keyring.DeviceCA()}, o.Keyring.DeviceCASigner()),
		authority.WithQuietInit(),
	)
	if err != nil {
		return nil, fmt.Errorf("start certificate authority: %w", err)
	}
	return &Authority{options: o, library: library, scep: scep}, nil
}

func newProvisioner(k *certs.Keyring) (*provisioner.SCEP, error) {
	cert, key := k.SCEPDecrypter()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return &provisioner.SCEP{
		Type: provisioner.TypeSCEP.String(),
		Name: provisionerName,
		// Never asked: redemption decides. An empty one would admit everybody if it ever were.
		ChallengePassword:             rand.Text(),
		Capabilities:                  []string{"SHA-256", "AES", "POSTPKIOperation", "SCEPStandard"},
		MinimumPublicKeyLength:        minRSABits,
		DecrypterCertificate:          pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}),
		DecrypterKeyPEM:               pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
		EncryptionAlgorithmIdentifier: contentAES256CBC,
		Options:                       &provisioner.Options{X509: &provisioner.X509Options{Template: leafTemplate}},
	}, nil
}

// SCEP implements certs.Issuer.
func (a *Authority) SCEP() http.Handler { return http.HandlerFunc(a.serve) }

// CACertificates implements certs.Issuer.
func (a *Authority) CACertificates() []*x509.Certificate {
	return []*x509.Certificate{a.options.Keyring.DeviceCA(), a.options.Keyring.Root()}
}

// Close releases the CA. Requests that are being answered must have ended.
func (a *Authority) Close() error {
	if err := a.library.Shutdown(); err != nil {
		return fmt.Errorf("stop certificate authority: %w", err)
	}
	return nil
}

// deviceIdentity reports whether a certificate is one that an Admission of the key asked for: the last look before
// it leaves.
func (a *Authority) deviceIdentity(cert *x509.Certificate, key [32]byte) bool {
	return !cert.IsCA &&
		slices.Equal(cert.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}) &&
		bytes.Equal(cert.RawIssuer, a.options.Keyring.DeviceCA().RawSubject) &&
		certs.PublicKeyHash(cert.RawSubjectPublicKeyInfo) == key
}
