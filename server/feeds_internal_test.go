package server

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/server/api"
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
