package certs

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"net/http"
	"time"
)

// Lifetime of the certificates this server issues.
const (
	// DefaultDeviceLifetime is the life of a device identity when an Admission names none. Two years leave a
	// phone that was switched off for a year able to come back and be renewed.
	DefaultDeviceLifetime = 730 * 24 * time.Hour

	// Backdate is how far before the moment of issue every certificate starts to be valid. CMS signatures carry
	// the phone's own clock and are refused outside the certificate's validity, so a phone whose clock is a few
	// hours slow must still find its new certificate valid.
	Backdate = 24 * time.Hour
)

// ErrNotAdmitted is what a Gatekeeper returns (wrapped or not) when the answer is no. Any other error of a
// Gatekeeper is a fault of the server: the phone is told to try again later instead of being refused.
var ErrNotAdmitted = errors.New("certificate request not admitted")

// Issuer is the certificate authority of device identities as the rest of the server sees it.
type Issuer interface {
	// SCEP returns the handler of RFC 8894 requests. It answers exactly the URL path given at construction.
	SCEP() http.Handler

	// CACertificates returns the certificates that device identities chain to, the issuing one first. The caller
	// owns the slice, not the certificates.
	CACertificates() []*x509.Certificate
}

// Gatekeeper decides who gets a certificate and remembers every one that was handed out. Implementations are
// called by several requests at the same time.
type Gatekeeper interface {
	// Admit decides before anything is signed whether a request may have a certificate. A challenge is bound to
	// the first public key that presents it: the same challenge with the same key within its life is admitted
	// again, because a phone whose answer was lost asks again; any other reuse is refused. A refusal is
	// ErrNotAdmitted.
	Admit(ctx context.Context, r AdmitRequest) (Admission, error)

	// Issued is called once with every certificate before it leaves the server. An error withholds it.
	Issued(ctx context.Context, a Admission, cert *x509.Certificate) error
}

// AdmitRequest is one request for a certificate. Nothing else of the request is trusted or used.
type AdmitRequest struct {
	Challenge     string   // one-time secret from the enrolment profile, never empty
	PublicKey     [32]byte // SHA-256 of the SubjectPublicKeyInfo in DER, see PublicKeyHash
	TransactionID string   // chosen by the client, for correlation only
	Now           time.Time
}

// Admission is the Gatekeeper's yes, and all that goes into the certificate besides the public key.
type Admission struct {
	GrantID    string        // the issuance record this certificate belongs to
	Segment    string        // the segment the phone enrols into; not part of the certificate
	CommonName string        // subject, chosen by the server
	URI        string        // subject alternative name that names the issuance record, absolute
	Lifetime   time.Duration // from now; 0 is DefaultDeviceLifetime; never longer than the CA's own
}

// PublicKeyHash returns the SHA-256 of a SubjectPublicKeyInfo in DER, as in AdmitRequest.PublicKey. An issued
// certificate carries that DER as RawSubjectPublicKeyInfo.
func PublicKeyHash(spki []byte) [32]byte { return sha256.Sum256(spki) }
