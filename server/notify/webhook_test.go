package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/storage"
)

const secret = "a secret of more than sixteen bytes"

func secretFile(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func hookTo(t *testing.T, address string) webhook {
	t.Helper()
	return webhook{
		config: Config{Type: TypeWebhook, URL: address, SecretFile: secretFile(t, secret+"\n", 0o600)},
		wall:   func() time.Time { return time.Unix(1_764_000_000, 999) },
	}
}

func example() Message {
	return Message{
		ID: "4f0c", Seq: 7, Installation: "inst", Segment: "default", Kind: "hold.alarm", At: time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC),
		Group: "sales", Release: "26.6.1", Params: map[string]string{"day": "45"}, Language: "ja", Text: "延期",
	}
}

// TestWebhook: the request is what docs/api.md promises a receiver.
func TestWebhook(t *testing.T) {
	t.Parallel()
	var header http.Header
	var body []byte
	var method, query string
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header, method, query = r.Header, r.Method, r.URL.RawQuery
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "thanks\n\x1b[31m"+strings.Repeat("x", 300))
	}))
	defer receiver.Close()
	answer, err := hookTo(t, receiver.URL+"/in?key=1").Send(t.Context(), example())
	if err != nil {
		t.Fatal(err)
	}
	wantDiff(t, "answer", answer, "202 Accepted thanks [31m"+strings.Repeat("x", 189)+"…")
	const want = `{"id":"4f0c","seq":7,"installation":"inst","segment":"default","kind":"hold.alarm","at":"2026-11-22T01:02:03Z",` +
		`"group":"sales","release":"26.6.1","params":{"day":"45"},"language":"ja","text":"延期"}`
	wantDiff(t, "body", string(body), want)
	wantDiff(t, "method and query", method+" "+query, "POST key=1")
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("1764000000." + want))
	wantDiff(t, "signature", header.Get("Kannuki-Signature"), "t=1764000000,v1="+hex.EncodeToString(mac.Sum(nil)))
	wantDiff(t, "key", header.Get("Idempotency-Key"), "4f0c")
	wantDiff(t, "type", header.Get("Content-Type"), "application/json")
	if !json.Valid(body) {
		t.Error("the body is not JSON")
	}
}

// TestWebhookFails: what a receiver may answer or do instead of taking it. No
// error shows the address, which may hold a key.
func TestWebhookFails(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		receive func(w http.ResponseWriter, r *http.Request)
		want    string
	}{
		"error": {func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "no \x00room", http.StatusInsufficientStorage)
		}, "507 Insufficient Storage: no room"},
		"error without a word": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, "500 Internal Server Error\n"},
		"not found":            {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }, "404"},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/elsewhere" {
				t.Error("the redirect was followed")
			}
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, "redirects are not followed"},
		"endless": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			for range 1000 {
				_, _ = w.Write(make([]byte, 64<<10))
			}
		}, "502"},
		"silence": {func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body); <-r.Context().Done() }, "no answer in time\n"},
		"broken":  {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "the connection was cut off"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			receiver := httptest.NewServer(http.HandlerFunc(tt.receive))
			defer receiver.Close()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := hookTo(t, receiver.URL+"/in?key=s3cret").Send(ctx, example())
			if err == nil || !strings.Contains(err.Error()+"\n", tt.want) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("got error %v, want one with %q and without the key", err, tt.want)
			}
		})
	}
}

// TestWebhookIsPutOff: any answer that is not taken can say when to come again.
func TestWebhookIsPutOff(t *testing.T) {
	t.Parallel()
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "300")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	defer receiver.Close()
	_, err := hookTo(t, receiver.URL).Send(t.Context(), example())
	if put, ok := errors.AsType[*LaterError](err); !ok || put.After != 5*time.Minute || !strings.Contains(err.Error(), "429") {
		t.Errorf("got error %v, want 429 and five minutes", err)
	}
}

// TestDialControl: where a name may lead.
func TestDialControl(t *testing.T) {
	t.Parallel()
	allowed := []netip.Prefix{netip.MustParsePrefix("10.1.2.0/24"), netip.MustParsePrefix("fd00:1::/32")}
	for _, tt := range []struct {
		address  string
		loopback bool
		want     bool
	}{
		{"8.8.8.8:443", false, true},
		{"[2606:4700::1111]:443", false, true},
		{"10.1.2.3:443", false, true},
		{"[::ffff:10.1.2.3]:443", false, true},
		{"[fd00:1::7]:443", false, true},
		{"127.0.0.1:443", true, true},
		{"[::1]:443", true, true},
		{"8.8.8.8:443", true, false},
		{"127.0.0.1:443", false, false},
		{"[::1]:443", false, false},
		{"[::ffff:127.0.0.1]:443", false, false},
		{"10.1.3.3:443", false, false},
		{"172.16.0.1:443", false, false},
		{"192.168.1.1:443", false, false},
		{"169.254.169.254:80", false, false},
		{"100.64.0.1:443", false, false},
		{"0.0.0.0:443", false, false},
		{"[::]:443", false, false},
		{"224.0.0.1:443", false, false},
		{"255.255.255.255:443", false, false},
		{"[fe80::1%eth0]:443", false, false},
		{"[fd00:2::7]:443", false, false},
		{"[64:ff9b::a01:303]:443", false, false},
		{"[2002:a01:303::1]:443", false, false},
		{"nowhere", false, false},
	} {
		err := dialControl(tt.loopback, allowed)("tcp", tt.address, nil)
		if (err == nil) != tt.want {
			t.Errorf("%s (loopback %v): got error %v, want allowed %v", tt.address, tt.loopback, err, tt.want)
		}
	}
}

// TestEgress: the check is in force where the request goes out, and a proxy has
// its own.
func TestEgress(t *testing.T) {
	t.Parallel()
	_, err := hookTo(t, "http://192.168.255.254:9/").Send(t.Context(), example())
	if refused, ok := errors.AsType[*FaultError](err); !ok || refused.Code != "not-public" || refused.Params["host"] != "192.168.255.254:9" {
		t.Errorf("a private address: got error %v, want a refusal before anything is sent", err)
	}
	var asked string
	proxy := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked = r.URL.String() }))
	defer proxy.Close()
	through, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	hook := hookTo(t, "http://hooks.invalid/in")
	hook.proxy = http.ProxyURL(through)
	if _, err := hook.Send(t.Context(), example()); err != nil {
		t.Errorf("through a proxy: %v", err)
	}
	wantDiff(t, "asked of the proxy", asked, "http://hooks.invalid/in")

	direct := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer direct.Close()
	hook.config.URL, asked = direct.URL, ""
	if _, err := hook.Send(t.Context(), example()); err != nil || asked != "" {
		t.Errorf("to this machine: error %v, the proxy was asked for %q", err, asked)
	}
}

// pipe returns the path of a named pipe that nobody writes to.
func pipe(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRoots: what is no file of certificates is said, and nothing waits for it.
func TestRoots(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ path, want string }{
		"a pipe":         {pipe(t), "must be a file"},
		"a folder":       {t.TempDir(), "must be a file"},
		"too large":      {secretFile(t, strings.Repeat("x", maxRoots+1), 0o644), "larger than"},
		"no certificate": {secretFile(t, strings.Repeat("x", maxRoots), 0o644), "no certificate"},
		"missing":        {filepath.Join(t.TempDir(), "none"), "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := webhook{config: Config{Roots: tt.path}}.roots()
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
		})
	}
}

// TestLogHasNoHolder: the log cannot forget who carries a phone.
func TestLogHasNoHolder(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	m := example()
	m.Device, m.Holder = "P1", "S-4711"
	if _, err := (logSender{slog.New(slog.NewJSONHandler(&log, nil))}).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if line := log.String(); !strings.Contains(line, "P1") || strings.Contains(line, "S-4711") {
		t.Errorf("log %s, want the phone and not its holder", line)
	}
}

// TestLogKeepsParams: who reads the log by program finds each value under its name.
func TestLogKeepsParams(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	m := example()
	m.Params = map[string]string{"by": "uid:1 (a b)", "app": "com.example.pos"}
	if _, err := (logSender{slog.New(slog.NewJSONHandler(&log, nil))}).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	var line struct{ Params map[string]string }
	if err := json.Unmarshal(log.Bytes(), &line); err != nil {
		t.Fatalf("%v in %s", err, log.String())
	}
	if !maps.Equal(line.Params, m.Params) {
		t.Errorf("params %v, want %v", line.Params, m.Params)
	}
}

// TestMessageKeepsZone: a message in a language of its own shows times where the
// channel does.
func TestMessageKeepsZone(t *testing.T) {
	t.Parallel()
	p := lang.New(lang.English).In(time.FixedZone("", 9*60*60))
	params := map[string]string{"proposer": "a", "date": "2026-08-20T20:00:00Z", "id": "x", "language": "ja"}
	m := newMessage(p, "inst", "default", storage.Notice{Kind: "proposal.waiting", Params: params})
	if m.Language != "ja" || !strings.Contains(m.Text, "05:00") {
		t.Errorf("%s: %s, want Japanese and 05:00", m.Language, m.Text)
	}
}

func TestSecret(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		path string
		want string
	}{
		"good":             {secretFile(t, "  "+secret+"\n", 0o400), ""},
		"others can read":  {secretFile(t, secret, 0o640), "chmod 600"},
		"others can write": {secretFile(t, secret, 0o602), "chmod 600"},
		"short":            {secretFile(t, "short", 0o600), "holds 5 bytes"},
		"endless":          {secretFile(t, strings.Repeat("x", 10_000), 0o600), "bytes, want"},
		"a folder":         {t.TempDir(), "must be a file"},
		"a pipe":           {pipe(t), "must be a file"},
		"missing":          {filepath.Join(t.TempDir(), "none"), "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := readSecret(tt.path)
			if tt.want == "" {
				if err != nil || string(got) != secret {
					t.Errorf("got %d bytes, error %v", len(got), err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), secret) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
		})
	}
}

// TestProbe: an address of its own says without being asked whether the channel
// may lead there, unless a proxy makes the connection.
func TestProbe(t *testing.T) {
	t.Parallel()
	proxied := func(*http.Request) (*url.URL, error) { return url.Parse("http://proxy.example.co.jp:3128") }
	for name, tt := range map[string]struct {
		url   string
		allow []string
		proxy func(*http.Request) (*url.URL, error)
		want  string // part of the error; "" for none
	}{
		"a name":                     {url: "https://chat.example.co.jp/in"},
		"a public address":           {url: "https://8.8.8.8/in"},
		"this machine":               {url: "http://127.0.0.1:8080/in"},
		"this machine, IPv6":         {url: "http://[::1]:8080/in"},
		"a private address":          {url: "https://10.1.2.3/in?key=s3cret", want: "10.1.2.3, which is not a public address"},
		"a private address, IPv6":    {url: "https://[fd00:1::7]:8443/in", want: "fd00:1::7, which is not a public address"},
		"one that is allowed":        {url: "https://10.1.2.3/in", allow: []string{"10.1.2.0/24"}},
		"one that the proxy reaches": {url: "https://10.1.2.3/in", proxy: proxied},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := Config{Type: TypeWebhook, Name: "chat", URL: tt.url, Allow: tt.allow, SecretFile: secretFile(t, secret, 0o600)}
			known, err := New(Options{Channels: []Config{config}, Proxy: tt.proxy, Wall: time.Now}).Probe("chat")
			if !known {
				t.Fatal("the channel is unknown")
			}
			if said := fmt.Sprint(err); (err == nil) != (tt.want == "") || !strings.Contains(said, tt.want) || strings.Contains(said, "s3cret") {
				t.Errorf("got %v, want %q and no key", err, tt.want)
			}
		})
	}
}

// TestMessageOfATest: it has the fields of every other message.
func TestMessageOfATest(t *testing.T) {
	t.Parallel()
	body, err := newMessage(lang.New("en"), "inst", "default", storage.Notice{ID: "4f0c", Kind: KindTest}).body()
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"id":"4f0c","seq":0,"installation":"inst"`; !strings.HasPrefix(string(body), want) {
		t.Errorf("got %s, want it to begin with %s", body, want)
	}
}
