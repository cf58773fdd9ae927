package apns

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
)

// requestKeyBits is the only key size Apple's portal takes for push
// certificates.
const requestKeyBits = 2048

// RequestName is the subject of a request. Apple replaces it; it serves the
// person who signs the request to tell it from others.
type RequestName struct {
	CommonName   string // required
	Organization string
	Country      string // two letters
}

// NewRequest makes a key for a push certificate and a certificate request for
// it, both PEM. The request goes to the MDM vendor to be signed and then to
// identity.apple.com/pushcert; the key goes nowhere: store it, with mode 0600,
// before the request is shown to anybody.
func NewRequest(name RequestName) (csrPEM, keyPEM []byte, err error) {
	if name.CommonName == "" {
		return nil, nil, errors.New("push certificate request: common name is empty")
	}
	if n := len(name.Country); n != 0 && n != 2 {
		return nil, nil, fmt.Errorf("push certificate request: country %q is not a two-letter code", name.Country)
	}
	key, err := rsa.GenerateKey(rand.Reader, requestKeyBits)
	if err != nil {
		return nil, nil, fmt.Errorf("push certificate request: %w", err)
	}
	subject := pkix.Name{CommonName: name.CommonName}
	if name.Organization != "" {
		subject.Organization = []string{name.Organization}
	}
	if name.Country != "" {
		subject.Country = []string{name.Country}
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject:            subject,
		SignatureAlgorithm: x509.SHA256WithRSA,
	}, key)
	if err != nil {
		return nil, nil, fmt.Errorf("push certificate request: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("push certificate request: %w", err)
	}
	csrPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr})
	keyPEM = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	return csrPEM, keyPEM, nil
}
