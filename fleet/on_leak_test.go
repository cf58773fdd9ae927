package fleet_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// onLeak gives the group sales a policy with a reaction to unapproved updates.
func (w *world) onLeak(mode string) {
	w.t.Helper()
	w.decides("alert", fleet.PolicyChange{LeakChange: fleet.LeakChange{OnLeak: &mode}})
}

// leaks returns what was done about each unapproved update of the group sales,
// by phone.
func (w *world) leaks() map[string]string {
	w.t.Helper()
	v, err := w.fleet.Leaks(w.ctx, seg, fleet.LeakQuery{Group: "sales"})
	w.must(err)
	out := map[string]string{}
	for _, l := range v.Leaks {
		out[l.UDID] = l.Release + " " + l.Reaction
	}
	return out
}

// offers returns the offers that a policy made.
func (w *world) offers() []storage.Offer {
	w.t.Helper()
	var list []storage.Offer
	for _, o := range w.records().Offers {
		if o.By == "policy:alert(uid:1(test))" {
			list = append(list, o)
		}
	}
	return list
}

// TestOnLeak: of an unapproved update the audit log has an entry, whatever the
// policy says; a notice and an offer to the testers come once each, where it
// says so.
func TestOnLeak(t *testing.T) {
	t.Parallel()
	tests := []struct {
		mode     string // "" is the built-in policy
		notices  int
		reaction string
		offers   int
	}{
		{"", 1, "told", 0},
		{"record", 0, "recorded", 0},
		{"tell", 1, "told", 0},
		{"retest", 1, "offered", 1},
	}
	for _, tt := range tests {
		t.Run(tt.mode, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := w.unverified()
			if tt.mode != "" {
				w.onLeak(tt.mode)
			}
			w.sweep()
			if n := len(w.offers()); n != 0 {
				t.Fatalf("%d offers before anything happened", n)
			}
			p.install(release, "23G83")
			w.restart() // what is due was not done yet
			w.sweep()
			late := w.enrol("P2", "sales", storage.RingProduction)
			late.settle()
			w.sweep()
			w.restart()
			w.sweep()
			if got := w.acts("phone.leaked"); len(got) != 1 || tt.mode != "" && got[0].Detail["on_leak"] != tt.mode {
				t.Errorf("audit log %+v, want one entry with what the policy says", got)
			}
			told := 0
			for _, n := range w.notices() {
				if n.Kind == fleet.NoticePhoneLeaked {
					told++
				}
			}
			if told != tt.notices {
				t.Errorf("%d notices, want %d", told, tt.notices)
			}
			if diff := cmp.Diff(map[string]string{"P1": release + " " + tt.reaction}, w.leaks()); diff != "" {
				t.Errorf("what was done (-want +got):\n%s", diff)
			}
			if got := w.offers(); len(got) != tt.offers {
				t.Fatalf("offers %+v, want %d", got, tt.offers)
			}
			if n := len(w.acts("gate.offer")); n != tt.offers {
				t.Errorf("%d entries of offers, want %d", n, tt.offers)
			}
		})
	}
}

// TestRetest: testers are asked to install what a production phone came to, and
// the log says by which policy.
func TestRetest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.unverified()
	p.install(release, "23G83")
	w.sweep()
	w.onLeak("retest") // what it says holds for what happened before, too
	tester := w.enrol("V2", "sales", storage.RingVerification)
	tester.settle()
	if got, _ := tester.enforcement(); got != "" {
		t.Fatalf("the tester is asked for %q before the sweep", got)
	}
	w.sweep()
	tester.settle()
	if got, _ := tester.enforcement(); got != release {
		t.Errorf("the tester is asked for %q, want the release", got)
	}
	entries := w.acts("gate.offer")
	want := []storage.AuditEntry{{
		Actor: "kannuki", Action: "gate.offer", Target: "sales/" + release, Reason: "production phones came to it unapproved; the policy asks for a quick result",
		At: w.clock.Now().UTC(), Detail: map[string]string{"phase_before": "held", "by": "policy:alert(uid:1(test))"},
	}}
	if diff := cmp.Diff(want, entries, cmpopts.IgnoreFields(storage.AuditEntry{}, "Seq", "Hash", "Prev")); diff != "" {
		t.Errorf("audit log (-want +got):\n%s", diff)
	}
	if offers := w.offers(); len(offers) != 1 || offers[0].Reason != want[0].Reason || !offers[0].At.Equal(w.clock.Now()) {
		t.Errorf("offers %+v", offers)
	}
	if phase := w.gate().Phase; phase != policy.PhaseVerifying {
		t.Errorf("phase %s, want verifying", phase)
	}
}

// TestRetestOfEarlierPhones: an offer that was over before a phone came to the release is
// nothing that was done about that phone.
func TestRetestOfEarlierPhones(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.unverified()
	w.onLeak("retest")
	p.install(release, "23G83")
	w.sweep()
	w.clock.Add(time.Hour)
	w.must(second(w.fleet.Withdraw(w.ctx, seg, w.act("not yet"), "sales", release)))
	w.clock.Add(aDay)
	late := newPhone(w, "P2")
	late.os = "26.5"
	late.again("sales", storage.RingProduction)
	late.settle()
	late.install(release, "23G83")
	if diff := cmp.Diff(map[string]string{"P1": release + " offered", "P2": release + " told"}, w.leaks()); diff != "" {
		t.Errorf("what was done (-want +got):\n%s", diff)
	}
}

// TestRetestLeavesDecisions: a policy offers nothing that somebody decided about,
// or that cannot be tested.
func TestRetestLeavesDecisions(t *testing.T) {
	t.Parallel()
	offer := func(w *world) { w.must(second(w.fleet.Offer(w.ctx, seg, w.act("test it"), "sales", release))) }
	tests := map[string]struct {
		before func(*world)
		to     string
		made   int
	}{
		"nobody decided": {func(*world) {}, release, 1},
		"offered":        {offer, release, 0},
		"taken back": {func(w *world) {
			offer(w)
			w.must(second(w.fleet.Withdraw(w.ctx, seg, w.act("not yet"), "sales", release)))
		}, release, 0},
		"declined": {func(w *world) { w.must(second(w.fleet.Decline(w.ctx, seg, w.act("no"), "sales", release))) }, release, 0},
		"approval taken back": {func(w *world) {
			w.attest()
			w.must(second(w.fleet.Approve(w.ctx, seg, w.act("go"), fleet.ApproveRequest{Group: "sales", Release: release, Deadline: "+3d", Start: "+2h"})))
			w.must(second(w.fleet.Withdraw(w.ctx, seg, w.act("not yet"), "sales", release)))
			w.must(second(w.fleet.RevokeVerdict(w.ctx, seg, w.act("wrong"), w.records().Verdicts[0].ID)))
		}, release, 0},
		"verified":   {(*world).attest, release, 0},
		"superseded": {func(*world) {}, "26.6", 0},
		"by itself": {func(w *world) {
			w.must(second(w.fleet.SetGroup(w.ctx, seg, w.act("auto"), fleet.GroupRequest{Name: "sales", Candidate: "auto"})))
		}, release, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.onLeak("retest")
			p := w.unverified()
			tt.before(w)
			p.install(tt.to, "23G83")
			w.sweep()
			if len(w.leaks()) != 1 {
				t.Fatalf("unapproved updates %v, want one", w.leaks())
			}
			if got := w.offers(); len(got) != tt.made {
				t.Errorf("offers %+v, want %d", got, tt.made)
			}
		})
	}
}

// TestApprovedForOtherModels: what is approved for other models alone says nothing about
// a phone that comes to it, be it updated there or enrolled with it, and a policy that
// asks for results has it offered, unless it stands still or waits for no result.
func TestApprovedForOtherModels(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		then func(*world)
		made int
	}{
		"goes on": {func(*world) {}, 1},
		"paused":  {func(w *world) { w.must(second(w.fleet.Pause(w.ctx, seg, w.act("wait"), "sales", release))) }, 0},
		"tested since": {func(w *world) {
			w.must(second(w.fleet.RecordVerdict(w.ctx, seg, w.act("test"), fleet.VerdictRequest{
				BundleID: "com.example.pos", Release: release, Result: "works",
				External: true, Evidence: "letter", Group: "sales", Model: "iPhone14,5", AppVersion: "1.0",
			})))
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.onLeak("retest")
			w.unverified()
			w.attest()
			w.approved()
			moves := w.enrol("P2", "sales", storage.RingProduction)
			moves.model = "iPhone14,5"
			moves.settle()
			w.sweep()
			if got := w.offers(); len(got) != 0 {
				t.Fatalf("offers %+v before a phone came to it", got)
			}
			tt.then(w)
			moves.install(release, "23G83")
			comes := w.enrol("P3", "sales", storage.RingProduction)
			comes.model, comes.os, comes.build = "iPhone14,5", release, "23G83"
			comes.settle()
			covered := w.enrol("P4", "sales", storage.RingProduction)
			covered.os, covered.build = release, "23G83"
			covered.settle()
			w.sweep()
			reaction := release + " told"
			if tt.made > 0 {
				reaction = release + " offered"
			}
			if diff := cmp.Diff(map[string]string{"P2": reaction, "P3": reaction}, w.leaks()); diff != "" {
				t.Errorf("unapproved updates (-want +got):\n%s", diff)
			}
			if got := w.offers(); len(got) != tt.made {
				t.Errorf("offers %+v, want %d", got, tt.made)
			}
		})
	}
}

// attest records that the app works, as tested elsewhere.
func (w *world) attest() {
	w.t.Helper()
	w.must(second(w.fleet.RecordVerdict(w.ctx, seg, w.act("test"), fleet.VerdictRequest{
		BundleID: "com.example.pos", Release: release, Result: "works",
		External: true, Evidence: "letter", Group: "sales", Model: "iPhone15,2", AppVersion: "1.0",
	})))
}

// TestRetestExpired: what nobody can install any more is not offered.
func TestRetestExpired(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.unverified().install("26.6", "23G71")
	w.onLeak("retest")
	w.clock.Add(300 * 24 * time.Hour)
	if gate, err := w.fleet.Gate(seg, "sales", "26.6"); err != nil || gate.Phase != policy.PhaseExpired {
		t.Fatalf("phase %s, %v, want expired", gate.Phase, err)
	}
	w.sweep()
	if got := w.offers(); len(got) != 0 {
		t.Errorf("offers %+v", got)
	}
}

// TestRetestHeldMajor: where a policy keeps phones on the older major version, it
// does not offer the higher one by itself.
func TestRetestHeldMajor(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]int{"hold": 0, "allow": 1} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.clock.Add(time.Date(2025, 11, 20, 9, 0, 0, 0, time.UTC).Sub(w.clock.Now()))
			w.decides("alert", fleet.PolicyChange{LeakChange: fleet.LeakChange{OnLeak: ptr("retest")}, MajorChange: fleet.MajorChange{Majors: &mode}})
			stays, moves := w.enrol("P1", "sales", storage.RingProduction), w.enrol("P2", "sales", storage.RingProduction)
			for _, p := range []*phone{stays, moves} {
				p.os, p.build = "18.7.1", "22H31"
				p.settle()
			}
			moves.install("26.1", "23B85")
			w.sweep()
			if got := w.offers(); len(got) != want {
				t.Errorf("offers %+v, want %d", got, want)
			}
		})
	}
}

// TestRetestInANewGroup: what was offered in a group that is gone says nothing
// about one of the same name.
func TestRetestInANewGroup(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.fleet.Offer(w.ctx, seg, w.act("test it"), "sales", release)
	w.must(err)
	w.must(w.fleet.RemoveGroup(w.ctx, seg, w.act("closed"), "sales"))
	w.clock.Add(time.Hour)
	_, err = w.fleet.AddGroup(w.ctx, seg, w.act("anew"), fleet.GroupRequest{Name: "sales", Apps: []string{"com.example.pos"}})
	w.must(err)
	w.onLeak("retest")
	w.unverified().install(release, "23G83")
	w.sweep()
	if got := w.offers(); len(got) != 1 {
		t.Errorf("offers %+v, want one", got)
	}
}
