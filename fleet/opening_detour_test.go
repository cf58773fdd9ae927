package fleet_test

import (
	"context"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// detours are edits that open a closed gate after acts that one person may do, and
// can take back after them.
func detours() map[string]opener {
	made := func(prepare func(*world)) func(*testing.T) *world {
		return func(t *testing.T) *world {
			w := newWorld(t)
			prepare(w)
			return w
		}
	}
	without := func(app string) func(context.Context, *world, fleet.Act) error {
		return func(ctx context.Context, w *world, a fleet.Act) error {
			return second(w.fleet.SetGroup(ctx, seg, a, fleet.GroupRequest{Name: "sales", RemoveApps: []string{app}}))
		}
	}
	strict := func(c fleet.PolicyChange) func(context.Context, *world, fleet.Act) error {
		return func(ctx context.Context, w *world, a fleet.Act) error {
			return second(w.fleet.SetPolicy(ctx, seg, a, "strict", c))
		}
	}
	class := func(class string) fleet.PolicyChange {
		return fleet.PolicyChange{ModelClassChange: fleet.ModelClassChange{ModelClass: &class}}
	}
	mode := func(mode string) fleet.PolicyChange {
		return fleet.PolicyChange{ImprovementChange: fleet.ImprovementChange{Improvements: &mode}}
	}
	shorter := class("screen")
	shorter.VerdictDays = ptr(2)
	return map[string]opener{
		"all phones out, without an app": {made(func(w *world) {
			w.withUntested()
			w.out("P1", "V1")
		}), without(scan), fleet.MoveRequest{}},
		"a model out that an approval leaves out, without an app": {made(func(w *world) {
			w.verified()
			w.decline("26.5.2", "26.6")
			w.must(second(w.approve("+3d")))
			w.joined("P9", "iPhone14,5")
			w.out("P9")
		}), without(pos), fleet.MoveRequest{}},
		"a model out, a wider class": {made(func(w *world) {
			w.decides("strict", class("hardware"))
			w.unverified()
			w.joined("P9", "iPhone14,5")
			w.out("P9")
		}), strict(class("any")), fleet.MoveRequest{}},
		"a model made to test, a wider class": {made(func(w *world) {
			w.decides("strict", class("hardware"))
			w.unverified()
			w.joined("P9", "iPhone14,5")
			w.must(second(w.fleet.Move(w.ctx, seg, w.act("try"), "P9", "sales", storage.RingVerification)))
		}), strict(class("any")), fleet.MoveRequest{}},
		"all phones out, improvements": {func(t *testing.T) *world {
			w, _, _ := reverifies(t)
			w.out("P", "T")
			return w
		}, strict(mode("accept")), fleet.MoveRequest{}},
		"improvements hidden first": {func(t *testing.T) *world {
			w, _, _ := reverifies(t)
			w.must(second(w.fleet.SetPolicy(w.ctx, seg, w.act("hide"), "strict", mode("off"))))
			return w
		}, strict(mode("accept")), fleet.MoveRequest{}},
		"one model less, another more": {made(func(w *world) { // tested on 14,5 and, days later, on 15,2
			w.decides("strict", class("hardware"))
			w.unverified()
			w.joined("P8", "iPhone15,4")
			w.joined("P9", "iPhone14,5")
			w.decline("26.5.2", "26.6")
			w.testedOn("iPhone14,5")
			w.days(3)
			w.testedOn("iPhone15,2")
		}), strict(shorter), fleet.MoveRequest{}},
		"broken where letters did not count": {made(func(w *world) {
			w.decides("strict", fleet.PolicyChange{})
			w.enrol("P1", "sales", storage.RingProduction).settle()
			tester := w.enrol("V1", "sales", storage.RingVerification)
			tester.settle()
			tester.install(release, "23G83")
			tester.improve("a", "23X777a")
			tester.settle()
			w.must(w.verdict("V1", "broken"))
		}), strict(mode("reverify")), fleet.MoveRequest{}},
	}
}

// out moves phones out of their group.
func (w *world) out(udids ...string) {
	w.t.Helper()
	w.must(second(w.fleet.MoveAll(w.ctx, seg, w.act("out"), toNone(udids...))))
}

// TestHiddenImprovementComesBack: a tested improvement that one person hid, one person
// shows again, and it waits for what it waited for.
func TestHiddenImprovementComesBack(t *testing.T) {
	t.Parallel()
	for _, to := range []string{"reverify", "accept"} {
		t.Run(to, func(t *testing.T) {
			t.Parallel()
			w, _, tester := reverifies(t)
			set := func(mode string) error {
				return second(w.fleet.SetPolicy(w.ctx, seg, w.act("edit"), "strict", fleet.PolicyChange{ImprovementChange: fleet.ImprovementChange{Improvements: &mode}}))
			}
			w.must(second(w.fleet.Offer(w.ctx, seg, w.act("c"), "sales", improvement)))
			tester.improve("a", "23D771330a")
			tester.settle()
			w.must(second(w.fleet.RecordVerdict(w.ctx, seg, w.act("t"), fleet.VerdictRequest{BundleID: pos, Release: improvement, Result: "works", Device: "T", Note: "seen"})))
			w.must(set("off"))
			w.must(set(to))
		})
	}
}

// TestNewerResultIsNotTakenBackByAnother: a result that is over keeps an older one from
// counting, which was to last longer; only its recorder lets that count again.
func TestNewerResultIsNotTakenBackByAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.verified()
	w.clock.Add(time.Minute)
	short, err := w.fleet.RecordVerdict(w.ctx, seg, by("sato"), fleet.VerdictRequest{
		BundleID: pos, Release: release, Result: "works", Device: "V1", Note: "for today", Expires: w.clock.Now().Add(24 * time.Hour),
	})
	w.must(err)
	revoke := func(a fleet.Act) error { return second(w.fleet.RevokeVerdict(w.ctx, seg, a, short.ID)) }
	dry := by("tanaka")
	dry.DryRun = true
	w.must(revoke(dry)) // it counts, and the older one does as well
	w.days(2)
	if r := refusal(t, revoke(by("tanaka"))); r.Code != "foreign-newer" || r.Params["by"] != by("sato").Actor || r.Params["gates"] != "sales/"+release {
		t.Errorf("refused as %s %v, want foreign-newer with who recorded it and the gate", r.Code, r.Params)
	}
	if g := w.gate(); g.Phase != policy.PhaseVerifying {
		t.Errorf("the gate is %s, want verifying still", g.Phase)
	}
	w.must(revoke(by("sato")))
	if g := w.gate(); g.Phase != policy.PhaseVerified {
		t.Errorf("taken back by its recorder, the gate is %s, want verified by the older result", g.Phase)
	}
}

// TestOpeningNamesPhonesAway: who is refused an edit for phones that are not there is told
// which, and one person gets on once they are in production elsewhere.
func TestOpeningNamesPhonesAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.withUntested()
	edit := func() error {
		return second(w.fleet.SetGroup(w.ctx, seg, w.act("edit"), fleet.GroupRequest{Name: "sales", RemoveApps: []string{scan}}))
	}
	if r := refusal(t, edit()); r.Params["away"] != "" || r.Params["away_count"] != "" {
		t.Errorf("with all phones there %q are said to be away", r.Params["away"])
	}
	w.out("P1", "V1")
	if r := refusal(t, edit()); r.Code != "opens-gates" || r.Params["away"] != "P1" || r.Params["away_count"] != "1" {
		t.Errorf("refused as %s for %q of %q, want opens-gates for P1 alone", r.Code, r.Params["away"], r.Params["away_count"])
	}
	w.must(second(w.fleet.AddGroup(w.ctx, seg, w.act("new"), fleet.GroupRequest{Name: "dock"})))
	w.must(second(w.fleet.Move(w.ctx, seg, w.act("new job"), "P1", "dock", storage.RingProduction)))
	w.must(edit())
}

// TestHiddenImprovementDeclined: an app stays while nobody tested it on an improvement that
// the policy hides; a decline lets it go, and the improvement never in.
func TestHiddenImprovementDeclined(t *testing.T) {
	t.Parallel()
	w, _, _ := reverifies(t)
	set := func(mode string) error {
		return second(w.fleet.SetPolicy(w.ctx, seg, w.act("edit"), "strict", fleet.PolicyChange{ImprovementChange: fleet.ImprovementChange{Improvements: &mode}}))
	}
	w.must(set("off"))
	w.must(second(w.fleet.SetGroup(w.ctx, seg, w.act("more"), fleet.GroupRequest{Name: "sales", Apps: []string{scan}})))
	gates, err := w.fleet.Gates(seg, "sales")
	w.must(err)
	for _, g := range gates {
		w.decline(g.Release)
	}
	edit := func() error {
		return second(w.fleet.SetGroup(w.ctx, seg, w.act("less"), fleet.GroupRequest{Name: "sales", RemoveApps: []string{scan}}))
	}
	if r := refusal(t, edit()); r.Params["decline"] != "sales/"+improvement {
		t.Errorf("to decline %q, want the improvement", r.Params["decline"])
	}
	if err := second(w.fleet.Decline(w.ctx, seg, w.act("not yet posted"), "sales", "26.4 (a)")); err == nil {
		t.Error("an improvement that does not exist was declined")
	}
	w.decline(improvement)
	gate, err := w.fleet.Gate(seg, "sales", improvement)
	w.must(err)
	if because, none := policy.NoGate(gate); !none || because.Code != policy.GateImprovementOff {
		t.Errorf("gate %s %v, want none, as the policy hides it", gate.Phase, gate.Reasons)
	}
	if r := refusal(t, second(w.fleet.ProposeOverride(w.ctx, seg, by("tanaka"), fleet.OverrideRequest{
		Group: "sales", Release: improvement, Deadline: "+3d", Until: "+14d",
	}))); r.Code != "improvements-off" {
		t.Errorf("an exception for it is refused as %s, want improvements-off", r.Code)
	}
	w.must(edit())
	if r := refusal(t, set("accept")); r.Code != "opens-gates" {
		t.Errorf("refused as %s, want opens-gates", r.Code)
	}
}

// TestBrokenBaseIsNotTakenBackFirst: neither a decline nor an app that is gone for a time lets
// another take back what a patch must not be carried over from, before its quick check either.
func TestBrokenBaseIsNotTakenBackFirst(t *testing.T) {
	t.Parallel()
	w, _, smoke := carrying(t)
	w.must(second(w.fleet.RevokeVerdict(w.ctx, seg, fleet.Act{Actor: "uid:2(sato)", Reason: "not yet"}, smoke.ID)))
	found, err := w.by("uid:3(kato)", older, "full", "broken")
	w.must(err)
	revoke := func() error {
		return second(w.fleet.RevokeVerdict(w.ctx, seg, w.act("in a hurry"), found.ID))
	}
	w.decline(older)
	if r := refusal(t, revoke()); r.Code != "foreign-broken" {
		t.Errorf("of a declined release: refused as %s, want foreign-broken", r.Code)
	}
	w.decline("26.5.2", release)
	w.must(second(w.fleet.SetGroup(w.ctx, seg, w.act("less"), fleet.GroupRequest{Name: "sales", RemoveApps: []string{pos}})))
	if r := refusal(t, revoke()); r.Code != "foreign-broken" {
		t.Errorf("of an app that is gone: refused as %s, want foreign-broken", r.Code)
	}
}

// TestNewerResultBesideAMissingOne: a test that is missing on another model is no way to take
// another's newer result back.
func TestNewerResultBesideAMissingOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.unverified()
	w.joined("P9", "iPhone14,5")
	w.testedOn("iPhone15,2")
	w.clock.Add(time.Minute)
	short, err := w.fleet.RecordVerdict(w.ctx, seg, by("sato"), fleet.VerdictRequest{
		BundleID: pos, Release: release, Result: "works", External: true, Evidence: "letter", Group: "sales", Model: "iPhone15,2", AppVersion: "1.0",
		Expires: w.clock.Now().Add(24 * time.Hour),
	})
	w.must(err)
	w.days(2)
	if r := refusal(t, second(w.fleet.RevokeVerdict(w.ctx, seg, by("tanaka"), short.ID))); r.Code != "foreign-newer" {
		t.Errorf("refused as %s, want foreign-newer", r.Code)
	}
}
