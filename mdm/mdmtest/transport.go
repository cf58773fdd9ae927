package mdmtest

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"

	"github.com/micromdm/plist"
	"go.mozilla.org/pkcs7"
)

// Media types of requests and answers.
const (
	typeCheckin = "application/x-apple-aspen-mdm-checkin"
	typeCommand = "application/x-apple-aspen-mdm; charset=UTF-8"
	typeProfile = "application/x-apple-aspen-config"
	typeJSON    = "application/json"
	userAgent   = "MDM/1.0"
)

var errLost = errors.New("answer lost on the way")

// errRestart ends a session in which the phone restarts to install an update.
var errRestart = errors.New("phone restarts before it can answer")

// session is one TCP and TLS connection to the server, kept for as long as
// there is something to say.
type session struct {
	client *http.Client
	e      *enrolment // nil before there is an identity
}

// newSession opens nothing yet; close must be called. p.mu is held.
func (p *Phone) newSession(e *enrolment) *session {
	cfg := &tls.Config{RootCAs: p.roots, MinVersion: tls.VersionTLS12}
	if e != nil {
		cert := tls.Certificate{Certificate: [][]byte{e.identity.cert.Raw}, PrivateKey: e.identity.key}
		// The server's list of acceptable authorities is not asked: the phone
		// has exactly one identity for its server.
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
	}
	dial := p.o.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: p.o.Timeout}).DialContext
	}
	t := &http.Transport{
		TLSClientConfig: cfg, DialContext: dial, ForceAttemptHTTP2: true, MaxConnsPerHost: 1,
		TLSHandshakeTimeout: p.o.Timeout,
	}
	return &session{client: &http.Client{Transport: t, Timeout: p.o.Timeout}, e: e}
}

func (s *session) close() { s.client.CloseIdleConnections() }

// answer is an HTTP response, read whole.
type answer struct {
	status    int
	mediaType string
	body      []byte
}

// exchange sends one request. p.mu is held on entry and on return but not
// while the request is on the wire; the caller must expect that setters ran
// meanwhile. It returns ErrUnenrolled when the enrolment s belongs to is gone
// afterwards, be it by this answer or by an Erase.
func (p *Phone) exchange(ctx context.Context, s *session, method, url, contentType string, body []byte) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return answer{}, fmt.Errorf("request: %w", err)
	}
	req.Header.Set("User-Agent", userAgent)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if s.e != nil && s.e.signMessage {
		sig, err := s.e.identity.sign(body)
		if err != nil {
			return answer{}, err
		}
		req.Header.Set("Mdm-Signature", sig)
	}
	a, err := p.roundTrip(s.client, req)
	if err != nil {
		return answer{}, err
	}
	if s.e == nil {
		return a, nil
	}
	if p.enrolment != nil && p.enrolment == s.e {
		p.lastContact = p.now()
		p.heedRefusal(a)
	}
	if p.enrolment != s.e && !s.e.pending {
		return a, ErrUnenrolled
	}
	return a, nil
}

func (p *Phone) roundTrip(c *http.Client, req *http.Request) (answer, error) {
	p.mu.Unlock()
	defer p.mu.Lock()
	resp, err := c.Do(req)
	if err != nil {
		return answer{}, fmt.Errorf("%s %s: %w", req.Method, req.URL.Path, err)
	}
	defer resp.Body.Close() //nolint:errcheck // the body was read; nothing is lost by a failing Close
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return answer{}, fmt.Errorf("%s %s: read answer: %w", req.Method, req.URL.Path, err)
	}
	if len(body) > maxBody {
		return answer{}, fmt.Errorf("%s %s: answer is larger than %d bytes", req.Method, req.URL.Path, maxBody)
	}
	// A media type that cannot be parsed is as good as none.
	mt, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return answer{resp.StatusCode, mt, body}, nil
}

func (a answer) ok() bool { return a.status >= 200 && a.status < 300 }

func (a answer) err(what string) error {
	if a.ok() {
		return nil
	}
	return fmt.Errorf("%s: server answered %d", what, a.status)
}

// heedRefusal removes the MDM profile when the server says so: with 401 on any
// request, or with 403 and the error document for an unrecognised device
// (Apple, Device Management, "Handling MDM errors"; iOS 17).
func (p *Phone) heedRefusal(a answer) {
	switch {
	case a.status == http.StatusUnauthorized:
		p.violation("server answered 401")
		p.unenrol("401")
	case a.status == http.StatusForbidden && major(p.version) >= 17 && errorCode(a) == "com.apple.unrecognized.device":
		p.unenrol("com.apple.unrecognized.device")
	}
}

func errorCode(a answer) string {
	parse := parsePlist
	if a.mediaType == typeJSON {
		parse = parseJSON
	}
	m, err := parse(a.body)
	if err != nil {
		return "" // no error document
	}
	return str(m, "code")
}

// sign returns the Mdm-Signature header for a body: detached CMS with SHA-256
// and signed attributes, in Base64.
func (id *identity) sign(body []byte) (string, error) {
	sd, err := pkcs7.NewSignedData(body)
	if err != nil {
		return "", fmt.Errorf("sign message: %w", err)
	}
	sd.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	if err := sd.AddSigner(id.cert, id.key, pkcs7.SignerInfoConfig{}); err != nil {
		return "", fmt.Errorf("sign message: %w", err)
	}
	sd.Detach()
	der, err := sd.Finish()
	if err != nil {
		return "", fmt.Errorf("sign message: %w", err)
	}
	return base64.StdEncoding.EncodeToString(der), nil
}

func encodePlist(m map[string]any) ([]byte, error) {
	b, err := plist.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode property list: %w", err)
	}
	return b, nil
}
