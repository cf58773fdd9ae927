package mdm_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/mdm"
)

const (
	checkinType = "application/x-apple-aspen-mdm-checkin"
	commandType = "application/x-apple-aspen-mdm"
)

// fakeService answers with what it is set to and remembers what it got.
type fakeService struct {
	reply   mdm.Reply
	command *mdm.Command
	err     error
	panics  any

	checkins []mdm.Checkin
	results  []*mdm.Result
}

func (s *fakeService) Checkin(_ context.Context, _ mdm.Peer, c mdm.Checkin) (mdm.Reply, error) {
	s.checkins = append(s.checkins, c)
	if s.panics != nil {
		panic(s.panics)
	}
	return s.reply, s.err
}

func (s *fakeService) Report(_ context.Context, _ mdm.Peer, r *mdm.Result) (*mdm.Command, error) {
	s.results = append(s.results, r)
	if s.panics != nil {
		panic(s.panics)
	}
	return s.command, s.err
}

// fakeIdentifier answers every claim alike.
type fakeIdentifier struct {
	claim error
	check func(body []byte) error
}

func (i fakeIdentifier) Claim(*http.Request) (mdm.Peer, func([]byte) error, error) {
	return mdm.Peer{Fingerprint: "f00d"}, i.check, i.claim
}

// exchange sends one request to the path of a handler: "/checkin",
// "/command", or "/" for the single endpoint.
type exchange struct {
	service  fakeService
	identify fakeIdentifier
	o        mdm.HandlerOptions

	method string // PUT when empty
	path   string
	media  string
	body   []byte
}

func (x *exchange) do(t *testing.T) *httptest.ResponseRecorder {
	t.Helper()
	h := mdm.NewHandler(&x.service, x.identify, x.o)
	mux := http.NewServeMux()
	mux.HandleFunc("/checkin", h.ServeCheckin)
	mux.HandleFunc("/command", h.ServeCommand)
	mux.Handle("/", h)
	if x.method == "" {
		x.method = http.MethodPut
	}
	r := httptest.NewRequestWithContext(t.Context(), x.method, x.path, bytes.NewReader(x.body))
	if x.media != "" {
		r.Header.Set("Content-Type", x.media)
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	return w
}

func checkOut() []byte {
	return plistOf(str("MessageType", "CheckOut"), str("UDID", udid), str("Topic", "t"))
}

func ddm() []byte {
	return plistOf(str("MessageType", "DeclarativeManagement"), str("UDID", udid), str("Endpoint", "tokens"))
}

func poll() []byte { return plistOf(str("UDID", udid), str("Status", "Idle")) }

func TestHandlerAnswers(t *testing.T) {
	t.Parallel()
	command := &mdm.Command{UUID: "c1", RequestType: "SecurityInfo", Body: []byte("<plist/>")}
	for _, test := range []struct {
		name        string
		x           exchange
		code        int
		contentType string
		body        string
	}{
		{name: "check-in", x: exchange{path: "/checkin", media: checkinType, body: checkOut()}, code: 200},
		{name: "check-in with charset", x: exchange{path: "/checkin", media: "Application/X-Apple-Aspen-MDM-Checkin ; charset=UTF-8", body: checkOut()}, code: 200},
		{name: "poll", x: exchange{path: "/command", media: commandType + "; charset=UTF-8", body: poll()}, code: 200},
		{name: "poll without Content-Type", x: exchange{path: "/command", body: poll()}, code: 200},
		{name: "check-in at the single endpoint", x: exchange{path: "/", media: checkinType, body: checkOut()}, code: 200},
		{name: "poll at the single endpoint", x: exchange{path: "/", media: commandType, body: poll()}, code: 200},
		{
			name: "command", x: exchange{path: "/command", body: poll(), service: fakeService{command: command}},
			code: 200, contentType: "application/xml; charset=UTF-8", body: "<plist/>",
		},
		{
			name: "tokens", x: exchange{path: "/checkin", media: checkinType, body: ddm(), service: fakeService{reply: mdm.Reply{Body: []byte("{}")}}},
			code: 200, contentType: "application/json", body: "{}",
		},
		{
			name: "bootstrap token", code: 200, contentType: "application/xml; charset=UTF-8", body: "<plist/>",
			x: exchange{
				path: "/checkin", media: checkinType, body: plistOf(str("MessageType", "GetBootstrapToken"), str("UDID", udid)),
				service: fakeService{reply: mdm.Reply{Body: []byte("<plist/>")}},
			},
		},
		{
			name: "own content type", code: 200, contentType: "text/plain", body: "x",
			x: exchange{
				path: "/checkin", media: checkinType, body: ddm(),
				service: fakeService{reply: mdm.Reply{ContentType: "text/plain", Body: []byte("x")}},
			},
		},
		{name: "GET", x: exchange{method: http.MethodGet, path: "/checkin", media: checkinType}, code: 405},
		{name: "POST", x: exchange{method: http.MethodPost, path: "/command", body: poll()}, code: 405},
		{name: "check-in type at the command URL", x: exchange{path: "/command", media: checkinType, body: checkOut()}, code: 400},
		{name: "command type at the check-in URL", x: exchange{path: "/checkin", media: commandType, body: poll()}, code: 400},
		{name: "no type at the check-in URL", x: exchange{path: "/checkin", body: checkOut()}, code: 400},
		{name: "foreign type", x: exchange{path: "/", media: "text/html", body: poll()}, code: 400},
		{name: "empty body", x: exchange{path: "/command"}, code: 400},
		{name: "unparsable", x: exchange{path: "/checkin", media: checkinType, body: []byte("<plist>")}, code: 400},
		{name: "both identifiers", x: exchange{path: "/command", body: plistOf(str("UDID", "a"), str("EnrollmentID", "b"), str("Status", "Idle"))}, code: 400},
		{name: "unknown message", x: exchange{path: "/checkin", media: checkinType, body: plistOf(str("MessageType", "New"), str("UDID", "a"))}, code: 400},
		{name: "binary", x: exchange{path: "/command", body: []byte("bplist00")}, code: 400},
		{name: "binary check-in", x: exchange{path: "/checkin", media: checkinType, body: []byte("bplist00")}, code: 400},
		{name: "large result", x: exchange{path: "/command", body: make([]byte, 1<<20+1)}, code: 413},
		{name: "large check-in", x: exchange{path: "/checkin", media: checkinType, body: append(checkOut(), bytes.Repeat([]byte(" "), 256<<10)...)}, code: 413},
		{name: "deep", x: exchange{path: "/command", body: []byte("<plist><dict><key>a</key>" + strings.Repeat("<array>", 40))}, code: 413},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			res := test.x.do(t)
			if got := res.Body.String(); got != test.body {
				t.Errorf("got body %q, want %q", got, test.body)
			}
			if res.Code != test.code {
				t.Errorf("got code %d, want %d", res.Code, test.code)
			}
			if got := res.Header().Get("Content-Type"); got != test.contentType {
				t.Errorf("got Content-Type %q, want %q", got, test.contentType)
			}
			calls := len(test.x.service.checkins) + len(test.x.service.results)
			if want := map[bool]int{true: 1}[test.code == 200]; calls != want {
				t.Errorf("got %d calls of the service, want %d", calls, want)
			}
			if length := res.Header().Get("Content-Length"); test.code == 200 && length != fmt.Sprint(len(test.body)) {
				t.Errorf("got Content-Length %q, want %d", length, len(test.body))
			}
		})
	}
}

func TestHandlerMapsServiceErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		err   error
		panic any
		code  int
		retry string
	}{
		{name: "refused", err: fmt.Errorf("a: %w", mdm.ErrRefused), code: 400},
		{name: "not found", err: fmt.Errorf("a: %w", mdm.ErrNotFound), code: 404},
		{name: "user not managed", err: mdm.ErrUserNotManaged, code: 410},
		{name: "unavailable", err: fmt.Errorf("a: %w", mdm.ErrUnavailable), code: 503, retry: "60"},
		{name: "internal fault", err: errors.New("disk full"), code: 503, retry: "60"},
		{name: "device's fault", err: &mdm.ParseError{What: "a"}, code: 400},
		{name: "too large", err: &mdm.ParseError{What: "a", Err: mdm.ErrTooLarge}, code: 413},
		{name: "panic", panic: "boom", code: 503, retry: "60"},
		{name: "panic with error", panic: errors.New("boom"), code: 503, retry: "60"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for path, body := range map[string][]byte{"/checkin": ddm(), "/command": poll()} {
				media := map[string]string{"/checkin": checkinType, "/command": commandType}[path]
				x := exchange{path: path, media: media, body: body, service: fakeService{err: test.err, panics: test.panic}}
				res := x.do(t)
				if got := res.Body.String(); got != "" {
					t.Errorf("%s: got body %q, want none", path, got)
				}
				if res.Code != test.code || res.Header().Get("Retry-After") != test.retry {
					t.Errorf("%s: got %d, Retry-After %q, want %d, %q", path, res.Code, res.Header().Get("Retry-After"), test.code, test.retry)
				}
			}
		})
	}
}

func TestHandlerPassesAbortOn(t *testing.T) {
	t.Parallel()
	defer func() {
		if err, ok := recover().(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
			t.Errorf("got panic %v, want http.ErrAbortHandler", err)
		}
	}()
	x := exchange{path: "/command", body: poll(), service: fakeService{panics: http.ErrAbortHandler}}
	x.do(t)
	t.Error("got an answer, want a panic")
}

func TestHandlerReportsRefusals(t *testing.T) {
	t.Parallel()
	cause := errors.New("unknown certificate")
	id := mdm.Enrollment{UDID: udid}
	for _, test := range []struct {
		name string
		x    exchange
		want mdm.Refusal
	}{
		{
			name: "claim", x: exchange{path: "/checkin", media: checkinType, body: checkOut(), identify: fakeIdentifier{claim: cause}},
			want: mdm.Refusal{Endpoint: "checkin"},
		},
		{
			name: "signature", x: exchange{path: "/command", body: poll(), identify: fakeIdentifier{check: func([]byte) error { return cause }}},
			want: mdm.Refusal{Endpoint: "command"},
		},
		{
			name: "binding, check-in", x: exchange{path: "/checkin", media: checkinType, body: checkOut(), service: fakeService{err: fmt.Errorf("%w: %w", mdm.ErrRefused, cause)}},
			want: mdm.Refusal{Endpoint: "checkin", Enrollment: id},
		},
		{
			name: "binding, result", x: exchange{path: "/command", body: poll(), service: fakeService{err: fmt.Errorf("%w: %w", mdm.ErrRefused, cause)}},
			want: mdm.Refusal{Endpoint: "command", Enrollment: id},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var got []mdm.Refusal
			test.x.o.Refused = func(_ context.Context, r mdm.Refusal) { got = append(got, r) }
			res := test.x.do(t)
			if body := res.Body.String(); res.Code != http.StatusBadRequest || body != "" {
				t.Errorf("got %d %q, want 400 without body", res.Code, body)
			}
			if len(got) != 1 || !errors.Is(got[0].Err, cause) {
				t.Fatalf("got refusals %+v, want one for %v", got, cause)
			}
			got[0].Err = nil
			test.want.Peer = mdm.Peer{Fingerprint: "f00d"}
			test.want.RemoteAddr = "192.0.2.1:1234" // that of httptest
			if diff := cmp.Diff(test.want, got[0]); diff != "" {
				t.Errorf("refusal (-want +got):\n%s", diff)
			}
		})
	}
}

// A database that does not answer must not look like an attack, nor be
// answered like one.
func TestHandlerIdentifierUnavailable(t *testing.T) {
	t.Parallel()
	unavailable := fmt.Errorf("certificates: %w", mdm.ErrUnavailable)
	for _, id := range []fakeIdentifier{{claim: unavailable}, {check: func([]byte) error { return unavailable }}} {
		x := exchange{path: "/command", body: poll(), identify: id}
		x.o.Refused = func(context.Context, mdm.Refusal) { t.Error("refusal reported") }
		if res := x.do(t); res.Code != http.StatusServiceUnavailable {
			t.Errorf("got code %d, want 503", res.Code)
		}
	}
}

func TestHandlerChecksTheWholeBody(t *testing.T) {
	t.Parallel()
	var got []byte
	x := exchange{path: "/command", body: poll(), identify: fakeIdentifier{check: func(b []byte) error { got = b; return nil }}}
	if res := x.do(t); res.Code != http.StatusOK {
		t.Fatalf("got code %d, want 200", res.Code)
	}
	if !bytes.Equal(got, poll()) {
		t.Errorf("got %q checked, want the body", got)
	}
}

// A device repeats a result until it gets a 2xx, so an odd one is taken.
func TestHandlerTakesOddResults(t *testing.T) {
	t.Parallel()
	odd := plistOf(str("UDID", udid), str("CommandUUID", "c1"), str("Status", "Error"), raw("ErrorChain", "<dict/>"))
	var reasons []string
	x := exchange{path: "/command", media: commandType, body: odd}
	x.o.Quarantine = func(_ context.Context, p mdm.Peer, r *mdm.Result, reason string) {
		reasons = append(reasons, p.Fingerprint+" "+r.CommandUUID+" "+reason)
	}
	res := x.do(t)
	if body := res.Body.String(); res.Code != http.StatusOK || body != "" {
		t.Errorf("got %d %q, want an empty 200", res.Code, body)
	}
	if diff := cmp.Diff([]string{"f00d c1 mdm: ErrorChain has an unusable type"}, reasons); diff != "" {
		t.Errorf("quarantine (-want +got):\n%s", diff)
	}
	if len(x.service.results) != 1 || x.service.results[0].Status != mdm.Error {
		t.Errorf("got %d results in the service, want the one", len(x.service.results))
	}
	// Without a hook the service still gets it.
	x = exchange{path: "/command", media: commandType, body: odd}
	if res := x.do(t); res.Code != http.StatusOK || len(x.service.results) != 1 {
		t.Errorf("got %d and %d results, want 200 and 1", res.Code, len(x.service.results))
	}
}

func TestHandlerResultLimits(t *testing.T) {
	t.Parallel()
	x := exchange{path: "/command", media: commandType, body: appList(10_000)}
	x.o.ResultLimits = func(_ context.Context, p mdm.Peer) mdm.Limits {
		if p.Fingerprint == "f00d" {
			return mdm.AppListLimits()
		}
		return mdm.ResultLimits()
	}
	if res := x.do(t); res.Code != http.StatusOK {
		t.Errorf("got code %d, want 200", res.Code)
	}
}

func TestHandlerCutOffBody(t *testing.T) {
	t.Parallel()
	var s fakeService
	h := mdm.NewHandler(&s, fakeIdentifier{}, mdm.HandlerOptions{})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/", io.MultiReader(bytes.NewReader(poll()), brokenReader{}))
	w := httptest.NewRecorder()
	h.ServeCommand(w, r)
	if w.Code != http.StatusBadRequest || len(s.results) != 0 {
		t.Errorf("got %d and %d results, want 400 and none", w.Code, len(s.results))
	}
}

// countingReader is an endless body that counts what was taken of it.
type countingReader struct{ n int64 }

func (r *countingReader) Read(p []byte) (int, error) {
	r.n += int64(len(p))
	return len(p), nil
}

func TestHandlerStopsReadingAtTheLimit(t *testing.T) {
	t.Parallel()
	h := mdm.NewHandler(&fakeService{}, fakeIdentifier{}, mdm.HandlerOptions{
		ResultLimits: func(context.Context, mdm.Peer) mdm.Limits { return mdm.Limits{Bytes: 1000, Depth: 32, Nodes: 100} },
	})
	var body countingReader
	w := httptest.NewRecorder()
	h.ServeCommand(w, httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/", io.LimitReader(&body, 64<<20)))
	// What is over the limit is thrown away, for the connection's sake, but not for ever.
	if w.Code != http.StatusRequestEntityTooLarge || body.n > 9<<20 {
		t.Errorf("got code %d after %d bytes, want 413 within 9 MiB", w.Code, body.n)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// brokenWriter is a device that hung up.
type brokenWriter struct{ http.ResponseWriter }

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestHandlerSurvivesALostReply(t *testing.T) {
	t.Parallel()
	h := mdm.NewHandler(&fakeService{}, fakeIdentifier{}, mdm.HandlerOptions{})
	w := httptest.NewRecorder()
	h.ServeCommand(brokenWriter{w}, httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/", bytes.NewReader(poll())))
	if w.Code != http.StatusOK {
		t.Errorf("got code %d, want 200", w.Code)
	}
}

func TestHandlerLogsNoContents(t *testing.T) {
	t.Parallel()
	const secret = "SECRET-MAGIC"
	var log bytes.Buffer
	x := exchange{path: "/checkin", media: checkinType, body: plistOf(
		str("MessageType", "TokenUpdate"), str("UDID", udid), str("Topic", "t"), str("PushMagic", secret), str("Token", secret))}
	x.o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	x.do(t)
	for _, want := range []string{"device_message_refused", "Token has an unusable type", "endpoint=checkin", "body_sha256="} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("got log %q, want %q in it", log.String(), want)
		}
	}
	if strings.Contains(log.String(), secret) {
		t.Errorf("got the secret in the log: %q", log.String())
	}
}

// A device that lost its connection to a refusal would start every retry with
// a TLS handshake.
func TestHandlerKeepsTheConnection(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(mdm.NewHandler(&fakeService{}, fakeIdentifier{}, mdm.HandlerOptions{}))
	defer server.Close()
	send := func(body []byte) (code int, reused bool) {
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
			GotConn: func(info httptrace.GotConnInfo) { reused = info.Reused },
		})
		req, err := http.NewRequestWithContext(ctx, http.MethodPut, server.URL, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		res, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, reused
	}
	if code, _ := send(bytes.Repeat([]byte("x"), 900<<10)); code != http.StatusBadRequest {
		t.Fatalf("got code %d, want 400", code)
	}
	if code, reused := send(poll()); code != http.StatusOK || !reused {
		t.Errorf("got code %d, connection reused %t, want 200, true", code, reused)
	}
}
