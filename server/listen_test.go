package server_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/server"
	"github.com/kannuki-mdm/kannuki/server/api"
)

// openAdmin switches the admin listener on and returns its base URL.
func (in *installation) openAdmin() string {
	in.t.Helper()
	address := "127.0.0.1:" + freePort(in.t)
	in.reconfigure(`admin_listen: ""`, "admin_listen: "+address)
	return "http://" + address
}

// ask sends a request to the admin listener and returns the answer's status
// and body.
func ask(t *testing.T, method, target, token string, change func(*http.Request)) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", token)
	}
	if change != nil {
		change(req)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// adminRoutes returns every route of the admin interface with its wildcards
// filled in.
func adminRoutes(t *testing.T) (methods, paths []string) {
	t.Helper()
	for _, pattern := range api.Patterns() {
		method, path, ok := strings.Cut(pattern, " ")
		if !ok {
			t.Fatalf("route %q answers every method", pattern)
		}
		methods = append(methods, method)
		paths = append(paths, regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllString(path, "x"))
	}
	return methods, paths
}

// mutations are spellings of a path that a router and a filter in front of it
// may read differently (CVE-2020-15505, CVE-2025-25231).
func mutations(path string) []string {
	rest := strings.TrimPrefix(path, "/")
	return []string{
		"/" + path, "//" + path, "/./" + rest, "/x/../" + rest, "/x/..;/" + rest, "/;/" + rest, "/%2e/" + rest, "/%2f" + rest, "/%5c" + rest,
		"/mdm/checkin/.." + path, "/mdm/checkin/..%2f.." + path, "/enroll/.." + path, "/enroll/..%2f" + rest, "/scep/.." + path,
		path + "/", path + ";x", path + "%00", path + "%20", path + "%3f", path + "/.", strings.ToUpper(path), strings.Replace(path, "/v1", "/v1/.", 1),
		strings.Replace(path, "/v1", "/%76%31", 1), strings.Replace(path, "v1", "v%2531", 1), strings.Replace(path, "/v1", "/v1%2f", 1),
	}
}

// TestRouteCensus asks the admin listener for everything there is, as nobody.
func TestRouteCensus(t *testing.T) {
	t.Parallel()
	in := install(t)
	admin := in.openAdmin()
	methods, paths := adminRoutes(t)

	t.Run("admin routes refuse who has no token", func(t *testing.T) {
		for i, path := range paths {
			for name, token := range map[string]string{
				"nothing": "", "an empty token": "Bearer ", "a guess": "Bearer kannuki_" + strings.Repeat("A", 43), "a password": "Basic YWRtaW46YWRtaW4=",
			} {
				if status, body := ask(t, methods[i], admin+path, token, nil); status != http.StatusForbidden || !strings.Contains(body, api.CodeDenied) {
					t.Errorf("%s %s with %s: %d %s, want 403 denied", methods[i], path, name, status, body)
				}
			}
		}
	})
	t.Run("no spelling of an admin route gets by", func(t *testing.T) {
		for i, path := range paths {
			for _, m := range append(mutations(path), path) {
				for _, method := range []string{methods[i], http.MethodPut, http.MethodDelete, http.MethodHead} {
					status, _ := ask(t, method, admin, "", func(r *http.Request) {
						r.URL.Opaque = "//" + r.URL.Host + m // sent exactly like this
						r.Header.Set("X-HTTP-Method-Override", methods[i])
						r.Header.Set("X-Original-URL", path)
						r.Header.Set("X-Rewrite-URL", path)
					})
					if status < 300 {
						t.Errorf("%s %s: %d", method, m, status)
					}
				}
			}
		}
	})
	t.Run("the admin listener knows no device route", func(t *testing.T) {
		for _, path := range []string{"/mdm/checkin", "/mdm/command", "/scep", "/enroll/x"} {
			for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodPost} {
				if status, _ := ask(t, method, admin+path, "", nil); status != http.StatusNotFound {
					t.Errorf("%s %s: %d, want 404", method, path, status)
				}
			}
		}
	})
}

// TestDeviceRoutes asks the device listener for what it must not have.
func TestDeviceRoutes(t *testing.T) {
	t.Parallel()
	in := install(t)
	nobody := in.as(nil)
	t.Run("it knows no admin route", func(t *testing.T) {
		methods, paths := adminRoutes(t)
		for i, path := range paths {
			if status, _ := nobody.do(methods[i], path, nil, []byte("{}")); status != http.StatusNotFound {
				t.Errorf("%s %s: %d, want 404", methods[i], path, status)
			}
		}
	})
	t.Run("it has four paths", func(t *testing.T) {
		for path, want := range map[string]int{
			"/mdm/checkin": http.StatusMethodNotAllowed, "/mdm/command": http.StatusMethodNotAllowed,
			"/scep": http.StatusBadRequest, "/enroll/unknown": http.StatusGone,
			"/": 404, "/mdm": 404, "/mdm/": 404, "/mdm/checkin/": 404, "/mdm/checkin/x": 404, "/mdm/command/x": 404, "/scep/": 404, "/scep/x": 404,
			"/enroll": http.StatusTemporaryRedirect, "/enroll/": http.StatusGone, "/enroll/a/b": http.StatusGone, "/v1": 404, "/v1/": 404, "/debug/pprof/": 404, "/debug/vars": 404, "/metrics": 404,
			"/healthz": 404, "/robots.txt": 404, "/favicon.ico": 404, "/.well-known/com.apple.remotemanagement": 404, "/admin": 404,
		} {
			if status, _ := nobody.do(http.MethodGet, path, nil, nil); status != want {
				t.Errorf("GET %s: %d, want %d", path, status, want)
			}
		}
	})
	t.Run("no phone is ever answered 401", func(t *testing.T) {
		for _, path := range []string{"/mdm/checkin", "/mdm/command", "/scep", "/enroll/x", "/", "//mdm/checkin", "/mdm/checkin/..", "/v1/status"} {
			for _, method := range []string{"GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "PROPFIND"} {
				status, _ := nobody.do(method, path, http.Header{"Authorization": {"Basic YTpi"}}, nil)
				if status == http.StatusUnauthorized || status == http.StatusOK {
					t.Errorf("%s %s: %d", method, path, status)
				}
			}
		}
	})
}

func TestAdminToken(t *testing.T) {
	t.Parallel()
	in := install(t)
	admin := in.openAdmin()
	secret, err := os.ReadFile(filepath.Join(in.data, "admin.token"))
	in.must(err)
	token := strings.TrimSpace(string(secret))
	c := api.NewRemoteClient(admin, token, nil)
	in.must(c.Get(t.Context(), "/v1/status", nil, &struct{}{}))
	for _, wrong := range []string{token + "x", token[:len(token)-1], strings.ToUpper(token), strings.TrimPrefix(token, "kannuki_"), " " + token} {
		if status, _ := ask(t, http.MethodGet, admin+"/v1/status", "Bearer "+wrong, nil); status != http.StatusForbidden {
			t.Errorf("a wrong token of %d characters: %d, want 403", len(wrong), status)
		}
	}
	in.must(c.Post(t.Context(), "/v1/groups", api.AddGroupRequest{Name: "sales"}, &struct{}{}))
	var log api.Audit
	in.must(in.admin.Get(t.Context(), "/v1/audit", nil, &log))
	if last := log.Entries[len(log.Entries)-1]; last.Actor != "token:init" {
		t.Errorf("actor = %q, want the token's name", last.Actor)
	}
}

// TestForeignPages: a browser on this machine must not become an administrator.
func TestForeignPages(t *testing.T) {
	t.Parallel()
	in := install(t)
	admin := in.openAdmin()
	secret, err := os.ReadFile(filepath.Join(in.data, "admin.token"))
	in.must(err)
	bearer := "Bearer " + strings.TrimSpace(string(secret))
	_, port, err := net.SplitHostPort(strings.TrimPrefix(admin, "http://"))
	in.must(err)
	for host, want := range map[string]int{
		"127.0.0.1:" + port: 200, "localhost:" + port: 200, "localhost": 200, "127.0.0.1": 200, "[::1]:" + port: 200, "[::1]": 200, "127.9.9.9": 200,
		"attacker.example": 421, "attacker.example:" + port: 421, "localhost.attacker.example": 421, "127.0.0.1.attacker.example": 421,
		"192.0.2.7": 421, "0.0.0.0": 421, "2130706433": 421, "localhost:x:y": 421,
	} {
		status, _ := ask(t, http.MethodGet, admin+"/v1/status", bearer, func(r *http.Request) { r.Host = host })
		if status != want {
			t.Errorf("Host %s: %d, want %d", host, status, want)
		}
	}
	for name, header := range map[string]http.Header{
		"Sec-Fetch-Site": {"Sec-Fetch-Site": {"cross-site"}},
		"Origin":         {"Origin": {"https://attacker.example"}},
	} {
		status, _ := ask(t, http.MethodPost, admin+"/v1/groups", bearer, func(r *http.Request) { r.Header[name] = header[name] })
		if status != http.StatusForbidden {
			t.Errorf("cross-origin write, seen by %s: %d, want 403", name, status)
		}
	}
}

func TestFilesArePrivate(t *testing.T) {
	t.Parallel()
	in := install(t)
	for name, want := range map[string]fs.FileMode{
		".": 0o700 | fs.ModeDir, "keys": 0o700 | fs.ModeDir, "config.yaml": 0o600, "kannuki.db": 0o600, "admin.token": 0o600, "kannuki.sock": 0o660 | fs.ModeSocket,
	} {
		info, err := os.Stat(filepath.Join(in.data, name))
		in.must(err)
		if got := info.Mode(); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	keys, err := os.ReadDir(filepath.Join(in.data, "keys"))
	in.must(err)
	for _, k := range keys {
		info, err := k.Info()
		in.must(err)
		if info.Mode() != 0o600 {
			t.Errorf("keys/%s is %v, want it private", k.Name(), info.Mode())
		}
	}
}

func TestTLSVersions(t *testing.T) {
	t.Parallel()
	in := install(t)
	address := strings.TrimPrefix(in.url, "https://")
	for version, ok := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		d := tls.Dialer{Config: &tls.Config{
			RootCAs: in.roots, MinVersion: tls.VersionTLS10, MaxVersion: version, NextProtos: []string{"h2", "http/1.1"},
		}}
		conn, err := d.DialContext(t.Context(), "tcp", address)
		if (err == nil) != ok {
			t.Errorf("%s: %v, want accepted %t", tls.VersionName(version), err, ok)
		}
		if err != nil {
			continue
		}
		if secure, ok := conn.(*tls.Conn); !ok || secure.ConnectionState().NegotiatedProtocol == "h2" {
			t.Errorf("%s: HTTP/2 was negotiated", tls.VersionName(version))
		}
		in.must(conn.Close())
	}
	resp, err := http.Get("http://" + address + "/mdm/checkin")
	if err == nil {
		in.must(resp.Body.Close())
		if resp.StatusCode == http.StatusOK {
			t.Error("the device listener answers without TLS")
		}
	}
}

// TestSecondServer: two servers on one database would destroy it.
func TestSecondServer(t *testing.T) {
	t.Parallel()
	in := install(t)
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	err := server.Run(ctx, in.options())
	if err == nil || !strings.Contains(err.Error(), "another process has the database open") || !strings.Contains(err.Error(), in.data) {
		t.Errorf("second server: %v, want an error that names the database and why", err)
	}
	in.must(in.admin.Get(t.Context(), "/v1/status", nil, &struct{}{})) // the first one goes on, its socket too
}
