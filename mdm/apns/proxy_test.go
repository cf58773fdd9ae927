package apns_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"testing"
)

// connectProxy is an HTTP proxy that only tunnels.
type connectProxy struct {
	url *url.URL

	mu     sync.Mutex
	asked  []string
	status int
}

func startProxy(t *testing.T) *connectProxy {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &connectProxy{url: &url.URL{Scheme: "http", Host: l.Addr().String()}, status: http.StatusOK}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { p.serve(conn) })
		}
	})
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		all.Wait()
	})
	return p
}

func (p *connectProxy) serve(conn net.Conn) {
	defer conn.Close() //nolint:errcheck // a test's tunnel
	r, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil || r.Method != http.MethodConnect {
		return
	}
	p.mu.Lock()
	p.asked = append(p.asked, r.Host)
	status := p.status
	p.mu.Unlock()
	fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\n\r\n", status, http.StatusText(status)) //nolint:errcheck // a test's tunnel
	if status != http.StatusOK {
		return
	}
	var d net.Dialer
	out, err := d.DialContext(context.Background(), "tcp", r.Host)
	if err != nil {
		return
	}
	defer out.Close() //nolint:errcheck // a test's tunnel
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(conn, out)
		_ = conn.(*net.TCPConn).CloseRead() //nolint:errcheck // a test's tunnel
	})
	_, _ = io.Copy(out, conn)
	_ = out.(*net.TCPConn).CloseWrite() //nolint:errcheck // a test's tunnel
	back.Wait()
}

func (p *connectProxy) connects() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.asked...)
}

func (p *connectProxy) refuse(status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status = status
}
