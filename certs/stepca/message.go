package stepca

import (
	"bytes"
	"encoding/asn1"
	"errors"
	"fmt"

	"github.com/smallstep/pkcs7"

	"github.com/kannuki-mdm/kannuki/certs/internal/ber"
)

const (
	// maxMessage is the size in bytes of a SCEP message; honest ones have about four thousand.
	maxMessage = 64 << 10

	// maxEnvelope is the size in bytes of the encrypted certificate request inside. It bounds the key in the
	// request, whose signature the library checks before redemption sees it.
	maxEnvelope = 8 << 10

	maxTransactionID = 256 // bytes
	maxCertificates  = 4   // of the sender; the answer is encrypted to each

	pkcsReq = "19" // messageType of RFC 8894 section 3.2.1.2
)

// inspect decides whether a SCEP message may reach the library. It reads the message with the library's own CMS
// parser, within limits, so that both see the same: exactly one PKCSReq with an RSA signer and an envelope of
// acceptable cipher. It reports whether that cipher is a legacy one. No signature is checked here.
//
// Other message types stop here because the library's String method for them panics, and because one of them once
// got certificates without a challenge (CVE-2026-30836).
func inspect(message []byte, allowLegacy bool) (legacy bool, err error) {
	if _, err := ber.Parse(message); err != nil {
		return false, err
	}
	outer, err := pkcs7.Parse(message)
	if err != nil {
		return false, err
	}
	if len(outer.Signers) != 1 {
		return false, fmt.Errorf("%d signers", len(outer.Signers))
	}
	if n := len(outer.Certificates); n == 0 || n > maxCertificates {
		return false, fmt.Errorf("%d certificates", n)
	}
	for _, cert := range outer.Certificates {
		if err := checkRSA(cert.PublicKey); err != nil {
			return false, fmt.Errorf("certificate of the sender: %w", err)
		}
	}
	var messageType string
	if err := outer.UnmarshalSignedAttribute(oidMessageType(), &messageType); err != nil {
		return false, fmt.Errorf("message type: %w", err)
	}
	if messageType != pkcsReq {
		return false, fmt.Errorf("message type %.8q is not PKCSReq", messageType)
	}
	var transactionID string
	if err := outer.UnmarshalSignedAttribute(oidTransactionID(), &transactionID); err != nil {
		return false, fmt.Errorf("transaction id: %w", err)
	}
	if n := len(transactionID); n == 0 || n > maxTransactionID {
		return false, fmt.Errorf("transaction id of %d bytes", n)
	}
	return inspectEnvelope(outer.Content, allowLegacy)
}

// inspectEnvelope checks the encrypted part: its structure is inside an octet string, where the walk over the whole
// message has not looked.
func inspectEnvelope(content []byte, allowLegacy bool) (legacy bool, err error) {
	if len(content) > maxEnvelope {
		return false, fmt.Errorf("envelope of %d bytes: %w", len(content), ber.ErrLimit)
	}
	envelope, err := ber.Parse(content)
	if err != nil {
		return false, fmt.Errorf("envelope: %w", err)
	}
	// ContentInfo: type, [0] EnvelopedData: version, recipients, EncryptedContentInfo: type, algorithm, content.
	algorithm := envelope.Child(1).Child(0).Child(2).Child(1).Child(0)
	if algorithm.Tag != ber.OID {
		return false, errors.New("envelope: not EnvelopedData")
	}
	is := func(oid asn1.ObjectIdentifier) bool {
		encoded, err := asn1.Marshal(oid)
		return err == nil && bytes.Equal(encoded[2:], algorithm.Content) // after tag and length
	}
	switch {
	case is(pkcs7.OIDEncryptionAlgorithmAES256CBC), is(pkcs7.OIDEncryptionAlgorithmAES128CBC):
		return false, nil
	case allowLegacy && (is(pkcs7.OIDEncryptionAlgorithmDESEDE3CBC) || is(pkcs7.OIDEncryptionAlgorithmDESCBC)):
		return true, nil
	}
	return false, errors.New("envelope: cipher is not AES-CBC")
}

// Signed attributes of RFC 8894 section 3.2.1.
func oidMessageType() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{2, 16, 840, 1, 113733, 1, 9, 2}
}

func oidTransactionID() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{2, 16, 840, 1, 113733, 1, 9, 7}
}
