package api_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/kannuki-mdm/kannuki/server/api"
	"github.com/kannuki-mdm/kannuki/storage"
)

// fullDisk is a server that finds no room when it writes.
type fullDisk struct{ api.Operations }

func (fullDisk) RevokeToken(context.Context, api.Principal, string, string, bool) (api.RevokedToken, error) {
	return api.RevokedToken{}, fmt.Errorf("revoke token: commit: %w", storage.ErrFull)
}

// TestFullDisk: what may be tried on a full disk says that it was the disk.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	nobody := func(*http.Request) (api.Principal, error) { return api.Principal{}, nil }
	h := api.NewHandler(nil, nil, fullDisk{}, nobody, func() {}, slog.New(slog.DiscardHandler))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/v1/tokens/ci/revoke", strings.NewReader(`{"reason":"lost"}`)))
	if w.Code != http.StatusInsufficientStorage || !strings.Contains(w.Body.String(), `"code":"disk-full"`) {
		t.Errorf("got %d %s, want 507 and disk-full", w.Code, w.Body)
	}
}

// nearlyFull is a server with hardly any room left.
type nearlyFull struct{ api.Operations }

func (nearlyFull) Disk() api.Disk { return api.Disk{State: api.DiskReadOnly} }

// TestNearlyFullDisk goes through all routes: what looks or stops something
// goes on, all else is refused.
func TestNearlyFullDisk(t *testing.T) {
	t.Parallel()
	goesOn := map[string]bool{
		"POST /v1/devices/{udid}/queue/{command}/cancel": true, "POST /v1/devices/{udid}/push": true, "POST /v1/devices/{udid}/remove": true,
		"POST /v1/devices/{udid}/identity/revoke": true, "POST /v1/gates/{group}/{release}/decline": true, "POST /v1/releases/{release}/decline": true,
		"POST /v1/gates/{group}/{release}/withdraw": true, "POST /v1/approvals/{id}/refuse": true, "POST /v1/approvals/{id}/withdraw": true,
		"POST /v1/rollouts/{group}/{release}/pause": true, "POST /v1/verdicts/{id}/revoke": true, "POST /v1/tokens/{id}/revoke": true,
		"POST /v1/backup": true, "POST /v1/lint": true, "POST /v1/problems": true,
		"POST /v1/channels/{channel}/pause": true,
	}
	nobody := func(*http.Request) (api.Principal, error) { return api.Principal{}, nil }
	// There is nothing behind it: what goes on ends as an internal fault.
	h := api.NewHandler(nil, nil, nearlyFull{}, nobody, func() {}, slog.New(slog.DiscardHandler))
	refused := func(method, path, body string) bool {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
		return w.Code == http.StatusInsufficientStorage
	}
	for _, pattern := range api.Patterns() {
		method, path, _ := strings.Cut(pattern, " ")
		want := method == http.MethodPost && !goesOn[pattern]
		if got := refused(method, path, "{}"); got != want {
			t.Errorf("%s: refused %t, want %t", pattern, got, want)
		}
	}
	for result, want := range map[string]bool{"broken": false, "works": true, "works-with-note": true} {
		if got := refused(http.MethodPost, "/v1/verdicts", `{"result":"`+result+`"}`); got != want {
			t.Errorf("recording %s: refused %t, want %t", result, got, want)
		}
	}
}
