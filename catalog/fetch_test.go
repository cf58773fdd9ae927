package catalog_test

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/catalog"
)

func feedServer(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /feed", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("0123456789")) })
	mux.Handle("GET /away", http.RedirectHandler("http://feeds.example.com/feed", http.StatusFound))
	mux.Handle("GET /here", http.RedirectHandler("/feed", http.StatusFound))
	mux.Handle("GET /loop", http.RedirectHandler("/loop", http.StatusFound))
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	return server
}

func TestFetch(t *testing.T) {
	t.Parallel()
	server := feedServer(t)
	tests := []struct {
		name, url string
		limit     int64
		want      string // the end of the error, "" for success
	}{
		{"whole", server.URL + "/feed", 0, ""},
		{"just within the limit", server.URL + "/feed", 10, ""},
		{"redirect", server.URL + "/here", 0, ""},
		{"too long", server.URL + "/feed", 9, "sent more than 9 bytes"},
		{"not found", server.URL + "/none", 0, "answered 404 Not Found"},
		{"plain HTTP", "http://feeds.example.com/feed", 0, `"http://feeds.example.com/feed" is neither https nor on this machine`},
		{"file", "file:///etc/hosts", 0, `"file:///etc/hosts" is neither https nor on this machine`},
		{"redirect to plain HTTP", server.URL + "/away", 0, `"http://feeds.example.com/feed" is neither https nor on this machine`},
		{"endless redirects", server.URL + "/loop", 0, "too many redirects"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			data, err := catalog.Fetch(t.Context(), server.Client(), tt.url, tt.limit)
			if tt.want == "" {
				if string(data) != "0123456789" || err != nil {
					t.Errorf("Fetch = %q, %v", data, err)
				}
				return
			}
			if err == nil || !strings.HasSuffix(err.Error(), tt.want) {
				t.Errorf("error is %v, want %s", err, tt.want)
			}
		})
	}
}

// TestFetchIfChanged: a feed that is still the same is not sent again.
func TestFetchIfChanged(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"one"`)
		http.ServeContent(w, r, "feed", time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC), strings.NewReader("0123456789"))
	}))
	t.Cleanup(server.Close)
	first, err := catalog.FetchIfChanged(t.Context(), server.Client(), server.URL, catalog.Validator{}, 0)
	want := catalog.Validator{ETag: `"one"`, LastModified: "Sat, 01 Aug 2026 00:00:00 GMT"}
	if err != nil || string(first.Data) != "0123456789" || first.Unchanged || first.Validator != want || first.Date.IsZero() {
		t.Fatalf("first = %+v, %v", first, err)
	}
	for _, v := range []catalog.Validator{want, {ETag: want.ETag}, {LastModified: want.LastModified}} {
		again, err := catalog.FetchIfChanged(t.Context(), server.Client(), server.URL, v, 0)
		if err != nil || !again.Unchanged || again.Data != nil || again.Validator != v {
			t.Errorf("again with %+v = %+v, %v, want it unchanged", v, again, err)
		}
	}
	other, err := catalog.FetchIfChanged(t.Context(), server.Client(), server.URL, catalog.Validator{ETag: `"two"`}, 0)
	if err != nil || other.Unchanged || len(other.Data) == 0 {
		t.Errorf("with another validator = %+v, %v, want the feed", other, err)
	}
}

// TestNewClient: a server whose root only the caller knows, as GDMF's is.
func TestNewClient(t *testing.T) {
	t.Parallel()
	server := feedServer(t)
	root := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	for _, tt := range []struct {
		name  string
		roots []byte
		ok    bool
	}{{"with the root", root, true}, {"without it", nil, false}} {
		client, err := catalog.NewClient(tt.roots)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := catalog.Fetch(t.Context(), client, server.URL+"/feed", 0); (err == nil) != tt.ok {
			t.Errorf("%s: error is %v", tt.name, err)
		}
		client.CloseIdleConnections()
	}
	if _, err := catalog.NewClient([]byte("no PEM")); err == nil {
		t.Error("text without a certificate was accepted")
	}
}
