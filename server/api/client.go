package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
)

// Client speaks to a running server.
type Client struct {
	base   string
	socket string // "" for a remote server
	token  string
	http   *http.Client
	wait   Patience
}

// With returns a client that waits for the same server otherwise.
func (c *Client) With(p Patience) *Client {
	other := *c
	other.wait = p
	return &other
}

// NewSocketClient returns a client for the Unix socket of a server on this
// machine.
func NewSocketClient(socket string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
	return &Client{base: "http://kannuki", socket: socket, http: &http.Client{Transport: &http.Transport{DialContext: dial}}}
}

// NewRemoteClient returns a client for the admin listener at a base URL.
func NewRemoteClient(base, token string, transport http.RoundTripper) *Client {
	return &Client{base: strings.TrimSuffix(base, "/"), token: token, http: &http.Client{Transport: transport}}
}

// UnreachableError says that no server answered, and where it was sought.
type UnreachableError struct {
	Socket string // path of the Unix socket, "" for a remote server
	URL    string // of the remote server's admin listener, "" for a socket
	// Unknown says that a request which changes something reached the server, and
	// only its answer is lost: it may have been carried out. Tried says the same of a
	// dry run, which changes nothing.
	Unknown, Tried bool
	Err            error
}

func (e *UnreachableError) Error() string { return "cannot reach the server: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *UnreachableError) Unwrap() error { return e.Err }

// Get asks for path and decodes the answer into out.
func (c *Client) Get(ctx context.Context, path string, query url.Values, out any) error {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return c.do(ctx, request{method: http.MethodGet, path: path}, out)
}

// Post sends in as JSON and decodes the answer into out.
func (c *Client) Post(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	var tried write
	_ = json.Unmarshal(body, &tried) // what is no object with that key changes something, as far as one knows
	return c.do(ctx, request{method: http.MethodPost, path: path, body: body, dryRun: tried.DryRun}, out)
}

// Upload sends data as it is and decodes the answer into out.
func (c *Client) Upload(ctx context.Context, path string, query url.Values, data []byte, out any) error {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return c.do(ctx, request{method: http.MethodPost, path: path, body: data, dryRun: query.Get("dry_run") == strconv.FormatBool(true)}, out)
}

// Download posts an empty request and copies the answer to w.
func (c *Client) Download(ctx context.Context, path string, w io.Writer) (int64, error) {
	r := request{method: http.MethodPost, path: path, body: []byte("{}"), reads: true}
	resp, err := c.send(ctx, r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close() //nolint:errcheck // read to the end or broken already
	n, err := io.Copy(w, resp.Body)
	if err == nil {
		return n, nil
	}
	_, silent := errors.AsType[*SilentError](err)
	if err = fmt.Errorf("download: %w", err); silent {
		err = c.unreachable(err, r, false)
	}
	return n, err
}

// request is what the server is asked.
type request struct {
	method, path string
	body         []byte
	dryRun       bool // it changes nothing whatever its method is
	reads        bool // likewise, as what is asked for is the answer
}

// acts reports whether the request is for more than an answer, if only for a trial.
func (r request) acts() bool { return r.method != http.MethodGet && !r.reads }

func (c *Client) do(ctx context.Context, r request, out any) error {
	resp, err := c.send(ctx, r)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // read to the end or broken already
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		_, silent := errors.AsType[*SilentError](err)
		err = fmt.Errorf("read answer of %s: %w", r.path, err)
		if r.acts() || silent {
			return c.unreachable(err, r, r.acts())
		}
		return err
	}
	return nil
}

// send returns an answer with a good status, or the error the server gave.
func (c *Client) send(ctx context.Context, r request) (*http.Response, error) {
	var sent atomic.Bool // as far as this side knows
	ctx, l := c.wait.listen(ctx)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }})
	req, err := http.NewRequestWithContext(ctx, r.method, c.base+r.path, bytes.NewReader(r.body))
	if err != nil {
		l.end()
		return nil, fmt.Errorf("build request: %w", err)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		defer l.end()
		return nil, c.unreachable(l.cause(err), r, r.acts() && sent.Load())
	}
	l.pause()
	resp.Body = listened{resp.Body, l}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close() //nolint:errcheck // an error is being reported already
	var e errorBody
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxBody)).Decode(&e); err != nil || e.Error == nil {
		err = fmt.Errorf("%s %s: the server answered %s", r.method, r.path, resp.Status)
		if r.acts() && resp.StatusCode >= http.StatusBadGateway { // a proxy, of a server that was asked
			return nil, c.unreachable(err, r, true)
		}
		return nil, err
	}
	e.Error.Status = resp.StatusCode
	return nil, e.Error
}

// unreachable says that no server answered; lost, that it may have done what it was
// asked for all the same.
func (c *Client) unreachable(err error, r request, lost bool) error {
	e := &UnreachableError{Socket: c.socket, Unknown: lost && !r.dryRun, Tried: lost && r.dryRun, Err: err}
	if c.socket == "" {
		e.URL = c.base
	}
	return e
}

// Path joins fixed and variable parts of a path; every part is escaped.
func Path(parts ...string) string {
	var b strings.Builder
	b.WriteString("/v1")
	for _, p := range parts {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(p))
	}
	return b.String()
}
