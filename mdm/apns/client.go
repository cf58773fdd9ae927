package apns

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/sideshow/apns2"
)

const (
	maxToken           = 100 // bytes; Apple sends 32 today and says not to rely on it
	maxBody            = 4096
	defaultExpiry      = 7 * 24 * time.Hour
	defaultTimeout     = 20 * time.Second
	defaultConcurrency = 8
)

// ErrClosed is the Err of a push made after [Client.Close].
var ErrClosed = errors.New("push client is closed")

// Options are what a [Client] may be told. Now is required.
type Options struct {
	Host  string         // scheme, host and port; "" means Apple's production service
	Roots *x509.CertPool // nil means the system's
	Proxy func(*http.Request) (*url.URL, error)
	// ProxyAnswer is asked about the answer of a proxy to CONNECT, as
	// [http.Transport] does it; nil accepts 200 and nothing else.
	ProxyAnswer func(ctx context.Context, proxy *url.URL, connect *http.Request, answer *http.Response) error
	Timeout     time.Duration    // of one attempt; 0 means 20 seconds. A push makes two at most
	Concurrency int              // pushes at the same time; 0 means 8
	Now         func() time.Time // wall clock
}

// Client pushes with one certificate over one long-lived connection: Apple
// takes frequent connecting for an attack. It is safe for concurrent use and
// keeps nothing about phones.
type Client struct {
	host    string
	options Options
	slots   chan struct{} // bounds concurrency

	mu      sync.RWMutex
	current *session // nil once closed
}

// NewClient returns a client. Nothing is sent before the first push.
func NewClient(c Certificate, o Options) (*Client, error) {
	if c.Topic == "" || len(c.TLS.Certificate) == 0 {
		return nil, errors.New("push client: no push certificate given")
	}
	return newClient(c, o)
}

// newClient is NewClient for a certificate that has been looked at.
func newClient(c Certificate, o Options) (*Client, error) {
	if o.Now == nil {
		return nil, errors.New("push client: no clock given")
	}
	if o.Host == "" {
		o.Host = apns2.HostProduction
	}
	u, err := url.Parse(o.Host)
	if err != nil {
		return nil, fmt.Errorf("push client: host: %w", err)
	}
	if u.Scheme != "https" || u.Host == "" || (u.Path != "" && u.Path != "/") || u.RawQuery != "" {
		return nil, fmt.Errorf("push client: host %q is not of the form https://name:port", o.Host)
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Concurrency <= 0 {
		o.Concurrency = defaultConcurrency
	}
	return &Client{
		host:    "https://" + u.Host,
		options: o,
		slots:   make(chan struct{}, o.Concurrency),
		current: newSession(c, o),
	}, nil
}

// Certificate returns the certificate in use.
func (c *Client) Certificate() Certificate {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.current == nil {
		return Certificate{}
	}
	return c.current.certificate
}

// Replace changes to a renewed certificate without losing a push: those under
// way end on the old connection, which Replace waits for. It returns a
// [TopicChangeError] when the topic differs, and ErrClosed.
func (c *Client) Replace(next Certificate) error {
	c.mu.Lock()
	old := c.current
	if old == nil {
		c.mu.Unlock()
		return ErrClosed
	}
	if err := CheckTopic(old.certificate.Topic, next.Topic); err != nil {
		c.mu.Unlock()
		return err
	}
	c.current = newSession(next, c.options)
	c.mu.Unlock()
	old.close()
	return nil
}

// Close waits for the pushes under way and closes the connection. Later
// pushes are Unavailable with ErrClosed. Closing twice does nothing.
func (c *Client) Close() {
	c.mu.Lock()
	old := c.current
	c.current = nil
	c.mu.Unlock()
	if old != nil {
		old.close()
	}
}

// Push sends one wake-up and says what became of it. It waits for a free slot,
// tries once more when the connection broke, and takes no longer than the wait
// and two timeouts. When ctx ends, the result is Unavailable and Err is ctx's
// error. It never unenrols anything.
func (c *Client) Push(ctx context.Context, p Push) Result {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return Result{Outcome: Unavailable, Err: ctx.Err()}
	}
	s := c.acquire()
	if s == nil {
		return Result{Outcome: Unavailable, Err: ErrClosed}
	}
	defer s.users.Done()

	now := c.options.Now()
	n, refused := notification(p, s.certificate, now)
	if refused != nil {
		return *refused
	}
	return c.twice(ctx, s, func(ctx context.Context, h *http.Client) error {
		// What apns2 makes of the answer is left alone: it drops Retry-After, and
		// the status too when the body is not JSON.
		_, err := (&apns2.Client{Host: c.host, HTTPClient: h}).PushWithContext(ctx, n)
		return err
	})
}

// twice sends a request, once more when the connection broke.
func (c *Client) twice(ctx context.Context, s *session, send func(context.Context, *http.Client) error) Result {
	first, again := c.attempt(ctx, s, send)
	if !again {
		return first
	}
	second, _ := c.attempt(ctx, s, send)
	if second.Outcome == Unavailable && first.Outcome == CertificateProblem && ctx.Err() == nil {
		// Refused twice, and the reason got lost the second time: net/http has
		// it only if the refusal arrives while the request is being sent.
		return first
	}
	return second
}

// acquire returns the current session with its user counted, or nil.
func (c *Client) acquire() *session {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.current != nil {
		c.current.users.Add(1)
	}
	return c.current
}

// attempt makes one request. The second value says that another one, on
// another connection, may fare better.
func (c *Client) attempt(ctx context.Context, s *session, send func(context.Context, *http.Client) error) (Result, bool) {
	attemptCtx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	rec := &recorder{next: s.transport}
	err := send(attemptCtx, &http.Client{Transport: rec, CheckRedirect: noRedirect})
	if rec.got != nil {
		r := classify(*rec.got, c.options.Now())
		return r, r.Reason == apns2.ReasonIdleTimeout
	}
	if ctx.Err() != nil {
		return Result{Outcome: Unavailable, Err: ctx.Err()}, false
	}
	return noAnswer(err)
}

// notification builds the request for p, or the result that refuses it. What
// is refused here depends on what a phone sent, so it must not reach Apple,
// whose answer would read like a fault of ours.
func notification(p Push, c Certificate, now time.Time) (*apns2.Notification, *Result) {
	refuse := func(reason string) (*apns2.Notification, *Result) {
		return nil, &Result{Outcome: BadToken, Reason: reason}
	}
	if len(p.Token) == 0 || len(p.Token) > maxToken {
		return refuse(ReasonTokenLength)
	}
	if p.Topic != "" && p.Topic != c.Topic {
		return refuse(ReasonTopicMismatch)
	}
	// Exactly this key: apns2's payload builder would add an aps object, which
	// Apple does not allow here.
	body, err := json.Marshal(struct {
		MDM string `json:"mdm"`
	}{p.Magic})
	if err != nil || p.Magic == "" || !utf8.ValidString(p.Magic) || len(body) > maxBody {
		return refuse(ReasonMagic)
	}
	if now.After(c.NotAfter) {
		return nil, &Result{
			Outcome: CertificateProblem, Reason: ReasonExpired,
			Err: &ExpiredError{Topic: c.Topic, NotAfter: c.NotAfter},
		}
	}
	expires := p.Expires
	if expires.IsZero() {
		expires = now.Add(defaultExpiry)
	}
	return &apns2.Notification{
		DeviceToken: hex.EncodeToString(p.Token),
		Topic:       c.Topic,
		Expiration:  expires,
		Payload:     body,
		PushType:    apns2.PushTypeMDM, // apns2's default is "alert"
	}, nil
}

func noRedirect(*http.Request, []*http.Request) error {
	return http.ErrUseLastResponse
}

// tlsConfig offers c to a server that roots (nil: the system's) vouches for.
func tlsConfig(c Certificate, roots *x509.CertPool) *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		RootCAs:      roots,
		Certificates: []tls.Certificate{c.TLS},
	}
}
