package apnstest_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/kannuki-mdm/kannuki/mdm/apns/apnstest"
)

const topic = "com.apple.mgmt.External.stand-in"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is a stand-in, a client with a push certificate, and what was
// delivered.
type fixture struct {
	*apnstest.Server

	client *http.Client
	now    func() time.Time

	mu        sync.Mutex
	offset    time.Duration
	delivered chan string
}

func start(t *testing.T, o apnstest.Options) *fixture {
	t.Helper()
	f := &fixture{delivered: make(chan string, 100)}
	f.now = func() time.Time {
		f.mu.Lock()
		defer f.mu.Unlock()
		return time.Now().Add(f.offset)
	}
	o.Now = f.now
	if o.Deliver == nil {
		o.Deliver = func(token []byte, magic string) { f.delivered <- string(token) + " " + magic }
	}
	s, err := apnstest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	f.Server = s
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	f.client = client(t, s, topic)
	return f
}

func client(t *testing.T, s *apnstest.Server, topic string) *http.Client {
	t.Helper()
	certPEM, keyPEM, err := s.IssueCertificate(topic)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{
		ForceAttemptHTTP2: true,
		TLSClientConfig:   &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: s.Roots, Certificates: []tls.Certificate{pair}},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// request is a push with nothing wrong; tests spoil it.
func (f *fixture) request(t *testing.T, token, magic string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		f.URL+"/3/device/"+hex.EncodeToString([]byte(token)), strings.NewReader(`{"mdm":"`+magic+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("apns-topic", topic)
	r.Header.Set("apns-push-type", "mdm")
	r.Header.Set("apns-expiration", strconv.FormatInt(f.now().Add(time.Hour).Unix(), 10))
	return r
}

// send returns status and body.
func (f *fixture) send(t *testing.T, r *http.Request) (int, string) {
	t.Helper()
	resp, err := f.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end below
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.ProtoMajor != 2 || resp.Header.Get("apns-id") == "" {
		t.Errorf("answer in %s with apns-id %q", resp.Proto, resp.Header.Get("apns-id"))
	}
	return resp.StatusCode, string(body)
}

func (f *fixture) push(t *testing.T, token, magic string) {
	t.Helper()
	if status, body := f.send(t, f.request(t, token, magic)); status != http.StatusOK {
		t.Fatalf("push of %s: %d %s", token, status, body)
	}
}

func (f *fixture) pass(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.offset += d
}

func TestChecks(t *testing.T) {
	t.Parallel()
	body := func(text string) func(*http.Request) {
		return func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
		}
	}
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	path := func(path string) func(*http.Request) {
		return func(r *http.Request) { r.URL.Path = path }
	}
	tests := []struct {
		name  string
		spoil func(*http.Request)
		want  string
	}{
		{"good", func(*http.Request) {}, "200"},
		{"low priority", header("apns-priority", "5"), "200"},
		{"no storage", header("apns-expiration", "0"), "200"},
		{"escaped", body(`{ "mdm" : "\u9580" }`), "200"},
		{"get", func(r *http.Request) { r.Method = http.MethodGet }, "405 MethodNotAllowed"},
		{"other path", path("/4/device/00"), "404 BadPath"},
		{"no token", path("/3/device/"), "400 MissingDeviceToken"},
		{"upper case", path("/3/device/AB"), "400 BadDeviceToken"},
		{"odd digits", path("/3/device/abc"), "400 BadDeviceToken"},
		{"long token", path("/3/device/" + strings.Repeat("00", 101)), "400 BadDeviceToken"},
		{"no topic", header("apns-topic", ""), "400 MissingTopic"},
		{"topic of an app", header("apns-topic", "com.example.app"), "400 BadTopic"},
		{"topic of another", header("apns-topic", topic+"x"), "400 TopicDisallowed"},
		{"alert", header("apns-push-type", "alert"), "400 InvalidPushType"},
		{"no expiration", header("apns-expiration", ""), "400 BadExpirationDate"},
		{"expiration with a fraction", header("apns-expiration", "1.5"), "400 BadExpirationDate"},
		{"priority", header("apns-priority", "1000"), "400 BadPriority"},
		{"two topics", func(r *http.Request) { r.Header.Add("apns-topic", topic) }, "400 DuplicateHeaders"},
		{"no body", body(""), "400 PayloadEmpty"},
		{"large body", body(`{"mdm":"` + strings.Repeat("x", 4096) + `"}`), "413 PayloadTooLarge"},
		{"with aps", body(`{"aps":{},"mdm":"m"}`), "400 BadBody"},
		{"aps after", body(`{"mdm":"m","aps":{}}`), "400 BadBody"},
		{"twice", body(`{"mdm":"m","mdm":"m"}`), "400 BadBody"},
		{"empty magic", body(`{"mdm":""}`), "400 BadBody"},
		{"number", body(`{"mdm":5}`), "400 BadBody"},
		{"array", body(`["mdm","m"]`), "400 BadBody"},
		{"more after it", body(`{"mdm":"m"}{}`), "400 BadBody"},
		{"cut off", body(`{"mdm":"m"`), "400 BadBody"},
		{"not JSON", body(`mdm=m`), "400 BadBody"},
	}
	f := start(t, apnstest.Options{})
	want := map[string]int{}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := f.request(t, "phone", "magic")
			tt.spoil(r)
			status, answer := f.send(t, r)
			got := strings.TrimSpace(strconv.Itoa(status) + " " + strings.TrimSuffix(strings.TrimPrefix(answer, `{"reason":"`), `"}`))
			if got != tt.want {
				t.Errorf("answer = %q, want %q", got, tt.want)
			}
			want[tt.want]++
		})
	}
	counts := f.Counts()
	if diff := cmp.Diff(want, counts.Answers); diff != "" {
		t.Errorf("counted answers (-want +got):\n%s", diff)
	}
	if counts.Requests != len(tests) || counts.Accepted != want["200"] || counts.Connections != 1 {
		t.Errorf("counts = %+v", counts)
	}
}

func TestNeedsCertificate(t *testing.T) {
	t.Parallel()
	f := start(t, apnstest.Options{})
	bare := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: f.Roots}}
	defer bare.CloseIdleConnections()
	resp, err := bare.RoundTrip(f.request(t, "phone", "m"))
	if err == nil {
		t.Errorf("answered %s without a certificate", resp.Status)
		_ = resp.Body.Close()
	}
}

func TestDeliversNewestWhenBackOnline(t *testing.T) {
	t.Parallel()
	f := start(t, apnstest.Options{})
	f.Offline([]byte("a"), true)
	f.Offline([]byte("b"), true)
	f.push(t, "a", "old")
	f.push(t, "a", "new")
	f.push(t, "b", "late")
	f.push(t, "c", "online")
	if got := <-f.delivered; got != "c online" {
		t.Errorf("delivered %q, want the push of the phone that is online", got)
	}
	f.push(t, "c", "again")
	if got := <-f.delivered; got != "c again" {
		t.Errorf("delivered %q, want the second push of the phone that is online", got)
	}
	f.Offline([]byte("a"), false)
	if got := <-f.delivered; got != "a new" {
		t.Errorf("delivered %q, want the newest push", got)
	}
	f.pass(2 * time.Hour)
	f.Offline([]byte("b"), false) // expired
	f.push(t, "d", "last")
	if got := <-f.delivered; got != "d last" {
		t.Errorf("delivered %q, want the expired push left out", got)
	}
	if got := f.Counts(); got.Replaced != 1 || got.Delivered != 4 {
		t.Errorf("counts = %+v, want 1 replaced and 4 delivered", got)
	}
}

func TestTake(t *testing.T) {
	t.Parallel()
	f := start(t, apnstest.Options{})
	f.Offline([]byte("a"), true)
	f.push(t, "a", "m")
	unstored := f.request(t, "b", "m")
	unstored.Header.Set("apns-expiration", "0")
	f.Offline([]byte("b"), true)
	if status, body := f.send(t, unstored); status != http.StatusOK {
		t.Fatal(status, body)
	}
	if magic, ok := f.Take([]byte("b")); ok {
		t.Errorf("took %q, want a push without expiration not kept", magic)
	}
	for i, want := range []string{"m", ""} {
		if magic, ok := f.Take([]byte("a")); magic != want || ok != (want != "") {
			t.Errorf("take %d = %q, %t, want %q", i, magic, ok, want)
		}
	}
}

func TestScriptedAnswers(t *testing.T) {
	t.Parallel()
	f := start(t, apnstest.Options{})
	f.Respond(nil, 503, "Shutdown")
	f.RespondWith([]byte("a"), apnstest.Answer{Status: 410, Reason: "Unregistered", Since: time.UnixMilli(1234)})
	f.Respond([]byte("b"), 200, "")
	f.RespondWith([]byte("c"), apnstest.Answer{Status: 502, Body: "<html>"})
	check := func(token string, wantStatus int, wantBody string) {
		t.Helper()
		if status, body := f.send(t, f.request(t, token, "m")); status != wantStatus || body != wantBody {
			t.Errorf("%s got %d %s, want %d %s", token, status, body, wantStatus, wantBody)
		}
	}
	check("a", 410, `{"reason":"Unregistered","timestamp":1234}`)
	check("b", 200, "")
	check("c", 502, "<html>")
	check("d", 503, `{"reason":"Shutdown"}`)
	f.Respond([]byte("a"), 0, "")
	check("a", 503, `{"reason":"Shutdown"}`)
	f.Respond(nil, 0, "")
	check("a", 200, "")
}

func TestLose(t *testing.T) {
	t.Parallel()
	f := start(t, apnstest.Options{})
	f.Lose(2)
	for i := range 3 {
		f.push(t, strconv.Itoa(i), "m")
	}
	if got := <-f.delivered; got != "2 m" {
		t.Errorf("delivered %q, want the third push", got)
	}
	f.LoseAll(true)
	f.push(t, "3", "m")
	f.push(t, "4", "m")
	f.LoseAll(false)
	f.push(t, "5", "m")
	if got := <-f.delivered; got != "5 m" {
		t.Errorf("delivered %q, want the sixth push", got)
	}
	if got := f.Counts(); got.Lost != 4 || got.Accepted != 6 {
		t.Errorf("counts = %+v, want 4 of 6 lost", got)
	}
}

func TestDown(t *testing.T) {
	t.Parallel()
	f := start(t, apnstest.Options{})
	f.push(t, "a", "m")
	f.Down(true)
	for range 2 {
		resp, err := f.client.Do(f.request(t, "a", "m"))
		if err == nil {
			t.Errorf("answered %s while down", resp.Status)
			_ = resp.Body.Close()
		}
	}
	f.Down(false)
	f.push(t, "a", "m")
}

func TestStall(t *testing.T) {
	t.Parallel()
	f := start(t, apnstest.Options{})
	f.Stall(true)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	resp, err := f.client.Do(f.request(t, "a", "m").WithContext(ctx))
	if err == nil {
		t.Errorf("answered %s while stalled", resp.Status)
		_ = resp.Body.Close()
	}
	f.Stall(false)
	f.push(t, "b", "m")
}

func TestLogIsBounded(t *testing.T) {
	t.Parallel()
	f := start(t, apnstest.Options{LogSize: 3})
	tokens := func() (out []string) {
		for _, e := range f.Log() {
			out = append(out, fmt.Sprintf("%s %d", e.Token, e.Status))
		}
		return out
	}
	f.push(t, "a", "m")
	if diff := cmp.Diff([]string{"a 200"}, tokens()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	f.Respond([]byte("c"), 429, "TooManyRequests")
	for _, token := range []string{"b", "c", "d", "e"} {
		f.send(t, f.request(t, token, "m"))
	}
	if diff := cmp.Diff([]string{"c 429", "d 200", "e 200"}, tokens()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	if e := f.Log()[0]; e.Topic != topic || e.Reason != "TooManyRequests" || e.Lost || e.At.IsZero() {
		t.Errorf("entry = %+v", e)
	}
}

func TestSignRequestRefuses(t *testing.T) {
	t.Parallel()
	f := start(t, apnstest.Options{})
	for _, csr := range [][]byte{nil, f.RootPEM, []byte("-----BEGIN CERTIFICATE REQUEST-----\neA==\n-----END CERTIFICATE REQUEST-----\n")} {
		if cert, err := f.SignRequest(csr, topic); err == nil {
			t.Errorf("signed %q as %q", csr, cert)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	f := start(t, apnstest.Options{})
	taken := strings.TrimPrefix(f.URL, "https://")
	for _, o := range []apnstest.Options{{}, {Now: time.Now, Addr: taken}, {Now: time.Now, Addr: "127.0.0.1:port"}} {
		if s, err := apnstest.New(o); err == nil {
			t.Errorf("started with %+v", o)
			_ = s.Close()
		}
	}
	if !bytes.Contains(f.RootPEM, []byte("BEGIN CERTIFICATE")) {
		t.Error("root is not PEM")
	}
}
