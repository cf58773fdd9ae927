package fleet_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// sweep looks at everything once, as the server does every hour.
func (w *world) sweep() {
	w.t.Helper()
	_, err := w.fleet.Sweep(w.ctx)
	w.must(err)
}

// told returns what was recorded about the hold of a release, in order.
func (w *world) told(of string) []string {
	w.t.Helper()
	entries, err := w.fleet.Audit(w.ctx, seg, 0, 0)
	w.must(err)
	var out []string
	for _, e := range entries {
		if e.Target == "sales/"+of && (e.Action == "hold.alarm" || e.Action == "hold.ended") {
			out = append(out, fmt.Sprint(e.Action, " ", e.Detail["day"]))
		}
	}
	return out
}

// at moves the clock to a day of the hold of 26.6.1, which Apple posted on
// 2026-08-17.
func (w *world) at(day int) {
	w.t.Helper()
	w.clock.Add(time.Date(2026, 8, 17, 12, 0, 0, 0, time.UTC).AddDate(0, 0, day).Sub(w.clock.Now()))
}

// TestHoldAlarms: each day is told once, whatever sweeps and restarts come in
// between; of days that passed unseen the newest.
func TestHoldAlarms(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.unverified()
	var want []string
	for day := 44; day <= 92; day++ {
		w.at(day)
		w.sweep()
		w.sweep()
		if day%7 == 0 {
			w.restart()
		}
		switch day {
		case 45, 60, 75, 83:
			want = append(want, fmt.Sprint("hold.alarm ", day))
		case 90:
			want = append(want, "hold.ended 90")
		}
		if diff := cmp.Diff(want, w.told(release)); diff != "" {
			t.Fatalf("day %d (-want +got):\n%s", day, diff)
		}
	}
	ended := w.acts("hold.ended")
	i := slices.IndexFunc(ended, func(e storage.AuditEntry) bool { return e.Target == "sales/"+release })
	detail := map[string]string{
		"day": "90", "users_see_it_from": "2026-11-15", "phase": "held", "missing": "com.example.pos",
		"policy": "default", "on_expiry": "extend-risk", "outcome": "stays-closed",
	}
	if diff := cmp.Diff(detail, ended[i].Detail); diff != "" || ended[i].Actor != "kannuki" {
		t.Errorf("end of the hold, by %s (-want +got):\n%s", ended[i].Actor, diff)
	}
	if diff := cmp.Diff(want, w.noticed(release)); diff != "" {
		t.Errorf("notices (-want +got):\n%s", diff)
	}
	revision := w.revision()
	w.sweep()
	if again := w.revision(); again != revision {
		t.Error("a sweep with nothing to tell changed the world")
	}
}

func (w *world) revision() uint64 {
	w.t.Helper()
	records, err := w.store.World(w.ctx, seg)
	w.must(err)
	return records.Revision
}

func TestHoldAlarmAfterSilence(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.unverified()
	w.at(77)
	w.sweep()
	if diff := cmp.Diff([]string{"hold.alarm 77"}, w.told(release)); diff != "" {
		t.Errorf("the server stood from day 1 to 77: the day is the one it is (-want +got):\n%s", diff)
	}
	// A group that is made anew starts anew.
	_, err := w.fleet.AddGroup(w.ctx, seg, w.act("new"), fleet.GroupRequest{Name: "depot"})
	w.must(err)
	mark := storage.HoldMark{Group: "depot", Release: release, Day: 83}
	_, err = w.store.ChangeWorld(w.ctx, seg, w.revision(), storage.WorldChange{HoldMarks: []storage.HoldMark{mark}})
	w.must(err)
	w.restart()
	w.must(w.fleet.RemoveGroup(w.ctx, seg, w.act("closed"), "depot"))
	records, err := w.store.World(w.ctx, seg)
	w.must(err)
	if slices.ContainsFunc(records.HoldMarks, func(m storage.HoldMark) bool { return m.Group == "depot" }) {
		t.Errorf("marks of a removed group: %+v", records.HoldMarks)
	}
}

// TestEnforceOnExpiry: at the end of a hold such a policy approves the newest
// verified release, once, and never one that is not.
func TestEnforceOnExpiry(t *testing.T) {
	t.Parallel()
	enforce := string(policy.OnExpiryEnforce)
	t.Run("nothing verified", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.unverified()
		w.decides("late", fleet.PolicyChange{OnExpiry: &enforce})
		w.at(90)
		w.sweep()
		if outcomes := w.outcomes(); outcomes["sales/"+release] != "nothing-verified" {
			t.Errorf("outcomes %v, want nothing-verified", outcomes)
		}
		if n := len(w.approvals()); n != 0 {
			t.Errorf("%d approvals of what nobody verified", n)
		}
	})
	t.Run("verified", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		p, _ := w.verified()
		gates, err := w.fleet.Gates(seg, "sales")
		w.must(err)
		for _, gate := range gates {
			if gate.Release != release { // whose holds ended before
				_, err := w.fleet.Decline(w.ctx, seg, w.act("not for us"), "sales", gate.Release)
				w.must(err)
			}
		}
		w.decides("late", fleet.PolicyChange{OnExpiry: &enforce})
		w.at(89)
		w.sweep()
		if n := len(w.approvals()); n != 0 {
			t.Fatalf("%d approvals before day 90", n)
		}
		w.at(90)
		w.sweep()
		w.sweep()
		w.restart()
		w.sweep()
		list := w.approvals()
		if len(list) != 1 {
			t.Fatalf("%d approvals, want one", len(list))
		}
		a := list[0]
		if a.Release != release || a.By != "policy:late(uid:1(test))" || len(a.Models) == 0 || len(a.Floors) == 0 || len(a.Verdicts) == 0 {
			t.Errorf("approval %+v", a)
		}
		if ended := w.acts("hold.ended"); len(ended) == 0 || ended[len(ended)-1].Detail["approved"] != release || ended[len(ended)-1].Detail["approval"] != a.ID {
			t.Errorf("audit of the end of the hold: %+v", ended)
		}
		if gate := w.gate(); gate.Phase != policy.PhaseRollingOut {
			t.Errorf("phase %s, want rolling-out", gate.Phase)
		}
		if outcomes := w.outcomes(); outcomes["sales/"+release] != "approved" {
			t.Errorf("outcomes %v, want approved", outcomes)
		}
		approved := w.acts("gate.approve")
		if len(approved) != 1 || approved[0].Actor != "kannuki" || approved[0].Detail["by"] != a.By || approved[0].Detail["hold_of"] != release {
			t.Errorf("audit of the approval: %+v", approved)
		}
		p.settle()
		if got, _ := p.enforcement(); got != release {
			t.Errorf("the phone is to install %q, want %s", got, release)
		}
	})
}

// TestEnforceByModel: of holds that end at one moment, each approves what the
// phones that wait for it can run: those of the older branch have no use for
// the newest release.
func TestEnforceByModel(t *testing.T) {
	t.Parallel()
	const branch, model = "18.7.10", "iPhone11,8"
	w := newWorld(t)
	w.verified()
	old := w.enrol("P2", "sales", storage.RingProduction)
	old.os, old.build, old.model = "18.7.7", "22H340", model
	old.settle()
	enforce := string(policy.OnExpiryEnforce)
	w.decides("late", fleet.PolicyChange{OnExpiry: &enforce})
	_, err := w.fleet.RecordVerdict(w.ctx, seg, w.act("test"), fleet.VerdictRequest{
		BundleID: "com.example.pos", Release: branch, Result: "works",
		External: true, Evidence: "letter", Group: "sales", Model: model, AppVersion: "1.0",
	})
	w.must(err)
	w.at(91)
	w.sweep()
	w.sweep()
	if diff := cmp.Diff(map[string]string{"sales/" + release: "approved", "sales/" + branch: "approved"}, w.outcomes()); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	var approved []string
	for _, a := range w.approvals() {
		approved = append(approved, a.Release)
	}
	slices.Sort(approved)
	if diff := cmp.Diff([]string{branch, release}, approved); diff != "" {
		t.Errorf("approvals (-want +got):\n%s", diff)
	}
}

// TestEnforcePassesOverNobody: at the end of a hold a policy goes behind the back
// of nobody who decided, and leaves no model out because another was decided
// about.
func TestEnforcePassesOverNobody(t *testing.T) {
	t.Parallel()
	const older, model = "26.6", "iPhone12,1"
	external := func(w *world, of, model string) {
		w.t.Helper()
		w.must(second(w.fleet.RecordVerdict(w.ctx, seg, w.act("test"), fleet.VerdictRequest{
			BundleID: "com.example.pos", Release: of, Result: "works",
			External: true, Evidence: "letter", Group: "sales", Model: model, AppVersion: "1.0",
		})))
	}
	// A release that a newer one took the place of is still tested.
	tested := func(w *world) {
		tester := w.enrol("V2", "sales", storage.RingVerification)
		tester.os, tester.build = older, "23G71"
		tester.settle()
		external(w, older, "iPhone15,2")
	}
	withdraw := func(w *world) {
		w.must(second(w.fleet.Approve(w.ctx, seg, w.act("go"), fleet.ApproveRequest{Group: "sales", Release: release, Deadline: "+3d", Start: "+2h"})))
		w.must(second(w.fleet.Withdraw(w.ctx, seg, w.act("not yet"), "sales", release)))
	}
	tests := []struct {
		name     string
		change   func(*world)
		day      int // of the hold of 26.6.1; that of 26.6 began three weeks before
		of, want string
		approved string // by the policy
	}{
		{"paused", func(w *world) {
			w.must(second(w.approve("+3d")))
			w.must(second(w.fleet.Pause(w.ctx, seg, w.act("look"), "sales", release)))
		}, 90, release, "decided-already", ""},
		{"blocked", func(w *world) {
			w.must(second(w.approve("+3d")))
			w.must(w.verdict("V1", "broken"))
		}, 90, release, "decided-already", ""},
		{"withdrawn", withdraw, 90, release, "withdrawn", ""},
		{"withdrawn with an older one verified", func(w *world) {
			tested(w)
			withdraw(w)
		}, 70, older, "approved", older},
		{"approved for another model", func(w *world) {
			w.must(second(w.approve("+3d")))
			other := w.enrol("P2", "sales", storage.RingProduction)
			other.model = model
			other.settle()
			tested(w)
			external(w, older, model)
		}, 70, older, "approved", older},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.verified()
			enforce := string(policy.OnExpiryEnforce)
			w.decides("late", fleet.PolicyChange{OnExpiry: &enforce})
			tt.change(w)
			w.at(tt.day)
			w.sweep()
			w.sweep()
			if got := w.outcomes()["sales/"+tt.of]; got != tt.want {
				t.Errorf("the hold of %s ended with %q, want %q", tt.of, got, tt.want)
			}
			if diff := cmp.Diff(tt.approved, strings.Join(w.byPolicy(), " ")); diff != "" {
				t.Errorf("approved by the policy (-want +got):\n%s", diff)
			}
		})
	}
}

// byPolicy returns the releases that a policy approved.
func (w *world) byPolicy() []string {
	w.t.Helper()
	var list []string
	for _, a := range w.approvals() {
		if strings.HasPrefix(a.By, "policy:") {
			list = append(list, a.Release)
		}
	}
	return list
}

// TestEnforceWaitsForATest: where nothing is verified on day 90, what is verified
// later is approved then, once, as long as the policy says so.
func TestEnforceWaitsForATest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.unverified()
	enforce, closed := string(policy.OnExpiryEnforce), string(policy.OnExpiryExtendRisk)
	w.decides("late", fleet.PolicyChange{OnExpiry: &enforce})
	w.at(90)
	w.sweep()
	revision := w.revision()
	w.sweep()
	if again := w.revision(); again != revision {
		t.Error("a sweep that found nothing verified again changed the world")
	}
	w.must(second(w.fleet.RecordVerdict(w.ctx, seg, w.act("test"), fleet.VerdictRequest{
		BundleID: "com.example.pos", Release: release, Result: "works",
		External: true, Evidence: "letter", Group: "sales", Model: "iPhone15,2", AppVersion: "1.0",
	})))
	w.decides("late", fleet.PolicyChange{OnExpiry: &closed})
	w.sweep()
	if got := w.byPolicy(); got != nil {
		t.Errorf("approved %v by a policy that keeps closed", got)
	}
	w.decides("late", fleet.PolicyChange{OnExpiry: &enforce})
	w.at(93)
	w.restart()
	w.sweep()
	w.sweep()
	if diff := cmp.Diff([]string{release}, w.byPolicy()); diff != "" {
		t.Errorf("approved (-want +got):\n%s", diff)
	}
	if got := w.outcomes()["sales/"+release]; got != "nothing-verified" {
		t.Errorf("the hold ended with %q, want nothing-verified", got)
	}
	settled := map[string]string{}
	for _, e := range w.acts("hold.settled") {
		if settled[e.Target] != "" {
			t.Errorf("the hold of %s was settled twice", e.Target)
		}
		settled[e.Target] = e.Detail["outcome"]
	}
	if settled["sales/"+release] != "approved" {
		t.Errorf("settled %v, want %s approved", settled, release)
	}
}

// outcomes returns what came of the ends of holds, by gate.
func (w *world) outcomes() map[string]string {
	w.t.Helper()
	found := map[string]string{}
	for _, e := range w.acts("hold.ended") {
		if found[e.Target] != "" {
			w.t.Errorf("the hold of %s ended twice", e.Target)
		}
		found[e.Target] = e.Detail["outcome"]
	}
	return found
}

func (w *world) approvals() []storage.Approval {
	w.t.Helper()
	records, err := w.store.World(w.ctx, seg)
	w.must(err)
	return records.Approvals
}

// TestHoldIsToldWithItsMark: a server that stops, or a disk that is full, at the
// moment of an alarm tells it at the next sweep.
func TestHoldIsToldWithItsMark(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.unverified()
	w.at(60)
	hook, full := w.hook(), &fullStore{}
	full.Store = hook.Store
	hook.Store = full
	w.sweep() // goes on to the phones all the same
	if got := w.told(release); got != nil || full.refused == 0 {
		t.Fatalf("told %v of a disk that refused %d changes", got, full.refused)
	}
	w.restart()
	w.sweep()
	if diff := cmp.Diff([]string{"hold.alarm 60"}, w.told(release)); diff != "" {
		t.Errorf("after the restart (-want +got):\n%s", diff)
	}
}

// fullStore refuses every change of the world.
type fullStore struct {
	fleet.Store
	refused int
}

func (s *fullStore) ChangeWorld(context.Context, storage.Segment, uint64, storage.WorldChange) (uint64, error) {
	s.refused++
	return 0, storage.ErrFull
}
