package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"math/big"
	"time"

	"github.com/kannuki-mdm/kannuki/certs"
)

// phone is what a load phone needs to speak: its identity and nothing else.
// The simulated iPhones of package mdmtest check all they are told, which
// would cost more than the server does.
type phone struct {
	udid string
	key  *ecdsa.PrivateKey
	cert *x509.Certificate

	version, build string // that it says it runs when it is asked
}

// newPhone makes a phone with an ECDSA P-256 identity of the device CA.
func newPhone(udid string, keys *certs.Keyring, now time.Time) (*phone, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serialOf(udid), Subject: pkix.Name{CommonName: "Kannuki device " + udid},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(2, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true,
	}, keys.DeviceCA(), key.Public(), keys.DeviceCASigner())
	if err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	return &phone{udid: udid, key: key, cert: cert, version: osVersion, build: osBuild}, nil
}

func serialOf(udid string) *big.Int {
	sum := sha256.Sum256([]byte(udid))
	return new(big.Int).SetBytes(sum[:15])
}

// Object identifiers of a detached CMS signature, in DER (RFC 5652, RFC 5754).
const (
	oidData          = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"
	oidSignedData    = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"
	oidContentType   = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03"
	oidMessageDigest = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04"
	oidSigningTime   = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x05"
	oidSHA256        = "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"
	oidECDSA         = "\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"
)

// Tags of DER.
const (
	tagInteger  = 0x02
	tagOctets   = 0x04
	tagUTCTime  = 0x17
	tagSequence = 0x30
	tagSet      = 0x31
	tagContext0 = 0xa0
)

// sign returns the Mdm-Signature header for a body. It is written out by hand
// because a library that takes the message apart again would make the client
// dearer than the server (Apple, Device Management, "Pass an Identity
// Certificate Through a Proxy").
func (p *phone) sign(body []byte, now time.Time) (string, error) {
	digest := sha256.Sum256(body)
	// DER sorts a set by its encoded elements; these three stand in order.
	attributes := join(
		attribute(oidContentType, []byte(oidData)),
		attribute(oidSigningTime, der(tagUTCTime, []byte(now.UTC().Format("060102150405Z")))),
		attribute(oidMessageDigest, der(tagOctets, digest[:])),
	)
	signed := sha256.Sum256(der(tagSet, attributes))
	signature, err := ecdsa.SignASN1(rand.Reader, p.key, signed[:])
	if err != nil {
		return "", fmt.Errorf("sign message: %w", err)
	}
	one, sha := der(tagInteger, []byte{1}), der(tagSequence, []byte(oidSHA256))
	info := der(
		tagSequence, one,
		der(tagSequence, p.cert.RawIssuer, der(tagInteger, unsigned(p.cert.SerialNumber))),
		sha, der(tagContext0, attributes), der(tagSequence, []byte(oidECDSA)), der(tagOctets, signature),
	)
	message := der(
		tagSequence, one, der(tagSet, sha), der(tagSequence, []byte(oidData)),
		der(tagContext0, p.cert.Raw), der(tagSet, info),
	)
	return base64.StdEncoding.EncodeToString(der(tagSequence, []byte(oidSignedData), der(tagContext0, message))), nil
}

func attribute(oid string, value []byte) []byte {
	return der(tagSequence, []byte(oid), der(tagSet, value))
}

// unsigned returns a positive integer as DER has it, which takes a leading one
// bit for a minus sign.
func unsigned(n *big.Int) []byte {
	b := n.Bytes()
	if len(b) == 0 || b[0]&0x80 != 0 {
		return append([]byte{0}, b...)
	}
	return b
}

// der encodes one element.
func der(tag byte, parts ...[]byte) []byte {
	content := join(parts...)
	out := []byte{tag}
	switch n := len(content); {
	case n < 0x80:
		out = append(out, byte(n))
	case n < 0x100:
		out = append(out, 0x81, byte(n))
	default:
		out = append(out, 0x82, byte(n>>8), byte(n)) //nolint:gosec // no element of ours has 64 KiB
	}
	return append(out, content...)
}

func join(parts ...[]byte) []byte {
	var out []byte
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}
