package api_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kannuki-mdm/kannuki/server/api"
)

// silent is a server that says nothing for so long, and then an answer with an even
// longer pause in it; it ends when it is left.
type silent struct{ header, body time.Duration }

func (s silent) RoundTrip(r *http.Request) (*http.Response, error) {
	httptrace.ContextClientTrace(r.Context()).WroteHeaders()
	if err := pause(r.Context(), s.header); err != nil {
		return nil, err
	}
	body := io.MultiReader(strings.NewReader(`{"name":`), &slow{r.Context(), s.body, strings.NewReader(`"x"}`)})
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(body), Request: r}, nil
}

// slow is what comes after a pause.
type slow struct {
	ctx   context.Context //nolint:containedctx // of the request that it answers
	pause time.Duration
	io.Reader
}

func (s *slow) Read(p []byte) (int, error) {
	if err := pause(s.ctx, s.pause); err != nil {
		return 0, err
	}
	s.pause = 0
	return s.Reader.Read(p)
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// slowDisk takes a minute for whatever it is given.
type slowDisk struct{}

func (slowDisk) Write(p []byte) (int, error) {
	time.Sleep(time.Minute)
	return len(p), nil
}

// TestPatience: of a server that says nothing one is told, once, and in the end it is
// given up; a change that it was asked for may have been made. What comes in parts is no
// silence.
func TestPatience(t *testing.T) {
	t.Parallel()
	get := func(ctx context.Context, c *api.Client, out any) error { return c.Get(ctx, "/v1/status", nil, out) }
	post := func(ctx context.Context, c *api.Client, out any) error {
		return c.Post(ctx, "/v1/groups", struct{}{}, out)
	}
	copied := func(ctx context.Context, c *api.Client, _ any) error {
		_, err := c.Download(ctx, "/v1/backup", io.Discard)
		return err
	}
	toSlowDisk := func(ctx context.Context, c *api.Client, _ any) error {
		_, err := c.Download(ctx, "/v1/backup", slowDisk{})
		return err
	}
	for name, tt := range map[string]struct {
		server  silent
		call    func(ctx context.Context, c *api.Client, out any) error
		remarks int32
		after   time.Duration // at which the call ends
		given   bool          // up
		unknown bool          // whether a change was made
	}{
		"at once":                  {silent{}, get, 0, 0, false, false},
		"slow":                     {silent{header: 7 * time.Second}, get, 1, 7 * time.Second, false, false},
		"slow twice":               {silent{header: 7 * time.Second, body: 8 * time.Second}, post, 1, 15 * time.Second, false, false},
		"a question never":         {silent{header: time.Hour}, get, 1, 10 * time.Second, true, false},
		"an act never":             {silent{header: time.Hour}, post, 1, 10 * time.Second, true, true},
		"half an answer":           {silent{header: time.Second, body: time.Hour}, get, 1, 11 * time.Second, true, false},
		"half an answer to an act": {silent{body: time.Hour}, post, 1, 10 * time.Second, true, true},
		"a copy never":             {silent{header: time.Hour}, copied, 1, 10 * time.Second, true, false},
		"a copy to a slow disk":    {silent{}, toSlowDisk, 0, 2 * time.Minute, false, false},
		"half a copy":              {silent{body: time.Hour}, copied, 1, 10 * time.Second, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var remarks atomic.Int32
				start := time.Now()
				c := api.NewRemoteClient("http://kannuki", "", tt.server).With(api.Patience{
					Remark: 5 * time.Second, Silent: func() { remarks.Add(1) }, Limit: 10 * time.Second,
				})
				err := tt.call(t.Context(), c, new(struct{}))
				if after := time.Since(start); after != tt.after {
					t.Errorf("ended after %s, want %s", after, tt.after)
				}
				time.Sleep(time.Hour) // nothing is said of a request that is over
				if got := remarks.Load(); got != tt.remarks {
					t.Errorf("%d remarks, want %d", got, tt.remarks)
				}
				_, given := errors.AsType[*api.SilentError](err)
				e, lost := errors.AsType[*api.UnreachableError](err)
				if given != tt.given || lost != tt.given || (lost && e.Unknown) != tt.unknown || (err != nil) != given || errors.Is(err, context.Canceled) {
					t.Errorf("error %v; want given up: %t, unknown: %t", err, tt.given, tt.unknown)
				}
			})
		})
	}
}
