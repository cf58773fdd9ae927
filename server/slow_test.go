package server_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/server"
)

// TestSlowPeers: whoever stalls, wherever they stall, loses the connection.
func TestSlowPeers(t *testing.T) {
	t.Parallel()
	in := install(t)
	admin := strings.TrimPrefix(in.openAdmin(), "http://")
	in.stop()
	in.timeouts = server.Timeouts{Header: 200 * time.Millisecond, Read: 400 * time.Millisecond, Write: 600 * time.Millisecond, Idle: 200 * time.Millisecond}
	in.start()
	device := strings.TrimPrefix(in.url, "https://")
	secure := &tls.Dialer{Config: &tls.Config{RootCAs: in.roots, MinVersion: tls.VersionTLS12}}
	listeners := []struct {
		name string
		open func() *raw
	}{
		{"device", func() *raw { return in.connect(secure, "tcp", device) }},
		{"admin", func() *raw { return in.connect(&net.Dialer{}, "tcp", admin) }},
		{"socket", func() *raw { return in.connect(&net.Dialer{}, "unix", server.SocketPath(in.data)) }},
	}
	stalls := []struct{ name, sent string }{
		{"nothing sent", ""},
		{"in the request line", "GET /v1"},
		{"in the header", "GET /v1/status HTTP/1.1\r\nHost: localhost\r\nX-Long: a"},
		{"in the body", "POST /v1/groups HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{"},
		{"in a chunk", "POST /v1/groups HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"},
		{"in the body of a poll", "PUT /mdm/command HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n<"},
		{"after a request", "GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n"},
	}
	check := func(name string, conn net.Conn, sent string) {
		in.must(conn.SetDeadline(time.Now().Add(10 * time.Second)))
		_, err := conn.Write([]byte(sent))
		in.must(err)
		start := time.Now()
		answer, err := io.ReadAll(conn) // until the server has had enough
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: the connection is still open after %v; got %q", name, time.Since(start), answer)
		}
	}
	for _, l := range listeners {
		for _, s := range stalls {
			check(l.name+" listener, stalled: "+s.name, l.open().conn, s.sent)
		}
	}
	check("device listener, stalled: before TLS", in.connect(&net.Dialer{}, "tcp", device).conn, "")
	check("device listener, stalled: in the TLS handshake", in.connect(&net.Dialer{}, "tcp", device).conn, "\x16\x03\x01\x02\x00\x01")
}
