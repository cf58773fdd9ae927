package backtest_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/policy/backtest"
)

// TestForwardHappens plays what may happen to a group: flaws, faults, holidays, and
// Apple changing its mind.
func TestForwardHappens(t *testing.T) {
	t.Parallel()
	models := []string{old}
	tokyo := time.FixedZone("JST", 9*60*60)
	two := func(p policy.Policy) backtest.Stored {
		p.Name = "retail"
		return backtest.Stored{Policy: p, Waves: shares("50%", "100%"), Soak: 4 * aDay, Deadline: 2 * aDay}
	}
	lane := func(s backtest.Stored, testDays int) backtest.Way {
		w := under(s, testDays)
		w.Lane, w.SignHours = true, 4
		return w
	}
	zoned := two(policy.Policy{})
	zoned.Location = tokyo
	hours := two(policy.Policy{})
	hours.Location, hours.Calendar = tokyo, policy.Calendar{From: 14 * time.Hour, To: 18 * time.Hour}
	stops := policy.Breaker{FailedPercent: 30}
	coming := func(days int) backtest.Present {
		p := verified(days)
		p.Parts.Releases = []policy.Release{posted("26.0", -60, models), posted("26.1", 1, models)}
		p.Parts.Verdicts, p.Testers[0].Version = nil, "26.0"
		return p
	}
	for _, test := range []struct {
		name string
		p    backtest.Present
		way  backtest.Way
		want []string
	}{
		{"a flaw becomes known to be exploited, and two people hurry, in waves within a day", with(coming(8), func(p *backtest.Present) {
			p.Exploited = []backtest.Exploited{{Release: "26.1", Day: 3}}
		}), lane(zoned, 15), []string{
			"1 posted 26.1", "1 phase 26.1 verifying", "1 offered 26.1",
			"3 exploited 26.1",
			"4 phase 26.1 rolling-out", "4 emergency-lane 26.1  at 2026-01-05T13:00:00", "4 wave 26.1 wave 1 1 phones at 2026-01-05T13:00:00",
			"4 installed 26.1  1 phones at 2026-01-05T17:00:00", "4 wave 26.1 wave 2 9 phones at 2026-01-05T19:00:00",
			"5 phase 26.1 done", "5 installed 26.1  9 phones at 2026-01-06T13:00:00",
		}},
		{"a policy without the lane waits", with(coming(8), func(p *backtest.Present) {
			p.Exploited = []backtest.Exploited{{Release: "26.1", Day: 3}}
		}), lane(two(policy.Policy{Urgent: policy.UrgentRules{Off: true}}), 15), []string{
			"1 posted 26.1", "1 phase 26.1 verifying", "1 offered 26.1", "3 exploited 26.1",
		}},
		{"testers leave what they test for a fix", with(coming(8), func(p *backtest.Present) {
			p.Parts.Releases = append(p.Parts.Releases, posted("26.2", 2, models))
			p.Exploited = []backtest.Exploited{{Release: "26.2", Day: 3}}
		}), lane(two(policy.Policy{}), 15), []string{
			"1 posted 26.1", "1 phase 26.1 verifying", "1 offered 26.1", "2 posted 26.2", "2 phase 26.2 held",
			"3 phase 26.1 superseded", "3 phase 26.2 verifying", "3 exploited 26.2", "3 offered 26.2",
			"6 phase 26.2 rolling-out", "6 emergency-lane 26.2  at 2026-01-07T04:00:00", "6 wave 26.2 wave 1 1 phones at 2026-01-07T04:00:00",
			"6 installed 26.2  1 phones at 2026-01-07T08:00:00", "6 wave 26.2 wave 2 9 phones at 2026-01-07T10:00:00",
			"7 phase 26.2 done", "7 installed 26.2  9 phones at 2026-01-08T04:00:00",
		}},
		{"the hours of a calendar, in the zone of the installation", verified(8), under(hours, 15), []string{
			"0 phase 26.1 verified", "1 phase 26.1 rolling-out", "1 wave 26.1 wave 1 5 phones at 2026-01-02T14:00:00",
			"3 installed 26.1  5 phones at 2026-01-04T14:00:00", "5 wave 26.1 wave 2 5 phones at 2026-01-06T14:00:00",
			"7 phase 26.1 done", "7 installed 26.1  5 phones at 2026-01-08T14:00:00",
		}},
		{"installations that fail stop a rollout, which a person lets go on", with(verified(20), func(p *backtest.Present) {
			p.Faults, p.ResumeDays = []backtest.Fault{{Release: "26.1", Percent: 40}}, 3
		}), under(two(policy.Policy{Breaker: stops}), 15), []string{
			"0 phase 26.1 verified", "1 phase 26.1 rolling-out", "1 wave 26.1 wave 1 5 phones",
			"3 failed 26.1  2 phones", "3 installed 26.1  3 phones",
			"4 phase 26.1 paused", "4 stopped 26.1  2 phones of 5, installs-failed",
			"7 phase 26.1 rolling-out", "7 resumed 26.1",
			"8 installed 26.1  2 phones",
			"11 wave 26.1 wave 2 5 phones",
			"13 failed 26.1  2 phones", "13 installed 26.1  3 phones",
			"14 phase 26.1 paused", "14 stopped 26.1  2 phones of 5, installs-failed",
			"17 phase 26.1 rolling-out", "17 resumed 26.1",
			"18 phase 26.1 done", "18 installed 26.1  2 phones",
		}},
		{"too few failures stop nothing, and those phones wait for a newer release", with(verified(9), func(p *backtest.Present) {
			p.Faults = []backtest.Fault{{Release: "26.1", Percent: 20}}
		}), under(two(policy.Policy{Breaker: stops}), 15), []string{
			"0 phase 26.1 verified", "1 phase 26.1 rolling-out", "1 wave 26.1 wave 1 5 phones",
			"3 failed 26.1  1 phones", "3 installed 26.1  4 phones", "5 wave 26.1 wave 2 5 phones", "7 failed 26.1  1 phones", "7 installed 26.1  4 phones",
		}},
		{"of a share the phone that is part in it is hit as well", with(verified(9), func(p *backtest.Present) {
			p.Faults = []backtest.Fault{{Release: "26.1", Percent: 11}}
		}), under(two(policy.Policy{}), 15), []string{
			"0 phase 26.1 verified", "1 phase 26.1 rolling-out", "1 wave 26.1 wave 1 5 phones",
			"3 failed 26.1  1 phones", "3 installed 26.1  4 phones", "5 wave 26.1 wave 2 5 phones", "7 installed 26.1  4 phones", "7 failed 26.1  1 phones",
		}},
		{"phones that fall silent with it stop it", with(verified(12), func(p *backtest.Present) {
			p.Faults, p.ResumeDays = []backtest.Fault{{Release: "26.1", Percent: 40, Silent: true}}, 3
		}), under(two(policy.Policy{Breaker: policy.Breaker{SilentPercent: 30, SilentAfter: 24 * time.Hour}}), 15), []string{
			"0 phase 26.1 verified", "1 phase 26.1 rolling-out", "1 wave 26.1 wave 1 5 phones", "3 installed 26.1  5 phones",
			"4 phase 26.1 paused", "4 stopped 26.1  2 phones of 5, phones-silent",
			"7 phase 26.1 rolling-out", "7 resumed 26.1", "11 wave 26.1 wave 2 5 phones",
		}},
		{"phones that are away install when they are back", with(verified(12), func(p *backtest.Present) {
			p.Away = []backtest.Away{{Percent: 30, From: 2, Days: 6}, {Percent: 20, From: 1, Days: 9}}
		}), under(backtest.Stored{Deadline: 2 * aDay}, 15), []string{
			"0 phase 26.1 verified", "1 phase 26.1 rolling-out", "1 wave 26.1 wave 1 10 phones",
			"3 installed 26.1  5 phones", "8 installed 26.1  3 phones", // told on day 1
			"11 phase 26.1 done", "11 installed 26.1  2 phones", // told on day 10
		}},
		{"a release that Apple takes back gives the waves back", with(verified(14, posted("26.1.1", 1, models)), func(p *backtest.Present) {
			p.Pulled = []backtest.Pulled{{Release: "26.1.1", Day: 6}}
		}), under(two(policy.Policy{CarryOver: true}), 15), []string{
			"0 phase 26.1 verified",
			"1 posted 26.1.1", "1 phase 26.1 rolling-out", "1 phase 26.1.1 verifying", "1 wave 26.1 wave 1 5 phones", "1 offered 26.1.1",
			"3 installed 26.1  5 phones",
			"4 phase 26.1.1 verified",
			"5 phase 26.1 superseded", "5 phase 26.1.1 rolling-out", "5 rebased 26.1.1  from 26.1", "5 wave 26.1.1 wave 1 5 phones", "5 wave 26.1.1 wave 2 5 phones",
			"6 not-installable 26.1.1", "6 phase 26.1 rolling-out", "6 phase 26.1.1 expired", "6 given-back 26.1  from 26.1.1",
			"10 wave 26.1 wave 2 5 phones", "12 phase 26.1 done", "12 installed 26.1  5 phones",
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

// TestForwardHappensRefuses what is out of its range.
func TestForwardHappensRefuses(t *testing.T) {
	t.Parallel()
	far := backtest.MaxDays + 1
	for name, change := range map[string]func(*backtest.Present){
		"a flaw known before today":   func(p *backtest.Present) { p.Exploited = []backtest.Exploited{{Release: "26.1", Day: -1}} },
		"a flaw known too late":       func(p *backtest.Present) { p.Exploited = []backtest.Exploited{{Release: "26.1", Day: far}} },
		"taken back before it begins": func(p *backtest.Present) { p.Pulled = []backtest.Pulled{{Release: "26.1"}} },
		"away for no day":             func(p *backtest.Present) { p.Away = []backtest.Away{{Percent: 10}} },
		"away for too long":           func(p *backtest.Present) { p.Away = []backtest.Away{{Percent: 10, Days: far}} },
		"resumed before the stop":     func(p *backtest.Present) { p.ResumeDays = -1 },
	} {
		p := verified(10)
		change(&p)
		if _, err := backtest.Forward(p, under(backtest.Stored{}, 8)); !errors.Is(err, backtest.ErrDays) {
			t.Errorf("%s: %v, want ErrDays", name, err)
		}
	}
	for name, list := range map[string][]backtest.Fault{
		"none":                          {{Release: "26.1"}},
		"more than all":                 {{Release: "26.1", Percent: 101}},
		"more than all, of two":         {{Release: "26.1", Percent: 50}, {Release: "26.1.0", Percent: 51}},
		"more than all, of two sorts":   {{Release: "26.1", Percent: 50}, {Release: "26.1", Percent: 51, Silent: true}},
		"more than all, beside another": {{Release: "26.2", Percent: 50}, {Release: "26.1", Percent: 50}, {Release: "26.1", Percent: 51}},
	} {
		p := verified(10)
		p.Faults = list
		if _, err := backtest.Forward(p, under(backtest.Stored{}, 8)); !errors.Is(err, backtest.ErrFaults) {
			t.Errorf("faults on %s: %v, want ErrFaults", name, err)
		}
	}
	p := verified(10)
	p.Faults = []backtest.Fault{{Release: "26.1", Percent: 50}, {Release: "26.1", Percent: 50, Silent: true}, {Release: "26.2", Percent: 100}}
	if _, err := backtest.Forward(p, under(backtest.Stored{}, 8)); err != nil {
		t.Errorf("faults on all phones: %v", err)
	}
	for day, want := range map[int]error{4: backtest.ErrUnposted, 5: backtest.ErrUnposted, 6: nil} {
		p := verified(10, posted("26.1.1", 5, []string{old}))
		p.Pulled = []backtest.Pulled{{Release: "26.1.1", Day: day}}
		if _, err := backtest.Forward(p, under(backtest.Stored{}, 8)); !errors.Is(err, want) {
			t.Errorf("posted on day 5, taken back on day %d: %v, want %v", day, err, want)
		}
	}
	for name, change := range map[string]func(*backtest.Present){
		"more away than there are": func(p *backtest.Present) {
			p.Silent, p.Away = 50, []backtest.Away{{Percent: 51, Days: 3}}
		},
		"none away": func(p *backtest.Present) { p.Away = []backtest.Away{{Days: 3}} },
	} {
		p := verified(10)
		change(&p)
		if _, err := backtest.Forward(p, under(backtest.Stored{}, 8)); !errors.Is(err, backtest.ErrShares) {
			t.Errorf("%s: %v, want ErrShares", name, err)
		}
	}
	slow := under(backtest.Stored{}, 8)
	slow.SignHours = backtest.MaxSignHours + 1
	if _, err := backtest.Forward(verified(10), slow); !errors.Is(err, backtest.ErrDays) {
		t.Errorf("a signature after %d hours: %v, want ErrDays", slow.SignHours, err)
	}
}
