package notify

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"
)

// Headers of a webhook's request.
const (
	HeaderSignature = "Kannuki-Signature" // see [Sign]
	// HeaderKey is the notice's ID. It is the same for every attempt: a receiver
	// that has seen it ignores the message.
	HeaderKey = "Idempotency-Key"
)

const (
	webhookTimeout = 10 * time.Second // of one attempt, name service and answer included
	maxAnswer      = 4 << 10          // bytes of an answer that are read
	maxShown       = 200              // characters of an answer or a problem that are shown and kept
	minSecret      = 16               // bytes
	maxSecret      = 4 << 10
	maxRoots       = 1 << 20 // bytes
)

// Sign returns the signature of a body at a time, as it stands in
// [HeaderSignature]: "t=1764000000,v1=" and the hexadecimal HMAC-SHA256, under the
// shared secret, of the seconds since 1970, a dot and the body. A receiver
// computes it from the time in the header and refuses a time too far from its own.
func Sign(secret []byte, at time.Time, body []byte) string {
	seconds := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(seconds + "."))
	mac.Write(body)
	return "t=" + seconds + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// webhook sends messages to one address.
type webhook struct {
	config Config
	proxy  func(*http.Request) (*url.URL, error)
	wall   func() time.Time
}

// Send implements [sender]. Any status but 2xx is an error, a redirect too: the
// message is for the host that is configured.
func (w webhook) Send(ctx context.Context, m Message) (string, error) {
	secret, err := readSecret(w.config.SecretFile)
	if err != nil {
		return "", err
	}
	body, err := m.body()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, webhookTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.config.URL, bytes.NewReader(body))
	if err != nil {
		return "", fault("not-a-url")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "kannuki")
	req.Header.Set(HeaderKey, m.ID)
	req.Header.Set(HeaderSignature, Sign(secret, w.wall(), body))
	client, err := w.client(req)
	if err != nil {
		return "", err
	}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // without the address, which may hold a key
		}
		return "", unreachable(req.URL.Host, err)
	}
	defer resp.Body.Close()                                     //nolint:errcheck // nothing was written
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer)) // the status counts, not the rest
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return "", fault("receiver-redirects", "host", req.URL.Host, "answer", resp.Status)
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		said := strings.TrimSuffix(resp.Status+": "+excerpt(string(text)), ": ")
		return "", later(fault("receiver-did-not-take", "host", req.URL.Host, "answer", said), resp.Header, w.wall())
	}
	return strings.TrimSpace(resp.Status + " " + excerpt(string(text))), nil
}

// unreachable returns why a host could not be asked: as it is where the connection is one
// that is not made, with the host's name.
func unreachable(host string, err error) error {
	if refused, ok := errors.AsType[*FaultError](err); ok {
		refused.Params["host"] = host
		return refused
	}
	return caused("receiver-unreachable", err, "host", host)
}

// probe returns what of the settings would keep every message from being sent.
func (w webhook) probe() error {
	_, secretErr := readSecret(w.config.SecretFile)
	_, rootsErr := w.roots()
	return cmp.Or(secretErr, rootsErr, w.refused())
}

// refused returns why no connection is made to the address in the settings. Where
// a name leads is known only in the moment when it is connected to.
func (w webhook) refused() error {
	u, err := url.Parse(w.config.URL)
	if err != nil {
		return fault("not-a-url")
	}
	through, err := w.through(&http.Request{URL: u})
	ip, notAddress := netip.ParseAddr(u.Hostname())
	if err != nil || through != nil || notAddress != nil {
		return err
	}
	allowed, err := w.config.allowed()
	if err != nil {
		return caused("allow-unusable", err)
	}
	return dialControl(ip.IsLoopback(), allowed)("", netip.AddrPortFrom(ip, 0).String(), nil)
}

// through returns the proxy for a request, nil for none. It resolves names itself
// and is where the operator says it is.
func (w webhook) through(req *http.Request) (*url.URL, error) {
	if w.proxy == nil || loopbackHost(req.URL.Hostname()) {
		return nil, nil //nolint:nilnil // net/http means no proxy by it
	}
	through, err := w.proxy(req)
	if err != nil {
		return nil, fault("proxy-not-a-url")
	}
	return through, nil
}

// client returns a client of its own for one request: they are few, and the
// roots and where the name leads are looked at anew.
func (w webhook) client(req *http.Request) (*http.Client, error) {
	roots, err := w.roots()
	if err != nil {
		return nil, err
	}
	allowed, err := w.config.allowed()
	if err != nil {
		return nil, caused("allow-unusable", err)
	}
	through, err := w.through(req)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Control: dialControl(loopbackHost(req.URL.Hostname()), allowed)}
	transport := &http.Transport{
		DialContext:       dialer.DialContext,
		TLSClientConfig:   &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true, DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10,
	}
	if through != nil {
		transport.Proxy, transport.DialContext = http.ProxyURL(through), nil
	}
	noRedirect := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &http.Client{Transport: transport, CheckRedirect: noRedirect}, nil
}

func (w webhook) roots() (*x509.CertPool, error) {
	if w.config.Roots == "" {
		return nil, nil //nolint:nilnil // crypto/tls means the system's by it
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, caused("system-roots", err)
	}
	f, mode, err := openFile(w.config.Roots)
	if err != nil {
		return nil, caused("roots-unreadable", err, "path", w.config.Roots)
	}
	defer f.Close() //nolint:errcheck // only read
	if !mode.IsRegular() {
		return nil, fault("roots-not-a-file", "path", w.config.Roots, "mode", mode.String())
	}
	pem, err := io.ReadAll(io.LimitReader(f, maxRoots+1))
	if err != nil {
		return nil, caused("roots-unreadable", err, "path", w.config.Roots)
	}
	if len(pem) > maxRoots {
		return nil, fault("roots-too-large", "path", w.config.Roots, "most", strconv.Itoa(maxRoots))
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fault("roots-no-certificate", "path", w.config.Roots)
	}
	return roots, nil
}

// openFile opens what stands at a path and says what it is. It does not wait for
// the writer of a pipe, which may never come.
func openFile(path string) (*os.File, fs.FileMode, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) //nolint:gosec // the operator names it
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Mode(), nil
}

// readSecret reads a secret and sees that nobody else can.
func readSecret(path string) ([]byte, error) {
	f, mode, err := openFile(path)
	if err != nil {
		return nil, caused("secret-unreadable", err, "path", path)
	}
	defer f.Close() //nolint:errcheck // only read
	if !mode.IsRegular() || mode.Perm()&0o077 != 0 {
		return nil, fault("secret-open", "path", path, "mode", mode.String())
	}
	secret, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return nil, caused("secret-unreadable", err, "path", path)
	}
	secret = bytes.TrimSpace(secret)
	if len(secret) < minSecret || len(secret) > maxSecret {
		return nil, fault("secret-length", "path", path, "bytes", strconv.Itoa(len(secret)), "least", strconv.Itoa(minSecret), "most", strconv.Itoa(maxSecret))
	}
	return secret, nil
}

// excerpt makes one short line of what a stranger wrote.
func excerpt(text string) string {
	clean := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, " "))
	runes := []rune(strings.Join(strings.Fields(clean), " "))
	if len(runes) > maxShown {
		return string(runes[:maxShown]) + "…"
	}
	return string(runes)
}
