package api_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/server/api"
	"github.com/kannuki-mdm/kannuki/storage"
)

// revoking is a server that answers to the revocation of a token by its name.
type revoking struct{ api.Operations }

func (revoking) RevokeToken(_ context.Context, _ api.Principal, id, _ string, _ bool) (api.RevokedToken, error) {
	switch id {
	case "mine":
		return api.RevokedToken{}, &fleet.RefusedError{Code: "no-person", Message: "no"}
	case "stale":
		return api.RevokedToken{}, storage.ErrConflict
	case "unknown":
		return api.RevokedToken{}, &fleet.NotFoundError{What: "token", Name: id}
	default:
		return api.RevokedToken{}, nil
	}
}

// TestLog: the log has a line for what people did, tried and were refused, and
// none for a stranger, of whom there may be any number.
func TestLog(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "request_id" && a.Value.String() != "" {
			return slog.Attr{}
		}
		return a
	}}))
	byToken := func(r *http.Request) (api.Principal, error) {
		if r.Header.Get("Authorization") != "Bearer right" {
			return api.Principal{}, errors.New("the token is unknown, expired or revoked")
		}
		return api.Principal{Actor: "token:ci(sato)"}, nil
	}
	h := api.NewHandler(nil, nil, revoking{}, byToken, func() {}, logger)
	tests := []struct {
		name, id, token, body, want string
	}{
		{"done", "ci", "right", `{"reason":"lost"}`, `level=INFO msg="admin act" actor=token:ci(sato) route="POST /v1/tokens/ci/revoke" dry_run=false`},
		{"tried", "ci", "right", `{"reason":"lost","dry_run":true}`, `level=INFO msg="admin act" actor=token:ci(sato) route="POST /v1/tokens/ci/revoke" dry_run=true`},
		{"no token", "planted", "", `{"reason":"planted"}`, ""},
		{"wrong token", "planted", "planted", `{}`, ""},
		{"refused", "mine", "right", `{"reason":"x"}`, `level=WARN msg="admin act refused" actor=token:ci(sato) route="POST /v1/tokens/mine/revoke" code=refused detail=no-person dry_run=false`},
		{"refused when tried", "mine", "right", `{"dry_run":true}`, `level=WARN msg="admin act refused" actor=token:ci(sato) route="POST /v1/tokens/mine/revoke" code=refused detail=no-person dry_run=true`},
		{"changed since shown", "stale", "right", `{}`, `level=WARN msg="admin act refused" actor=token:ci(sato) route="POST /v1/tokens/stale/revoke" code=conflict detail="" dry_run=false`},
		{"not found", "unknown", "right", `{}`, ""},
		{"mistyped", "ci", "right", `{"dryrun":true}`, ""},
	}
	for _, tt := range tests {
		log.Reset()
		r := httptest.NewRequest(http.MethodPost, "/v1/tokens/"+tt.id+"/revoke", strings.NewReader(tt.body))
		if tt.token != "" {
			r.Header.Set("Authorization", "Bearer "+tt.token)
		}
		h.ServeHTTP(httptest.NewRecorder(), r)
		if diff := cmp.Diff(tt.want, strings.TrimSpace(log.String())); diff != "" {
			t.Errorf("%s: log (-want +got):\n%s", tt.name, diff)
		}
	}
}
