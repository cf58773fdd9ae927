package apns

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Half-open connections (a firewall forgot them) are found by a ping after
// this much silence and this long without an answer. Together they are less
// than the default timeout of a push, so it can still try again.
const (
	pingAfter   = 10 * time.Second
	pingTimeout = 5 * time.Second
)

// ErrNotHTTP2 means that something between here and Apple answers.
var ErrNotHTTP2 = errors.New("answer is not HTTP/2: a proxy that opens TLS cannot be used for pushes")

// session is a certificate with the connections made with it.
type session struct {
	certificate Certificate
	transport   *http.Transport
	conns       *conns
	users       sync.WaitGroup // pushes under way
}

func newSession(c Certificate, o Options) *session {
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	conns := newConns(o.Timeout)
	return &session{
		certificate: c,
		conns:       conns,
		transport: &http.Transport{
			DialContext:         conns.dial,
			Proxy:               o.Proxy,
			TLSClientConfig:     tlsConfig(c, o.Roots),
			TLSHandshakeTimeout: o.Timeout,
			Protocols:           protocols,
			ForceAttemptHTTP2:   true,

			OnProxyConnectResponse: o.ProxyAnswer,
			HTTP2: &http.HTTP2Config{
				SendPingTimeout: pingAfter,
				PingTimeout:     pingTimeout,
				// Wait for a free stream instead of opening more connections.
				StrictMaxConcurrentRequests: true,
			},
		},
	}
}

// close waits for the users and closes the connections.
func (s *session) close() {
	s.users.Wait()
	s.transport.CloseIdleConnections()
	s.conns.closeAll()
}

// recorder keeps the answer of one request: apns2 hands on neither its headers
// nor, if the body is not JSON, its status.
type recorder struct {
	next http.RoundTripper
	got  *answer
}

// RoundTrip implements [http.RoundTripper].
func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := r.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // what it could say has been read
	if resp.ProtoMajor != 2 {
		return nil, ErrNotHTTP2
	}
	// A body cut off is judged by its status like one that is not JSON.
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	r.got = &answer{status: resp.StatusCode, header: resp.Header, body: body}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// noAnswer judges an error of the transport. The second value says whether
// another connection may fare better.
func noAnswer(err error) (Result, bool) {
	// The URL in it holds the phone's token.
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if alert, ok := errors.AsType[*net.OpError](err); ok && alert.Op == "remote error" && !unrelatedAlert(alert) {
		return Result{
			Outcome: CertificateProblem,
			Err:     fmt.Errorf("push service refused the certificate: %w", err),
		}, true
	}
	if strings.Contains(err.Error(), noProtocol) {
		err = fmt.Errorf("%w: %w", ErrNotHTTP2, err)
	}
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	again := !untrusted && !errors.Is(err, ErrNotHTTP2) && !errors.Is(err, context.DeadlineExceeded)
	return Result{Outcome: Unavailable, Err: fmt.Errorf("push service: %w", err)}, again
}

// noProtocol is the text of the TLS alert of a peer that has no HTTP/2.
const noProtocol = "no application protocol"

// unrelatedAlert knows the TLS alerts that are about something else than our
// certificate. All others count as being about it, because Apple refuses an
// expired or revoked one with several, "internal error" among them. Package
// tls has no type for them, only these texts.
func unrelatedAlert(alert *net.OpError) bool {
	text := alert.Err.Error()
	for _, other := range []string{noProtocol, "protocol version not supported", "unrecognized name"} {
		if strings.Contains(text, other) {
			return true
		}
	}
	return false
}
