package stepca

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net/url"

	"github.com/smallstep/certificates/authority/provisioner"

	"github.com/kannuki-mdm/kannuki/certs"
)

const (
	minRSABits   = 2048
	maxRSABits   = 8192 // the cost of checking a signature grows with the square; phones use 2048 or 4096
	maxChallenge = 1024 // bytes
)

// redemption is one request for a certificate. It stands in for the library's provisioner in the context of that
// request alone: the library asks it whether the challenge is good, which options to sign with, and tells it the
// outcome, so what one request was granted cannot reach another.
//
// It fails closed. Nothing is signed unless Admit said yes within the same request, and the handler sends no
// answer after signing unless Issued has been told: a way around the challenge in the library (CVE-2026-30836 was
// one) ends here.
type redemption struct {
	*provisioner.SCEP
	authority *Authority
	legacy    bool   // the request is encrypted with DES or triple DES
	parsed    func() // gives back the place among certs.Parses; may be called twice

	key        [32]byte // as in certs.AdmitRequest
	admission  *certs.Admission
	turnedAway bool  // the gatekeeper said no, and counts that itself
	signing    bool  // the library has been given leave to sign
	issued     bool  // the gatekeeper knows the certificate
	fault      error // why this request cannot be answered with what the library says
	reported   error // what the library said went wrong, for the log
}

var errNoAdmission = errors.New("certificate asked for without an admission")

// ValidateChallenge is called by the library after decryption and the check of the request's own signature. An
// error makes it answer with a SCEP failure.
func (r *redemption) ValidateChallenge(
	ctx context.Context, csr *x509.CertificateRequest, challenge, transactionID string,
) ([]provisioner.SignCSROption, error) {
	if challenge == "" || len(challenge) > maxChallenge {
		return nil, fmt.Errorf("challenge of %d bytes: %w", len(challenge), certs.ErrNotAdmitted)
	}
	if err := checkRSA(csr.PublicKey); err != nil {
		return nil, fmt.Errorf("%w: %w", certs.ErrNotAdmitted, err)
	}
	// Encoded anew rather than as it came, because that is how it will stand in the certificate.
	spki, err := x509.MarshalPKIXPublicKey(csr.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", certs.ErrNotAdmitted, err)
	}
	r.key = certs.PublicKeyHash(spki)
	r.parsed()
	admission, err := r.authority.options.Gatekeeper.Admit(ctx, certs.AdmitRequest{
		Challenge:     challenge,
		PublicKey:     r.key,
		TransactionID: transactionID,
		Now:           r.authority.options.Now(),
	})
	if err != nil {
		r.turnedAway = errors.Is(err, certs.ErrNotAdmitted)
		if !r.turnedAway {
			r.fault = fmt.Errorf("admit: %w", err)
		}
		return nil, err
	}
	r.admission = &admission
	return nil, nil
}

// AuthorizeSign returns the provisioner's own options with enforce as the last word.
func (r *redemption) AuthorizeSign(ctx context.Context, token string) ([]provisioner.SignOption, error) {
	if r.admission == nil {
		r.fault = errNoAdmission
		return nil, r.fault
	}
	options, err := r.SCEP.AuthorizeSign(ctx, token)
	if err != nil {
		return nil, err
	}
	r.signing = true
	return append(options, enforcer(r.enforce)), nil
}

// NotifySuccess is called with the certificate before the answer is written. The library ignores the error, the
// handler does not.
func (r *redemption) NotifySuccess(
	ctx context.Context, _ *x509.CertificateRequest, cert *x509.Certificate, _ string,
) error {
	if r.admission == nil || !r.authority.deviceIdentity(cert, r.key) {
		r.fault = errNoAdmission
		return r.fault
	}
	if err := r.authority.options.Gatekeeper.Issued(ctx, *r.admission, cert); err != nil {
		r.fault = fmt.Errorf("record issued certificate: %w", err)
		return r.fault
	}
	r.issued = true
	if r.legacy {
		r.authority.options.LegacyUsed(cert)
	}
	return nil
}

// NotifyFailure has nothing to undo: an admission stays with its public key, for the phone to ask again.
func (r *redemption) NotifyFailure(context.Context, *x509.CertificateRequest, string, int, string) error {
	return nil
}

// enforcer adapts a function to provisioner.CertificateEnforcer.
type enforcer func(leaf *x509.Certificate) error

// Enforce implements provisioner.CertificateEnforcer.
func (e enforcer) Enforce(leaf *x509.Certificate) error { return e(leaf) }

// enforce writes the certificate: everything but the public key comes from the admission.
func (r *redemption) enforce(leaf *x509.Certificate) error {
	o := &r.authority.options
	uri, err := url.Parse(r.admission.URI)
	if err != nil || !uri.IsAbs() {
		r.fault = errors.New("admission without an absolute URI")
		return r.fault
	}
	if r.admission.CommonName == "" || r.admission.Lifetime < 0 {
		r.fault = errors.New("admission without a common name or with a negative lifetime")
		return r.fault
	}
	lifetime := r.admission.Lifetime
	if lifetime == 0 {
		lifetime = certs.DefaultDeviceLifetime
	}
	now := o.Now().UTC()
	subject := pkix.Name{CommonName: r.admission.CommonName}
	if o.Organization != "" {
		subject.Organization = []string{o.Organization}
	}
	*leaf = x509.Certificate{
		PublicKey:             leaf.PublicKey,
		PublicKeyAlgorithm:    leaf.PublicKeyAlgorithm,
		Subject:               subject,
		URIs:                  []*url.URL{uri},
		NotBefore:             now.Add(-certs.Backdate),
		NotAfter:              now.Add(lifetime),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
	if end := o.Keyring.DeviceCA().NotAfter; leaf.NotAfter.After(end) {
		leaf.NotAfter = end
	}
	return nil
}

// checkRSA refuses keys that are too weak to trust or so large that checking them is an attack.
func checkRSA(public any) error {
	key, ok := public.(*rsa.PublicKey)
	if !ok {
		return fmt.Errorf("public key is %T, not RSA", public)
	}
	if bits := key.N.BitLen(); bits < minRSABits || bits > maxRSABits {
		return fmt.Errorf("RSA key of %d bits", bits)
	}
	return nil
}
