package apns

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// conns dials, and can close what it dialled. [http.Transport] alone cannot:
// it leaves a connection open whose last answer came in only just now.
type conns struct {
	dialer net.Dialer

	mu   sync.Mutex
	open map[*conn]struct{}
}

func newConns(timeout time.Duration) *conns {
	return &conns{dialer: net.Dialer{Timeout: timeout}, open: map[*conn]struct{}{}}
}

// dial has the signature of [http.Transport]'s DialContext.
func (l *conns) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	inner, err := l.dialer.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: inner, owner: l}
	l.mu.Lock()
	l.open[c] = struct{}{}
	l.mu.Unlock()
	return c, nil
}

// closeAll closes what is still open.
func (l *conns) closeAll() {
	l.mu.Lock()
	victims := make([]*conn, 0, len(l.open))
	for c := range l.open {
		victims = append(victims, c)
	}
	l.mu.Unlock()
	for _, c := range victims {
		_ = c.Close() // nothing is in flight that could be lost
	}
}

// conn is a connection whose reader reports why it broke.
//
// In TLS 1.3 a server refuses the client's certificate after the client has
// begun to send. The refusal waits to be read, while writing already returns
// "broken pipe", and whichever comes first is what the caller would hear.
type conn struct {
	net.Conn

	owner *conns
}

// Write implements [net.Conn]. A broken connection takes everything.
func (c *conn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if e, ok := errors.AsType[net.Error](err); err == nil || errors.Is(err, net.ErrClosed) || (ok && e.Timeout()) {
		return n, err
	}
	return len(b), nil
}

// Close implements [net.Conn].
func (c *conn) Close() error {
	c.owner.mu.Lock()
	delete(c.owner.open, c)
	c.owner.mu.Unlock()
	return c.Conn.Close()
}
