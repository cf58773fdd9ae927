package server_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/server"
	"github.com/kannuki-mdm/kannuki/server/api"
)

// auth is what a route wants to be shown.
type auth string

const (
	authCertificate auth = "certificate" // of an enrolled phone; anything else gets 400
	authChallenge   auth = "challenge"   // inside the message; until it is read, anybody may knock
	authLink        auth = "link"        // the secret in the URL
	authPrincipal   auth = "principal"   // socket peer or token; anything else gets 403
)

// bounds is the row of the census for one route: who may use it and how much it
// takes. Headers have 16 KiB everywhere (and net/http's read buffer of 4 KiB on
// top), and the timeouts are those of the listener.
type bounds struct {
	auth    auth
	methods string // that it answers; others get 405
	body    int    // bytes; 0 means that no body is read
	kept    bool   // the connection, after a body over the limit
}

// deviceCensus is the device listener.
func deviceCensus() map[string]bounds {
	return map[string]bounds{
		"/mdm/checkin":            {authCertificate, "PUT", 1 << 20, true}, // a status report; other messages have 256 KiB
		"/mdm/command":            {authCertificate, "PUT", 1 << 20, true}, // 8 MiB from a phone that was asked for its apps
		"/scep":                   {authChallenge, "GET POST", 64 << 10, false},
		"GET /enroll/{secret...}": {authLink, "GET HEAD", 0, true},
	}
}

// adminCensus is the admin interface, on the socket and on the admin listener.
func adminCensus() map[string]bounds {
	small := bounds{authPrincipal, "", 1 << 20, false}
	census := map[string]bounds{}
	for _, pattern := range []string{
		"GET /v1/status", "GET /v1/devices", "GET /v1/devices/{udid}", "GET /v1/devices/{udid}/explain", "GET /v1/devices/{udid}/declarations",
		"GET /v1/devices/{udid}/queue", "POST /v1/devices/{udid}/push", "POST /v1/devices/{udid}/refresh", "POST /v1/devices/{udid}/move", "POST /v1/devices/move",
		"GET /v1/apps", "POST /v1/apps", "GET /v1/apps/{app}", "POST /v1/apps/{app}", "POST /v1/apps/{app}/remove",
		"GET /v1/groups", "POST /v1/groups", "POST /v1/groups/{group}", "POST /v1/groups/{group}/remove",
		"GET /v1/groups/{group}/backtest", "GET /v1/groups/{group}/simulate", "GET /v1/lint", "POST /v1/lint",
		"POST /v1/enrollment/links", "POST /v1/enrollment/profiles", "GET /v1/releases", "GET /v1/releases/{release}", "POST /v1/releases/{release}/decline", "POST /v1/feeds/fetch",
		"GET /v1/gates", "GET /v1/gates/{group}/{release}", "POST /v1/gates/{group}/{release}/offer", "POST /v1/gates/{group}/{release}/decline",
		"POST /v1/gates/{group}/{release}/withdraw", "POST /v1/gates/{group}/{release}/approve",
		"POST /v1/gates/{group}/{release}/extend", "GET /v1/rollouts/{group}/{release}",
		"GET /v1/rollouts/{group}/{release}/waves", "GET /v1/rollouts/{group}/{release}/plan",
		"POST /v1/rollouts/{group}/{release}/pause", "POST /v1/rollouts/{group}/{release}/resume", "GET /v1/verdicts", "POST /v1/verdicts",
		"POST /v1/verdicts/{id}/revoke", "GET /v1/audit", "POST /v1/push/certificate", "POST /v1/backup",
		"POST /v1/devices/{udid}/queue/{command}/cancel", "POST /v1/devices/{udid}/remove", "GET /v1/devices/{udid}/declarations/diff",
		"GET /v1/declarations", "GET /v1/declarations/check", "GET /v1/exposure", "GET /v1/leaks", "GET /v1/devices/{udid}/exposure",
		"POST /v1/devices/{udid}/identity/revoke", "GET /v1/identities", "GET /v1/verdicts/{id}",
		"GET /v1/tokens", "POST /v1/tokens", "POST /v1/tokens/{id}/revoke",
		"POST /v1/gates/{group}/{release}/override", "POST /v1/gates/{group}/{release}/urgent", "GET /v1/approvals", "GET /v1/approvals/{id}", "POST /v1/approvals/{id}/sign",
		"POST /v1/approvals/{id}/refuse", "POST /v1/approvals/{id}/withdraw",
		"GET /v1/verdicts/matrix", "GET /v1/verdicts/coverage",
		"GET /v1/policies", "GET /v1/policies/{policy}", "POST /v1/policies/{policy}", "POST /v1/policies/{policy}/remove",
		"GET /v1/calendars", "GET /v1/calendars/{calendar}", "POST /v1/calendars/{calendar}", "POST /v1/calendars/{calendar}/remove",
		"GET /v1/problems", "POST /v1/problems", "POST /v1/problems/{id}/close",
		"GET /v1/settings", "POST /v1/apply", "POST /v1/devices/{udid}", "POST /v1/halt/end", "GET /v1/rollouts/{group}/{release}/chase",
		"GET /v1/notices", "GET /v1/notices/{id}", "POST /v1/notices/{id}/retry", "POST /v1/notices/retry",
		"GET /v1/channels", "POST /v1/channels/{channel}/test", "POST /v1/channels/{channel}/pause", "POST /v1/channels/{channel}/resume",
	} {
		census[pattern] = small
	}
	census["POST /v1/holders"] = bounds{authPrincipal, "", 4 << 20, false}
	census["POST /v1/catalog"] = bounds{authPrincipal, "", 16 << 20, false}
	return census
}

// TestCensusIsComplete: a route that is not in the census has limits nobody
// has looked at, and the tests below do not test it.
func TestCensusIsComplete(t *testing.T) {
	t.Parallel()
	for _, listener := range []struct {
		name   string
		routes []string
		census map[string]bounds
	}{{"device", server.DevicePatterns(), deviceCensus()}, {"admin", api.Patterns(), adminCensus()}} {
		var want []string
		for pattern := range listener.census {
			want = append(want, pattern)
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, slices.Sorted(slices.Values(listener.routes))); diff != "" {
			t.Errorf("routes of the %s listener (-census +router):\n%s", listener.name, diff)
		}
	}
}

// split returns the method of a pattern, "" when it takes any, and its path
// with the wildcards filled in.
func split(pattern string) (method, path string) {
	method, path, ok := strings.Cut(pattern, " ")
	if !ok {
		method, path = "", pattern
	}
	return method, regexp.MustCompile(`\{[a-z]+(\.\.\.)?\}`).ReplaceAllString(path, "x")
}

// nothingStored runs f and wants the database to be what it was before, but for
// entries about refused requests.
func (in *installation) nothingStored(f func()) {
	in.t.Helper()
	records, before := in.records()
	f()
	after, log := in.records()
	if diff := cmp.Diff(records, after); diff != "" {
		in.t.Errorf("records changed (-before +after):\n%s", diff)
	}
	for seg, entries := range log {
		for _, e := range entries[len(before[seg]):] {
			if e.Action != "security.refused" {
				in.t.Errorf("the audit log tells of an act: %+v", e)
			}
		}
	}
}

// raw is one connection on which requests are sent one after the other.
type raw struct {
	t    *testing.T
	conn net.Conn
	buf  *bufio.Reader
}

// dial connects to the device listener with a certificate, or without for nil.
func (in *installation) dial(id *identity) *raw {
	in.t.Helper()
	config := &tls.Config{RootCAs: in.roots, MinVersion: tls.VersionTLS12}
	if id != nil {
		config.Certificates = []tls.Certificate{{Certificate: [][]byte{id.cert.Raw}, PrivateKey: id.key}}
	}
	return in.connect(&tls.Dialer{Config: config}, "tcp", strings.TrimPrefix(in.url, "https://"))
}

// connect connects to anything.
func (in *installation) connect(d interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}, network, address string,
) *raw {
	in.t.Helper()
	conn, err := d.DialContext(in.t.Context(), network, address)
	in.must(err)
	in.t.Cleanup(func() { _ = conn.Close() }) // the server may have closed it already
	return &raw{in.t, conn, bufio.NewReader(conn)}
}

// send sends a request and returns the answer's status. The server may answer,
// and close, before it has taken the whole body.
func (c *raw) send(method, path string, header http.Header, body []byte) (status int, closed bool) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, "http://localhost"+path, bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if header != nil {
		req.Header = header
	}
	done := make(chan error, 1)
	go func() { done <- req.Write(c.conn) }()
	resp, err := http.ReadResponse(c.buf, req)
	if err != nil {
		c.t.Fatalf("%s %s with %d bytes: no answer: %v", method, path, len(body), err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		c.t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		c.t.Fatal(err)
	}
	if resp.Close {
		_ = c.conn.Close() // ends the writer, which may be in mid body
	}
	if err := <-done; err != nil && !resp.Close {
		c.t.Fatal(err)
	}
	return resp.StatusCode, resp.Close
}

// limited is one body limit to be tried: of a route, or of one kind of message
// on it.
type limited struct {
	what, method, path string
	header             http.Header
	body               func(n int) []byte // of n bytes
	limit              int
	row                bounds
	open               func() *raw
}

// limits lists every body limit of the census.
func (in *installation) limits(phone *identity, who string) []limited {
	padded := func(m message) func(n int) []byte {
		list, _ := m.of(in.t, udid(who))
		return func(n int) []byte {
			return append(bytes.Clone(list), []byte("<!--"+strings.Repeat("x", n-len(list)-7)+"-->")...)
		}
	}
	_, checkin := messageNamed(in.t, "DeclarativeManagement status").of(in.t, nil)
	_, command := messageNamed(in.t, "Idle").of(in.t, nil)
	device := deviceCensus()
	open := func() *raw { return in.dial(phone) }
	out := []limited{
		{"status report", "PUT", "/mdm/checkin", checkin, padded(messageNamed(in.t, "DeclarativeManagement status")), device["/mdm/checkin"].body, device["/mdm/checkin"], open},
		{"TokenUpdate", "PUT", "/mdm/checkin", checkin, padded(messageNamed(in.t, "TokenUpdate")), 256 << 10, device["/mdm/checkin"], open},
		{"result", "PUT", "/mdm/command", command, padded(messageNamed(in.t, "Idle")), device["/mdm/command"].body, device["/mdm/command"], open},
		{"certificate request", "POST", "/scep?operation=PKIOperation", nil, func(n int) []byte { return make([]byte, n) }, device["/scep"].body, device["/scep"], open},
	}
	for pattern, row := range adminCensus() {
		method, path := split(pattern)
		blank := func(n int) []byte { return append([]byte("{}"), bytes.Repeat([]byte(" "), n-2)...) }
		socket := func() *raw { return in.connect(&net.Dialer{}, "unix", server.SocketPath(in.data)) }
		out = append(out, limited{pattern, method, path, nil, blank, row.body, row, socket})
	}
	return out
}

// TestBodyLimits sends each route a body of exactly its limit, which must not
// be refused for its size, and one of a byte more, which must be.
func TestBodyLimits(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.setUp()
	a := mint(t, in.deviceCA(), nil)
	in.record(a)
	in.enrolRaw(a, "PHONE-A")
	cases := in.limits(a, "PHONE-A")
	for _, c := range cases {
		if status, _ := c.open().send(c.method, c.path, c.header, c.body(c.limit)); status == http.StatusRequestEntityTooLarge {
			t.Errorf("%s of %d bytes: 413, want it taken", c.what, c.limit)
		}
	}
	in.nothingStored(func() {
		for _, c := range cases {
			conn := c.open()
			status, closed := conn.send(c.method, c.path, c.header, c.body(c.limit+1))
			if status != http.StatusRequestEntityTooLarge || closed == c.row.kept {
				t.Errorf("%s of %d bytes: %d, connection kept %t; want 413, %t", c.what, c.limit+1, status, !closed, c.row.kept)
			}
			if closed {
				continue
			}
			if status, _ := conn.send(c.method, c.path, c.header, []byte("x")); status != http.StatusBadRequest {
				t.Errorf("%s: the next request on the connection got %d, want 400", c.what, status)
			}
		}
		if status, _ := in.dial(nil).send("GET", "/enroll/x", nil, make([]byte, 1<<20)); status != http.StatusGone {
			t.Errorf("link with a body: %d, want 410", status)
		}
	})
}

// TestOversizedBodyIsNotReadForEver: what is far over the limit costs the
// connection, not the server's time.
func TestOversizedBodyIsNotReadForEver(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.setUp()
	a := mint(t, in.deviceCA(), nil)
	in.record(a)
	in.enrolRaw(a, "PHONE-A")
	for _, test := range []struct {
		name string
		id   *identity
		want int
	}{{"a phone", a, http.StatusRequestEntityTooLarge}, {"a stranger", nil, http.StatusBadRequest}} {
		header := http.Header{"Content-Type": {"application/x-apple-aspen-mdm"}}
		if status, closed := in.dial(test.id).send("PUT", "/mdm/command", header, make([]byte, 12<<20)); status != test.want || !closed {
			t.Errorf("12 MiB of %s: %d, closed %t; want %d and closed", test.name, status, closed, test.want)
		}
	}
}

// TestHeaderLimits: headers of 16 KiB pass on every listener, and those over
// the limit and net/http's buffer do not.
func TestHeaderLimits(t *testing.T) {
	t.Parallel()
	in := install(t)
	admin := in.openAdmin()
	for name, open := range map[string]func() *raw{
		"device": func() *raw { return in.dial(nil) },
		"admin":  func() *raw { return in.connect(&net.Dialer{}, "tcp", strings.TrimPrefix(admin, "http://")) },
		"socket": func() *raw { return in.connect(&net.Dialer{}, "unix", server.SocketPath(in.data)) },
	} {
		for size, refused := range map[int]bool{16 << 10: false, 24 << 10: true, 1 << 20: true} {
			status, _ := open().send("GET", "/x", http.Header{"X-Large": {strings.Repeat("x", size)}}, nil)
			if (status == http.StatusRequestHeaderFieldsTooLarge) != refused {
				t.Errorf("%s listener, header of %d bytes: %d, want 431 %t", name, size, status, refused)
			}
		}
		if status, _ := open().send("GET", "/x?"+strings.Repeat("y", 24<<10), nil, nil); status != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("%s listener, URL of 24 KiB: %d, want 431", name, status)
		}
	}
}

// TestMethods asks every route with every method. Only those of the census are
// let in; nobody is let in without credentials.
func TestMethods(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.nothingStored(func() {
		socket := in.connect(&net.Dialer{}, "unix", server.SocketPath(in.data))
		routes := http.NewServeMux()
		for pattern := range adminCensus() {
			routes.Handle(pattern, http.NotFoundHandler())
		}
		for _, method := range []string{"GET", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "TRACE", "CONNECTION", "get"} {
			for pattern, row := range deviceCensus() {
				_, path := split(pattern)
				status, _ := in.as(nil).do(method, path, nil, []byte("x"))
				if allowed := slices.Contains(strings.Fields(row.methods), method); (status != http.StatusMethodNotAllowed) != allowed || status < 400 {
					t.Errorf("device listener: %s %s: %d, allowed methods are %s", method, path, status, row.methods)
				}
			}
			for pattern := range adminCensus() {
				_, path := split(pattern)
				if _, known := routes.Handler(&http.Request{Method: method, URL: &url.URL{Path: path}}); strings.HasPrefix(known, method+" ") {
					continue
				}
				if status, _ := socket.send(method, path, nil, nil); status != http.StatusMethodNotAllowed {
					t.Errorf("socket: %s %s: %d, want 405", method, path, status)
				}
			}
		}
	})
}
