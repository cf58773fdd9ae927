package server_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/server"
)

func noEnvironment(string) string { return "" }

// options of a further server on the same data directory.
func (in *installation) options() server.Options {
	return server.Options{Data: in.data, Version: "test", Logger: slog.New(slog.DiscardHandler), Getenv: noEnvironment, Wall: time.Now}
}

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

const goodConfig = "url: https://mdm.example.co.jp:8443\n"

func TestConfigDefaults(t *testing.T) {
	t.Parallel()
	got, err := server.LoadConfig(writeConfig(t, goodConfig), noEnvironment)
	if err != nil {
		t.Fatal(err)
	}
	want := server.Config{URL: "https://mdm.example.co.jp:8443", Listen: ":8443", TimeZone: "UTC"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

// TestConfigByteOrderMark: some editors begin a file with one.
func TestConfigByteOrderMark(t *testing.T) {
	t.Parallel()
	if _, err := server.LoadConfig(writeConfig(t, "\ufeff"+goodConfig), noEnvironment); err != nil {
		t.Error(err)
	}
}

func TestConfigErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		says       []string
	}{
		{"empty", "", []string{"url"}},
		{"no URL", "listen: :8443\n", []string{"url"}},
		{"unknown key", goodConfig + "organisation: Example\n", []string{"[2:1]", "organisation"}},
		{"unknown key inside", goodConfig + "push:\n  hots: https://localhost\n", []string{"[3:3]", "hots"}},
		{"a key in another case", goodConfig + "Listen: :8443\n", []string{"[2:1]", "Listen"}},
		{"key twice", goodConfig + goodConfig, []string{"[2:1]", "url"}},
		{"not YAML", "url: [", []string{"[1:"}},
		{"wrong type", goodConfig + "sign_message: perhaps\n", []string{"[2:15]"}},
		{"plain HTTP", "url: http://mdm.example.co.jp\n", []string{"url: ", "https://"}},
		{"a path in the URL", "url: https://mdm.example.co.jp/mdm\n", []string{"url: "}},
		{"no port to listen on", goodConfig + "listen: localhost\n", []string{"listen: ", "localhost"}},
		{"unknown zone", goodConfig + "time_zone: Asia/Tokio\n", []string{"time_zone: ", "Asia/Tokio"}},
		{"admin for everybody", goodConfig + "admin_listen: :9443\n", []string{"admin_listen: ", "loopback"}},
		{"admin on a network", goodConfig + "admin_listen: 192.0.2.7:9443\n", []string{"admin_listen: ", "loopback"}},
		{"admin on a name", goodConfig + "admin_listen: mdm.example.co.jp:9443\n", []string{"admin_listen: ", "loopback"}},
		{"certificate without key", goodConfig + "tls:\n  certificate: a.pem\n", []string{"tls: "}},
		{"no TLS on a network", goodConfig + "listen: :8443\nsign_message: true\ntls:\n  off: true\n", []string{"tls.off: ", "loopback"}},
		{"no TLS and no signatures", goodConfig + "listen: 127.0.0.1:8080\ntls:\n  off: true\n", []string{"tls.off: ", "sign_message"}},
		{"no TLS and a certificate", goodConfig + "listen: 127.0.0.1:8080\nsign_message: true\ntls: {off: true, certificate: a.pem, key: a.key}\n", []string{"tls.off: ", "tls.certificate"}},
		{"push host without TLS", goodConfig + "push:\n  host: http://localhost\n", []string{"push.host: "}},
		{"a proxy without a host", goodConfig + "proxy: squid\n", []string{"proxy: ", "http://[user:password@]host:port"}},
		{"a proxy of another kind", goodConfig + "push:\n  proxy: socks5://localhost\n", []string{"push.proxy: ", "http://"}},
		{"a feed of no kind", goodConfig + "feeds:\n  - {kind: rss}\n", []string{"feeds: ", "rss", "gdmf"}},
		{"a feed twice", goodConfig + "feeds:\n  - {kind: kev}\n  - {kind: kev}\n", []string{"feeds: ", "kev", "twice"}},
		{"a bundle from nowhere", goodConfig + "feeds:\n  - {kind: bundle}\n", []string{"feeds: ", "bundle", "url"}},
		{"a feed over plain HTTP", goodConfig + "feeds:\n  - {kind: sofa, url: 'http://feeds.example.co.jp'}\n", []string{"feeds: ", "sofa", "https"}},
		{"a channel of no kind", goodConfig + "notify:\n  - type: log\n    kinds: [hold.alram]\n", []string{"[4:12] ", "notify[0].kinds: ", "hold.alram", "hold.alarm"}},
		{"a channel without a secret", goodConfig + "notify:\n  - type: log\n  - type: webhook\n    url: https://example.co.jp/in\n", []string{"[4:", "notify[1].secret_file: "}},
		{"an unknown key of a channel", goodConfig + "notify:\n  - {type: log, kind: hold.alarm}\n", []string{"[3:", "kind"}},
		{"a beta program without a token", goodConfig + "beta_programs:\n  - {name: AppleSeed}\n", []string{"beta_programs[0].token_file: "}},
		{"a beta program without a name", goodConfig + "beta_programs:\n  - {token_file: t}\n", []string{"beta_programs[0].name: "}},
		{"two beta programs of a name", goodConfig + "beta_programs:\n  - {name: A, token_file: t}\n  - {name: A, token_file: u}\n", []string{"beta_programs[1].name: ", `"A"`}},
		{"negative ceiling", goodConfig + "push:\n  per_minute: -1\n", []string{"push: "}},
		{"clock too fast", goodConfig + "lab:\n  speed: 1e7\n", []string{"lab.speed: "}},
		{"clock not a number", goodConfig + "lab:\n  speed: .nan\n", []string{"lab.speed: "}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := writeConfig(t, test.text)
			_, err := server.LoadConfig(dir, noEnvironment)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, says := range append(test.says, filepath.Join(dir, "config.yaml")) {
				if !strings.Contains(err.Error(), says) {
					t.Errorf("error %q does not name %q", err, says)
				}
			}
		})
	}
	for _, text := range []string{"proxy: me:s3cret@squid\n", "proxy: http://me:s3cret@squid:3128\nunknown: 1\n"} {
		_, err := server.LoadConfig(writeConfig(t, goodConfig+text), noEnvironment)
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("a bad configuration with a password: %v, want an error without it", err)
		}
	}
	_, err := server.LoadConfig(t.TempDir(), noEnvironment)
	if err == nil || !strings.Contains(err.Error(), "kannuki init") {
		t.Errorf("a directory without configuration: %v, want an error that says what to do", err)
	}
}

func TestConfigEnvironment(t *testing.T) {
	t.Parallel()
	dir := writeConfig(t, goodConfig+"listen: :1\nadmin_listen: localhost:2\ntime_zone: UTC\npush:\n  per_minute: 3\n  proxy: http://a\n")
	environment := map[string]string{
		"KANNUKI_LISTEN": "127.0.0.1:10", "KANNUKI_ADMIN_LISTEN": "[::1]:20", "KANNUKI_TIME_ZONE": "Asia/Tokyo",
		"KANNUKI_PUSH_PER_MINUTE": "30", "KANNUKI_PUSH_PROXY": "http://b", "KANNUKI_PROXY": "none",
	}
	got, err := server.LoadConfig(dir, func(name string) string { return environment[name] })
	if err != nil {
		t.Fatal(err)
	}
	want := server.Config{
		URL: "https://mdm.example.co.jp:8443", Listen: "127.0.0.1:10", AdminListen: "[::1]:20", TimeZone: "Asia/Tokyo",
		Proxy: "none", Push: server.PushConfig{PerMinute: 30, Proxy: "http://b"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	for name, value := range map[string]string{
		"KANNUKI_LISTEN": "8443", "KANNUKI_ADMIN_LISTEN": "0.0.0.0:20", "KANNUKI_TIME_ZONE": "Tokyo", "KANNUKI_PUSH_PER_MINUTE": "many",
	} {
		_, err := server.LoadConfig(dir, func(n string) string { return map[string]string{name: value}[n] })
		if err == nil || !strings.Contains(err.Error(), value) {
			t.Errorf("%s=%s: %v, want an error that shows the value", name, value, err)
		}
	}
}

// TestConfigOfAnotherInstallation: what phones were enrolled with cannot be
// edited away.
func TestConfigOfAnotherInstallation(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "d")
	_, err := server.Init(t.Context(), server.InitOptions{Data: dir, URL: "https://mdm.example.co.jp:8443", Listen: "127.0.0.1:0"}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	in := &installation{t: t, data: dir}
	for _, test := range []struct{ name, from, to, says string }{
		{"another URL", "mdm.example.co.jp:8443", "mdm2.example.co.jp:8443", "can never be changed"},
		{"a scaled clock outside a lab", "legacy_crypto: false", "lab: {start: 2026-01-01T00:00:00Z, speed: 60}", "--lab"},
	} {
		in.edit(test.from, test.to)
		if err := in.startAndStop(); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, want an error that says %q", test.name, err, test.says)
		}
		in.edit(test.to, test.from)
	}
	if err := in.startAndStop(); err != nil {
		t.Errorf("the configuration as it was: %v", err)
	}
}

// startAndStop runs a server until it is ready and returns how it ended.
func (in *installation) startAndStop() error {
	ctx, cancel := context.WithCancel(in.t.Context())
	defer cancel()
	o := in.options()
	o.Ready = func(server.Addresses) { cancel() }
	return server.Run(ctx, o)
}

// FuzzConfig looks for a file that ends the process, or is taken although it is
// none: an address that everybody can reach, or a URL without TLS.
func FuzzConfig(f *testing.F) {
	dir := f.TempDir()
	path := filepath.Join(dir, "config.yaml")
	for _, seed := range []string{
		"url: https://mdm.example.co.jp\n", "url: https://localhost:8443\nadmin_listen: 127.0.0.1:9\nlegacy_crypto: true\n",
		"url: https://a.example\ntls: {certificate: a, key: b}\npush: {per_minute: 5, min_interval: 1s}\n", "a: &a [*a]\n", "url: [[[[", "---\n---\n", "url: httPs://l",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := server.LoadConfig(dir, func(string) string { return "" })
		if err != nil {
			if !strings.Contains(err.Error(), path) {
				t.Errorf("error %v does not name the file", err)
			}
			return
		}
		if !strings.HasPrefix(c.URL, "https://") || c.Push.PerMinute < 0 || c.Push.MinInterval < 0 {
			t.Errorf("taken: %+v", c)
		}
	})
}
