package fleet_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/fleet"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func builtIn(t testing.TB) *catalog.Catalog {
	t.Helper()
	cat, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	return cat
}

// TestBacktestGolden replays two years of real releases against one way of
// testing: what became of each release, for review by eye. The file is rewritten
// with go test -run Golden -update.
func TestBacktestGolden(t *testing.T) {
	t.Parallel()
	v, err := fleet.BacktestCatalog(builtIn(t), fleet.BacktestQuery{Since: "2024-09", Until: "2026-08-22", Days: []int{30}, Strategies: []string{"emergency"}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	path := filepath.Join("testdata", "backtest-emergency-30.json")
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("read golden file (go test -update makes it): %v", err)
	}
	if !bytes.Equal(want, got) {
		t.Errorf("%s (-want +got):\n%s", path, cmp.Diff(string(want), string(got)))
	}
}

// TestBacktestPeriod: months and days, and what is usual when nothing is said.
func TestBacktestPeriod(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		since, until string
		from, to     string // "" with a fault
		fault        string
	}{
		{"", "", "2024-09-16", "2026-08-22", ""},
		{"2024-09", "", "2024-09-16", "2026-08-22", ""},
		{"2024-09-17", "2025-02", "2024-10-03", "2025-02-28", ""},
		{"2026-07-27", "2026-08", "2026-07-27", "2026-08-22", ""},
		{"", "2025-12-31", "2024-09-16", "2025-12-31", ""},
		{"", "2026-08-23", "", "", "after-the-catalogue"},
		{"", "2026-09", "", "", "after-the-catalogue"},
		{"2026-09", "", "", "", "no-release-to-replay"},
		{"2024", "", "", "", "not-a-month-or-day"},
		{"2024-02-30", "", "", "", "not-a-month-or-day"},
		{"", "soon", "", "", "not-a-month-or-day"},
	} {
		v, err := fleet.BacktestCatalog(builtIn(t), fleet.BacktestQuery{Since: test.since, Until: test.until, Days: []int{14}, Strategies: []string{"finish"}})
		fault := ""
		if e, ok := errors.AsType[*fleet.InvalidError](err); ok {
			fault = e.Code
		}
		if got := [3]string{v.From, v.Until, fault}; got != [3]string{test.from, test.to, test.fault} {
			t.Errorf("%q to %q: %q, %v", test.since, test.until, got, err)
		}
	}
}

// TestBacktestWays: each strategy with each length of a test, none twice, and a
// full test that is short has a smoke test no longer than itself.
func TestBacktestWays(t *testing.T) {
	t.Parallel()
	zero := 0
	for _, test := range []struct {
		name  string
		query fleet.BacktestQuery
		runs  int
		fault string
	}{
		{"what is usual", fleet.BacktestQuery{}, 16, ""},
		{"nothing twice", fleet.BacktestQuery{Days: []int{7, 9, 7}, Strategies: []string{"finish", "restart", "finish"}}, 4, ""},
		{"a test of a day, installed at once", fleet.BacktestQuery{Days: []int{1}, InstallDays: &zero}, 4, ""},
		{"a smoke test of its own length", fleet.BacktestQuery{Days: []int{9}, SmokeDays: 9}, 4, ""},
		{"a smoke test longer than a full one", fleet.BacktestQuery{Days: []int{9, 8}, SmokeDays: 9}, 0, "way-out-of-range"},
		{"too many", fleet.BacktestQuery{Days: make([]int, 11)}, 0, "too-many-lengths"},
		{"a test of no days", fleet.BacktestQuery{Days: []int{7, 0}}, 0, "way-out-of-range"},
		{"an unknown strategy", fleet.BacktestQuery{Strategies: []string{"hope"}}, 0, "not-one-of"},
	} {
		v, err := fleet.BacktestCatalog(builtIn(t), test.query)
		fault := ""
		if e, ok := errors.AsType[*fleet.InvalidError](err); ok {
			fault = e.Code
		}
		if len(v.Runs) != test.runs || fault != test.fault {
			t.Errorf("%s: %d runs, %v; want %d, %q", test.name, len(v.Runs), err, test.runs, test.fault)
		}
	}
}

// BenchmarkBacktest replays two years of real releases against every way of
// testing that is usual. The figure to reach stands in docs/performance.md.
func BenchmarkBacktest(b *testing.B) {
	cat := builtIn(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := fleet.BacktestCatalog(cat, fleet.BacktestQuery{}); err != nil {
			b.Fatal(err)
		}
	}
}
