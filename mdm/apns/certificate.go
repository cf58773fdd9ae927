package apns

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"
)

// TopicPrefix begins the topic of every MDM push certificate.
const TopicPrefix = "com.apple.mgmt."

// Errors of [ParseCertificate]. Compare with [errors.Is].
var (
	// ErrNotPEM: a file is not PEM, or holds something else than expected.
	ErrNotPEM = errors.New("not the expected PEM file")
	// ErrKeyMismatch: the key does not belong to the certificate.
	ErrKeyMismatch = errors.New("key does not fit the certificate")
	// ErrNotMDM: the certificate is no MDM push certificate.
	ErrNotMDM = errors.New("not an MDM push certificate")
	// ErrNotYetValid: the certificate begins in the future.
	ErrNotYetValid = errors.New("push certificate is not valid yet")
)

// ExpiredError says that a push certificate is past its end. It carries the
// topic because the renewed certificate must have the same one.
type ExpiredError struct {
	Topic    string
	NotAfter time.Time
}

// Error names the way out.
func (e *ExpiredError) Error() string {
	return fmt.Sprintf("push certificate expired on %s: renew it at identity.apple.com/pushcert with the Apple account that made it "+
		"(Renew, not Create: its topic must stay %s)", e.NotAfter.UTC().Format(time.DateOnly), e.Topic)
}

// TopicChangeError says that a push certificate has another topic than the one
// phones enrolled with. Loading it would silence every one of them.
type TopicChangeError struct {
	Current, Next string
}

// Error names the way out.
func (e *TopicChangeError) Error() string {
	return fmt.Sprintf("push certificate has topic %s, phones are enrolled with %s and would never hear this server again: "+
		"renew the existing entry at identity.apple.com/pushcert instead of creating a new one", e.Next, e.Current)
}

// Certificate is a checked MDM push certificate with its private key.
type Certificate struct {
	TLS       tls.Certificate
	Topic     string // UID of the subject, goes into profiles as Topic
	Subject   string // common name, "APSP:<uuid>" for Apple's
	Serial    string // hexadecimal, finds the entry in Apple's portal
	NotBefore time.Time
	NotAfter  time.Time
}

// ParseCertificate reads the certificate Apple's portal gave and the key its
// request was made with, both PEM. It returns an [ExpiredError] or an error
// that wraps ErrNotPEM, ErrKeyMismatch, ErrNotMDM or ErrNotYetValid; each says
// what to do. Further certificates in certPEM are kept as the chain.
func ParseCertificate(certPEM, keyPEM []byte, now time.Time) (Certificate, error) {
	chain, err := decodeChain(certPEM)
	if err != nil {
		return Certificate{}, fmt.Errorf("push certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return Certificate{}, fmt.Errorf("push certificate: %w: %w", ErrNotPEM, err)
	}
	topic, err := topicOf(leaf)
	if err != nil {
		return Certificate{}, err
	}
	key, err := decodeKey(keyPEM)
	if err != nil {
		return Certificate{}, fmt.Errorf("push certificate's key: %w", err)
	}
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(leaf.PublicKey) {
		return Certificate{}, fmt.Errorf("push certificate: %w: use the key that the request for this certificate was made with, "+
			"or renew at identity.apple.com/pushcert with a new request", ErrKeyMismatch)
	}
	if now.Before(leaf.NotBefore) {
		return Certificate{}, fmt.Errorf("%w: it begins %s, check the server's clock",
			ErrNotYetValid, leaf.NotBefore.UTC().Format(time.RFC3339))
	}
	if now.After(leaf.NotAfter) {
		return Certificate{}, &ExpiredError{Topic: topic, NotAfter: leaf.NotAfter}
	}
	return Certificate{
		TLS:       tls.Certificate{Certificate: chain, PrivateKey: key, Leaf: leaf},
		Topic:     topic,
		Subject:   leaf.Subject.CommonName,
		Serial:    leaf.SerialNumber.Text(16),
		NotBefore: leaf.NotBefore,
		NotAfter:  leaf.NotAfter,
	}, nil
}

// CheckTopic guards the change from one push certificate to another. Current
// is what phones are enrolled with, "" when none is. It returns a
// [TopicChangeError] when next differs.
func CheckTopic(current, next string) error {
	if current == "" || current == next {
		return nil
	}
	return &TopicChangeError{Current: current, Next: next}
}

// uidOID is the attribute Apple puts the topic into.
func uidOID() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}
}

func topicOf(leaf *x509.Certificate) (string, error) {
	topic := ""
	for _, name := range leaf.Subject.Names {
		if !name.Type.Equal(uidOID()) {
			continue
		}
		uid, ok := name.Value.(string)
		if !ok || topic != "" {
			return "", fmt.Errorf("%w: its subject has no single UID", ErrNotMDM)
		}
		topic = uid
	}
	switch {
	case topic == "":
		return "", fmt.Errorf("%w: its subject has no UID; take the one from identity.apple.com/pushcert", ErrNotMDM)
	case !strings.HasPrefix(topic, TopicPrefix):
		return "", fmt.Errorf("%w: its UID is %q, an MDM one begins with %s; certificates for apps cannot wake phones for MDM",
			ErrNotMDM, topic, TopicPrefix)
	default:
		return topic, nil
	}
}

func decodeChain(data []byte) ([][]byte, error) {
	var chain [][]byte
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "CERTIFICATE":
			chain = append(chain, block.Bytes)
		case "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST":
			return nil, fmt.Errorf("%w: this is the request; use the file downloaded from identity.apple.com/pushcert", ErrNotPEM)
		}
	}
	if len(chain) == 0 {
		return nil, fmt.Errorf("%w: no CERTIFICATE block%s", ErrNotPEM, hint(data))
	}
	return chain, nil
}

func decodeKey(data []byte) (crypto.Signer, error) {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
			return nil, fmt.Errorf("%w: the key is encrypted; decrypt it with: openssl pkey -in KEY -out PLAIN", ErrNotPEM)
		}
		key, known, err := parseKey(block)
		if !known {
			continue
		}
		if err != nil {
			// The parser's error may quote key material; the type is enough.
			return nil, fmt.Errorf("%w: the %s block is damaged", ErrNotPEM, block.Type)
		}
		signer, ok := key.(crypto.Signer)
		if !ok {
			return nil, fmt.Errorf("%w: keys of type %T cannot sign", ErrNotPEM, key)
		}
		return signer, nil
	}
	return nil, fmt.Errorf("%w: no PRIVATE KEY block%s", ErrNotPEM, hint(data))
}

func parseKey(block *pem.Block) (key any, known bool, err error) {
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		return nil, false, nil
	}
	return key, true, err
}

// hint guesses what an unusable file is.
func hint(data []byte) string {
	switch {
	case len(bytes.TrimSpace(data)) == 0:
		return "; the file is empty"
	case data[0] == 0x30: // ASN.1 SEQUENCE
		return "; the file is binary. A .p12 is converted with: openssl pkcs12 -in FILE -nodes, a .cer with: openssl x509 -inform der -in FILE"
	case bytes.Contains(data, []byte("-----BEGIN")):
		return "; certificate and key may be swapped"
	default:
		return ""
	}
}
