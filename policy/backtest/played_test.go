package backtest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/policy/backtest"
)

// verified is a group whose 26.1 was posted twenty days ago and may be approved,
// with ten phones of their own.
func verified(days int, more ...policy.Release) backtest.Present {
	models := []string{old}
	p := present(days, append([]policy.Release{posted("26.0", -60, models), posted("26.1", -20, models)}, more...)...)
	p.Parts.Verdicts = []policy.Verdict{works("pos", "26.1"), works("till", "26.1")}
	p.Testers[0].Version = "26.1"
	p.Production = nil
	for i := range 10 {
		p.Production = append(p.Production, backtest.Cohort{ID: fmt.Sprint(i), Model: old, Version: "26.0", Count: 1})
	}
	return p
}

// rolling is the approval of a release whose first half of the phones was told to
// install it, and whose second half starts on day 4.
func rolling(release string, phones []backtest.Cohort) policy.Approval {
	var buckets []uint32
	for _, c := range phones {
		if c.Model == old {
			buckets = append(buckets, policy.Bucket(release, c.ID))
		}
	}
	slices.Sort(buckets)
	return policy.Approval{ID: "1", Group: "sales", Release: release, By: "a", At: day(-1), Models: []string{old}, Waves: []policy.Wave{
		{Start: day(-1), Planned: day(-1), Threshold: buckets[len(buckets)/2-1] + 1, Deadline: "2026-01-02T00:00:00", Within: 2 * aDay},
		{Start: day(4), Planned: day(4), Threshold: policy.Buckets, Deadline: "2026-01-07T00:00:00", Within: 2 * aDay, Waits: true},
	}}
}

// TestForwardPlays what people do not plan for.
func TestForwardPlays(t *testing.T) {
	t.Parallel()
	models := []string{old}
	retail := func(s backtest.Stored) backtest.Way {
		s.Name = "retail"
		return under(s, 15)
	}
	two := backtest.Stored{Waves: shares("50%", "100%"), Soak: 4 * aDay, Deadline: 2 * aDay}
	carry := two
	carry.CarryOver = true
	late := func(p *backtest.Present) { p.Parts.Releases[1].Models[0].Expires = day(12) } // latest deadline: day 5
	long := two                                                                           // more notice than there is time
	long.Notice = 5 * aDay
	enforced := long
	enforced.OnExpiry = policy.OnExpiryEnforce
	for _, test := range []struct {
		name string
		p    backtest.Present
		way  backtest.Way
		want []string
	}{
		{"phones in a drawer wait for ever", with(verified(9), func(p *backtest.Present) { p.Silent = 35 }), retail(two), []string{
			"0 phase 26.1 verified", "1 phase 26.1 rolling-out", "1 wave 26.1 wave 1 5 phones", "3 installed 26.1  3 phones", "5 wave 26.1 wave 2 5 phones", "7 installed 26.1  4 phones",
		}},
		{"apps that stop working", with(verified(30), func(p *backtest.Present) { p.Broken = []backtest.Broken{{Release: "26.1", After: 22, Days: 2}} }), retail(two), []string{
			"0 phase 26.1 verified", "1 phase 26.1 rolling-out", "1 wave 26.1 wave 1 5 phones", "2 phase 26.1 blocked",
			"19 phase 26.1 rolling-out", "20 installed 26.1  5 phones", "23 wave 26.1 wave 2 5 phones", "25 phase 26.1 done", "25 installed 26.1  5 phones",
		}},
		{"apps that do not work today, and when they will", with(verified(30), func(p *backtest.Present) {
			p.Parts.Verdicts[0].Result = policy.ResultBroken
			p.Broken = []backtest.Broken{{Release: "26.1", Days: 25}}
		}), retail(backtest.Stored{Deadline: 2 * aDay}), []string{
			"0 phase 26.1 blocked", "20 phase 26.1 verified", "21 phase 26.1 rolling-out", "21 wave 26.1 wave 1 10 phones", "23 phase 26.1 done", "23 installed 26.1  10 phones",
		}},
		{"a patch takes over the waves that wait", verified(12, posted("26.1.1", 1, models)), retail(carry), []string{
			"0 phase 26.1 verified",
			"1 posted 26.1.1", "1 phase 26.1 rolling-out", "1 phase 26.1.1 verifying", "1 wave 26.1 wave 1 5 phones", "1 offered 26.1.1",
			"3 installed 26.1  5 phones",
			"4 phase 26.1.1 verified",
			"5 phase 26.1 superseded", "5 phase 26.1.1 rolling-out", "5 rebased 26.1.1  from 26.1", "5 wave 26.1.1 wave 1 5 phones", "5 wave 26.1.1 wave 2 5 phones",
			"7 phase 26.1.1 done", "7 installed 26.1.1  10 phones",
		}},
		{"a patch takes over waves that a broken app stops, and lets them soak anew", with(verified(20, posted("26.1.1", 1, models)), func(p *backtest.Present) {
			found := works("pos", "26.1")
			found.ID, found.Result, found.At = "broken", policy.ResultBroken, day(0).Add(1)
			p.Parts.Verdicts = append(p.Parts.Verdicts, found)
			p.Parts.Approvals = []policy.Approval{rolling("26.1", p.Production)}
		}), retail(carry), []string{
			"0 phase 26.1 blocked",
			"1 posted 26.1.1", "1 phase 26.1.1 verifying", "1 offered 26.1.1",
			"16 phase 26.1.1 verified",
			"17 phase 26.1 superseded", "17 phase 26.1.1 rolling-out", "17 rebased 26.1.1  from 26.1", "17 wave 26.1.1 wave 1 5 phones",
			"19 installed 26.1.1  5 phones",
		}},
		{"a patch that leaves phones behind begins its own waves", with(verified(18), func(p *backtest.Present) {
			p.Parts.Releases = append(p.Parts.Releases, posted("26.1.1", 1, []string{neu}))
			p.Parts.Releases[0].Models = append(p.Parts.Releases[0].Models, policy.ModelWindow{Model: neu, Posted: day(-60)})
			p.Production = append(p.Production, backtest.Cohort{ID: "n", Model: neu, Version: "26.0", Count: 1})
			p.Testers = append(p.Testers, backtest.Cohort{ID: "u", Model: neu, Version: "26.0", Count: 1})
			p.Parts.Approvals = []policy.Approval{rolling("26.1", p.Production)}
			p.Parts.Approvals[0].Waves[1].Start, p.Parts.Approvals[0].Waves[1].Planned = day(18), day(18)
		}), retail(carry), []string{
			"0 phase 26.1 rolling-out", "1 posted 26.1.1", "1 phase 26.1.1 verifying", "1 offered 26.1.1", "1 installed 26.1  5 phones at 2026-01-02T09:00:00", // a day after they are told, in the morning

			"16 phase 26.1.1 verified", "17 phase 26.1.1 rolling-out", "17 wave 26.1.1 wave 1 1 phones",
			"18 wave 26.1 wave 2 5 phones",
		}},
		{"testers go on after a refusal", with(verified(4, posted("26.2", 2, models)), late), retail(long), []string{
			"0 phase 26.1 verified", "1 refused 26.1  until 2026-01-06T00:00:00", "2 posted 26.2", "2 phase 26.1 superseded", "2 phase 26.2 verifying", "2 offered 26.2",
		}},
		{"what outlives the build is refused", with(verified(6), late), retail(long), []string{
			"0 phase 26.1 verified", "1 refused 26.1  until 2026-01-06T00:00:00",
		}},
		{"a refused deadline is shortened where there is time, and all phones go at once", with(verified(6), late), retail(two), []string{
			"0 phase 26.1 verified", "1 phase 26.1 rolling-out", "1 shortened 26.1  until 2026-01-06T00:00:00", "1 wave 26.1 wave 1 10 phones",
			"5 phase 26.1 done", "5 installed 26.1  10 phones",
		}},
		{"a build that lives long enough", with(verified(3), late), retail(backtest.Stored{Deadline: 2 * aDay}), []string{
			"0 phase 26.1 verified", "1 phase 26.1 rolling-out", "1 wave 26.1 wave 1 10 phones", "3 phase 26.1 done", "3 installed 26.1  10 phones",
		}},
		{"what is refused until the hold ends the policy approves, all phones at once", with(verified(8), late, func(p *backtest.Present) {
			p.Parts.Releases[1].Models[0].Posted = day(-88)
		}), retail(enforced), []string{
			"0 phase 26.1 verified", "0 alarm 26.1 verified day 83", "1 refused 26.1  until 2026-01-06T00:00:00",
			"2 phase 26.1 rolling-out", "2 policy-approved 26.1  from 26.1", "2 wave 26.1 wave 1 10 phones", "7 phase 26.1 done", "7 installed 26.1  10 phones",
		}},
		{"a hold that was decided about stays so", with(verified(4), late, func(p *backtest.Present) {
			p.Parts.Releases[1].Models[0].Posted = day(-88)
			p.Settled = []string{"26.1"}
		}), retail(enforced), []string{
			"0 phase 26.1 verified", "0 alarm 26.1 verified day 83", "1 refused 26.1  until 2026-01-06T00:00:00", "2 hold-ended 26.1 verified day 90 enforce",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, events(ahead(t, test.p, test.way))); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

// TestForwardSilent: the share is exact over all phones, however they are parted,
// and outside 0 to 100 refused.
func TestForwardSilent(t *testing.T) {
	t.Parallel()
	for percent, want := range map[int]int{0: 10, 9: 10, 10: 9, 33: 7, 100: 0} {
		p := verified(20)
		p.Silent = percent
		f := ahead(t, p, under(backtest.Stored{Deadline: 2 * aDay}, 15))
		if got := f.On(20).On("26.1"); got != want {
			t.Errorf("%d %% off: %d of 10 phones installed it, want %d", percent, got, want)
		}
	}
	p := verified(20)
	p.Silent = 101
	if _, err := backtest.Forward(p, under(backtest.Stored{}, 15)); err == nil || !strings.Contains(err.Error(), "want 0 to 100") {
		t.Errorf("101 %% off: %v", err)
	}
}
