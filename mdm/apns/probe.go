package apns

import (
	"context"
	"errors"
	"io"
	"net/http"
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
	return c.twice(ctx, s, func(ctx context.Context, h *http.Client) error {
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
	}), nil
}
