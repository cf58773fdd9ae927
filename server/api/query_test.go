package api_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/kannuki-mdm/kannuki/server/api"
)

// bare is the interface with nothing behind it: whatever comes as far as an
// operation ends as an internal fault.
func bare() *api.Handler {
	nobody := func(*http.Request) (api.Principal, error) { return api.Principal{}, nil }
	return api.NewHandler(nil, nil, nearlyFull{}, nobody, func() {}, slog.New(slog.DiscardHandler))
}

// failed sends a request and returns its status and the error of the answer.
func failed(t *testing.T, method, target string) (int, api.Error) {
	t.Helper()
	w := httptest.NewRecorder()
	bare().ServeHTTP(w, httptest.NewRequest(method, target, strings.NewReader("{}")))
	var body struct {
		Error api.Error `json:"error"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%s %s: %d, not an error in JSON: %v\n%s", method, target, w.Code, err, w.Body)
	}
	return w.Code, body.Error
}

// TestUnknownQueryKeys: no route of the census takes a key it does not know, so
// that a misspelt dry_run never becomes the real thing, nor a misspelt filter a
// list of everything.
func TestUnknownQueryKeys(t *testing.T) {
	t.Parallel()
	for _, pattern := range api.Patterns() {
		method, path, _ := strings.Cut(pattern, " ")
		for _, query := range []string{"dry_rum=true", "grup=sales", "Dry_Run=true", "Group=sales", "dry_rum", "=x"} {
			if status, e := failed(t, method, path+"?"+query); status != http.StatusBadRequest || e.Detail != "unknown-key" {
				t.Errorf("%s?%s: %d %s, want 400 unknown-key", pattern, query, status, e.Detail)
			}
		}
		for _, query := range []string{"a=1;b=2", "a=%zz"} {
			if status, e := failed(t, method, path+"?"+query); status != http.StatusBadRequest || e.Detail != "not-a-query" {
				t.Errorf("%s?%s: %d %s, want 400 not-a-query", pattern, query, status, e.Detail)
			}
		}
	}
}

// TestQueryKeys: every key of the routes is taken once, and docs/api.md names it.
func TestQueryKeys(t *testing.T) {
	t.Parallel()
	docs, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	for pattern, keys := range api.QueryKeys() {
		method, path, _ := strings.Cut(pattern, " ")
		row := rowOf(string(docs), method, path)
		for _, key := range keys {
			key, several := strings.CutSuffix(key, "...")
			if !strings.Contains(row, "`"+key+"`") {
				t.Errorf("docs/api.md: the row of %s does not name %s", pattern, key)
			}
			if _, e := failed(t, method, path+"?"+key+"=x"); e.Detail == "unknown-key" {
				t.Errorf("%s?%s: refused, want it taken", pattern, key)
			}
			_, e := failed(t, method, path+"?"+key+"=x&"+key+"=x")
			if got := e.Detail == "key-twice"; got == several {
				t.Errorf("%s?%s twice: refused %t, want %t", pattern, key, got, !several)
			}
		}
	}
}

// rowOf returns the row of a table in docs/api.md about an operation.
func rowOf(docs, method, path string) string {
	for line := range strings.Lines(docs) {
		operation, rest, _ := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		if strings.Contains(operation, method) && strings.Contains(operation, path+"`") {
			return rest
		}
	}
	return ""
}

// TestLimits: who asks for more entries than come at once hears of it.
func TestLimits(t *testing.T) {
	t.Parallel()
	for target, most := range map[string]string{
		"/v1/devices": "1000", "/v1/audit": "1000", "/v1/leaks": "1000", "/v1/notices": "1000", "/v1/identities": "1000",
		"/v1/declarations/check": "1000", "/v1/rollouts/g/26.6": "500", "/v1/rollouts/g/26.6/waves": "500", "/v1/rollouts/g/26.6/chase": "500",
	} {
		if status, e := failed(t, "GET", target+"?limit="+most+"0"); status != http.StatusBadRequest || e.Detail != "limit-too-large" || e.Params["most"] != most {
			t.Errorf("%s?limit=%s0: %d %s of %s, want 400 limit-too-large of %s", target, most, status, e.Detail, e.Params["most"], most)
		}
		if _, e := failed(t, "GET", target+"?limit="+most); e.Detail == "limit-too-large" {
			t.Errorf("%s?limit=%s: refused, want it taken", target, most)
		}
	}
}

// TestUnrouted: also what belongs to no operation is answered in JSON.
func TestUnrouted(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		method, target string
		status         int
		code           string
	}{
		{"GET", "/v1/nothing", http.StatusNotFound, api.CodeNotFound},
		{"GET", "/", http.StatusNotFound, api.CodeNotFound},
		{"GET", "//x/../y", http.StatusNotFound, api.CodeNotFound},
		{"GET", "//v1/status", http.StatusNotFound, api.CodeNotFound},
		{"GET", "/v1/groups/../status", http.StatusNotFound, api.CodeNotFound},
		{"GET", "/v1/groups/%2F/../x", http.StatusNotFound, api.CodeNotFound},
		{"PUT", "/v1/policies/a%2F", http.StatusMethodNotAllowed, api.CodeInvalid}, // a name, as it is written
		{"POST", "/v1/status/", http.StatusNotFound, api.CodeNotFound},
		{"PUT", "/v1/status", http.StatusMethodNotAllowed, api.CodeInvalid},
		{"DELETE", "/v1/groups/sales", http.StatusMethodNotAllowed, api.CodeInvalid},
	} {
		status, e := failed(t, test.method, test.target)
		if status != test.status || e.Code != test.code || e.RequestID == "" {
			t.Errorf("%s %s: %d %s, want %d %s and a request id", test.method, test.target, status, e.Code, test.status, test.code)
		}
	}
	w := httptest.NewRecorder()
	bare().ServeHTTP(w, httptest.NewRequest("PUT", "/v1/groups", http.NoBody))
	if got := w.Header().Get("Allow"); got != "GET, HEAD, POST" {
		t.Errorf("Allow: got %q, want GET, HEAD, POST", got)
	}
}
