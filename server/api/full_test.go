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

func (fullDisk) RevokeToken(context.Context, api.Principal, string, string, bool) (api.Token, error) {
	return api.Token{}, fmt.Errorf("revoke token: commit: %w", storage.ErrFull)
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
