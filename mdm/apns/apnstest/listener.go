package apnstest

import (
	"net"
	"sync"
)

// listener counts connections and can pretend that the service is gone.
type listener struct {
	net.Listener

	mu       sync.Mutex
	down     bool
	accepted int
	open     map[*conn]struct{}
}

func newListener(inner net.Listener) *listener {
	return &listener{Listener: inner, open: map[*conn]struct{}{}}
}

// Accept implements [net.Listener]. While down, callers are hung up on.
func (l *listener) Accept() (net.Conn, error) {
	for {
		inner, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c := l.admit(inner); c != nil {
			return c, nil
		}
		_ = inner.Close() // hanging up is all that is wanted
	}
}

func (l *listener) admit(inner net.Conn) *conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return nil
	}
	c := &conn{Conn: inner, owner: l}
	l.open[c] = struct{}{}
	l.accepted++
	return c
}

// setDown breaks all connections and lets none in, or ends that.
func (l *listener) setDown(down bool) {
	l.mu.Lock()
	l.down = down
	var victims []*conn
	if down {
		for c := range l.open {
			victims = append(victims, c)
		}
	}
	l.mu.Unlock()
	for _, c := range victims {
		_ = c.Close() // hanging up is all that is wanted
	}
}

func (l *listener) connections() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.accepted
}

// conn leaves its listener's list when it closes.
type conn struct {
	net.Conn

	owner *listener
}

// Close implements [net.Conn].
func (c *conn) Close() error {
	c.owner.mu.Lock()
	delete(c.owner.open, c)
	c.owner.mu.Unlock()
	return c.Conn.Close()
}
