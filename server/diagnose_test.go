package server_test

import (
	"bytes"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/server"
)

// diagnose returns the findings of an installation by check.
func (in *installation) diagnose(change func(*server.DiagnoseOptions)) map[string]server.Finding {
	in.t.Helper()
	return in.diagnoseIn(in.t.Context(), change)
}

func (in *installation) diagnoseIn(ctx context.Context, change func(*server.DiagnoseOptions)) map[string]server.Finding {
	in.t.Helper()
	o := server.DiagnoseOptions{
		Data: in.data, Getenv: noEnvironment, Wall: time.Now, Text: lang.New(lang.English),
		Database: func(context.Context) error { return server.ErrDatabaseLocked },
	}
	if change != nil {
		change(&o)
	}
	out := map[string]server.Finding{}
	for _, f := range server.Diagnose(ctx, o) {
		out[f.Check] = f
	}
	return out
}

func environment(values map[string]string) func(*server.DiagnoseOptions) {
	return func(o *server.DiagnoseOptions) { o.Getenv = func(name string) string { return values[name] } }
}

// TestListenerThatHangs: what takes connections and says nothing is told of in the
// reader's language, with where to look.
func TestListenerThatHangs(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.stop()
	address := "127.0.0.1:" + in.url[strings.LastIndexByte(in.url, ':')+1:]
	silent, err := net.Listen("tcp", address)
	in.must(err)
	t.Cleanup(func() { _ = silent.Close() })
	for tag, want := range map[string]server.Finding{
		lang.English: {
			Check: "listener", Grade: server.GradeFail, Message: "No phone can connect: " + address + ": no answer in time",
			Fix: "Look on its machine whether it runs and what it logs last, and at the load and the disk there.",
		},
		lang.Japanese: {
			Check: "listener", Grade: server.GradeFail, Message: "端末から接続できません：" + address + "：時間内に応答がありません",
			Fix: "サーバーの動作、最後のログ、負荷、ディスクを確かめてください。",
		},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond) // it would wait longer
		found := in.diagnoseIn(ctx, func(o *server.DiagnoseOptions) { o.Text = lang.New(tag) })
		cancel()
		if diff := cmp.Diff(want, found["listener"]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tag, diff)
		}
	}
}

// TestPushServiceThroughProxy: doctor tells which way was taken and where it
// broke, and never the proxy's password.
func TestPushServiceThroughProxy(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.setUp()
	apple := strings.TrimPrefix(in.apns.URL, "https://")
	inspector := httptest.NewUnstartedServer(http.NotFoundHandler())
	inspector.EnableHTTP2 = true
	inspector.StartTLS()
	t.Cleanup(inspector.Close)
	old := httptest.NewUnstartedServer(http.NotFoundHandler())
	old.Config.ErrorLog = log.New(io.Discard, "", 0)
	old.StartTLS()
	t.Cleanup(old.Close)
	through := func(user string, change func(*testProxy)) string {
		p := startProxy(t)
		p.set(change)
		return "http://" + user + p.address
	}
	for _, test := range []struct {
		name, proxy string
		grade       server.Grade
		says, fix   string
	}{
		{"no proxy", "none", server.GradeOK, apple + " answers, without a proxy.", ""},
		{"a proxy", through("", func(*testProxy) {}), server.GradeOK, apple + " answers, through the proxy 127.0.0.1:", ""},
		{"with a password", through("me:s3cret@", func(p *testProxy) { p.wants = "me:s3cret" }), server.GradeOK, "through the proxy 127.0.0.1:", ""},
		{"a wrong password", through("me:s3cret@", func(p *testProxy) { p.wants = "me:other" }), server.GradeWarn, "407 Proxy Authentication Required", "user:password"},
		{"a refusal", through("", func(p *testProxy) { p.refusal = http.StatusForbidden }), server.GradeWarn, "refuses to connect to " + apple + ": 403 Forbidden", "CONNECT"},
		{"TLS opened on the way", through("", func(p *testProxy) { p.divert = inspector.Listener.Addr().String() }), server.GradeWarn, `shows a certificate of "O=Acme Co"`, "unopened"},
		{"TLS opened by an old proxy", through("", func(p *testProxy) { p.divert = old.Listener.Addr().String() }), server.GradeWarn, "does not speak HTTP/2", "unopened"},
		{"no proxy there", "http://me:s3cret@127.0.0.1:" + freePort(t), server.GradeWarn, "The proxy on the way to " + apple + " cannot be reached", "key proxy"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := in.diagnose(environment(map[string]string{"KANNUKI_PROXY": test.proxy}))["push-service"]
			if f.Grade != test.grade || !strings.Contains(f.Message, test.says) || !strings.Contains(f.Fix, test.fix) {
				t.Errorf("finding = %+v, want %s, %q and %q", f, test.grade, test.says, test.fix)
			}
			if strings.Contains(f.Message+f.Fix, "s3cret") {
				t.Errorf("finding %+v shows the password", f)
			}
		})
	}
}

// TestPushServiceOpened: a proxy that opens TLS with a root this machine trusts
// is not taken for Apple, whatever it says in Apple's place.
func TestPushServiceOpened(t *testing.T) {
	t.Parallel()
	in := install(t)
	var answer http.HandlerFunc
	address, roots := impostor(t, "api.push.apple.com", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, r) }))
	p := startProxy(t)
	p.set(func(p *testProxy) { p.divert = address })
	path := filepath.Join(in.data, "config.yaml")
	text, err := os.ReadFile(path)
	in.must(err)
	text = bytes.Replace(text, []byte("host: "+in.apns.URL), nil, 1)
	in.must(os.WriteFile(path, regexp.MustCompile(`roots: .*`).ReplaceAll(text, []byte("roots: "+roots)), 0o600))
	for _, test := range []struct {
		name   string
		answer http.HandlerFunc
		grade  server.Grade
		says   string
		fix    string
	}{
		{"not found", http.NotFound, server.GradeWarn, "does not answer as the push service does: configuration: 404", "let api.push.apple.com through unopened"},
		{"a page", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }, server.GradeWarn, ": accepted: 200", "unopened"},
		{"a fault", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, server.GradeWarn, "502", "unopened"},
		{"Apple's no", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusMethodNotAllowed) }, server.GradeOK, "answers, through the proxy", ""},
		{"Apple's reason", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`{"reason": "ServiceUnavailable"}`))
		}, server.GradeWarn, "cannot serve at the moment", "Wait"},
		{"Apple's id", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("apns-id", "B27E1C5F-6E0A-4C5C-9C8F-3A2D0C0D9E01")
			w.WriteHeader(http.StatusNotFound)
		}, server.GradeOK, "answers, through the proxy", ""},
	} {
		answer = test.answer
		f := in.diagnose(environment(map[string]string{"KANNUKI_PROXY": "http://" + p.address}))["push-service"]
		if f.Grade != test.grade || !strings.Contains(f.Message, test.says) || !strings.Contains(f.Fix, test.fix) {
			t.Errorf("%s: finding = %+v, want %s, %q and %q", test.name, f, test.grade, test.says, test.fix)
		}
	}
}

// TestPushServiceRefuses: what the service itself says, and a server without a
// push certificate learns on its first day that the way is free.
func TestPushServiceRefuses(t *testing.T) {
	t.Parallel()
	in := install(t)
	found := in.diagnose(nil)
	if found["push"].Grade != server.GradeFail || found["push-service"].Grade != server.GradeOK {
		t.Errorf("without a push certificate: %+v and %+v, want a failure and a free way", found["push"], found["push-service"])
	}
	in.setUp()
	in.must(in.apns.Close())
	f := in.diagnose(nil)["push-service"]
	if f.Grade != server.GradeWarn || !strings.Contains(f.Fix, "sim run") {
		t.Errorf("a stand-in that is not there: %+v, want the way to start one", f)
	}
}

// TestPushThroughProxy: the running server wakes phones through a proxy of the
// configuration, and its password shows nowhere.
func TestPushThroughProxy(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.setUp()
	in.stop()
	p := startProxy(t)
	p.set(func(p *testProxy) { p.wants = "me:s3cret" })
	in.edit("push:", "proxy: http://me:s3cret@"+p.address+"\npush:")
	in.start()
	phone := in.phone("00008120-P", nil)
	in.enrol(phone, "sales", "production")
	in.must(in.post("/v1/devices/00008120-P/push", map[string]string{"reason": "test"}, nil))
	want := "CONNECT " + strings.TrimPrefix(in.apns.URL, "https://")
	in.until("a push through the proxy", func() bool { return slices.Contains(p.log(), want) && in.health().PushSent > 0 }, phone)
	if diff := cmp.Diff("", in.health().PushProblem); diff != "" {
		t.Errorf("push problem (-want +got):\n%s", diff)
	}
	in.stop()
	p.set(func(p *testProxy) { p.wants = "me:changed" })
	in.start()
	in.must(in.post("/v1/devices/00008120-P/push", map[string]string{"reason": "test"}, nil))
	in.until("the proxy's refusal in the status", func() bool { return strings.Contains(in.health().PushProblem, "407 Proxy Authentication") })
	if problem := in.health().PushProblem; strings.Contains(problem, "s3cret") {
		t.Errorf("the status shows the password: %s", problem)
	}
}

// TestDiagnoseCertificates moves the clock past the ends of certificates.
func TestDiagnoseCertificates(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.setUp()
	for _, test := range []struct {
		days  int
		check string
		grade server.Grade
		says  string
	}{
		{0, "certificate-root", server.GradeOK, "root is valid until"},
		{0, "certificate-server-tls", server.GradeOK, "renews it from"},
		{0, "tls", server.GradeOK, "TLS 1.3"},
		{300, "certificate-server-tls", server.GradeWarn, "should have been renewed"},
		{300, "push", server.GradeOK, ""},
		{400, "certificate-server-tls", server.GradeFail, "ended on"},
		{400, "tls", server.GradeWarn, "Not checked"},
	} {
		f := in.diagnose(func(o *server.DiagnoseOptions) {
			o.Wall = func() time.Time { return time.Now().AddDate(0, 0, test.days) }
		})[test.check]
		if f.Grade != test.grade || !strings.Contains(f.Message, test.says) {
			t.Errorf("%s after %d days = %+v, want %s and %q", test.check, test.days, f, test.grade, test.says)
		}
	}
}

// TestDiagnosePushCertificateEnds: 60 days before, not 61.
func TestDiagnosePushCertificateEnds(t *testing.T) {
	t.Parallel()
	in := install(t)
	for days, want := range map[int]server.Grade{59: server.GradeWarn, 62: server.GradeOK} {
		cert, key, err := in.apns.IssueCertificateUntil(topic, time.Now().AddDate(0, 0, days))
		in.must(err)
		in.must(in.importPush(cert, key))
		if f := in.diagnose(nil)["push"]; f.Grade != want {
			t.Errorf("%d days before its end: %+v, want %s", days, f, want)
		}
	}
}

// TestDiagnoseFilesAndClock: rights of others, and a clock that was set back.
func TestDiagnoseFilesAndClock(t *testing.T) {
	t.Parallel()
	in := install(t)
	if f := in.diagnose(nil)["permissions"]; f.Grade != server.GradeOK {
		t.Errorf("permissions of a new installation = %+v, want ok", f)
	}
	in.must(os.Chmod(filepath.Join(in.data, "config.yaml"), 0o640))
	if f := in.diagnose(nil)["permissions"]; f.Grade != server.GradeWarn || !strings.Contains(f.Fix, "chmod go= ") {
		t.Errorf("permissions = %+v, want the file that others can read", f)
	}
	f := in.diagnose(func(o *server.DiagnoseOptions) {
		o.Wall = func() time.Time { return time.Now().Add(-time.Hour) }
	})["clock"]
	if f.Grade != server.GradeFail || !strings.Contains(f.Message, "set back") {
		t.Errorf("clock = %+v, want it found to be set back", f)
	}
}

func TestDiagnoseService(t *testing.T) {
	t.Parallel()
	in := install(t)
	root := t.TempDir()
	look := func() server.Finding {
		return in.diagnose(func(o *server.DiagnoseOptions) { o.System = root })["service"]
	}
	if f := look(); f.Check != "" {
		t.Errorf("without systemd: %+v, want nothing said", f)
	}
	units := filepath.Join(root, "etc/systemd/system")
	in.must(os.MkdirAll(filepath.Join(root, "run/systemd/system"), 0o755))
	in.must(os.MkdirAll(filepath.Join(units, "multi-user.target.wants"), 0o755))
	if f := look(); f.Grade != server.GradeWarn || !strings.Contains(f.Fix, "contrib/systemd") {
		t.Errorf("without a unit: %+v, want a warning", f)
	}
	in.must(os.WriteFile(filepath.Join(units, "kannuki.service"), nil, 0o600))
	if f := look(); f.Grade != server.GradeWarn || !strings.Contains(f.Fix, "enable") {
		t.Errorf("with a unit that is not enabled: %+v, want a warning", f)
	}
	in.must(os.Symlink(filepath.Join(units, "kannuki.service"), filepath.Join(units, "multi-user.target.wants", "kannuki.service")))
	if f := look(); f.Grade != server.GradeOK {
		t.Errorf("with an enabled unit: %+v, want ok", f)
	}
}

// TestPushTopicReplaced: a certificate that was put into the folder by hand
// does not go past the guard unseen.
func TestPushTopicReplaced(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.setUp()
	cert, key, err := in.apns.IssueCertificate("com.apple.mgmt.External.another")
	in.must(err)
	in.stop()
	in.must(os.WriteFile(filepath.Join(in.data, "keys", "push.pem"), slices.Concat(cert, key), 0o600))
	in.start()
	h := in.health()
	if h.Push.EnrolledTopic != topic || len(h.Missing) != 1 || !strings.Contains(h.Missing[0], "cannot be woken") {
		t.Errorf("health = %+v, want the wrong topic named", h)
	}
}
