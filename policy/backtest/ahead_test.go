package backtest_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/policy/backtest"
)

// present is a group of ten phones of the old model on 26.0, one verification
// phone, and two apps, in the morning of day 0.
func present(days int, releases ...policy.Release) backtest.Present {
	return backtest.Present{
		Parts: policy.Parts{
			Releases: releases, Apps: []policy.App{{BundleID: "pos", Importance: policy.ImportanceCritical}, {BundleID: "till", Importance: policy.ImportanceImportant}},
			Groups: []policy.Group{{Name: "sales", Apps: []string{"pos", "till"}, Candidate: policy.CandidateManual, Policy: "retail"}},
		},
		Group: "sales", Production: []backtest.Cohort{{ID: "a", Model: old, Version: "26.0", Count: 10}},
		Testers: []backtest.Cohort{{ID: "t", Model: old, Version: "26.0", Count: 1}},
		Now:     day(0).Add(9 * time.Hour), Days: days,
	}
}

// works is a result of a real test on the release.
func works(app, release string) policy.Verdict {
	return policy.Verdict{
		ID: app + release, BundleID: app, AppVersion: "2.1", Release: release, Model: old, Group: "sales", Phone: "t", Ring: policy.RingVerification, PhoneOS: release,
		Result: policy.ResultWorks, Method: policy.MethodFull, By: "tester", At: day(-1), AllowedTester: true,
	}
}

// events says what a forecast has happen: day, event, release and the rest.
func events(f backtest.Forecast) []string {
	var out []string
	for _, d := range f.Days {
		for _, e := range d.Events {
			text := fmt.Sprintf("%d %s %s %s", d.Day, e.Kind, e.Release, e.Phase)
			if e.Wave > 0 {
				text += fmt.Sprintf("wave %d", e.Wave)
			}
			if e.Phones > 0 {
				text += fmt.Sprintf(" %d phones", e.Phones)
			}
			if e.HoldDay > 0 {
				text += fmt.Sprintf(" day %d %s", e.HoldDay, e.OnExpiry)
			}
			if e.From != "" {
				text += " from " + e.From
			}
			if e.Latest != "" {
				text += " until " + string(e.Latest)
			}
			if e.Why != "" {
				text += fmt.Sprintf(" of %d, %s", e.Of, e.Why)
			}
			if e.At != "" {
				text += " at " + string(e.At)
			}
			out = append(out, strings.TrimSpace(text))
		}
	}
	return out
}

func ahead(t *testing.T, p backtest.Present, w backtest.Way) backtest.Forecast {
	t.Helper()
	f, err := backtest.Forward(p, w)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestForward plays small groups whose days can be counted by hand.
func TestForward(t *testing.T) {
	t.Parallel()
	models := []string{old}
	retail := func(s backtest.Stored) backtest.Stored {
		s.Name = "retail"
		return s
	}
	base := posted("26.0", -60, models)
	for _, test := range []struct {
		name string
		p    backtest.Present
		way  backtest.Way
		want []string
	}{
		{"a release that comes is tested from its day on, approved the day after, and installed on the deadline", present(30, base, posted("26.1", 5, models)), under(retail(backtest.Stored{Deadline: 3 * aDay}), 10), []string{
			"5 posted 26.1", "5 phase 26.1 verifying", "5 offered 26.1",
			"15 phase 26.1 verified",
			"16 phase 26.1 rolling-out", "16 wave 26.1 wave 1 10 phones",
			"19 phase 26.1 done", "19 installed 26.1  10 phones",
		}},
		{"an older patch is tested in full, later ones only quickly", present(40, base, posted("26.1", 1, models), posted("26.1.1", 20, models)), under(retail(backtest.Stored{Policy: policy.Policy{CarryOver: true}, Deadline: 2 * aDay}), 10), []string{
			"1 posted 26.1", "1 phase 26.1 verifying", "1 offered 26.1",
			"11 phase 26.1 verified",
			"12 phase 26.1 rolling-out", "12 wave 26.1 wave 1 10 phones",
			"14 phase 26.1 done", "14 installed 26.1  10 phones",
			"20 posted 26.1.1", "20 phase 26.1.1 verifying", "20 offered 26.1.1",
			"23 phase 26.1.1 verified",
			"24 phase 26.1.1 rolling-out", "24 wave 26.1.1 wave 1 10 phones",
			"26 phase 26.1.1 done", "26 installed 26.1.1  10 phones",
		}},
		{"results on record count", with(present(10, base, posted("26.1", -20, models)), func(p *backtest.Present) {
			p.Parts.Verdicts = []policy.Verdict{works("pos", "26.1"), works("till", "26.1")}
			p.Testers[0].Version = "26.1"
		}), under(retail(backtest.Stored{Deadline: 3 * aDay}), 10), []string{
			"0 phase 26.1 verified", "1 phase 26.1 rolling-out", "1 wave 26.1 wave 1 10 phones", "4 phase 26.1 done", "4 installed 26.1  10 phones",
		}},
		{"what is half tested takes a whole test from today", with(present(10, base, posted("26.1", -20, models)), func(p *backtest.Present) {
			p.Parts.Verdicts = []policy.Verdict{works("pos", "26.1")}
			p.Parts.Offers = []policy.Offer{{Group: "sales", Release: "26.1", At: day(-5)}}
			p.Testers[0].Version = "26.1"
		}), under(retail(backtest.Stored{}), 8), []string{"0 phase 26.1 verifying", "8 phase 26.1 verified", "9 phase 26.1 rolling-out", "9 wave 26.1 wave 1 10 phones"}},
		{"a rollout that a person stopped stays stopped, and its waves too", with(present(10, base, posted("26.1", -20, models)), func(p *backtest.Present) {
			p.Parts.Verdicts = []policy.Verdict{works("pos", "26.1"), works("till", "26.1")}
			p.Parts.Approvals = []policy.Approval{{
				ID: "1", Group: "sales", Release: "26.1", By: "a", At: day(-1), Models: models, PausedAt: day(0), PausedBy: "b",
				Waves: []policy.Wave{{Start: day(2), Planned: day(2), Waits: true, Threshold: policy.Buckets, Deadline: "2026-01-04T00:00:00"}},
			}}
			p.Testers[0].Version = "26.1"
		}), under(retail(backtest.Stored{}), 8), []string{"0 phase 26.1 paused"}},
		{"the alarms of a hold, and what the policy says when it ends", with(present(100, base, posted("26.1", 0, models)), func(p *backtest.Present) {
			p.Testers = nil
		}), under(retail(backtest.Stored{Policy: policy.Policy{OnExpiry: policy.OnExpiryReleaseToUsers}}), 8), []string{
			"0 phase 26.1 held", "45 alarm 26.1 held day 45", "60 alarm 26.1 held day 60", "75 alarm 26.1 held day 75", "83 alarm 26.1 held day 83",
			"90 users-install 26.1  10 phones",
		}},
		{"who takes the risk keeps the phones where they are", with(present(91, base, posted("26.1", 0, models)), func(p *backtest.Present) {
			p.Testers = nil
			p.Now = day(80).Add(time.Hour)
			p.Days = 12
		}), under(retail(backtest.Stored{Policy: policy.Policy{OnExpiry: policy.OnExpiryExtendRisk}}), 8), []string{
			"0 phase 26.1 held", "0 alarm 26.1 held day 75", "3 alarm 26.1 held day 83", "10 hold-ended 26.1 held day 90 extend-risk",
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

func with(p backtest.Present, changes ...func(*backtest.Present)) backtest.Present {
	for _, change := range changes {
		change(&p)
	}
	return p
}

// TestForwardSums: exposure counts the phones without the fix from the posting on,
// restarts each installation.
func TestForwardSums(t *testing.T) {
	t.Parallel()
	models := []string{old}
	f := ahead(t, present(100, posted("26.0", -60, models), posted("26.1", 5, models, "CVE-1", "CVE-2")), under(backtest.Stored{Deadline: 3 * aDay}, 10))
	if got := [4]int{f.On(4).Open, f.On(5).Open, f.On(18).Open, f.On(19).Open}; got != [4]int{0, 20, 20, 0} {
		t.Errorf("open on days 4, 5, 18, 19: %v", got)
	}
	if got := [2]int{f.On(18).On("26.0"), f.On(100).On("26.1")}; got != [2]int{10, 10} {
		t.Errorf("phones: %v", got)
	}
	// Ten phones lack two fixes for 14 days each, 4 of them after verification, in 100 days.
	want := backtest.Exposure{Total: 102.3, Testing: 73.1, Avoidable: 29.2}
	if f.Run.Exposure != want || f.Run.Restarts != 3.7 || f.Run.Approved != 1 || f.Run.HeldMax != 11 {
		t.Errorf("%+v, %.1f restarts, %d approved, held %d", f.Run.Exposure, f.Run.Restarts, f.Run.Approved, f.Run.HeldMax)
	}
}

// TestForwardWaves: those of an approval on record start as it says, by the phones
// that were drawn for it.
func TestForwardWaves(t *testing.T) {
	t.Parallel()
	models := []string{old}
	p := present(12, posted("26.0", -60, models), posted("26.1", -20, models))
	p.Production = nil
	for i := range 10 {
		p.Production = append(p.Production, backtest.Cohort{ID: fmt.Sprint(i), Model: old, Version: "26.0", Count: 1})
	}
	var buckets []uint32
	for _, c := range p.Production {
		buckets = append(buckets, policy.Bucket("26.1", c.ID))
	}
	slices.Sort(buckets)
	p.Parts.Verdicts = []policy.Verdict{works("pos", "26.1"), works("till", "26.1")}
	p.Testers[0].Version = "26.1"
	p.Parts.Approvals = []policy.Approval{{ID: "1", Group: "sales", Release: "26.1", By: "a", At: day(-1), Models: models, Waves: []policy.Wave{
		{Start: day(-1), Planned: day(-1), Threshold: buckets[2] + 1, Deadline: "2026-01-04T00:00:00", Within: 3 * aDay},
		{Start: day(4), Planned: day(4), Threshold: policy.Buckets, Deadline: "2026-01-08T00:00:00", Within: 3 * aDay, Waits: true},
	}}}
	want := []string{
		"0 phase 26.1 rolling-out", "3 installed 26.1  3 phones", "4 wave 26.1 wave 2 7 phones", "7 phase 26.1 done", "7 installed 26.1  7 phones",
	}
	if diff := cmp.Diff(want, events(ahead(t, p, under(backtest.Stored{}, 8)))); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// TestForwardRefuses what cannot be played.
func TestForwardRefuses(t *testing.T) {
	t.Parallel()
	p := present(10, posted("26.0", -60, []string{old}))
	none := p
	none.Production = nil
	long := p
	long.Days = backtest.MaxDays + 1
	w := under(backtest.Stored{}, 8)
	for _, test := range []struct {
		p    backtest.Present
		w    backtest.Way
		want error
	}{{none, w, backtest.ErrNoPhones}, {long, w, backtest.ErrDays}, {p, under(backtest.Stored{}, 0), backtest.ErrDays}} {
		if _, err := backtest.Forward(test.p, test.w); !errors.Is(err, test.want) {
			t.Errorf("%v, want %v", err, test.want)
		}
	}
	if _, err := backtest.Forward(p, way(backtest.Finish, 8)); err == nil {
		t.Error("played on without a policy")
	}
}

// TestPace: a year later the same comes again, under numbers that follow.
func TestPace(t *testing.T) {
	t.Parallel()
	both := []string{old, neu}
	known := []policy.Release{
		posted("18.6", -400, []string{old}),
		posted("18.6.1", -360, []string{old}, "CVE-1"), // 4
		posted("26.0", -350, both),                     // 14
		posted("18.7", -350, []string{old}),            // 14
		posted("17.8", -345, []string{old}),            // an older branch even then
		posted("26.0.1", -340, []string{neu}),          // 24, not for the old model
		posted("26.1", -300, both),                     // 64: too late
		posted("26.6.1", -2, both),
	}
	var got []string
	for _, r := range backtest.Pace(known, day(0).Add(9*time.Hour), 60) {
		text := r.Version
		for _, m := range r.Models {
			text += fmt.Sprintf(" %s +%d", m.Model, int(m.Posted.Sub(first)/aDay))
		}
		for _, c := range r.CVEs {
			text += fmt.Sprintf(" %s %t", c.ID, c.Exploited)
		}
		got = append(got, text)
	}
	want := []string{
		"26.6.2 iPhone12,1 +4 iPhone18,1 +4 assumed-26.6.2-1 false assumed-26.6.2-2 true",
		"26.7 iPhone12,1 +14 iPhone18,1 +14 assumed-26.7-1 false",
		"27.0 iPhone12,1 +14 iPhone18,1 +14 assumed-27.0-1 false",
		"27.0.1 iPhone18,1 +24 assumed-27.0.1-1 false",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("releases (-want +got):\n%s", diff)
	}
}

// BenchmarkForward plays 10,000 phones of eight models on for 90 days under a policy
// with waves, two versions of each in twenty parts.
func BenchmarkForward(b *testing.B) {
	var models []string
	for i := range 8 {
		models = append(models, fmt.Sprintf("iPhone%d,1", i+11))
	}
	p := present(90, posted("26.0", -60, models), posted("26.1", -20, models))
	p.Production, p.Testers = nil, nil
	for _, m := range models {
		for i := range 40 {
			p.Production = append(p.Production, backtest.Cohort{ID: fmt.Sprint(m, i), Model: m, Version: fmt.Sprintf("26.%d", i%2), Count: 10_000 / 8 / 40})
		}
		p.Testers = append(p.Testers, backtest.Cohort{ID: "t " + m, Model: m, Version: "26.0", Count: 1})
	}
	for i := range 5 {
		p.Parts.Releases = append(p.Parts.Releases, posted(fmt.Sprintf("26.%d", i+2), 1+18*i, models, fmt.Sprintf("CVE-%d", i)))
	}
	w := under(backtest.Stored{Policy: policy.Policy{CarryOver: true, VerdictDays: 180}, Waves: shares("5%", "25%", "100%"), Soak: 4 * aDay, Deadline: 3 * aDay}, 7)
	for b.Loop() {
		if _, err := backtest.Forward(p, w); err != nil {
			b.Fatal(err)
		}
	}
}

// TestExpected: a release that somebody expects is for the models of the newest
// one, a whole number of weeks does not matter to it, and a repeated year ends on
// the same weekday.
func TestExpected(t *testing.T) {
	t.Parallel()
	r := backtest.Expected("26.7", day(5), []policy.Release{posted("26.6.1", -2, []string{old, neu}), posted("18.7", -30, []string{"iPhone9,1"})})
	var models []string
	for _, m := range r.Models {
		if !m.Posted.Equal(day(5)) {
			t.Errorf("%s gets it on %s", m.Model, m.Posted)
		}
		models = append(models, m.Model)
	}
	if diff := cmp.Diff([]string{old, neu}, models); diff != "" || r.Version != "26.7" {
		t.Errorf("%s is for (-want +got):\n%s", r.Version, diff)
	}
	if backtest.PaceDays%7 != 0 {
		t.Errorf("a year repeated after %d days falls on other weekdays", backtest.PaceDays)
	}
}

// TestForwardExpires: a build that goes before it was tested is told of.
func TestForwardExpires(t *testing.T) {
	t.Parallel()
	gone := posted("26.1", -20, []string{old})
	gone.Models[0].Expires = day(8)
	f := ahead(t, present(20, posted("26.0", -60, []string{old}), gone), under(backtest.Stored{Policy: policy.Policy{Name: "retail"}, Deadline: 3 * aDay}, 15))
	want := fmt.Sprintf("8 %s 26.1", backtest.EventExpired)
	if got := events(f); !slices.Contains(got, want) {
		t.Errorf("events %v, want %q among them", got, want)
	}
}
