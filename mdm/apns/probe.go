package apns

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
)

// Probe asks the push service for nothing, to see whether it can be reached and
// takes the certificate, which may be the zero one. It wakes nobody. Any answer
// over HTTP/2 is a Result with a Status; [Result.FromApple] tells whether it can be
// Apple's. Without an answer, Err says where it broke; a refused certificate is a
// [CertificateProblem]. It takes two timeouts at most. The error is about o.
func Probe(ctx context.Context, cert Certificate, o Options) (Result, error) {
	c, err := newClient(cert, o)
	if err != nil {
		return Result{}, err
	}
	defer c.Close()
	s := c.acquire()
	defer s.users.Done()
	var met atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{TLSHandshakeDone: func(state tls.ConnectionState, err error) {
		if err == nil && state.NegotiatedProtocol == "h2" {
			met.Store(true)
		}
	}})
	r := c.twice(ctx, s, func(ctx context.Context, h *http.Client) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.host+"/", nil)
		if err != nil {
			return err
		}
		resp, err := h.Do(req)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, resp.Body) // bounded by the recorder
		return errors.Join(err, resp.Body.Close())
	})
	if len(cert.TLS.Certificate) == 0 && met.Load() && r.Outcome == Unavailable && ctx.Err() == nil {
		// TLS 1.3 lets a client finish that shows no certificate, and refuses it
		// after that. net/http loses the refusal when it comes between the
		// handshake and the request; who was met has been reached.
		r.Outcome = CertificateProblem
	}
	return r, nil
}
