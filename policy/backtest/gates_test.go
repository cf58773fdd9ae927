package backtest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
)

// TestQuietDays: gates that are computed only on days on which something
// happens are those that are computed every day.
func TestQuietDays(t *testing.T) {
	t.Parallel()
	first := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	h := History{Phones: []Phones{{"iPhone12,1", 3}}, Since: first, Until: first.AddDate(0, 0, 200), Known: map[string]time.Time{"CVE-1": first.AddDate(0, 0, 33)}}
	for i, v := range []string{"26.0", "26.0.1", "26.1", "26.1.1", "26.2", "26.3"} {
		on := first.AddDate(0, 0, i*i*7)
		h.Releases = append(h.Releases, policy.Release{
			Version: v, CVEs: []policy.CVE{{ID: "CVE-1", Exploited: i == 2}},
			Models: []policy.ModelWindow{{Model: "iPhone12,1", Posted: on, LeftPublic: on.AddDate(0, 0, 20), Expires: on.AddDate(0, 0, 50)}},
		})
	}
	past, err := newPast(h)
	if err != nil {
		t.Fatal(err)
	}
	restless := *past
	restless.dates = map[time.Time]bool{}
	for now := past.from; !now.After(past.until); now = now.AddDate(0, 0, 1) {
		restless.dates[now] = true
	}
	for _, s := range Strategies() {
		for _, n := range []int{5, 25, 60} {
			w := Way{Strategy: s, TestDays: n, SmokeDays: 3, InstallDays: 3}
			if diff := cmp.Diff(newReplay(&restless, w).run(), newReplay(past, w).run()); diff != "" {
				t.Errorf("%s, %d days (-every day +some days):\n%s", s, n, diff)
			}
		}
	}
}
