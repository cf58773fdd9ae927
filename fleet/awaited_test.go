package fleet_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
)

// awaited returns what happens by itself at the gate of 26.6.1 and for P1, with the
// release whose hold it is about and the day on which that ends.
func (w *world) awaited() (gate, phone []string) {
	w.t.Helper()
	said := func(code policy.Code, reasons []policy.Reason) []string {
		i := slices.IndexFunc(reasons, func(r policy.Reason) bool { return r.Code == code })
		if i < 0 {
			return []string{string(code)}
		}
		if len(reasons[i].From) != 2 {
			w.t.Errorf("%s rests on %+v, want the release and the policy", code, reasons[i].From)
		}
		return []string{string(code), reasons[i].Params[policy.ParamRelease], reasons[i].Params[policy.ParamDate]}
	}
	g, err := w.fleet.Gate(seg, "sales", release)
	w.must(err)
	x, err := w.fleet.Explain(w.ctx, seg, "P1")
	w.must(err)
	list, err := w.fleet.Gates(seg, "sales")
	w.must(err)
	if i := slices.IndexFunc(list, func(l policy.Gate) bool { return l.Release == release }); list[i].NextAutomatic != g.NextAutomatic {
		w.t.Errorf("the list says %q, the gate %q", list[i].NextAutomatic, g.NextAutomatic)
	}
	return said(g.NextAutomatic, g.Reasons), said(x.Explanation.NextAutomatic, x.Explanation.Facts)
}

// TestAwaitedApproval: what a policy is going to approve without asking anybody is
// said before the first hold ends that brings it about, and after it while nothing is
// verified; not where the policy approves nothing, or a person has decided.
func TestAwaitedApproval(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.unverified()
	enforce, closed := string(policy.OnExpiryEnforce), string(policy.OnExpiryExtendRisk)
	check := func(when string, wantGate, wantPhone []string) {
		t.Helper()
		gate, phone := w.awaited()
		if diff := cmp.Diff(wantGate, gate); diff != "" {
			t.Errorf("%s, the gate (-want +got):\n%s", when, diff)
		}
		if diff := cmp.Diff(wantPhone, phone); diff != "" {
			t.Errorf("%s, the phone (-want +got):\n%s", when, diff)
		}
	}
	holdEnds := []string{"hold-ends"}
	before := []string{"policy-approves", "26.5.2", "2026-09-27T00:00:00Z"}
	after := []string{"policy-waits", "26.5.2", "2026-09-27T00:00:00Z"}
	check("nothing is enforced", holdEnds, holdEnds)
	w.decides("late", fleet.PolicyChange{OnExpiry: &enforce})
	check("before", before, before)
	w.at(60)
	check("not told yet", after, after)
	w.sweep()
	check("told", after, after)
	w.decides("late", fleet.PolicyChange{OnExpiry: &closed})
	check("nothing is enforced any more", holdEnds, []string{""})
	w.decides("late", fleet.PolicyChange{OnExpiry: &enforce})
	w.must(second(w.fleet.RecordVerdict(w.ctx, seg, w.act("test"), fleet.VerdictRequest{
		BundleID: "com.example.pos", Release: release, Result: "works",
		External: true, Evidence: "letter", Group: "sales", Model: "iPhone15,2", AppVersion: "1.0",
	})))
	w.sweep()
	if diff := cmp.Diff([]string{release}, w.byPolicy()); diff != "" {
		t.Fatalf("approved (-want +got):\n%s", diff)
	}
	if gate, phone := w.awaited(); gate[0] == after[0] || phone[0] == after[0] {
		t.Errorf("approved: by itself %q and %q", gate, phone)
	}
}

// TestResultSaysThatThePolicyApproves: who records the result that opens a gate hears
// which release the policy approves because of it, and when; and then it does.
func TestResultSaysThatThePolicyApproves(t *testing.T) {
	t.Parallel()
	enforce := string(policy.OnExpiryEnforce)
	letter := fleet.VerdictRequest{
		BundleID: "com.example.pos", Release: release, Result: "works",
		External: true, Evidence: "letter", Group: "sales", Model: "iPhone15,2", AppVersion: "1.0",
	}
	record := func(w *world, dry bool) []fleet.PolicyApproval {
		t.Helper()
		a := w.act("test")
		a.DryRun = dry
		got, err := w.fleet.RecordVerdict(w.ctx, seg, a, letter)
		w.must(err)
		return got.Effect.PolicyApproves
	}
	tests := map[string]struct {
		days     int
		onExpiry string
		want     []fleet.PolicyApproval
	}{
		"on the day":      {0, enforce, []fleet.PolicyApproval{{Release: release, HoldOf: "26.5.2", Policy: "late", At: time.Date(2026, 9, 27, 0, 0, 0, 0, time.UTC)}}},
		"at once":         {60, enforce, []fleet.PolicyApproval{{Release: release, HoldOf: "26.5.2", Policy: "late"}}},
		"a person has to": {60, string(policy.OnExpiryExtendRisk), nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.unverified()
			w.decides("late", fleet.PolicyChange{OnExpiry: &tc.onExpiry})
			w.at(tc.days)
			w.sweep()
			for _, dry := range []bool{true, false} {
				if diff := cmp.Diff(tc.want, record(w, dry)); diff != "" {
					t.Errorf("only tried: %t (-want +got):\n%s", dry, diff)
				}
			}
			if got := record(w, true); got != nil {
				t.Errorf("a second result of the same says it again: %+v", got)
			}
			w.at(60)
			w.sweep()
			var approved []string
			for _, p := range tc.want {
				approved = append(approved, p.Release)
			}
			if diff := cmp.Diff(approved, w.byPolicy()); diff != "" {
				t.Errorf("approved (-want +got):\n%s", diff)
			}
		})
	}
}
