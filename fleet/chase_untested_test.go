package fleet_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// candidate offers the release to a group with one verification phone, which is
// told of it.
func (w *world) candidate(steps ...string) *phone {
	w.t.Helper()
	w.enrol("P1", "sales", storage.RingProduction).settle()
	v := w.enrol("V1", "sales", storage.RingVerification)
	v.settle()
	if steps != nil {
		w.ladder(fleet.ChaseChange{ChaseTests: &steps})
	}
	_, err := w.fleet.SetHolder(w.ctx, seg, w.act("list"), "V1", "T-1")
	w.must(err)
	_, err = w.fleet.Offer(w.ctx, seg, w.act("candidate"), "sales", release)
	w.must(err)
	v.settle()
	return v
}

func (w *world) testReminders() *fleet.TestReminders {
	w.t.Helper()
	v, err := w.fleet.TestReminders(w.ctx, seg, "sales", release)
	w.must(err)
	return v
}

// TestChaseTests: whoever has a verification phone is reminded first of installing
// the candidate, then of the results, each step once, over restarts, until they
// are recorded.
func TestChaseTests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := w.candidate("message@+1d", "push@+2d", "message@+3d", "escalate@+4d", "ticket@+5d")
	offered := w.clock.now
	for _, at := range []struct {
		hours time.Duration
		then  func()
		want  []string
		push  bool
	}{
		{23, nil, nil, false},
		{24, nil, []string{"tests.message 26.6.1 V1 T-1"}, false},
		{48, func() { v.install(release, "23G83") }, []string{"tests.message 26.6.1 V1 T-1"}, true},
		{72, nil, []string{"tests.message 26.6.1 V1 T-1", "tests.message 26.6.1 V1 T-1"}, false},
		{96, func() { w.must(w.verdict("V1", "works")) }, []string{"tests.message 26.6.1 V1 T-1", "tests.message 26.6.1 V1 T-1", "tests.escalate 26.6.1 1"}, false},
		{240, nil, []string{"tests.message 26.6.1 V1 T-1", "tests.message 26.6.1 V1 T-1", "tests.escalate 26.6.1 1"}, false},
	} {
		w.clock.Add(offered.Add(at.hours * time.Hour).Sub(w.clock.now))
		w.wakes.take("V1")
		w.tick()
		if got := w.wakes.take("V1"); got != at.push {
			t.Errorf("after %d hours: woken %v, want %v", at.hours, got, at.push)
		}
		w.restart()
		w.tick()
		if diff := cmp.Diff(at.want, w.reminders()); diff != "" {
			t.Errorf("after %d hours (-want +got):\n%s", at.hours, diff)
		}
		if at.then != nil {
			at.then()
		}
	}
	if got := w.testReminders(); got != nil {
		t.Errorf("a verified candidate has reminders %+v", got)
	}
	if s := w.chaseState("V1"); s != (fleet.ChaseState{}) {
		t.Errorf("a phone that was tested on is explained with %+v", s)
	}
}

// TestChaseTestsNotice: what the notices say is enough to word them, of a phone
// that has the candidate and of one that has not.
func TestChaseTestsNotice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := w.candidate("message@+1d", "message@+2d")
	w.clock.Add(24 * time.Hour)
	w.tick()
	v.install(release, "23G83")
	w.clock.Add(24 * time.Hour)
	w.tick()
	gate, err := w.fleet.Gate(seg, "sales", release)
	w.must(err)
	by := gate.Clocks.VerifyBy
	days := func(at time.Time) int { return int(by.Sub(at) / (24 * time.Hour)) }
	all := w.notices()
	if len(all) != 2 {
		t.Fatalf("%d notices, want two", len(all))
	}
	for i, reason := range []string{"downloading", "not-tested"} {
		n := all[i]
		want := map[string]string{
			"candidate": "candidate 26.6.1 2026-08-18T09:00:00Z", "step": []string{"message@+1d", "message@+2d"}[i], "missing": "com.example.pos",
			"reason": reason, "verify_by": by.Format(time.DateOnly), "days": strconv.Itoa(days(n.At)),
		}
		if diff := cmp.Diff(want, n.Params); diff != "" {
			t.Errorf("%s (-want +got):\n%s", reason, diff)
		}
		if n.Kind != fleet.NoticeTestsMessage || n.Phone != "V1" || n.Holder != "T-1" || n.Group != "sales" || n.Release != release {
			t.Errorf("notice %+v", n)
		}
	}
	want := &fleet.TestReminders{
		Steps:  []fleet.ChaseLine{{Step: "message@+1d", Sent: 1}, {Step: "message@+2d", Sent: 1, Waiting: 1}},
		Phones: []fleet.TesterPhone{{UDID: "V1", Holder: "T-1", Reason: "not-tested", ChaseState: fleet.ChaseState{Last: "message@+2d", LastAt: w.clock.now}}},
		Count:  1,
	}
	if diff := cmp.Diff(want, w.testReminders()); diff != "" {
		t.Errorf("reminders (-want +got):\n%s", diff)
	}
}

// TestChaseTestsByDefault: a policy that says nothing has whoever answers for the
// group told before the day to verify by, and nobody who carries a phone.
func TestChaseTestsByDefault(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.candidate().install(release, "23G83")
	gate, err := w.fleet.Gate(seg, "sales", release)
	w.must(err)
	by := gate.Clocks.VerifyBy
	for _, at := range []struct {
		days int
		want []string
	}{
		{31, nil},
		{30, []string{"tests.escalate 26.6.1 1"}},
		{14, []string{"tests.escalate 26.6.1 1", "tests.escalate 26.6.1 1"}},
		{1, []string{"tests.escalate 26.6.1 1", "tests.escalate 26.6.1 1"}},
	} {
		w.clock.Add(by.AddDate(0, 0, -at.days).Sub(w.clock.now))
		w.tick()
		if diff := cmp.Diff(at.want, w.reminders()); diff != "" {
			t.Errorf("%d days before (-want +got):\n%s", at.days, diff)
		}
	}
}

// TestChaseTestsEnds: nobody is reminded of what needs no test any more, or of what
// the policy says nothing about.
func TestChaseTestsEnds(t *testing.T) {
	t.Parallel()
	tests := map[string]func(w *world, v *phone){
		"recorded": func(w *world, _ *phone) { w.must(w.verdict("V1", "works")) },
		"broken":   func(w *world, _ *phone) { w.must(w.verdict("V1", "broken")) },
		"declined": func(w *world, _ *phone) {
			_, err := w.fleet.Decline(w.ctx, seg, w.act("no"), "sales", release)
			w.must(err)
		},
		"withdrawn": func(w *world, _ *phone) {
			_, err := w.fleet.Withdraw(w.ctx, seg, w.act("later"), "sales", release)
			w.must(err)
		},
		"left behind": func(_ *world, v *phone) { v.install("26.7", "23H1") },
		"no reminders": func(w *world, _ *phone) {
			w.ladder(fleet.ChaseChange{ChaseTests: &[]string{}})
		},
	}
	for name, end := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			v := w.candidate("message@+1d", "escalate@+2d")
			v.install(release, "23G83")
			end(w, v)
			w.clock.Add(50 * time.Hour)
			w.tick()
			if got := w.reminders(); got != nil {
				t.Errorf("%v, want nothing", got)
			}
		})
	}
}

// TestChaseTestsWhereMissing: only phones of a model that lacks a result are
// reminded, and a candidate that is offered anew is another.
func TestChaseTestsWhereMissing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := w.candidate("message@+1d")
	other := newPhone(w, "V2")
	other.model = "iPhone17,1"
	other.again("sales", storage.RingVerification)
	other.settle()
	second := newPhone(w, "P2")
	second.model = "iPhone17,1"
	second.again("sales", storage.RingProduction)
	second.settle()
	v.install(release, "23G83")
	other.install(release, "23G83")
	w.must(w.verdict("V1", "works"))
	w.clock.Add(24 * time.Hour)
	w.tick()
	if diff := cmp.Diff([]string{"tests.message 26.6.1 1"}, w.reminders()); diff != "" {
		t.Errorf("one model tested (-want +got):\n%s", diff)
	}
	for _, n := range w.notices() {
		if n.Params["phones"] != "V2" || n.Params["reasons"] != "not-tested=1" {
			t.Errorf("notice of %v, want V2 alone", n.Params)
		}
	}
	_, err := w.fleet.Withdraw(w.ctx, seg, w.act("wait"), "sales", release)
	w.must(err)
	_, err = w.fleet.Offer(w.ctx, seg, w.act("again"), "sales", release)
	w.must(err)
	w.clock.Add(24 * time.Hour)
	w.tick()
	if got := w.reminders(); len(got) != 2 {
		t.Errorf("offered again: %v, want it reminded anew", got)
	}
}

// TestChaseTestsFallsBack: a phone that goes back to an older candidate, because the newer
// one was withdrawn, is not reminded of what it was reminded of before.
func TestChaseTestsFallsBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.candidate("message@+1d", "escalate@+2d", "message@+5d")
	v := newPhone(w, "V2") // keeps the older one worth testing
	v.os, v.build = "26.6", "23G71"
	v.again("sales", storage.RingVerification)
	v.settle()
	w.must(second(w.fleet.Withdraw(w.ctx, seg, w.act("older first"), "sales", release)))
	w.must(second(w.fleet.Offer(w.ctx, seg, w.act("older"), "sales", "26.6")))
	day := func() []string { w.clock.Add(aDay); w.tick(); return w.reminders() }
	day()
	day()
	w.must(second(w.fleet.Offer(w.ctx, seg, w.act("newer"), "sales", release)))
	want := day()
	if n := len(want); !slices.Contains(want, "tests.escalate 26.6 2") || !slices.Contains(want, "tests.message 26.6.1 V1 T-1") {
		t.Fatalf("%d reminders of both candidates: %v", n, want)
	}
	w.must(second(w.fleet.Withdraw(w.ctx, seg, w.act("back"), "sales", release)))
	if diff := cmp.Diff(want, day()); diff != "" {
		t.Errorf("back at the older one (-want +got):\n%s", diff)
	}
	if got := day(); !slices.Equal(got[:len(want)], want) || !slices.Contains(got[len(want):], "tests.message 26.6 V1 T-1") {
		t.Errorf("%v, want the next step of the older one as well", got)
	}
}

// TestGetCandidate: while no verification phone has the candidate, getting it onto
// one is the next step of a person.
func TestGetCandidate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := w.candidate()
	step := func() policy.Code {
		gate, err := w.fleet.Gate(seg, "sales", release)
		w.must(err)
		return gate.NextHuman
	}
	if got := step(); got != policy.StepGetCandidate {
		t.Errorf("before it installed: %s", got)
	}
	v.install(release, "23G83")
	if got := step(); got != policy.StepRecordVerdicts {
		t.Errorf("after it installed: %s", got)
	}
}
