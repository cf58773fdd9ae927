package server

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/server/api"
)

// feeds reads the configured feeds, each once a day. Its states say what is due;
// a look every minute makes it so, whenever the last one was.
type feeds struct {
	configs []FeedConfig
	path    string // of the file with the states
	proxy   func(*http.Request) (*url.URL, error)
	fleet   *fleet.Fleet
	wall    func() time.Time
	changed func() // called after news
	logger  *slog.Logger

	reading sync.Mutex // one reading at a time

	// tried are the answers that dry runs got from Apple's own list; guarded by
	// reading. They are lost at a restart.
	tried map[catalog.Kind]reading

	mu     sync.RWMutex
	states map[catalog.Kind]feedState
}

// reading is the answer of a feed.
type reading struct {
	catalog.Fetched
	at time.Time // when it was asked for
}

// newFeeds takes up the states of the last run. A file that cannot be read is
// as good as none: every feed is then read anew.
func newFeeds(f *feeds) (*feeds, error) {
	f.states, f.tried = map[catalog.Kind]feedState{}, map[catalog.Kind]reading{}
	data, err := os.ReadFile(f.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the states of the feeds: %w", err)
	}
	if err == nil && (json.Unmarshal(data, &f.states) != nil || f.states == nil) { // null is no error
		f.states = map[catalog.Kind]feedState{}
	}
	for _, c := range f.configs {
		if f.states[c.Kind].URL != c.address() {
			f.states[c.Kind] = feedState{URL: c.address(), Since: f.wall().UTC()}
		}
	}
	return f, nil
}

// run reads what is due until the context ends.
func (f *feeds) run(ctx context.Context) error {
	if len(f.configs) == 0 {
		return nil
	}
	minute := time.NewTicker(time.Minute)
	defer minute.Stop()
	for {
		for _, c := range f.configs {
			if f.state(c.Kind).due(f.wall()) && ctx.Err() == nil {
				f.byItself(ctx, c)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-minute.C:
		}
	}
}

// byItself reads one feed and tells the log.
func (f *feeds) byItself(ctx context.Context, c FeedConfig) {
	r := f.read(ctx, c, fleet.Act{Actor: "feed:" + string(c.Kind)})
	switch {
	case ctx.Err() != nil:
	case r.Outcome == api.FeedFailed && f.state(c.Kind).stale(f.wall()):
		f.logger.ErrorContext(ctx, "feed is stale", "feed", c.Kind, "good_at", f.state(c.Kind).GoodAt, "problem", r.Problem)
	case r.Outcome == api.FeedFailed:
		f.logger.WarnContext(ctx, "feed not read", "feed", c.Kind, "problem", r.Problem)
	case r.Outcome == api.FeedNews:
		f.logger.InfoContext(ctx, "feed has news", "feed", c.Kind, "new", r.Import.New, "changed", len(r.Import.Changed))
	}
}

func (f *feeds) state(kind catalog.Kind) feedState {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.states[kind]
}

// readNow reads every feed because somebody asked.
func (f *feeds) readNow(ctx context.Context, a fleet.Act) []api.FeedResult {
	results := []api.FeedResult{}
	for _, c := range f.configs {
		results = append(results, f.read(ctx, c, a))
	}
	return results
}

// read asks for one feed and takes what it says, if it can be believed.
func (f *feeds) read(ctx context.Context, c FeedConfig, a fleet.Act) api.FeedResult {
	f.reading.Lock()
	defer f.reading.Unlock()
	s := f.state(c.Kind)
	result := api.FeedResult{Kind: string(c.Kind), URL: shownURL(c.address()), Outcome: api.FeedUnchanged}
	got, err := f.obtain(ctx, c, s, a.DryRun)
	if errors.Is(err, errNotDue) {
		result.Outcome = api.FeedNotDue
		return result
	}
	next := got.at.Add(feedRetry)
	s.AskedAt = got.at
	if err == nil {
		next = got.at.Add(feedInterval + rand.N(feedJitter)) //nolint:gosec // only to spread readings
		s.ReadAt, s.Ahead = got.at, 0
		if !got.Date.IsZero() {
			s.Ahead = got.Date.Sub(got.at).Round(time.Second)
		}
		err = f.take(ctx, c, a, got.Fetched, &s, &result)
	}
	if err != nil {
		result.Outcome, result.Fault = api.FeedFailed, feedFault(err)
	}
	if !a.DryRun {
		s.NextAt, s.Fault = next, result.Fault
		if err == nil {
			s.GoodAt = got.at
			delete(f.tried, c.Kind)
		}
	}
	if ctx.Err() == nil {
		f.keep(ctx, c.Kind, s)
	}
	return result
}

// feedFault says why a feed was not read: that it cannot be believed, or what the network
// or the system said.
func feedFault(err error) api.Fault {
	fault := api.Fault{Problem: err.Error()}
	if refused, ok := errors.AsType[*fleet.InvalidError](err); ok {
		fault.Detail, fault.Params = refused.Code, refused.Params
	} else if cause := lang.KnownCause(err); cause != "" {
		fault.Detail, fault.Params = "feed-unreachable", map[string]string{"cause": cause}
		if file, ok := errors.AsType[*fs.PathError](err); ok {
			fault.Params["path"] = file.Path
		}
	}
	return fault
}

// errNotDue means that a feed was read within a day and may not be asked again.
var errNotDue = errors.New("read within a day")

// obtain asks for one feed. Apple's own list is asked for once a day, whoever
// wants it, because Apple wants it read no more often: what a dry run was told is
// kept until somebody has taken it. The caller holds reading.
func (f *feeds) obtain(ctx context.Context, c FeedConfig, s feedState, dryRun bool) (reading, error) {
	validator := s.Validator
	if s.Digest == "" || s.Digest != f.fleet.SourceDigest(c.Kind) {
		validator = catalog.Validator{} // the catalogue does not hold the copy that it belongs to
	}
	apple := c.address() == catalog.GDMFURL
	got, tried := f.tried[c.Kind]
	if now := f.wall().UTC(); !apple || !lastDay(s.ReadAt, now) {
		fetched, err := f.ask(ctx, c, validator)
		got = reading{fetched, now}
		if apple && dryRun && err == nil {
			f.tried[c.Kind] = got
		}
		return got, err
	}
	if !tried || !got.at.Equal(s.ReadAt) || got.Unchanged && validator == (catalog.Validator{}) {
		return reading{}, errNotDue
	}
	return got, nil
}

// take brings a copy into the catalogue.
func (f *feeds) take(ctx context.Context, c FeedConfig, a fleet.Act, got catalog.Fetched, s *feedState, result *api.FeedResult) error {
	if got.Unchanged {
		return nil
	}
	view, news, err := f.fleet.TakeFeed(ctx, a, c.Kind, got.Data)
	if err != nil {
		return err
	}
	if news {
		result.Outcome, result.Import = api.FeedNews, &view
	}
	if !a.DryRun {
		sum := sha256.Sum256(got.Data)
		s.Validator, s.Digest = got.Validator, hex.EncodeToString(sum[:])
		f.changed()
	}
	return nil
}

// ask fetches one feed with a client of its own: it is used once a day, and its
// roots are read anew.
func (f *feeds) ask(ctx context.Context, c FeedConfig, v catalog.Validator) (catalog.Fetched, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		return catalog.Fetched{}, fmt.Errorf("system roots: %w", err)
	}
	if c.Roots != "" {
		pem, err := os.ReadFile(c.Roots)
		if err != nil {
			return catalog.Fetched{}, fmt.Errorf("feeds: roots of kind %s: %w", c.Kind, err)
		}
		if !roots.AppendCertsFromPEM(pem) {
			return catalog.Fetched{}, fmt.Errorf("feeds: roots of kind %s: %s holds no certificate", c.Kind, c.Roots)
		}
	}
	transport := &http.Transport{
		Proxy: f.proxy, OnProxyConnectResponse: proxyAnswer,
		TLSClientConfig:   &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true, DisableKeepAlives: true,
	}
	defer transport.CloseIdleConnections()
	return catalog.FetchIfChanged(ctx, &http.Client{Transport: transport, CheckRedirect: sameHost}, c.address(), v, 0)
}

// maxFeedRedirects is how often a feed may have moved on its own host.
const maxFeedRedirects = 5

// sameHost lets a feed move, but not to a host that nobody configured.
func sameHost(req *http.Request, via []*http.Request) error {
	if req.URL.Host != via[0].URL.Host || req.URL.Scheme != via[0].URL.Scheme {
		return fmt.Errorf("the feed has moved to %s, which is not configured", req.URL.Host)
	}
	if len(via) >= maxFeedRedirects {
		return errors.New("too many redirects")
	}
	return nil
}

// keep writes the states down. A state that is lost costs one more question.
func (f *feeds) keep(ctx context.Context, kind catalog.Kind, s feedState) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.states[kind] = s
	data, err := json.MarshalIndent(f.states, "", "  ")
	if err == nil {
		err = writePrivate(f.path, data)
	}
	if err != nil {
		f.logger.ErrorContext(ctx, "write the states of the feeds", "error", err)
	}
}

// views describes the feeds, sorted by kind.
func (f *feeds) views() []api.Feed {
	now := f.wall()
	list := []api.Feed{}
	for _, c := range f.configs {
		s := f.state(c.Kind)
		list = append(list, api.Feed{
			Kind: string(c.Kind), URL: shownURL(c.address()), AskedAt: s.AskedAt, GoodAt: s.GoodAt, NextAt: s.NextAt,
			Fault: s.Fault, Stale: s.stale(now), ReadAt: s.ReadAt, AheadSeconds: int(s.Ahead / time.Second),
		})
	}
	slices.SortFunc(list, func(a, b api.Feed) int { return strings.Compare(a.Kind, b.Kind) })
	return list
}

// shownURL is an address without the password and the query, which may hold a
// key.
func shownURL(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	u.User, u.RawQuery = nil, ""
	return u.String()
}
