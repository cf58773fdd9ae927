package api_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/kannuki-mdm/kannuki/server/api"
)

// TestLostAnswer: of a change whose answer is lost nobody knows whether it was made;
// of a question, and of a request that never arrived, one does.
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
	for name, tt := range map[string]struct {
		url  string
		call func(*api.Client) error
		want bool
	}{
		"a change":         {breaks.URL, func(c *api.Client) error { return c.Post(t.Context(), "/v1/groups", struct{}{}, nil) }, true},
		"a question":       {breaks.URL, func(c *api.Client) error { return c.Get(t.Context(), "/v1/groups", nil, nil) }, false},
		"half an answer":   {halfway.URL, func(c *api.Client) error { return c.Post(t.Context(), "/v1/groups", struct{}{}, new(struct{})) }, true},
		"a proxy gives up": {proxy.URL, func(c *api.Client) error { return c.Post(t.Context(), "/v1/groups", struct{}{}, nil) }, true},
		"no such scheme":   {"htps://localhost", func(c *api.Client) error { return c.Post(t.Context(), "/v1/groups", struct{}{}, nil) }, false},
		"nobody listens":   {gone.URL, func(c *api.Client) error { return c.Post(t.Context(), "/v1/groups", struct{}{}, nil) }, false},
		"what is no https": {"https" + breaks.URL[len("http"):], func(c *api.Client) error { return c.Post(t.Context(), "/v1/groups", struct{}{}, nil) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := tt.call(api.NewRemoteClient(tt.url, "", nil))
			e, ok := errors.AsType[*api.UnreachableError](err)
			if !ok || e.Unknown != tt.want {
				t.Errorf("error %v, unknown %t; want it unreachable, unknown %t", err, ok && e.Unknown, tt.want)
			}
		})
	}
}
