package policy_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
)

// TestParse: each setting takes its own words, no other's, and its error says
// which they are.
func TestParse(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		parse func(string) (string, error)
		words string
	}{
		"importance":   {parsed(policy.ParseImportance), "critical important informational"},
		"result":       {parsed(policy.ParseResult), "works works-with-note broken"},
		"method":       {parsed(policy.ParseMethod), "full smoke automated pilot"},
		"candidate":    {parsed(policy.ParseCandidate), "manual auto"},
		"on expiry":    {parsed(policy.ParseOnExpiry), "extend-risk release-to-users enforce"},
		"improvements": {parsed(policy.ParseImprovementMode), "accept reverify off"},
		"delivery":     {parsed(policy.ParseDelivery), "none store licensed"},
		"majors":       {parsed(policy.ParseMajorMode), "hold allow"},
	}
	if _, err := policy.ParseImportance("High"); err == nil || err.Error() != `importance "High" is not one of critical, important, informational` {
		t.Errorf("error of a wrong value: %v", err)
	}
	for name, tc := range tests {
		words := strings.Fields(tc.words)
		for _, word := range words {
			if got, err := tc.parse(word); err != nil || got != word {
				t.Errorf("%s: %q is read as %q, %v", name, word, got, err)
			}
		}
		for _, word := range []string{"", "odd", strings.ToUpper(words[0])} {
			_, err := tc.parse(word)
			if err == nil || !strings.Contains(err.Error(), strings.Join(words, ", ")) {
				t.Errorf("%s: %q = %v, want an error that names %v", name, word, err, words)
			}
		}
	}
}

func parsed[T ~string](parse func(string) (T, error)) func(string) (string, error) {
	return func(s string) (string, error) {
		v, err := parse(s)
		return string(v), err
	}
}

// TestDays: what is counted in days and hours fits together.
func TestDays(t *testing.T) {
	t.Parallel()
	alarms := policy.HoldAlarms()
	if diff := cmp.Diff([]int{45, 60, 75, 83}, alarms); diff != "" || alarms[len(alarms)-1] >= policy.HoldDays {
		t.Errorf("alarms of a hold of %d days (-want +got):\n%s", policy.HoldDays, diff)
	}
	// Apple signs a release for 90 days after the next (apple-os-updates: printed
	// expiry), so a rollout that ends the margin before that has time left.
	if policy.ShelfMargin != 7*24*time.Hour || policy.UsualLife >= policy.CarryReach || policy.CarryReach+policy.ShelfMargin >= policy.HoldDays*24*time.Hour {
		t.Errorf("margin %s, usual life %s, reach %s", policy.ShelfMargin, policy.UsualLife, policy.CarryReach)
	}
	if policy.MinLaneDeadline != 24*time.Hour || policy.MaxLaneDeadline != 48*time.Hour || policy.LaneNotice+policy.LastStop > policy.LaneSoak {
		t.Errorf("lane: %s to %s, notice %s, soak %s", policy.MinLaneDeadline, policy.MaxLaneDeadline, policy.LaneNotice, policy.LaneSoak)
	}
}

func TestLocalTimes(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name           string
		deadline, want policy.LocalTime
		loc            *time.Location
	}{
		{"the evening before", "2026-11-27T01:30:00", "2026-11-26T23:30:00", nil},
		{"the clocks go forward in between", "2026-03-29T03:30:00", "2026-03-29T00:30:00", berlin},
		{"a time that the clocks leave out", "2026-03-29T02:30:00", "2026-03-29T00:30:00", berlin},
		{"the clocks go back in between", "2026-10-25T03:30:00", "2026-10-25T01:30:00", berlin},
		{"a time that comes twice", "2026-10-25T02:30:00", "2026-10-25T00:30:00", berlin},
		{"odd", "odd", "", berlin},
	} {
		if got := test.deadline.StopUntil(test.loc); got != test.want {
			t.Errorf("%s: last moment to stop %s is %s, want %s", test.name, test.deadline, got, test.want)
		}
	}
	office := policy.Calendar{Weekdays: []time.Weekday{time.Monday}, From: 9 * time.Hour, To: 17 * time.Hour}
	for from, want := range map[policy.LocalTime]policy.LocalTime{
		"2026-11-23T10:00:00": "2026-11-23T10:00:00", // a Monday
		"2026-11-23T17:00:00": "2026-11-30T09:00:00",
		"2026-11-25T08:00:00": "2026-11-30T09:00:00",
		"odd":                 "odd",
	} {
		if got := office.NextLocal(from); got != want {
			t.Errorf("the calendar opens after %s on %s, want %s", from, got, want)
		}
	}
}

func TestWaves(t *testing.T) {
	t.Parallel()
	old := policy.Wave{UpTo: []string{"18.7.1", "26.4"}}
	for on, want := range map[string]bool{"18.6": true, "18.7.1": true, "18.7.2": false, "26.3": true, "26.4": true, "26.5": false, "17.7": false} {
		if got := old.Takes(on); got != want {
			t.Errorf("a wave for phones up to 18.7.1 or 26.4 takes one on %s: %t", on, got)
		}
	}
	if !(policy.Wave{}).Takes("17.7") {
		t.Error("a wave for all phones leaves one out")
	}
	waiting := policy.Wave{Start: before, Waits: true}
	if waiting.Begun(now) || !(policy.Wave{Start: before}).Begun(now) || (policy.Wave{Start: after}).Begun(now) {
		t.Error("a wave begins when its start has come and it does not wait")
	}
}

// TestMoves: what the calendar put off says from when, and by what.
func TestMoves(t *testing.T) {
	t.Parallel()
	s := policy.Schedule{Calendar: policy.Calendar{Weekdays: []time.Weekday{time.Monday}, From: 9 * time.Hour, To: 17 * time.Hour}}
	saturday := day("2026-11-21").Add(10 * time.Hour)
	w := s.Plan([]policy.Wave{{Threshold: policy.Buckets, Waits: true, Planned: saturday, Within: 3 * time.Hour}})[0]
	start, deadline := s.Moves(w)
	if diff := cmp.Diff(&policy.Move{From: "2026-11-21T10:00:00", By: policy.ClosedWeekday}, start); diff != "" || deadline != nil {
		t.Errorf("start (-want +got):\n%s\ndeadline %v, want none: three hours later is open", diff, deadline)
	}
	w = s.Plan([]policy.Wave{{Threshold: policy.Buckets, Waits: true, Planned: day("2026-11-23").Add(16 * time.Hour), Within: 3 * time.Hour}})[0]
	start, deadline = s.Moves(w)
	if diff := cmp.Diff(&policy.Move{From: "2026-11-23T19:00:00", By: policy.ClosedHours}, deadline); diff != "" || start != nil {
		t.Errorf("deadline (-want +got):\n%s\nstart %v, want none: it is open then", diff, start)
	}
}

// TestCounted: the letter of an improvement counts where it has a gate.
func TestCounted(t *testing.T) {
	t.Parallel()
	for _, mode := range []policy.ImprovementMode{policy.ImprovementsAccept, policy.ImprovementsReverify, policy.ImprovementsOff} {
		p, f := parts(), phone()
		p.Policies = []policy.Policy{{Name: "own", Improvements: policy.Improvements{Mode: mode}}}
		p.Groups[0].Policy = "own"
		f.Extra = "(a)"
		want := map[policy.ImprovementMode]string{policy.ImprovementsReverify: f.OSVersion + " (a)"}[mode]
		if want == "" {
			want = f.OSVersion
		}
		if got := policy.NewWorld(p).Counted(f).OSVersion; got != want {
			t.Errorf("%s: a phone on %s %s counts as %s, want %s", mode, f.OSVersion, f.Extra, got, want)
		}
	}
}

func TestLevels(t *testing.T) {
	t.Parallel()
	u := policy.Urgency{From: []policy.UrgentVersion{
		{Version: "26.2", CVEs: []string{"1", "2", "3"}},
		{Version: "18.7.1", CVEs: []string{"1", "2", "3"}},
		{Version: "26.3", CVEs: []string{"2", "3"}},
		{Version: "26.4", CVEs: []string{"3"}},
	}}
	levels := u.Levels()
	for _, l := range levels {
		slices.Sort(l)
	}
	if diff := cmp.Diff([][]string{{"18.7.1", "26.2"}, {"18.7.1", "26.3"}}, levels); diff != "" {
		t.Errorf("levels of exposure (-want +got):\n%s", diff)
	}
	if policy.LaneFirst < 1 || policy.LaneFirst > 100 {
		t.Errorf("the first wave of the lane has %d %%", policy.LaneFirst)
	}
}

func TestBetaBuild(t *testing.T) {
	t.Parallel()
	for build, want := range map[string]bool{"": false, "23G83": false, "23G5028e": true, "24A5260a": true} {
		if got := policy.BetaBuild(build); got != want {
			t.Errorf("build %q is a beta: %t", build, got)
		}
	}
}

// TestLeakedPhones: a phone that came to its release before the gate opened reads
// so, with the cause that was recorded.
func TestLeakedPhones(t *testing.T) {
	t.Parallel()
	for _, why := range []policy.Code{
		policy.WhyArrivedNewer, policy.WhyHoldMissing, policy.WhyHoldPast, policy.WhyDespiteHold, policy.WhyUnsupervised,
	} {
		w, f := policy.NewWorld(parts()), phone()
		f.OSVersion = next
		l := policy.Live{LastContact: before, Leaked: true, LeakedAt: before, LeakedBy: why}
		x := policy.Explain(w, f, l, policy.TargetFor(w, f, now), now)
		i := slices.IndexFunc(x.Facts, func(r policy.Reason) bool { return r.Code == policy.FactLeaked })
		if i < 0 || x.Facts[i].Params[policy.ParamWhy] != string(why) || x.Reason.Code != policy.ReasonNewerThanVerified {
			t.Errorf("%s: reason %s, facts %v", why, x.Reason.Code, x.Facts)
		}
	}
}

// TestUnreadable: what cannot be ordered or understood is named, not guessed.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	w, f := policy.NewWorld(approved()), phone()
	f.OSVersion = "odd"
	if got := policy.TargetFor(w, f, now).Blocked; got.Params[policy.ParamWhy] != string(policy.WhyVersionUnreadable) {
		t.Errorf("a phone on %q is %v", f.OSVersion, got)
	}
	f = phone()
	f.Apps, f.AppsKnown = nil, false
	if x := policy.Explain(w, f, policy.Live{LastContact: now}, policy.TargetFor(w, f, now), now); x.NextAutomatic != policy.StepReadApps {
		t.Errorf("a phone whose apps are not known: %s, then %s", x.Reason.Code, x.NextAutomatic)
	}
	p := parts()
	p.Verdicts = []policy.Verdict{works("v1", pos, small)}
	p.Verdicts[0].Method = "odd"
	gate := policy.Evaluate(policy.NewWorld(p), group, next, now)
	i := slices.IndexFunc(gate.Apps, func(a policy.AppState) bool { return a.BundleID == pos })
	if gate.Apps[i].Why != policy.WhyUnknownMethod {
		t.Errorf("a result by an unknown method: %s", gate.Apps[i].Why)
	}
}
