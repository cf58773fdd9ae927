package certs

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Reasons of RefusedError. They are stable: audit entries and metrics are counted by them.
const (
	ReasonNoCertificate    = "no-certificate"    // neither a client certificate nor a signature
	ReasonMalformed        = "malformed"         // not parseable, or not the structure that Apple's clients send
	ReasonTooLarge         = "too-large"         // over the limit on size, depth or elements
	ReasonUnknownAuthority = "unknown-authority" // not issued by a device CA
	ReasonExpired          = "expired"           // certificate (or its CA) past its end
	ReasonNotYetValid      = "not-yet-valid"     // certificate (or its CA) before its start
	ReasonNotAClient       = "not-a-client"      // a CA, or not for client authentication
	ReasonWeakKey          = "weak-key"          // below RSA-2048 or ECDSA P-256, or another kind
	ReasonWeakSignature    = "weak-signature"    // signed with a hash below SHA-256
	ReasonBadSignature     = "bad-signature"     // does not fit the body
	ReasonSigningTime      = "signing-time"      // signed outside the certificate's validity: a wrong clock
)

// RefusedError says that an identity was not accepted. The text of its cause is for logs, not for the client.
type RefusedError struct {
	Reason string // one of the Reason constants
	cause  error
}

// Error implements error.
func (e *RefusedError) Error() string {
	if e.cause == nil {
		return "identity refused: " + e.Reason
	}
	return fmt.Sprintf("identity refused: %s: %v", e.Reason, e.cause)
}

// Unwrap returns the cause, if there is one.
func (e *RefusedError) Unwrap() error { return e.cause }

func refuse(reason, format string, args ...any) error {
	return &RefusedError{Reason: reason, cause: fmt.Errorf(format, args...)}
}

// Fingerprint returns the SHA-256 of a certificate's DER in lower-case hexadecimal. It is what an identity is
// bound by; subject and serial number are not.
func Fingerprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return hex.EncodeToString(sum[:])
}

// VerifierOptions configure a Verifier.
type VerifierOptions struct {
	Now    func() time.Time // required
	Parses *Parses          // shared with whatever else parses CMS; nil for its own
	// LegacyCrypto also accepts an Mdm-Signature with SHA-1. Certificates signed with it stay refused.
	LegacyCrypto bool
}

const maxVerified = 1 << 16 // certificates remembered, about 100 bytes each

// Verifier proves that a request comes from the holder of a device identity: a certificate issued directly by one
// of the device CAs, for client authentication, valid now, with a key and signature that are strong enough. It
// does not know which phone the certificate belongs to, nor whether it has been retired: callers look up its
// Fingerprint. It is safe for concurrent use.
type Verifier struct {
	cas    []*x509.Certificate
	now    func() time.Time
	parses *Parses
	legacy bool

	mu       sync.Mutex
	verified map[[sha256.Size]byte]validity // everything but the clock checked
}

// validity is when both a certificate and its CA are valid.
type validity struct{ from, until time.Time }

// NewVerifier returns a Verifier that trusts the given device CAs and nothing they were issued by.
func NewVerifier(deviceCAs []*x509.Certificate, o VerifierOptions) *Verifier {
	if o.Parses == nil {
		o.Parses = NewParses(0)
	}
	return &Verifier{
		cas:      slices.Clone(deviceCAs),
		now:      o.Now,
		parses:   o.Parses,
		legacy:   o.LegacyCrypto,
		verified: make(map[[sha256.Size]byte]validity),
	}
}

// VerifyTLS returns the client certificate of a connection after checking it. TLS has proved that the peer holds
// the key; the chain is checked here alone, so the listener asks for a certificate without verifying it
// (tls.RequestClientCert) and a refusal is an HTTP answer with a reason instead of a broken handshake. The error
// is a *RefusedError. A nil state is a connection without TLS.
func (v *Verifier) VerifyTLS(state *tls.ConnectionState) (*x509.Certificate, error) {
	if state == nil || len(state.PeerCertificates) == 0 {
		return nil, &RefusedError{Reason: ReasonNoCertificate}
	}
	leaf := state.PeerCertificates[0]
	if err := v.check(leaf); err != nil {
		return nil, err
	}
	return leaf, nil
}

// check accepts or refuses a device certificate.
func (v *Verifier) check(leaf *x509.Certificate) error {
	id := sha256.Sum256(leaf.Raw)
	v.mu.Lock()
	valid, known := v.verified[id]
	v.mu.Unlock()
	if !known {
		ca, err := v.issuer(leaf)
		if err != nil {
			return err
		}
		if err := checkLeaf(leaf); err != nil {
			return err
		}
		valid = validity{from: later(leaf.NotBefore, ca.NotBefore), until: earlier(leaf.NotAfter, ca.NotAfter)}
		v.remember(id, valid)
	}
	switch now := v.now(); {
	case now.Before(valid.from):
		return refuse(ReasonNotYetValid, "valid from %s", valid.from.Format(time.RFC3339))
	case now.After(valid.until):
		return refuse(ReasonExpired, "valid until %s", valid.until.Format(time.RFC3339))
	}
	return nil
}

// remember keeps the map bounded by dropping any one entry; the dropped one is merely checked again.
func (v *Verifier) remember(id [sha256.Size]byte, valid validity) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.verified) >= maxVerified {
		for old := range v.verified {
			delete(v.verified, old)
			break
		}
	}
	v.verified[id] = valid
}

// issuer finds the device CA that signed the certificate. There is no chain to build: device CAs issue directly.
func (v *Verifier) issuer(leaf *x509.Certificate) (*x509.Certificate, error) {
	if weakAlgorithm(leaf.SignatureAlgorithm) {
		return nil, refuse(ReasonWeakSignature, "certificate signed with %s", leaf.SignatureAlgorithm)
	}
	for _, ca := range v.cas {
		if !bytes.Equal(leaf.RawIssuer, ca.RawSubject) {
			continue
		}
		if err := leaf.CheckSignatureFrom(ca); err == nil {
			return ca, nil
		}
	}
	return nil, &RefusedError{Reason: ReasonUnknownAuthority}
}

func weakAlgorithm(a x509.SignatureAlgorithm) bool {
	return !slices.Contains([]x509.SignatureAlgorithm{
		x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA,
		x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS,
		x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512,
	}, a)
}

// checkLeaf checks what a certificate says of itself. A missing extended key usage means "anything" in X.509; here
// it means "not a client", or the SCEP decrypter of the same CA would be one.
func checkLeaf(leaf *x509.Certificate) error {
	switch {
	case leaf.IsCA:
		return refuse(ReasonNotAClient, "a CA certificate")
	case !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageClientAuth):
		return refuse(ReasonNotAClient, "no client authentication usage")
	case leaf.KeyUsage != 0 && leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return refuse(ReasonNotAClient, "no digital signature usage")
	case len(leaf.UnhandledCriticalExtensions) != 0:
		return refuse(ReasonMalformed, "critical extension %s not understood", leaf.UnhandledCriticalExtensions[0])
	}
	switch key := leaf.PublicKey.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() < rsaBits {
			return refuse(ReasonWeakKey, "RSA key of %d bits", key.N.BitLen())
		}
	case *ecdsa.PublicKey:
		if size := key.Curve.Params().BitSize; size < 256 {
			return refuse(ReasonWeakKey, "elliptic curve of %d bits", size)
		}
	default:
		return refuse(ReasonWeakKey, "key type %T", key)
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
