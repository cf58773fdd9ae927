package server

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/server/api"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/bolt"
)

func TestFeedState(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name       string
		state      feedState
		due, stale bool
	}{
		{"never looked at", feedState{Since: now}, true, false},
		{"read today", feedState{Since: now.AddDate(0, 0, -9), GoodAt: now.Add(-time.Hour), NextAt: now.Add(23 * time.Hour)}, false, false},
		{"a day ago", feedState{GoodAt: now.Add(-25 * time.Hour), NextAt: now}, true, false},
		{"silent for 47 hours", feedState{GoodAt: now.Add(-47 * time.Hour), NextAt: now.Add(time.Minute)}, false, false},
		{"silent for 49 hours", feedState{GoodAt: now.Add(-49 * time.Hour), NextAt: now.Add(time.Minute)}, false, true},
		{"never good for three days", feedState{Since: now.AddDate(0, 0, -3), NextAt: now}, true, true},
		{"read in the future", feedState{Since: now, GoodAt: now.AddDate(1, 0, 0), NextAt: now.AddDate(1, 0, 1)}, true, false},
	} {
		if due, stale := test.state.due(now), test.state.stale(now); due != test.due || stale != test.stale {
			t.Errorf("%s: due %t, stale %t, want %t and %t", test.name, due, stale, test.due, test.stale)
		}
	}
}

// TestAppleIsAskedOnceADay: also when somebody asks more often.
func TestAppleIsAskedOnceADay(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	path := filepath.Join(t.TempDir(), feedsFile)
	state := `{"gdmf": {"url": "` + catalog.GDMFURL + `", "since": "2026-08-01T00:00:00Z", "read_at": "2026-09-01T11:00:00Z"}}`
	if err := os.WriteFile(path, []byte(state), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := newFeeds(&feeds{configs: []FeedConfig{{Kind: catalog.GDMF}}, path: path, wall: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	if got := f.readNow(context.Background(), fleet.Act{}); len(got) != 1 || got[0].Outcome != api.FeedNotDue {
		t.Errorf("results = %+v, want Apple's list left alone", got)
	}
}

// TestTriedAnswerIsKept: what a dry run was told stays until somebody has taken it,
// not only tried to.
func TestTriedAnswerIsKept(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	file := filepath.Join(t.TempDir(), databaseFile)
	if err := bolt.Create(file, storage.Instance{ID: "test"}, bolt.Options{}); err != nil {
		t.Fatal(err)
	}
	store, err := bolt.Open(file, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close() //nolint:errcheck // nothing is read of it afterwards
	facts, err := catalog.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	core := fleet.New(store, nil, func() time.Time { return now }, fleet.Options{Facts: facts})
	if err := core.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	f, err := newFeeds(&feeds{
		configs: []FeedConfig{{Kind: catalog.GDMF}}, path: filepath.Join(t.TempDir(), feedsFile),
		fleet: core, wall: func() time.Time { return now }, changed: func() {},
	})
	if err != nil {
		t.Fatal(err)
	}
	rows := make([]string, 40) // a list that has shrunk is refused
	for i := range rows {
		rows[i] = fmt.Sprintf(`{"ProductVersion": "26.7.%d", "Build": "23H%d", "PostingDate": "2026-08-30", "ExpirationDate": "2027-01-01", "SupportedDevices": ["iPhone15,2"]}`, i, i)
	}
	list := `{"iOS": [` + strings.Join(rows, ",") + `]}`
	f.tried[catalog.GDMF] = reading{catalog.Fetched{Data: []byte(`{"PublicAssetSets": ` + list + `, "AssetSets": ` + list + `}`)}, now}
	f.states[catalog.GDMF] = feedState{URL: catalog.GDMFURL, ReadAt: now}
	gone, leave := context.WithCancel(t.Context())
	leave()
	for i, want := range []struct {
		ctx     context.Context //nolint:containedctx // of one call
		outcome api.FeedOutcome
	}{{gone, api.FeedFailed}, {t.Context(), api.FeedNews}, {t.Context(), api.FeedNotDue}} {
		if got := f.readNow(want.ctx, fleet.Act{}); len(got) != 1 || got[0].Outcome != want.outcome {
			t.Errorf("call %d: %+v, want %s", i+1, got, want.outcome)
		}
	}
}

// TestFeedStatesDamaged: a file nobody can read is as good as none.
func TestFeedStatesDamaged(t *testing.T) {
	t.Parallel()
	for _, content := range []string{"{", "", "null", `{"sofa": null}`, "[]", `{"sofa": 1}`} {
		path := filepath.Join(t.TempDir(), feedsFile)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := newFeeds(&feeds{configs: []FeedConfig{{Kind: catalog.SOFA}}, path: path, wall: time.Now})
		if err != nil || !f.state(catalog.SOFA).due(time.Now()) {
			t.Errorf("%q: error %v, want a feed that is due", content, err)
		}
	}
}

// TestOutsideClock holds the clock against that of the feed read last.
func TestOutsideClock(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for ahead, want := range map[string]Grade{"3s": GradeOK, "-10m": GradeWarn, "2h": GradeFail} {
		off, err := time.ParseDuration(ahead)
		if err != nil {
			t.Fatal(err)
		}
		d := diagnosis{DiagnoseOptions: DiagnoseOptions{Text: lang.New(lang.English), Wall: func() time.Time { return now }}}
		d.config.Feeds = []FeedConfig{{Kind: catalog.SOFA}}
		d.outsideClock(&feeds{states: map[catalog.Kind]feedState{catalog.SOFA: {URL: catalog.SOFAURL, ReadAt: now.Add(-time.Hour), Ahead: off}}})
		if f := d.findings[0]; f.Grade != want || !strings.Contains(f.Message, "sofafeed.macadmins.io") {
			t.Errorf("%s ahead: %+v, want %s", ahead, f, want)
		}
	}
}
