package backtest_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/policy/backtest"
)

const (
	old = "iPhone12,1"
	neu = "iPhone18,1"
)

// first is the first day of every history here.
var first = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func day(n int) time.Time { return first.AddDate(0, 0, n) }

// posted is a release that models get on a day, with the exploited CVEs it
// fixes.
func posted(version string, on int, models []string, cves ...string) policy.Release {
	r := policy.Release{Version: version, CVEs: []policy.CVE{{ID: "CVE-of-no-account"}}}
	for _, m := range models {
		r.Models = append(r.Models, policy.ModelWindow{Model: m, Posted: day(on)})
	}
	for _, c := range cves {
		r.CVEs = append(r.CVEs, policy.CVE{ID: c, Exploited: true})
	}
	return r
}

// history is one of 100 days, with 10 phones of the old model.
func history(releases ...policy.Release) backtest.History {
	return backtest.History{
		Releases: releases, Phones: []backtest.Phones{{Model: old, Count: 10}}, Since: first, Until: day(100),
		Known: map[string]time.Time{"CVE-late": day(25)},
	}
}

func way(s backtest.Strategy, testDays int) backtest.Way {
	return backtest.Way{Strategy: s, TestDays: testDays, SmokeDays: 3, InstallDays: 2}
}

// one replays a history against one way.
func one(t *testing.T, h backtest.History, w backtest.Way) backtest.Run {
	t.Helper()
	r, err := backtest.Replay(h, []backtest.Way{w})
	if err != nil {
		t.Fatal(err)
	}
	return r.Runs[0]
}

// story says what became of the releases: version, tested, approved, installed
// as days, and the outcome.
func story(run backtest.Run) []string {
	var out []string
	for _, s := range run.History {
		out = append(out, fmt.Sprintf("%s tested %s approved %s installed %s %s", s.Release, dayOf(s.Tested), dayOf(s.Approved), dayOf(s.Installed), s.Outcome))
	}
	return out
}

func dayOf(date string) string {
	t, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return "-"
	}
	return fmt.Sprint(int(t.Sub(first) / (24 * time.Hour)))
}

func TestStories(t *testing.T) {
	t.Parallel()
	models := []string{old}
	three := []policy.Release{posted("26.0", 0, models), posted("26.1", 20, models), posted("26.2", 30, models)}
	for _, test := range []struct {
		name     string
		releases []policy.Release
		way      backtest.Way
		want     []string
	}{
		{"restart", three, way(backtest.Restart, 15), []string{
			"26.0 tested 0 approved 15 installed 17 approved",
			"26.1 tested 20 approved - installed - superseded",
			"26.2 tested 30 approved 45 installed 47 approved",
		}},
		{"finish", three, way(backtest.Finish, 15), []string{
			"26.0 tested 0 approved 15 installed 17 approved",
			"26.1 tested 20 approved 35 installed 37 approved",
			"26.2 tested 35 approved 50 installed 52 approved",
		}},
		{"finish, the one between passed over", three, way(backtest.Finish, 32), []string{
			"26.0 tested 0 approved 32 installed 34 approved",
			"26.1 tested - approved - installed - superseded",
			"26.2 tested 32 approved 64 installed 66 approved",
		}},
		{"not over on the last day", []policy.Release{posted("26.0", 0, models), posted("26.1", 90, models)}, way(backtest.Finish, 30), []string{
			"26.0 tested 0 approved 30 installed 32 approved",
			"26.1 tested 90 approved - installed - open",
		}},
		{"withdrawn while it is tested", []policy.Release{gone(posted("26.0", 0, models), 40)}, way(backtest.Finish, 50), []string{
			"26.0 tested 0 approved - installed - expired",
		}},
		{"superseded long before it is withdrawn", []policy.Release{gone(posted("26.0", 0, models), 40), posted("26.1", 20, models)}, way(backtest.Restart, 30), []string{
			"26.0 tested 0 approved - installed - superseded",
			"26.1 tested 20 approved 50 installed 52 approved",
		}},
		{"carry-over: a patch of what was tested in full", []policy.Release{posted("26.0", 0, models), posted("26.0.1", 20, models), posted("26.1", 30, models)}, way(backtest.CarryOver, 15), []string{
			"26.0 tested 0 approved 15 installed 17 approved",
			"26.0.1 tested 20 approved 23 installed 25 approved",
			"26.1 tested 30 approved 45 installed 47 approved",
		}},
		{"carry-over: a patch that comes while the test runs", []policy.Release{posted("26.0", 0, models), posted("26.0.1", 10, models)}, way(backtest.CarryOver, 15), []string{
			"26.0 tested 0 approved 15 installed 17 approved",
			"26.0.1 tested 15 approved 18 installed 20 approved",
		}},
		{"emergency: at once, by two people, and the test goes on", []policy.Release{
			posted("26.0", 0, models), posted("26.0.1", 10, models, "CVE-1"), posted("26.0.2", 20, models),
		}, way(backtest.Emergency, 15), []string{
			"26.0 tested 0 approved - installed - superseded",
			"26.0.1 tested 10 approved 13 installed 13 urgent",   // a tenth after four hours
			"26.0.2 tested 20 approved 23 installed 25 approved", // on the full test of 26.0.1, over on day 15
		}},
		{"emergency: a full test that is nearly over still looks at the patch for as long as a smoke test", []policy.Release{
			posted("26.0", 0, models), posted("26.0.1", 14, models, "CVE-1"),
		}, way(backtest.Emergency, 15), []string{
			"26.0 tested 0 approved - installed - superseded",
			"26.0.1 tested 14 approved 17 installed 18 approved",
		}},
		{"emergency: another x.y begins anew, and finishes", []policy.Release{
			posted("26.0", 0, models), posted("26.1", 10, models, "CVE-1"), posted("26.2", 12, models),
		}, way(backtest.Emergency, 15), []string{
			"26.0 tested 0 approved - installed - superseded",
			"26.1 tested 10 approved 13 installed 13 urgent",
			"26.2 tested 25 approved 40 installed 42 approved",
		}},
		{"emergency: a patch of what was tested in full needs no second person", []policy.Release{
			posted("26.0", 0, models), posted("26.0.1", 20, models, "CVE-1"),
		}, way(backtest.Emergency, 15), []string{
			"26.0 tested 0 approved 15 installed 17 approved",
			"26.0.1 tested 20 approved 23 installed 24 approved",
		}},
		{"emergency: known too late", []policy.Release{posted("26.0", 0, models), posted("26.0.1", 10, models, "CVE-late")}, way(backtest.Emergency, 30), []string{
			"26.0 tested 0 approved - installed - superseded",
			"26.0.1 tested 25 approved 28 installed 28 urgent",
		}},
		{"a synthetic release is none", append(three[:1:1], policy.Release{Version: "27.0", Synthetic: true, Models: three[0].Models}), way(backtest.Finish, 15), []string{
			"26.0 tested 0 approved 15 installed 17 approved",
		}},
		{"an older branch beside a newer one is not tested", append(three[:1:1], posted("18.7", 0, models), posted("18.7.1", 10, models)), way(backtest.Restart, 15), []string{
			"26.0 tested 0 approved 15 installed 17 approved",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, story(one(t, history(test.releases...), test.way))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// gone says when Apple stops to offer a release.
func gone(r policy.Release, on int) policy.Release {
	for i := range r.Models {
		r.Models[i].Expires = day(on)
	}
	return r
}

// TestNumbers: what a small history costs, counted by hand. 26.1 fixes a CVE on
// day 20; phones get the fix with 26.2 on day 47, approved on day 45.
func TestNumbers(t *testing.T) {
	t.Parallel()
	models := []string{old}
	h := history(posted("26.0", 0, models), posted("26.1", 20, models, "CVE-1"), posted("26.2", 30, models))
	got := one(t, h, way(backtest.Restart, 15))
	perYear := func(days int) float64 { return float64(int(float64(days)*365.25/100*10+0.5)) / 10 }
	want := backtest.Run{
		Strategy: backtest.Restart, TestDays: 15, InstallDays: 2, Approved: 2, Missed: 1, HeldMedian: 15, HeldMax: 25,
		Exposure: backtest.Exposure{Total: perYear(27), Testing: perYear(25), Avoidable: perYear(2)}, Restarts: perYear(2), Dropped: 1,
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(backtest.Run{}, "History")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestExposure: what counts as open, by the days on which 26.0 alone is tested.
func TestExposure(t *testing.T) {
	t.Parallel()
	models := []string{old}
	never := way(backtest.Finish, 200) // nothing is ever installed
	for _, test := range []struct {
		name     string
		releases []policy.Release
		want     int // CVE-days
	}{
		{"none", []policy.Release{posted("26.0", 0, models)}, 0},
		{"from the day of the fix", []policy.Release{posted("26.0", 0, models), posted("26.1", 40, models, "CVE-1")}, 60},
		{"once, however often it is fixed", []policy.Release{posted("26.0", 0, models), posted("26.1", 40, models, "CVE-1"), posted("26.2", 50, models, "CVE-1")}, 60},
		{"a fix for other models", []policy.Release{posted("26.0", 0, models), posted("26.1", 40, []string{neu}, "CVE-1")}, 0},
		{"a fix the phone has", []policy.Release{posted("18.0", -10, models, "CVE-1"), posted("26.0", 0, models, "CVE-1")}, 0},
		{"a fix in both branches counts from the first", []policy.Release{posted("18.0", -10, models), posted("26.0", 0, models), posted("18.1", 40, models, "CVE-1"), posted("26.1", 70, models, "CVE-1")}, 60},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := one(t, history(test.releases...), never).Exposure
			if want := float64(int(float64(test.want)*365.25/100*10+0.5)) / 10; got.Total != want || got.Avoidable != 0 {
				t.Errorf("got %+v, want %g in all, nothing of it avoidable", got, want)
			}
		})
	}
}

// TestEmergencyInstalls: what came by the emergency lane is on a tenth of the phones
// after four hours, and on all of them within a day; what one person approves in an
// emergency on all of them at once.
func TestEmergencyInstalls(t *testing.T) {
	t.Parallel()
	h := history(posted("26.0", 0, []string{old}), posted("26.1", 30, []string{old}, "CVE-1"))
	for until, want := range map[int]int{33: 0, 34: 10} { // approved on day 33, whose midnight is looked at
		h.Until = day(until)
		last := one(t, h, way(backtest.Emergency, 15)).History[1]
		if dayOf(last.Approved) != "33" || last.Phones != want || last.Outcome != backtest.Urgent {
			t.Errorf("until day %d: %s, approved on day %s, on %d phones, want %d", until, last.Outcome, dayOf(last.Approved), last.Phones, want)
		}
	}
	h = history(posted("26.0", 0, []string{old}), posted("26.0.1", 30, []string{old}, "CVE-1"))
	verified := one(t, h, way(backtest.Emergency, 15)).History[1]
	if want := dayOf(day(33 + backtest.EmergencyInstallDays).Format(time.DateOnly)); dayOf(verified.Installed) != want || verified.Outcome != backtest.Approved {
		t.Errorf("what is verified by then: %s, installed on day %s, want %s", verified.Outcome, dayOf(verified.Installed), want)
	}
	h = history(posted("26.0", 0, []string{old}), posted("26.1", 30, []string{old}, "CVE-1"))
	if last := one(t, h, way(backtest.Emergency, 15)).History[1]; dayOf(last.Installed) != "33" {
		t.Errorf("first installed on day %s, want 33", dayOf(last.Installed))
	}
}

// TestOlderBranch: what an older branch fixed after a release came out is not in
// it, so approving that release would not have helped.
func TestOlderBranch(t *testing.T) {
	t.Parallel()
	models := []string{old}
	h := history(posted("18.0", -10, models), posted("26.0", 0, models), posted("18.1", 10, models, "CVE-1"))
	got := one(t, h, backtest.Way{Strategy: backtest.Finish, TestDays: 2, InstallDays: 30}).Exposure
	if want := (backtest.Exposure{Total: 80.4, Testing: 80.4}); got != want { // 22 days
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestJoin: phones of a new model come with what is in the box, wait for
// nothing before, and count from that day.
func TestJoin(t *testing.T) {
	t.Parallel()
	h := history(posted("26.0", 0, []string{old}), posted("26.1", 50, []string{old, neu}))
	h.Phones = append(h.Phones, backtest.Phones{Model: neu, Count: 30})
	r, err := backtest.Replay(h, []backtest.Way{way(backtest.Restart, 10), way(backtest.Finish, 10)})
	if err != nil {
		t.Fatal(err)
	}
	// Who still tests what was in the box keeps nobody from taking it up.
	if got := story(r.Runs[1])[1]; got != "26.1 tested 50 approved 60 installed 62 approved" {
		t.Errorf("the release in the box: %s", got)
	}
	if r.Phones != 40 || !slices.Equal(r.Models, []string{old, neu}) {
		t.Errorf("%d phones of %v", r.Phones, r.Models)
	}
	var got []int
	for _, s := range r.Runs[0].History {
		got = append(got, s.Phones)
	}
	if diff := cmp.Diff([]int{10, 10}, got); diff != "" { // the new ones have 26.1
		t.Errorf("installations (-want +got):\n%s", diff)
	}
	// 20 installations over 10 phones of 100 days and 30 of 50.
	if want := 2.9; r.Runs[0].Restarts != want {
		t.Errorf("restarts %g, want %g", r.Runs[0].Restarts, want)
	}
}

// TestOneModelHoldsUpAnother: a release for some models only takes the tester of
// those away from the release that all need.
func TestOneModelHoldsUpAnother(t *testing.T) {
	t.Parallel()
	both := []string{old, neu}
	h := history(posted("26.0", 0, both), posted("26.1", 10, both), posted("26.1.1", 20, []string{neu}))
	h.Phones = append(h.Phones, backtest.Phones{Model: neu, Count: 1})
	got := one(t, h, way(backtest.Restart, 15))
	want := []string{
		"26.0 tested 0 approved - installed - superseded",
		"26.1 tested 10 approved - installed - open",
		"26.1.1 tested 20 approved 35 installed 37 approved",
	}
	if diff := cmp.Diff(want, story(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got.HeldMax != 100 {
		t.Errorf("26.0 was held for %d days; the approval of a release for others is no end of it", got.HeldMax)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	good := history(posted("26.0", 0, []string{old}))
	late, other := good, good
	late.Since = day(1)
	other.Phones = []backtest.Phones{{Model: neu, Count: 1}, {Model: old, Count: 0}}
	for _, test := range []struct {
		name string
		h    backtest.History
		way  backtest.Way
		want error
	}{
		{"nothing posted in the time", late, way(backtest.Finish, 7), backtest.ErrNoRelease},
		{"no release for the models", other, way(backtest.Finish, 7), backtest.ErrNoRelease},
		{"a test of no days", good, way(backtest.Finish, 0), backtest.ErrDays},
		{"a test of too many days", good, way(backtest.Finish, backtest.MaxDays+1), backtest.ErrDays},
		{"a smoke test of no days", good, backtest.Way{Strategy: backtest.CarryOver, TestDays: 7}, backtest.ErrDays},
		{"a smoke test longer than a full one", good, backtest.Way{Strategy: backtest.Emergency, TestDays: 7, SmokeDays: 8}, backtest.ErrDays},
		{"an installation before the approval", good, backtest.Way{Strategy: backtest.Finish, TestDays: 7, InstallDays: -1}, backtest.ErrDays},
	} {
		if _, err := backtest.Replay(test.h, []backtest.Way{test.way}); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
	}
	if _, err := backtest.Replay(good, []backtest.Way{{Strategy: "hope", TestDays: 7}}); err == nil {
		t.Error("an unknown strategy was replayed")
	}
}

func TestParseStrategy(t *testing.T) {
	t.Parallel()
	for _, s := range backtest.Strategies() {
		if got, err := backtest.ParseStrategy(string(s)); got != s || err != nil {
			t.Errorf("%s: %q, %v", s, got, err)
		}
	}
	if _, err := backtest.ParseStrategy("hope"); err == nil {
		t.Error("hope was taken for a strategy")
	}
}

// TestRandomHistories: every release has one outcome, exposure has two parts,
// and neither the order of the input nor how models are put together matters.
func TestRandomHistories(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 1))
		h := randomHistory(rng)
		w := backtest.Way{Strategy: backtest.Strategies()[rng.IntN(len(backtest.Strategies()))], TestDays: 3 + rng.IntN(60), SmokeDays: 1 + rng.IntN(3), InstallDays: rng.IntN(5)}
		r, err := backtest.Replay(h, []backtest.Way{w})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		run := r.Runs[0]
		if run.Approved+run.Missed+run.Open != r.Releases || len(run.History) != r.Releases {
			t.Errorf("seed %d: %d approved, %d missed, %d open of %d", seed, run.Approved, run.Missed, run.Open, r.Releases)
		}
		if e := run.Exposure; e.Total-e.Testing-e.Avoidable > 0.11 || e.Testing+e.Avoidable-e.Total > 0.11 {
			t.Errorf("seed %d: exposure %+v", seed, e)
		}
		rng.Shuffle(len(h.Releases), func(i, j int) { h.Releases[i], h.Releases[j] = h.Releases[j], h.Releases[i] })
		h.Phones = append(h.Phones[1:], backtest.Phones{Model: old, Count: 4}, backtest.Phones{Model: old, Count: h.Phones[0].Count - 4})
		again, err := backtest.Replay(h, []backtest.Way{w})
		if diff := cmp.Diff(r, again); err != nil || diff != "" {
			t.Errorf("seed %d: %v (-before +after the input was shuffled):\n%s", seed, err, diff)
		}
	}
}

// randomHistory is a history of 300 days for three models, two of which Apple
// treats alike.
func randomHistory(rng *rand.Rand) backtest.History {
	h := backtest.History{Since: first, Until: day(300), Known: map[string]time.Time{}}
	for _, m := range []string{old, "iPhone12,3", neu} {
		h.Phones = append(h.Phones, backtest.Phones{Model: m, Count: 5 + rng.IntN(50)})
	}
	on, minor, patch := 0, 0, 0
	last := -1
	for on < 300 {
		models := []string{old, "iPhone12,3", neu}
		if rng.IntN(5) == 0 {
			models = models[2:]
		}
		version := fmt.Sprintf("26.%d.%d", minor, patch)
		r := posted(version, on, models)
		if rng.IntN(3) == 0 {
			id := fmt.Sprintf("CVE-%d", rng.IntN(8))
			r.CVEs = append(r.CVEs, policy.CVE{ID: id, Exploited: true})
			if rng.IntN(2) == 0 {
				h.Known[id] = day(on + rng.IntN(60))
			}
		}
		if last >= 0 && len(models) == 3 {
			for i := range h.Releases[last].Models {
				h.Releases[last].Models[i].LeftPublic, h.Releases[last].Models[i].Expires = day(on), day(on+90)
			}
		}
		last = len(h.Releases)
		h.Releases = append(h.Releases, r)
		on += 1 + rng.IntN(40)
		if patch++; rng.IntN(2) == 0 {
			minor, patch = minor+1, 0
		}
	}
	return h
}
