package server_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/server/api"
)

// testFeed serves one feed, with the validators of a real server.
type testFeed struct {
	mu      sync.Mutex
	body    []byte
	status  int    // instead of the body, 0 for none
	away    string // where it has moved to, "" for nowhere
	answers []int
}

func (f *testFeed) set(change func(*testFeed)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func (f *testFeed) answered() []int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.answers)
}

func (f *testFeed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	rec := httptest.NewRecorder()
	switch {
	case f.status != 0:
		rec.WriteHeader(f.status)
	case f.away != "":
		http.Redirect(rec, r, f.away, http.StatusFound)
	default:
		sum := sha256.Sum256(f.body)
		rec.Header().Set("ETag", `"`+hex.EncodeToString(sum[:])+`"`)
		http.ServeContent(rec, r, "feed.json", time.Time{}, bytes.NewReader(f.body))
	}
	f.answers = append(f.answers, rec.Code)
	for name, values := range rec.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes())
}

// gdmf is a copy of Apple's list with rows 26.MINOR.0, 26.MINOR.1, …
func gdmf(minor, rows int, posted, expires string) []byte {
	type row struct {
		ProductVersion, Build, PostingDate, ExpirationDate string
		SupportedDevices                                   []string
	}
	list := make([]row, rows)
	for i := range list {
		list[i] = row{fmt.Sprintf("26.%d.%d", minor, i), fmt.Sprintf("23G%d%d", minor, i), posted, expires, []string{"iPhone15,2"}}
	}
	data, _ := json.Marshal(map[string]any{"PublicAssetSets": map[string]any{"iOS": list}, "AssetSets": map[string]any{"iOS": list}})
	return data
}

// kev is a copy of CISA's list.
func kev(rows int) []byte {
	type row struct {
		ID    string `json:"cveID"`
		Added string `json:"dateAdded"`
	}
	list := make([]row, rows)
	for i := range list {
		list[i] = row{fmt.Sprintf("CVE-2026-9%04d", i), "2026-09-01"}
	}
	data, _ := json.Marshal(map[string]any{"catalogVersion": "2026.09.01", "vulnerabilities": list})
	return data
}

// configure restarts the server with more configuration.
func (in *installation) configure(more string) {
	in.t.Helper()
	in.stop()
	path := filepath.Join(in.data, "config.yaml")
	text, err := os.ReadFile(path)
	in.must(err)
	in.must(os.WriteFile(path, append(text, more...), 0o600))
	in.start()
}

// serveTLS serves a feed over HTTPS and returns its address and the file with
// the root to trust.
func serveTLS(t *testing.T, f *testFeed) (address, roots string) {
	t.Helper()
	s := httptest.NewTLSServer(f)
	t.Cleanup(s.Close)
	roots = filepath.Join(t.TempDir(), "roots.pem")
	root := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(roots, root, 0o600); err != nil {
		t.Fatal(err)
	}
	return s.URL + "/feed.json", roots
}

func (in *installation) fetch(dry bool) []api.FeedResult {
	in.t.Helper()
	var out api.Feeds
	in.must(in.post("/v1/feeds/fetch", map[string]any{"reason": "test", "dry_run": dry}, &out))
	return out.Feeds
}

func outcomes(results []api.FeedResult) []api.FeedOutcome {
	var out []api.FeedOutcome
	for _, r := range results {
		out = append(out, r.Outcome)
	}
	return out
}

// imports returns who imported into the catalogue, in order.
func (in *installation) imports() []string {
	in.t.Helper()
	var log api.Audit
	in.must(in.admin.Get(in.t.Context(), "/v1/audit", nil, &log))
	var out []string
	for _, e := range log.Entries {
		if e.Action == "catalog.import" {
			who, _, _ := strings.Cut(e.Actor, "(")
			out = append(out, who+" "+e.Target)
		}
	}
	return out
}

func (in *installation) allGood() bool {
	for _, f := range in.health().Feeds {
		if f.GoodAt.IsZero() {
			return false
		}
	}
	return true
}

// TestFeedsByThemselves: the server reads its feeds through the proxy, once;
// what is unchanged costs a question and leaves no trace.
func TestFeedsByThemselves(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.setUp()
	p := startProxy(t)
	p.set(func(p *testProxy) { p.wants = "me:s3cret" })
	apple, cisa := &testFeed{body: gdmf(7, 40, "2026-09-01", "2027-01-01")}, &testFeed{body: kev(100)}
	address, roots := serveTLS(t, apple)
	plain := httptest.NewServer(cisa)
	t.Cleanup(plain.Close)
	in.configure("proxy: http://me:s3cret@" + p.address + "\nfeeds:\n  - {kind: gdmf, url: '" + address + "', roots: " + roots + "}\n  - {kind: kev, url: '" + plain.URL + "/kev.json?key=s3cret'}\n")
	in.until("both feeds read", in.allGood)
	for _, want := range []string{"CONNECT " + strings.TrimPrefix(strings.TrimSuffix(address, "/feed.json"), "https://"), "GET " + plain.URL + "/kev.json?key=s3cret"} {
		if !slices.Contains(p.log(), want) {
			t.Errorf("the proxy was asked for %q, want %q among it", p.log(), want)
		}
	}
	var release fleet.ReleaseView
	in.must(in.admin.Get(t.Context(), "/v1/releases/26.7.3", nil, &release))
	if diff := cmp.Diff([]string{"feed:gdmf gdmf"}, in.imports()); diff != "" {
		t.Errorf("audit entries of imports (-want +got):\n%s", diff)
	}

	in.stop()
	in.start()
	if diff := cmp.Diff([]api.FeedOutcome{api.FeedUnchanged, api.FeedUnchanged}, outcomes(in.fetch(false))); diff != "" {
		t.Errorf("feeds asked again (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{http.StatusOK, http.StatusNotModified}, apple.answered()); diff != "" {
		t.Errorf("answers, the second one after a restart and because somebody asked (-want +got):\n%s", diff)
	}

	apple.set(func(f *testFeed) { f.body = gdmf(8, 40, "2026-10-01", "2027-02-01") })
	if got := in.fetch(true)[0]; got.Outcome != api.FeedNews || !got.Import.DryRun || !slices.Contains(got.Import.New, "26.8.3") {
		t.Errorf("tried = %+v, want news that are not taken", got)
	}
	if got := outcomes(in.fetch(false)); got[0] != api.FeedNews {
		t.Errorf("read after it was tried = %v, want the news again", got)
	}
	if diff := cmp.Diff([]string{"feed:gdmf gdmf", "uid:" + fmt.Sprint(os.Getuid()) + " gdmf"}, in.imports()); diff != "" {
		t.Errorf("audit entries of imports (-want +got):\n%s", diff)
	}
	state, err := os.ReadFile(filepath.Join(in.data, "feeds.json"))
	in.must(err)
	if shown, _ := json.Marshal(in.health().Feeds); strings.Contains(string(shown), "s3cret") || !strings.Contains(string(state), "kev.json") {
		t.Errorf("status %s shows a secret, or state %s does not know the feed", shown, state)
	}
}

// TestAppleTriedFirst: Apple's list is read once a day, whoever asks and however
// many at a time, and who looks first with a dry run can still take it.
func TestAppleTriedFirst(t *testing.T) {
	t.Parallel()
	const news, notDue = api.FeedNews, api.FeedNotDue
	for _, test := range []struct {
		name  string
		read  time.Duration // from now
		calls []bool        // dry runs, or real ones
		want  []api.FeedOutcome
		asked int
	}{
		{"a day ago", -25 * time.Hour, []bool{true, true, false, false, true}, []api.FeedOutcome{news, news, news, notDue, notDue}, 1},
		{"today", -23 * time.Hour, []bool{true, false}, []api.FeedOutcome{notDue, notDue}, 0},
		{"before the clock was set back", time.Hour, []bool{false, false}, []api.FeedOutcome{news, notDue}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			in, apple := installWithApple(t, time.Now().Add(test.read))
			var got []api.FeedOutcome
			for _, dry := range test.calls {
				got = append(got, outcomes(in.fetch(dry))...)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("outcomes (-want +got):\n%s", diff)
			}
			if got := len(apple.answered()); got != test.asked {
				t.Errorf("Apple was asked %d times, want %d", got, test.asked)
			}
		})
	}
	t.Run("by many", func(t *testing.T) {
		t.Parallel()
		in, apple := installWithApple(t, time.Now().Add(-25*time.Hour))
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if err := in.post("/v1/feeds/fetch", map[string]any{"reason": "test"}, nil); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if got := len(apple.answered()); got != 1 {
			t.Errorf("Apple was asked %d times, want once", got)
		}
	})
}

// installWithApple is an installation that last read Apple's own list at a time
// and is not due to do so by itself, with who answers in Apple's place.
func installWithApple(t *testing.T, read time.Time) (*installation, *testFeed) {
	t.Helper()
	in := install(t)
	in.setUp()
	apple := &testFeed{body: gdmf(7, 40, "2026-09-01", "2027-01-01")}
	address, roots := impostor(t, "gdmf.apple.com", apple)
	p := startProxy(t)
	p.set(func(p *testProxy) { p.divert = address })
	in.must(os.WriteFile(filepath.Join(in.data, "feeds.json"), fmt.Appendf(nil, `{"gdmf": {"url": %q, "since": %q, "read_at": %q, "next_at": %q}}`,
		catalog.GDMFURL, read.Format(time.RFC3339), read.Format(time.RFC3339), time.Now().Add(2*time.Hour).Format(time.RFC3339)), 0o600))
	in.configure("proxy: http://" + p.address + "\nfeeds:\n  - {kind: gdmf, roots: " + roots + "}\n")
	return in, apple
}

// TestFeedsRefused: what cannot be believed changes nothing and is named.
func TestFeedsRefused(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.setUp()
	feed := &testFeed{body: gdmf(7, 40, "2026-09-01", "2027-01-01")}
	address, roots := serveTLS(t, feed)
	other := httptest.NewServer(feed)
	t.Cleanup(other.Close)
	in.configure("feeds:\n  - {kind: gdmf, url: '" + address + "', roots: " + roots + "}\n")
	in.until("the feed read", in.allGood)
	sources := func() []fleet.SourceView {
		var st api.Status
		in.must(in.admin.Get(t.Context(), "/v1/status", nil, &st))
		return st.Fleet.Sources
	}
	before := sources()
	for _, test := range []struct {
		name   string
		change func(*testFeed)
		says   string
	}{
		{"damaged", func(f *testFeed) { f.body = f.body[:len(f.body)/2] }, "gdmf"},
		{"another kind", func(f *testFeed) { f.body = kev(100) }, "kind kev, not gdmf"},
		{"shrunken", func(f *testFeed) { f.body = gdmf(8, 5, "2026-10-01", "2027-02-01") }, "shrunk"},
		{"empty", func(f *testFeed) { f.body = gdmf(8, 0, "", "") }, "no usable row"},
		{"of yesterday", func(f *testFeed) { f.body = gdmf(7, 40, "2026-08-01", "2026-12-01") }, "older than"},
		{"moved to another host", func(f *testFeed) { f.away = other.URL + "/feed.json" }, "not configured"},
		{"a fault", func(f *testFeed) { f.status = http.StatusServiceUnavailable }, "503"},
	} {
		good := feed.body
		feed.set(test.change)
		r := in.fetch(false)[0]
		if r.Outcome != api.FeedFailed || (test.name != "damaged" && !strings.Contains(r.Problem, test.says)) {
			t.Errorf("%s: %+v, want a refusal that says %q", test.name, r, test.says)
		}
		if diff := cmp.Diff(before, sources()); diff != "" {
			t.Errorf("%s: sources (-before +after):\n%s", test.name, diff)
		}
		if r.Detail == "" && test.name != "moved to another host" && test.name != "a fault" { // which are no damage
			t.Errorf("%s: %q has no code", test.name, r.Problem)
		}
		if f := in.health().Feeds[0]; !cmp.Equal(f.Fault, r.Fault) || f.Stale {
			t.Errorf("%s: status = %+v, want the problem and no alarm yet", test.name, f)
		}
		feed.set(func(f *testFeed) { f.body, f.away, f.status = good, "", 0 })
	}
	if got := outcomes(in.fetch(false)); got[0] != api.FeedUnchanged || in.health().Feeds[0].Problem != "" {
		t.Errorf("after all of that = %v, want it as good as before", got)
	}
	if diff := cmp.Diff([]string{"feed:gdmf gdmf"}, in.imports()); diff != "" {
		t.Errorf("audit entries of imports (-want +got):\n%s", diff)
	}
}

// TestStaleFeed: after two days without a good copy, status and doctor say so.
func TestStaleFeed(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.setUp()
	address := "http://127.0.0.1:" + freePort(t) + "/feed.json?key=s3cret"
	in.must(os.WriteFile(filepath.Join(in.data, "feeds.json"), fmt.Appendf(nil, `{"sofa": {"url": %q, "since": %q, "good_at": %q}}`,
		address, time.Now().AddDate(0, 0, -9).Format(time.RFC3339), time.Now().AddDate(0, 0, -3).Format(time.RFC3339)), 0o600))
	in.configure("feeds:\n  - {kind: sofa, url: '" + address + "'}\n")
	in.until("an alarm", func() bool {
		h := in.health()
		return len(h.Missing) == 1 && strings.Contains(h.Missing[0], "the feed sofa") && strings.Contains(h.Missing[0], "connection refused")
	})
	f := in.diagnose(nil)["feed-sofa"]
	if string(f.Grade) != "fail" || !strings.Contains(f.Message, "nothing listens there") {
		t.Errorf("doctor says %+v, want the stale feed", f)
	}
	if said := in.health().Missing[0] + f.Message; strings.Contains(said, "s3cret") {
		t.Errorf("the key of the address is shown: %s", said)
	}
}
