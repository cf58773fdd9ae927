package backtest_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/policy/backtest"
)

const aDay = 24 * time.Hour

// under is a way of testing under a policy.
func under(s backtest.Stored, testDays int) backtest.Way {
	w := way(backtest.Finish, testDays)
	if s.CarryOver {
		w.Strategy = backtest.CarryOver
	}
	w.Policy = &s
	return w
}

// TestStoredPolicies: each setting of a policy does what it says.
func TestStoredPolicies(t *testing.T) {
	t.Parallel()
	models := []string{old}
	two := []policy.Release{posted("26.0", 0, models), posted("26.0.1", 20, models)}
	closed := policy.Calendar{Closed: []policy.Days{{First: "2026-01-16", Last: "2026-01-25"}}} // days 15 to 24
	carry := func(verdictDays int) backtest.Stored {
		return backtest.Stored{Policy: policy.Policy{CarryOver: true, VerdictDays: verdictDays}}
	}
	for _, test := range []struct {
		name     string
		releases []policy.Release
		way      backtest.Way
		want     []string
	}{
		{"nothing said", two[:1], under(backtest.Stored{}, 15), []string{"26.0 tested 0 approved 15 installed 17 approved"}},
		{"deadline", two[:1], under(backtest.Stored{Deadline: 5 * aDay}, 15), []string{"26.0 tested 0 approved 15 installed 20 approved"}},
		{"deadline under the notice", two[:1], under(backtest.Stored{Deadline: aDay, Notice: 4 * aDay}, 15), []string{"26.0 tested 0 approved 15 installed 19 approved"}},
		{"calendar", two[:1], under(backtest.Stored{Calendar: closed}, 15), []string{"26.0 tested 0 approved 15 installed 27 approved"}},
		{"hours", two[:1], under(backtest.Stored{Calendar: policy.Calendar{From: 9 * time.Hour, To: 17 * time.Hour}}, 15), []string{
			"26.0 tested 0 approved 15 installed 17 approved", // in the morning
		}},
		{"results that count long enough", two, under(carry(10), 15), []string{
			"26.0 tested 0 approved 15 installed 17 approved", "26.0.1 tested 20 approved 23 installed 25 approved",
		}},
		{"results that end on a day on which nothing else happens", two, under(carry(7), 15), []string{
			"26.0 tested 0 approved 15 installed 17 approved", "26.0.1 tested 20 approved 35 installed 37 approved",
		}},
		{"results that end before they are carried over", two, under(carry(6), 15), []string{
			"26.0 tested 0 approved 15 installed 17 approved", "26.0.1 tested 20 approved 35 installed 37 approved",
		}},
		{
			"users install after 90 days", two[:1], under(backtest.Stored{Policy: policy.Policy{OnExpiry: policy.OnExpiryReleaseToUsers}}, 120),
			[]string{"26.0 tested 0 approved - installed 90 open"},
		},
		{
			"a risk that is taken", two[:1], under(backtest.Stored{Policy: policy.Policy{OnExpiry: policy.OnExpiryExtendRisk}}, 120),
			[]string{"26.0 tested 0 approved - installed - open"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, story(one(t, history(test.releases...), test.way))); diff != "" {
				t.Errorf("releases (-want +got):\n%s", diff)
			}
		})
	}
}

// TestStoredWaves: the shares start one after the other, each with its own
// deadline; a number of phones is counted in those of the group.
func TestStoredWaves(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		waves []policy.WaveShare
		want  map[int]int // phones that have the release on a day
	}{
		"parts":                {shares("20%", "50%", "100%"), map[int]int{16: 0, 17: 2, 20: 2, 21: 5, 24: 5, 25: 10}},
		"a number first":       {shares("3", "50%", "100%"), map[int]int{16: 0, 17: 3, 20: 3, 21: 5, 24: 5, 25: 10}},
		"more than half":       {shares("6", "50%", "100%"), map[int]int{16: 0, 17: 6, 21: 6, 24: 6, 25: 10}},
		"more than there are":  {shares("20", "100%"), map[int]int{16: 0, 17: 10, 21: 10}},
		"without any of these": {nil, map[int]int{16: 0, 17: 10}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := under(backtest.Stored{Waves: tc.waves, Soak: 4 * aDay, Deadline: 2 * aDay}, 15)
			for until, want := range tc.want {
				h := history(posted("26.0", 0, []string{old}))
				h.Until = day(until)
				if got := one(t, h, w).History[0].Phones; got != want {
					t.Errorf("on day %d %d phones have it, want %d", until, got, want)
				}
			}
		})
	}
}

// shares reads shares that are known to be readable.
func shares(texts ...string) []policy.WaveShare {
	out := make([]policy.WaveShare, len(texts))
	for i, text := range texts {
		out[i], _ = policy.ParseWaveShare(text)
	}
	return out
}

// TestWavesKeepHours: a later wave starts at the hour at which the calendar opens,
// not at the end of the day on which it is looked at.
func TestWavesKeepHours(t *testing.T) {
	t.Parallel()
	w := under(backtest.Stored{
		Waves: shares("50%", "100%"), Soak: 4 * aDay, Deadline: 2 * aDay, Calendar: policy.Calendar{From: 9 * time.Hour, To: 17 * time.Hour},
	}, 15)
	for until, want := range map[int]int{17: 0, 18: 5, 21: 5, 22: 10} {
		h := history(posted("26.0", 0, []string{old}))
		h.Until = day(until)
		if got := one(t, h, w).History[0].Phones; got != want {
			t.Errorf("on day %d %d phones have it, want %d", until, got, want)
		}
	}
}

// TestBroken: a release on which the apps do not work is not approved before they
// do, nor are newer ones, and what finds it is as long as the strategy's check.
func TestBroken(t *testing.T) {
	t.Parallel()
	models := []string{old}
	for _, test := range []struct {
		name   string
		way    backtest.Way
		broken backtest.Broken
		want   []string
	}{
		{"found and repaired", way(backtest.Finish, 15), backtest.Broken{Release: "26.0", Days: 20}, []string{
			"26.0 tested 0 approved 35 installed 37 approved", "26.1 tested 35 approved 50 installed 52 approved",
		}},
		{"repaired before it is found", way(backtest.Finish, 15), backtest.Broken{Release: "26.0", Days: 14}, []string{
			"26.0 tested 0 approved 15 installed 17 approved", "26.1 tested 20 approved 35 installed 37 approved",
		}},
		{"newer releases too", way(backtest.Finish, 15), backtest.Broken{Release: "26.0", Days: 60}, []string{
			"26.0 tested 0 approved 75 installed 77 approved", "26.1 tested 75 approved 90 installed 92 approved",
		}},
		{"a quick check finds it, and sees that it is repaired", way(backtest.CarryOver, 15), backtest.Broken{Release: "26.0", Days: 10}, []string{
			"26.0 tested 0 approved 13 installed 15 approved", "26.1 tested 20 approved 35 installed 37 approved",
		}},
		{"older releases work", way(backtest.Finish, 15), backtest.Broken{Release: "26.1", Days: 30}, []string{
			"26.0 tested 0 approved 15 installed 17 approved", "26.1 tested 20 approved 65 installed 67 approved",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := history(posted("26.0", 0, models), posted("26.1", 20, models))
			h.Broken = []backtest.Broken{test.broken}
			if diff := cmp.Diff(test.want, story(one(t, h, test.way))); diff != "" {
				t.Errorf("releases (-want +got):\n%s", diff)
			}
		})
	}
	h := history(posted("26.0", 0, models))
	h.Broken = []backtest.Broken{{Release: "26.0"}}
	if _, err := backtest.Replay(h, []backtest.Way{way(backtest.Finish, 7)}); !errors.Is(err, backtest.ErrDays) {
		t.Errorf("broken for no day: %v, want ErrDays", err)
	}
}

// TestStoredLane: a policy has its emergency lane, which is quicker than its waves
// also where a release is verified; one that switches it off has none.
func TestStoredLane(t *testing.T) {
	t.Parallel()
	models := []string{old}
	releases := []policy.Release{posted("26.0", 0, models), posted("26.0.1", 20, models, "CVE-1")}
	slow := backtest.Stored{Policy: policy.Policy{CarryOver: true}, Waves: shares("20%", "100%"), Soak: 4 * aDay, Deadline: 2 * aDay}
	off := slow
	off.Urgent.Off = true
	for _, test := range []struct {
		name   string
		stored backtest.Stored
		want   string
		phones map[int]int // that have 26.0.1, by day
	}{
		{"by the lane", slow, "26.0.1 tested 20 approved 23 installed 23 urgent", map[int]int{23: 0, 24: 10}},
		{"switched off", off, "26.0.1 tested 20 approved 23 installed 25 approved", map[int]int{24: 0, 25: 2, 28: 2, 29: 10}},
	} {
		w := under(test.stored, 15)
		w.Lane = true
		if got := story(one(t, history(releases...), w))[1]; got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
		for until, want := range test.phones {
			h := history(releases...)
			h.Until = day(until)
			if got := one(t, h, w).History[1].Phones; got != want {
				t.Errorf("%s: on day %d %d phones have it, want %d", test.name, until, got, want)
			}
		}
	}
}
