package server

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"slices"
	"time"
)

// Bounds of Apple's App Transport Security, which the connections of management
// have to meet (Apple, "Preventing Insecure Network Connections"), and of the
// lives that Apple's devices accept of a server certificate: one of a root that
// an administrator installed, and one of a root that comes with the device
// (Apple, support articles 103769 and 102028).
const (
	minRSA, minECDSA = 2048, 256 // bits
	privateLife      = 825 * day
	publicLife       = 398 * day
)

// tls holds a connection to the device listener against what phones want.
func (d *diagnosis) tls(state tls.ConnectionState) {
	t := d.Text
	if broken := d.tlsRules(state); broken != "" {
		d.add("tls", GradeFail, broken, t.T("Get a certificate that follows Apple's rules for TLS (App Transport Security), with all intermediate ones in its file."))
		return
	}
	leaf := state.PeerCertificates[0]
	if life := leaf.NotAfter.Sub(leaf.NotBefore); d.config.TLS.Certificate != "" && life > publicLife+time.Second {
		d.add("tls", GradeWarn, t.T("The certificate lives %d days; a phone takes at most %d from a public authority.", int(life/day), int(publicLife/day)),
			t.T("If the authority is a public one, get a certificate of a shorter life."))
		return
	}
	d.ok("tls", t.T("A phone accepts the connection: %s, %d certificates sent, %s.", tls.VersionName(state.Version), len(state.PeerCertificates), leaf.SignatureAlgorithm.String()))
}

// tlsRules tells what of a connection a phone would refuse although it could be
// verified; "" when nothing. Names and chain are verified before.
func (d *diagnosis) tlsRules(state tls.ConnectionState) string {
	t := d.Text
	if state.Version < tls.VersionTLS13 && !forwardSecret(state.CipherSuite) {
		return t.T("The connection has no forward secrecy (%s).", tls.CipherSuiteName(state.CipherSuite))
	}
	leaf := state.PeerCertificates[0]
	if life := leaf.NotAfter.Sub(leaf.NotBefore); life > privateLife+time.Second {
		return t.T("The certificate lives %d days; a phone takes at most %d.", int(life/day), int(privateLife/day))
	}
	if len(leaf.ExtKeyUsage) > 0 && !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageServerAuth) {
		return t.T("The certificate is not one for servers.")
	}
	for _, c := range state.PeerCertificates {
		if bits := weakKey(c); bits > 0 {
			return t.T("%s has a key of %d bits; a phone wants RSA of %d or ECDSA of %d.", c.Subject.String(), bits, minRSA, minECDSA)
		}
		if selfSigned := bytes.Equal(c.RawSubject, c.RawIssuer); !selfSigned && !sha2(c.SignatureAlgorithm) {
			return t.T("%s is signed with %s; a phone wants SHA-2.", c.Subject.String(), c.SignatureAlgorithm.String())
		}
	}
	return ""
}

// forwardSecret reports whether a suite of TLS 1.2 exchanges keys of the moment.
// Of those that package tls offers unasked, all but the RSA ones do.
func forwardSecret(suite uint16) bool {
	return slices.ContainsFunc(tls.CipherSuites(), func(s *tls.CipherSuite) bool { return s.ID == suite })
}

// weakKey returns the size of a key that is too short, and 0 for any other.
func weakKey(c *x509.Certificate) int {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < minRSA {
			return bits
		}
	case *ecdsa.PublicKey:
		if bits := key.Curve.Params().BitSize; bits < minECDSA {
			return bits
		}
	}
	return 0
}

func sha2(a x509.SignatureAlgorithm) bool {
	switch a {
	case x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA, x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512,
		x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS:
		return true
	default:
		return false
	}
}
