package server_test

import (
	"errors"
	"net/http"
	"os/user"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kannuki-mdm/kannuki/server/api"
)

// makeToken makes a token and returns it with a client that uses it.
func makeToken(t *testing.T, by *api.Client, admin string, r api.TokenRequest) (api.NewToken, *api.Client) {
	t.Helper()
	var made api.NewToken
	if err := by.Post(t.Context(), "/v1/tokens", r, &made); err != nil {
		t.Fatal(err)
	}
	return made, api.NewRemoteClient(admin, made.Secret, http.DefaultTransport)
}

// me is the person whom the kernel names on the socket of these tests.
func me(t *testing.T) string {
	t.Helper()
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return u.Username
}

func TestTokens(t *testing.T) {
	t.Parallel()
	in := install(t)
	admin := in.openAdmin()
	first, sato := makeToken(t, in.admin, admin, api.TokenRequest{Person: "sato", Reason: "second approver"})
	second, ghost := makeToken(t, sato, admin, api.TokenRequest{Person: "ghost", Name: "laptop", Expires: "+12h"})
	makeToken(t, ghost, admin, api.TokenRequest{Person: "sato"})

	var list api.Tokens
	in.must(ghost.Get(t.Context(), "/v1/tokens", nil, &list))
	want := []api.Token{
		{ID: "init", MadeBy: []string{}, CreatedBy: "init", State: "valid"},
		{ID: "laptop", Person: "ghost", MadeBy: []string{"sato", me(t)}, CreatedBy: "token:sato(sato)", State: "valid"},
		{ID: "sato", Person: "sato", MadeBy: []string{me(t)}, CreatedBy: list.Tokens[2].CreatedBy, State: "valid"},
		{ID: "sato-2", Person: "sato", MadeBy: []string{"ghost", "sato", me(t)}, CreatedBy: "token:laptop(ghost)", State: "valid"},
	}
	if diff := cmp.Diff(want, list.Tokens, cmpopts.IgnoreFields(api.Token{}, "CreatedAt", "ExpiresAt")); diff != "" {
		t.Errorf("tokens (-want +got):\n%s", diff)
	}
	for _, life := range []struct{ got, want time.Duration }{
		{first.ExpiresAt.Sub(first.CreatedAt), 90 * 24 * time.Hour}, {second.ExpiresAt.Sub(second.CreatedAt), 12 * time.Hour},
	} {
		if life.got.Round(2*time.Hour) != life.want { // a day may have 23 or 25 hours
			t.Errorf("a token lives %s, want %s", life.got, life.want)
		}
	}

	in.must(in.admin.Post(t.Context(), "/v1/tokens/sato/revoke", map[string]any{"dry_run": true}, &api.Token{}))
	in.must(sato.Get(t.Context(), "/v1/status", nil, &struct{}{}))
	var revoked api.Token
	in.must(in.admin.Post(t.Context(), "/v1/tokens/sato/revoke", map[string]any{"reason": "left"}, &revoked))
	if revoked.State != "revoked" || revoked.RevokedBy != first.CreatedBy {
		t.Errorf("revoked token = %+v, want it revoked by %s", revoked, first.CreatedBy)
	}
	if err := sato.Get(t.Context(), "/v1/status", nil, &struct{}{}); err == nil {
		t.Error("a revoked token still lets somebody in")
	}
	var log api.Audit
	in.must(in.admin.Get(t.Context(), "/v1/audit", nil, &log))
	last := log.Entries[len(log.Entries)-1]
	if last.Action != "token.revoke" || last.Target != "sato" || last.Reason != "left" {
		t.Errorf("last audit entry = %+v, want the revocation", last)
	}
	if i := slices.IndexFunc(log.Entries, func(e api.AuditEntry) bool { return e.Detail["person"] == "ghost" }); i < 0 || log.Entries[i].Actor != "token:sato(sato)" {
		t.Errorf("no audit entry says that sato made a token for ghost: %+v", log.Entries)
	}
}

func TestTokenRefused(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.must(in.admin.Post(t.Context(), "/v1/tokens", api.TokenRequest{Person: "sato", Name: "ci"}, &api.NewToken{}))
	for name, tc := range map[string]struct {
		request api.TokenRequest
		code    string
		field   string
	}{
		"nobody":        {api.TokenRequest{}, api.CodeInvalid, "person"},
		"odd person":    {api.TokenRequest{Person: "Sato Taro"}, api.CodeInvalid, "person"},
		"odd name":      {api.TokenRequest{Person: "sato", Name: "a/b"}, api.CodeInvalid, "name"},
		"no offset":     {api.TokenRequest{Person: "sato", Expires: "90d"}, api.CodeInvalid, "expires"},
		"too long":      {api.TokenRequest{Person: "sato", Expires: "+366d"}, api.CodeInvalid, "expires"},
		"in the past":   {api.TokenRequest{Person: "sato", Expires: "+-1h"}, api.CodeInvalid, "expires"},
		"name is taken": {api.TokenRequest{Person: "tanaka", Name: "ci"}, api.CodeRefused, ""},
	} {
		e, ok := errors.AsType[*api.Error](in.admin.Post(t.Context(), "/v1/tokens", tc.request, &api.NewToken{}))
		if !ok || e.Code != tc.code || e.Field != tc.field {
			t.Errorf("%s: %+v, want %s of %q", name, e, tc.code, tc.field)
		}
	}
	e, ok := errors.AsType[*api.Error](in.admin.Post(t.Context(), "/v1/tokens/none/revoke", struct{}{}, &api.Token{}))
	if !ok || e.Code != api.CodeNotFound || e.What != "token" {
		t.Errorf("unknown token: %+v, want not found", e)
	}
	var dry api.NewToken
	in.must(in.admin.Post(t.Context(), "/v1/tokens", api.TokenRequest{Person: "mori", DryRun: true}, &dry))
	var list api.Tokens
	in.must(in.admin.Get(t.Context(), "/v1/tokens", nil, &list))
	if dry.Secret != "" || len(list.Tokens) != 2 {
		t.Errorf("a dry run gave %+v and left %d tokens, want no secret and 2", dry, len(list.Tokens))
	}
}
