package certs

import (
	"context"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.mozilla.org/pkcs7"

	"github.com/kannuki-mdm/kannuki/certs/internal/ber"
)

// All use of go.mozilla.org/pkcs7 is in this file, because each call needs something the library leaves out: limits
// before parsing, SHA-256 instead of its default SHA-1, the signer's chain, the required attributes.

// MaxSignatureHeader is the size in bytes up to which an Mdm-Signature header is looked at. Honest ones have about
// two thousand.
const MaxSignatureHeader = 16 << 10

// SignProfile wraps a configuration profile in CMS SignedData (DER, SHA-256) with the signer's certificate and the
// root, as Apple, "Configuration Profile Reference", wants signed profiles.
func (k *Keyring) SignProfile(profile []byte) ([]byte, error) {
	k.mu.RLock()
	signer := k.profile
	k.mu.RUnlock()

	signed, err := pkcs7.NewSignedData(profile)
	if err != nil {
		return nil, fmt.Errorf("sign profile: %w", err)
	}
	signed.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	chain := []*x509.Certificate{k.root.cert}
	if err := signed.AddSignerChain(signer.cert, signer.key, chain, pkcs7.SignerInfoConfig{}); err != nil {
		return nil, fmt.Errorf("sign profile: %w", err)
	}
	der, err := signed.Finish()
	if err != nil {
		return nil, fmt.Errorf("sign profile: %w", err)
	}
	return der, nil
}

// Signature is a parsed Mdm-Signature header whose certificate is a valid device identity. It proves nothing until
// Verify has been called with the body of the request.
type Signature struct {
	message *pkcs7.PKCS7
	cert    *x509.Certificate
	signed  time.Time
	parsed  time.Time
	legacy  bool
}

// ParseSignature reads an Mdm-Signature header: base64 of a detached CMS SignedData over the body (Apple, Device
// Management, "Pass an Identity Certificate Through a Proxy"). It accepts exactly one signer, with its certificate
// inside and passing the same checks as in VerifyTLS, with signed attributes and a SHA-256 digest or better (SHA-1
// with legacy cryptography), and no content of its own. The error is a *RefusedError, with ReasonNoCertificate for
// an absent header, or wraps ErrBusy.
//
// The certificate is checked here, before the body is read, so that a stranger's body need not be. Headers are
// parsed within the Verifier's Parses; more wait, no longer than the context lasts.
func (v *Verifier) ParseSignature(ctx context.Context, header string) (*Signature, error) {
	if header == "" {
		return nil, &RefusedError{Reason: ReasonNoCertificate}
	}
	if len(header) > MaxSignatureHeader {
		return nil, refuse(ReasonTooLarge, "header of %d bytes", len(header))
	}
	der, err := base64.StdEncoding.Strict().DecodeString(header)
	if err != nil {
		return nil, refuse(ReasonMalformed, "not base64")
	}
	leave, err := v.parses.Enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()

	message, err := parseDetached(der)
	if err != nil {
		return nil, err
	}
	legacy, err := v.checkStrength(message)
	if err != nil {
		return nil, err
	}
	cert := message.GetOnlySigner()
	if cert == nil {
		return nil, refuse(ReasonMalformed, "certificate of the signer missing")
	}
	if err := v.check(cert); err != nil {
		return nil, err
	}
	signed, err := signingTime(message)
	if err != nil {
		return nil, err
	}
	if !signed.IsZero() && (signed.Before(cert.NotBefore) || signed.After(cert.NotAfter)) {
		return nil, refuse(ReasonSigningTime, "signed at %s", signed.Format(time.RFC3339))
	}
	return &Signature{message: message, cert: cert, signed: signed, parsed: v.now(), legacy: legacy}, nil
}

// parseDetached parses CMS SignedData within limits and checks everything about its form.
func parseDetached(der []byte) (*pkcs7.PKCS7, error) {
	if _, err := ber.Parse(der); err != nil {
		if errors.Is(err, ber.ErrLimit) {
			return nil, refuse(ReasonTooLarge, "%w", err)
		}
		return nil, refuse(ReasonMalformed, "%w", err)
	}
	message, err := pkcs7.Parse(der)
	switch {
	case err != nil:
		return nil, refuse(ReasonMalformed, "%w", err)
	case len(message.Signers) != 1:
		return nil, refuse(ReasonMalformed, "%d signers", len(message.Signers))
	case len(message.Content) != 0:
		// The library would verify this content instead of the body.
		return nil, refuse(ReasonMalformed, "embedded content")
	}
	// Without signed attributes the library takes the signature as one over the bare body: any other signature
	// made with the same key, over content that an attacker chose, could then be passed off as a request.
	counts := make(map[string]int)
	for _, attribute := range message.Signers[0].AuthenticatedAttributes {
		counts[attribute.Type.String()]++
	}
	for _, required := range []asn1.ObjectIdentifier{pkcs7.OIDAttributeContentType, pkcs7.OIDAttributeMessageDigest} {
		if n := counts[required.String()]; n != 1 {
			return nil, refuse(ReasonMalformed, "signed attribute %v occurs %d times", required, n)
		}
	}
	var contentType asn1.ObjectIdentifier
	if err := message.UnmarshalSignedAttribute(pkcs7.OIDAttributeContentType, &contentType); err != nil ||
		!contentType.Equal(pkcs7.OIDData) {
		return nil, refuse(ReasonMalformed, "content type is not data")
	}
	return message, nil
}

// checkStrength refuses a signer weaker than SHA-256, and reports one with SHA-1 that legacy cryptography let
// through. Some signature algorithms bring SHA-1 with them, whatever the digest says; DSA is none that a device
// identity uses.
func (v *Verifier) checkStrength(message *pkcs7.PKCS7) (legacy bool, err error) {
	digest := message.Signers[0].DigestAlgorithm.Algorithm
	encryption := message.Signers[0].DigestEncryptionAlgorithm.Algorithm
	strong := []asn1.ObjectIdentifier{
		pkcs7.OIDDigestAlgorithmSHA256, pkcs7.OIDDigestAlgorithmSHA384, pkcs7.OIDDigestAlgorithmSHA512,
	}
	bySHA1 := digest.Equal(pkcs7.OIDDigestAlgorithmSHA1) ||
		encryption.Equal(pkcs7.OIDDigestAlgorithmECDSASHA1) || encryption.Equal(pkcs7.OIDEncryptionAlgorithmRSASHA1)
	byDSA := encryption.Equal(pkcs7.OIDDigestAlgorithmDSA) || encryption.Equal(pkcs7.OIDDigestAlgorithmDSASHA1)
	known := digest.Equal(pkcs7.OIDDigestAlgorithmSHA1) || slices.ContainsFunc(strong, digest.Equal)
	if byDSA || !known || bySHA1 && !v.legacy {
		return false, refuse(ReasonWeakSignature, "digest %v, algorithm %v", digest, encryption)
	}
	return bySHA1, nil
}

// signingTime returns the zero time for a message without one.
func signingTime(message *pkcs7.PKCS7) (time.Time, error) {
	for _, attribute := range message.Signers[0].AuthenticatedAttributes {
		if !attribute.Type.Equal(pkcs7.OIDAttributeSigningTime) {
			continue
		}
		var t time.Time
		if _, err := asn1.Unmarshal(attribute.Value.Bytes, &t); err != nil {
			return time.Time{}, refuse(ReasonMalformed, "signing time: %w", err)
		}
		return t.UTC(), nil
	}
	return time.Time{}, nil
}

// Certificate returns the signer's certificate, a valid device identity as of ParseSignature.
func (s *Signature) Certificate() *x509.Certificate { return s.cert }

// SigningTime returns when the phone signed, by its own clock and in UTC, or the zero time. A request older than one
// already seen is a replay: nothing else in the signature is fresh.
func (s *Signature) SigningTime() time.Time { return s.signed }

// Legacy reports whether the signature was made with SHA-1.
func (s *Signature) Legacy() bool { return s.legacy }

// Verify checks the signature over the exact bytes of the request's body. The error is a *RefusedError with
// ReasonBadSignature. It may be called more than once.
func (s *Signature) Verify(body []byte) error {
	message := *s.message
	message.Content = body
	// The signer's chain has been checked. With the signer as the only trusted certificate, the library accepts
	// the signature if it is the signer's, and no other certificate in the message can take its place.
	only := x509.NewCertPool()
	only.AddCert(s.cert)
	if err := message.VerifyWithChainAtTime(only, s.parsed); err != nil {
		return refuse(ReasonBadSignature, "%w", err)
	}
	return nil
}
