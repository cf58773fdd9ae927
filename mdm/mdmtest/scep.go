package mdmtest

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // CAFingerprint may be MD5; it is compared, not trusted alone
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // CAFingerprint is SHA-1 by custom
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/smallstep/scep"
	"github.com/smallstep/scep/x509util"
	"go.mozilla.org/pkcs7"
)

// maxCMS bounds SCEP answers before they are parsed.
const maxCMS = 64 << 10

// scepIdentity runs the SCEP protocol (RFC 8894) as the payload asks.
func (p *Phone) scepIdentity(ctx context.Context, pl map[string]any) (identity, error) {
	base, err := url.Parse(str(pl, "URL"))
	if err != nil {
		return identity{}, fmt.Errorf("%w: scep url: %w", ErrProfile, err)
	}
	bits := int(integer(pl, "Keysize"))
	if bits < 2048 {
		p.violation("scep payload asks for a key of %d bits (0: Apple's default of 1024)", bits)
		bits = 2048
	}
	key, err := p.key(bits)
	if err != nil {
		return identity{}, err
	}
	csr, err := certificateRequest(pl, key)
	if err != nil {
		return identity{}, err
	}
	c := &scepClient{p: p, s: p.newSession(nil), base: base, name: str(pl, "Name")}
	defer c.s.close()
	if err := c.capabilities(ctx); err != nil {
		return identity{}, err
	}
	if err := c.authorities(ctx, bytesOf(pl, "CAFingerprint")); err != nil {
		return identity{}, err
	}
	cert, err := c.request(ctx, csr, key)
	if err != nil {
		return identity{}, err
	}
	return identity{cert, key}, nil
}

type scepClient struct {
	p     *Phone
	s     *session
	base  *url.URL
	name  string
	post  bool
	certs []*x509.Certificate // the authority's own
}

func (c *scepClient) get(ctx context.Context, operation, message string) (answer, error) {
	u := *c.base
	q := u.Query()
	q.Set("operation", operation)
	if message != "" {
		q.Set("message", message)
	}
	u.RawQuery = q.Encode()
	a, err := c.p.exchange(ctx, c.s, http.MethodGet, u.String(), "", nil)
	if err != nil {
		return a, err
	}
	return a, a.err("scep " + operation)
}

func (c *scepClient) capabilities(ctx context.Context) error {
	a, err := c.get(ctx, "GetCACaps", c.name)
	if err != nil {
		return err
	}
	caps := " " + strings.Join(strings.Fields(string(a.body)), " ") + " "
	has := func(name string) bool {
		return strings.Contains(caps, " "+name+" ") || strings.Contains(caps, " SCEPStandard ")
	}
	c.post = has("POSTPKIOperation")
	for _, name := range []string{"AES", "SHA-256"} {
		if !has(name) {
			c.p.violation("scep server does not offer %s", name)
		}
	}
	return nil
}

func (c *scepClient) authorities(ctx context.Context, fingerprint []byte) error {
	a, err := c.get(ctx, "GetCACert", c.name)
	if err != nil {
		return err
	}
	if len(a.body) > maxCMS {
		return errors.New("scep GetCACert: answer is too large")
	}
	switch a.mediaType {
	case "application/x-x509-ca-cert":
		cert, err := x509.ParseCertificate(a.body)
		if err != nil {
			return fmt.Errorf("scep GetCACert: %w", err)
		}
		c.certs = []*x509.Certificate{cert}
	case "application/x-x509-ca-ra-cert":
		if c.certs, err = scep.CACerts(a.body); err != nil {
			return fmt.Errorf("scep GetCACert: %w", err)
		}
	default:
		return fmt.Errorf("scep GetCACert: content type %q", a.mediaType)
	}
	if len(fingerprint) > 0 && !anyFingerprint(c.certs, fingerprint) {
		return errors.New("scep GetCACert: no certificate has the expected fingerprint")
	}
	return nil
}

func anyFingerprint(certs []*x509.Certificate, want []byte) bool {
	for _, c := range certs {
		m, s1, s2 := md5.Sum(c.Raw), sha1.Sum(c.Raw), sha256.Sum256(c.Raw) //nolint:gosec // see the imports
		if bytes.Equal(m[:], want) || bytes.Equal(s1[:], want) || bytes.Equal(s2[:], want) {
			return true
		}
	}
	return false
}

// recipient returns the certificate to encrypt to: an RSA one, preferably
// meant for encryption.
func (c *scepClient) recipient() (*x509.Certificate, error) {
	var found *x509.Certificate
	for _, cert := range c.certs {
		if _, ok := cert.PublicKey.(*rsa.PublicKey); !ok {
			continue
		}
		if cert.KeyUsage&x509.KeyUsageKeyEncipherment != 0 {
			return cert, nil
		}
		if found == nil {
			found = cert
		}
	}
	if found == nil {
		return nil, errors.New("scep: the authority has no rsa certificate to encrypt to")
	}
	return found, nil
}

// request sends the signing request and returns the certificate issued.
func (c *scepClient) request(ctx context.Context, csr []byte, key *rsa.PrivateKey) (*x509.Certificate, error) {
	recipient, err := c.recipient()
	if err != nil {
		return nil, err
	}
	signer, err := selfSigned(csr, key)
	if err != nil {
		return nil, err
	}
	m, err := newPKIMessage(csr, recipient, signer, key)
	if err != nil {
		return nil, err
	}
	a, err := c.send(ctx, m.der)
	if err != nil {
		return nil, err
	}
	if a.mediaType != "application/x-pki-message" {
		c.p.violation("scep PKIOperation answered with content type %q", a.mediaType)
	}
	if len(a.body) > maxCMS {
		return nil, errors.New("scep PKIOperation: answer is too large")
	}
	reply, err := scep.ParsePKIMessage(a.body, scep.WithCACerts(c.certs))
	if err != nil {
		return nil, fmt.Errorf("scep PKIOperation: %w", err)
	}
	switch {
	case reply.CertRepMessage == nil:
		return nil, errors.New("scep PKIOperation: answer is not a CertRep")
	case string(reply.TransactionID) != m.transaction || !bytes.Equal(reply.RecipientNonce, m.nonce):
		return nil, errors.New("scep PKIOperation: answer belongs to another request")
	case reply.PKIStatus == scep.FAILURE:
		return nil, fmt.Errorf("scep PKIOperation: refused with failInfo %q", string(reply.FailInfo))
	case reply.PKIStatus != scep.SUCCESS:
		return nil, errors.New("scep PKIOperation: pending; waiting is not simulated")
	}
	if err := reply.DecryptPKIEnvelope(signer, key); err != nil {
		return nil, fmt.Errorf("scep PKIOperation: decrypt: %w", err)
	}
	cert := reply.Certificate
	if cert == nil || !key.PublicKey.Equal(cert.PublicKey) {
		return nil, errors.New("scep PKIOperation: the certificate is for another key")
	}
	return cert, nil
}

func (c *scepClient) send(ctx context.Context, der []byte) (answer, error) {
	if !c.post {
		return c.get(ctx, "PKIOperation", base64.StdEncoding.EncodeToString(der))
	}
	u := *c.base
	q := u.Query()
	q.Set("operation", "PKIOperation")
	u.RawQuery = q.Encode()
	a, err := c.p.exchange(ctx, c.s, http.MethodPost, u.String(), "application/x-pki-message", der)
	if err != nil {
		return a, err
	}
	return a, a.err("scep PKIOperation")
}

// Attributes of a SCEP message, RFC 8894 section 3.2.1.
var (
	oidMessageType = asn1.ObjectIdentifier{2, 16, 840, 1, 113733, 1, 9, 2}
	oidSenderNonce = asn1.ObjectIdentifier{2, 16, 840, 1, 113733, 1, 9, 5}
	oidTransaction = asn1.ObjectIdentifier{2, 16, 840, 1, 113733, 1, 9, 7}
)

type pkiMessage struct {
	der         []byte
	transaction string
	nonce       []byte
}

// useAES makes go.mozilla.org/pkcs7 encrypt with AES-256-CBC; its default is
// single DES and the choice is a variable of that package. The request is not
// built by the scep package, because that encrypts with smallstep/pkcs7, whose
// variable a server in the same process rewrites while it answers.
var useAES = sync.OnceFunc(func() { pkcs7.ContentEncryptionAlgorithm = pkcs7.EncryptionAlgorithmAES256CBC })

// newPKIMessage wraps a signing request in a SCEP PKCSReq message.
func newPKIMessage(csr []byte, recipient, signer *x509.Certificate, key *rsa.PrivateKey) (pkiMessage, error) {
	useAES()
	enveloped, err := pkcs7.Encrypt(csr, []*x509.Certificate{recipient})
	if err != nil {
		return pkiMessage{}, fmt.Errorf("scep: encrypt request: %w", err)
	}
	sd, err := pkcs7.NewSignedData(enveloped)
	if err != nil {
		return pkiMessage{}, fmt.Errorf("scep: sign request: %w", err)
	}
	sd.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	id := sha256.Sum256(csr)
	m := pkiMessage{transaction: hex.EncodeToString(id[:16]), nonce: randomBytes(16)}
	err = sd.AddSigner(signer, key, pkcs7.SignerInfoConfig{ExtraSignedAttributes: []pkcs7.Attribute{
		{Type: oidTransaction, Value: m.transaction},
		{Type: oidMessageType, Value: string(scep.PKCSReq)},
		{Type: oidSenderNonce, Value: m.nonce},
	}})
	if err != nil {
		return pkiMessage{}, fmt.Errorf("scep: sign request: %w", err)
	}
	if m.der, err = sd.Finish(); err != nil {
		return pkiMessage{}, fmt.Errorf("scep: sign request: %w", err)
	}
	return m, nil
}

// selfSigned returns the throw-away certificate that carries the key through
// the protocol. Its validity is fixed and wide, because the phone's clock may
// be scaled while signatures carry the real time.
func selfSigned(csr []byte, key *rsa.PrivateKey) (*x509.Certificate, error) {
	req, err := x509.ParseCertificateRequest(csr)
	if err != nil {
		return nil, fmt.Errorf("scep: parse own request: %w", err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), RawSubject: req.RawSubject,
		NotBefore: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("scep: self-signed certificate: %w", err)
	}
	return x509.ParseCertificate(der)
}

func certificateRequest(pl map[string]any, key *rsa.PrivateKey) ([]byte, error) {
	subject, err := subjectOf(list(pl, "Subject"))
	if err != nil {
		return nil, err
	}
	tmpl := x509util.CertificateRequest{
		CertificateRequest: x509.CertificateRequest{RawSubject: subject, SignatureAlgorithm: x509.SHA256WithRSA},
		ChallengePassword:  str(pl, "Challenge"),
	}
	san := dict(pl, "SubjectAltName")
	tmpl.DNSNames = oneOrMany(san, "dNSName")
	tmpl.EmailAddresses = oneOrMany(san, "rfc822Name")
	for _, s := range oneOrMany(san, "uniformResourceIdentifier") {
		u, err := url.Parse(s)
		if err != nil {
			return nil, fmt.Errorf("%w: uniformResourceIdentifier: %w", ErrProfile, err)
		}
		tmpl.URIs = append(tmpl.URIs, u)
	}
	der, err := x509util.CreateCertificateRequest(rand.Reader, &tmpl, key)
	if err != nil {
		return nil, fmt.Errorf("scep: signing request: %w", err)
	}
	return der, nil
}

func oneOrMany(m map[string]any, key string) []string {
	if s := str(m, key); s != "" {
		return []string{s}
	}
	return stringsOf(m, key)
}

// subjectOf turns [[["O","Example"]],[["CN","x"]]] into a DER name.
func subjectOf(rdns []any) ([]byte, error) {
	shortcuts := map[string]string{
		"C": "2.5.4.6", "L": "2.5.4.7", "ST": "2.5.4.8", "O": "2.5.4.10", "OU": "2.5.4.11", "CN": "2.5.4.3",
	}
	var name pkix.RDNSequence
	for _, v := range rdns {
		var set pkix.RelativeDistinguishedNameSET
		inner, _ := v.([]any)
		for _, v := range inner {
			pair, _ := v.([]any)
			if len(pair) != 2 {
				return nil, fmt.Errorf("%w: Subject needs pairs of name and value", ErrProfile)
			}
			attr, _ := pair[0].(string)
			value, _ := pair[1].(string)
			if long, ok := shortcuts[attr]; ok {
				attr = long
			}
			oid, err := parseOID(attr)
			if err != nil {
				return nil, err
			}
			set = append(set, pkix.AttributeTypeAndValue{Type: oid, Value: value})
		}
		name = append(name, set)
	}
	der, err := asn1.Marshal(name)
	if err != nil {
		return nil, fmt.Errorf("%w: Subject: %w", ErrProfile, err)
	}
	return der, nil
}

func parseOID(s string) (asn1.ObjectIdentifier, error) {
	var oid asn1.ObjectIdentifier
	for _, part := range strings.Split(s, ".") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("%w: Subject has an unknown attribute %.40q", ErrProfile, s)
		}
		oid = append(oid, n)
	}
	return oid, nil
}
