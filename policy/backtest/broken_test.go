package backtest_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/policy/backtest"
)

// TestBrokenUnderWay: an app that stops working while a rollout goes on stops its
// waves, which go on once those before them have soaked anew, counted from when it
// works again.
func TestBrokenUnderWay(t *testing.T) {
	t.Parallel()
	// Waves of 2, 5 and 10 phones on days 15, 19 and 23, installed two days later.
	w := under(backtest.Stored{Waves: shares("20%", "50%", "100%"), Soak: 4 * aDay, Deadline: 2 * aDay}, 15)
	atOnce := under(backtest.Stored{Waves: shares("20%", "50%", "100%"), Deadline: 2 * aDay}, 15)
	for _, test := range []struct {
		name   string
		way    backtest.Way
		broken backtest.Broken
		phones map[int]int // by day
	}{
		{"between two waves", w, backtest.Broken{Release: "26.0", After: 18, Days: 5}, map[int]int{
			17: 2, 43: 2, // works on day 23, seen 15 days later: on day 38, and soaks four
			44: 5, 47: 5, 48: 10,
		}},
		{"before phones that were told have installed it", w, backtest.Broken{Release: "26.0", After: 16, Days: 5}, map[int]int{
			35: 0, 36: 2, 41: 2, 42: 5, 46: 10,
		}},
		{"waves that began together, told of anew", atOnce, backtest.Broken{Release: "26.0", After: 16, Days: 5}, map[int]int{35: 0, 36: 10}},
		{"after the last wave", w, backtest.Broken{Release: "26.0", After: 26, Days: 5}, map[int]int{17: 2, 21: 5, 25: 10}},
		{"of a newer release only", w, backtest.Broken{Release: "26.1", After: 0, Days: 5}, map[int]int{17: 2, 21: 5, 25: 10}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := map[int]int{}
			for until := range test.phones {
				h := history(posted("26.0", 0, []string{old}), posted("26.1", 18, []string{old}))
				h.Until, h.Broken = day(until), []backtest.Broken{test.broken}
				got[until] = one(t, h, test.way).History[0].Phones
			}
			if diff := cmp.Diff(test.phones, got); diff != "" {
				t.Errorf("phones that have it, by day (-want +got):\n%s", diff)
			}
		})
	}
	h := history(posted("26.0", 0, []string{old}))
	h.Broken = []backtest.Broken{{Release: "26.0", After: -1, Days: 1}}
	if _, err := backtest.Replay(h, []backtest.Way{w}); !errors.Is(err, backtest.ErrDays) {
		t.Errorf("broken before it was posted: %v, want ErrDays", err)
	}
}

// TestForwardStopped: waves on record that are due while an app is broken wait for
// as long as nobody says when it works again.
func TestForwardStopped(t *testing.T) {
	t.Parallel()
	models := []string{old}
	p := present(20, posted("26.0", -60, models), posted("26.1", -20, models))
	found := works("pos", "26.1")
	found.ID, found.Result, found.At = "broken", policy.ResultBroken, day(0)
	p.Parts.Verdicts = []policy.Verdict{works("pos", "26.1"), works("till", "26.1"), found}
	p.Testers[0].Version = "26.1"
	p.Parts.Approvals = []policy.Approval{{ID: "1", Group: "sales", Release: "26.1", By: "a", At: day(-3), Models: models, Waves: []policy.Wave{
		{Start: day(-3), Planned: day(-3), Deadline: "2026-01-04T00:00:00", Within: 3 * aDay},
		{Start: day(4), Planned: day(4), Threshold: policy.Buckets, Deadline: "2026-01-08T00:00:00", Within: 3 * aDay, Waits: true},
	}}}
	want := []string{"0 phase 26.1 blocked"}
	if diff := cmp.Diff(want, events(ahead(t, p, under(backtest.Stored{Soak: 2 * aDay}, 8)))); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}
