package api_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/kannuki-mdm/kannuki/server/api"
)

// TestLostAnswer: of a change whose answer is lost nobody knows whether it was made;
// of a question, a dry run, and a request that never arrived, one does.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	breaks := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	t.Cleanup(breaks.Close)
	halfway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"name":`))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(halfway.Close)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGatewayTimeout) }))
	t.Cleanup(proxy.Close)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	type lost struct{ unknown, tried bool }
	changed, tried, neither := lost{unknown: true}, lost{tried: true}, lost{}
	dry := map[string]bool{"dry_run": true}
	for name, tt := range map[string]struct {
		url  string
		call func(*api.Client) error
		want lost
	}{
		"a change":                 {breaks.URL, func(c *api.Client) error { return c.Post(t.Context(), "/v1/groups", struct{}{}, nil) }, changed},
		"a question":               {breaks.URL, func(c *api.Client) error { return c.Get(t.Context(), "/v1/groups", nil, nil) }, neither},
		"half an answer":           {halfway.URL, func(c *api.Client) error { return c.Post(t.Context(), "/v1/groups", struct{}{}, new(struct{})) }, changed},
		"a proxy gives up":         {proxy.URL, func(c *api.Client) error { return c.Post(t.Context(), "/v1/groups", struct{}{}, nil) }, changed},
		"a dry run":                {breaks.URL, func(c *api.Client) error { return c.Post(t.Context(), "/v1/groups", dry, nil) }, tried},
		"half of what it would do": {halfway.URL, func(c *api.Client) error { return c.Post(t.Context(), "/v1/groups", dry, new(struct{})) }, tried},
		"a feed that is tried": {proxy.URL, func(c *api.Client) error {
			return c.Upload(t.Context(), "/v1/catalog", url.Values{"dry_run": {"true"}}, []byte("{}"), nil)
		}, tried},
		"a dry run that never arrives": {gone.URL, func(c *api.Client) error { return c.Post(t.Context(), "/v1/groups", dry, nil) }, neither},
		"no such scheme":               {"htps://localhost", func(c *api.Client) error { return c.Post(t.Context(), "/v1/groups", struct{}{}, nil) }, neither},
		"nobody listens":               {gone.URL, func(c *api.Client) error { return c.Post(t.Context(), "/v1/groups", struct{}{}, nil) }, neither},
		"what is no https":             {"https" + breaks.URL[len("http"):], func(c *api.Client) error { return c.Post(t.Context(), "/v1/groups", struct{}{}, nil) }, neither},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := tt.call(api.NewRemoteClient(tt.url, "", nil))
			e, ok := errors.AsType[*api.UnreachableError](err)
			if !ok || (lost{e.Unknown, e.Tried}) != tt.want {
				t.Errorf("error %+v; want it unreachable, %+v", err, tt.want)
			}
		})
	}
}
