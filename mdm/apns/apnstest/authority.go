package apnstest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"
)

const (
	certificateDays = 365 // what Apple gives a push certificate
	rootYears       = 10
)

// authority plays Apple's certificate authority, for the server and for push
// certificates.
type authority struct {
	root *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
	from time.Time
}

func newAuthority(now time.Time) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("authority's key: %w", err)
	}
	// A day back: the other side's clock may be behind.
	from := now.Add(-24 * time.Hour)
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "Kannuki push stand-in root"},
		NotBefore:             from,
		NotAfter:              now.AddDate(rootYears, 0, 0),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("authority's certificate: %w", err)
	}
	root, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("authority's certificate: %w", err)
	}
	return authorityOf(root, key), nil
}

func authorityOf(root *x509.Certificate, key *ecdsa.PrivateKey) *authority {
	pool := x509.NewCertPool()
	pool.AddCert(root)
	return &authority{root: root, key: key, pool: pool, from: root.NotBefore}
}

// NewAuthority returns a certificate authority for [Options].Authority: its
// certificate and key as PEM, valid from a day before now for ten years.
func NewAuthority(now time.Time) ([]byte, error) {
	a, err := newAuthority(now)
	if err != nil {
		return nil, fmt.Errorf("push stand-in: %w", err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		return nil, fmt.Errorf("push stand-in: authority's key: %w", err)
	}
	return append(a.rootPEM(), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...), nil
}

// readAuthority reads what NewAuthority returned.
func readAuthority(data []byte) (*authority, error) {
	pair, err := tls.X509KeyPair(data, data)
	if err != nil {
		return nil, fmt.Errorf("read authority: %w", err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !pair.Leaf.IsCA {
		return nil, errors.New("read authority: not one that NewAuthority made")
	}
	return authorityOf(pair.Leaf, key), nil
}

func (a *authority) rootPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.root.Raw})
}

func (a *authority) serverCertificate(host string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("server's key: %w", err)
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "Kannuki push stand-in"},
		NotAfter:    a.root.NotAfter,
		DNSNames:    []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = append(template.IPAddresses, ip)
	} else {
		template.DNSNames = append(template.DNSNames, host)
	}
	der, err := a.sign(template, key.Public())
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// sign completes template and signs it.
func (a *authority) sign(template *x509.Certificate, public crypto.PublicKey) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 64))
	if err != nil {
		return nil, fmt.Errorf("serial number: %w", err)
	}
	template.SerialNumber = serial
	template.NotBefore = a.from
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, a.root, public, a.key)
	if err != nil {
		return nil, fmt.Errorf("sign %s: %w", template.Subject.CommonName, err)
	}
	return der, nil
}

// push signs a push certificate for topic and returns it as PEM.
func (a *authority) push(topic string, public crypto.PublicKey, notAfter time.Time) ([]byte, error) {
	der, err := a.sign(&x509.Certificate{
		Subject: pkix.Name{
			CommonName: "APSP:stand-in",
			Country:    []string{"JP"},
			ExtraNames: []pkix.AttributeTypeAndValue{{Type: uidOID(), Value: topic}},
		},
		NotAfter:    notAfter,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, public)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}

// uidOID is the subject attribute that carries the topic.
func uidOID() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}
}

// IssueCertificate makes a push certificate for topic with a new key, valid
// for a year from now, both PEM.
func (s *Server) IssueCertificate(topic string) (certPEM, keyPEM []byte, err error) {
	return s.IssueCertificateUntil(topic, s.options.Now().AddDate(0, 0, certificateDays))
}

// IssueCertificateUntil is IssueCertificate with an end of choice, also one in
// the past. The key is an elliptic one: Apple's are RSA, but those take long
// to make and nothing here depends on it.
func (s *Server) IssueCertificateUntil(topic string, notAfter time.Time) (certPEM, keyPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("push certificate's key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("push certificate's key: %w", err)
	}
	certPEM, err = s.authority.push(topic, key.Public(), notAfter)
	if err != nil {
		return nil, nil, err
	}
	return certPEM, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// SignRequest plays Apple's portal: it makes the push certificate for topic
// that a certificate request (PEM) asks for.
func (s *Server) SignRequest(csrPEM []byte, topic string) ([]byte, error) {
	block, _ := pem.Decode(csrPEM)
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		return nil, errors.New("push stand-in: no CERTIFICATE REQUEST block")
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("push stand-in: %w", err)
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, fmt.Errorf("push stand-in: %w", err)
	}
	return s.authority.push(topic, csr.PublicKey, s.options.Now().AddDate(0, 0, certificateDays))
}
