package fleet_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// dockRolls makes a group beside sales, with the same app, that tested and
// approved the release.
func (w *world) dockRolls() {
	w.t.Helper()
	w.must(second(w.fleet.AddGroup(w.ctx, seg, w.act("dock"), fleet.GroupRequest{Name: "dock", Apps: []string{"com.example.pos"}})))
	w.enrol("D1", "dock", storage.RingProduction).settle()
	tester := w.enrol("VD", "dock", storage.RingVerification)
	tester.settle()
	tester.install(release, "23G83")
	w.must(w.verdict("VD", "works"))
	w.must(second(w.fleet.Approve(w.ctx, seg, w.act("works"), fleet.ApproveRequest{Group: "dock", Release: release, Deadline: "+3d"})))
}

// oddModel has a phone of a model that nobody tests keep a gate closed.
func (w *world) oddModel() {
	w.t.Helper()
	odd := w.enrol("P9", "sales", storage.RingProduction)
	odd.model = "iPhone14,5"
	odd.settle()
	w.verified()
}

func toNone(udids ...string) fleet.MoveRequest { return fleet.MoveRequest{Devices: udids} }

func to(group string, ring storage.Ring, udids ...string) fleet.MoveRequest {
	return fleet.MoveRequest{Devices: udids, Group: group, Ring: ring}
}

// where returns the group and ring that a phone is in.
func (w *world) where(udid string) string {
	w.t.Helper()
	p, err := w.store.Phone(w.ctx, seg, udid)
	w.must(err)
	return p.Group + "/" + string(p.Ring)
}

// TestProposedMove: what opens a closed gate, or gets phones past one, is refused
// to one person, changes nothing when it is proposed, and is made when another
// signs, across a restart.
func TestProposedMove(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		prepare func(*world)
		move    fleet.MoveRequest
		code    string
		edit    fleet.EditView
		effect  fleet.PhoneEffect
		after   string
	}{
		"the only phone of an untested model": {
			(*world).oddModel, toNone("P9"), "phone-keeps-gates",
			fleet.EditView{
				Acts: []fleet.ActView{{Action: "device.move", Target: "P9", Detail: map[string]string{"from": "sales/production", "to": "/"}}},
			},
			fleet.PhoneEffect{Device: "P9", Group: "sales", Ring: "production", Model: "iPhone14,5", OS: "26.5", Effect: fleet.EffectSettings},
			"/",
		},
		"to where it is open": {
			func(w *world) { w.unverified(); w.dockRolls() }, to("dock", storage.RingProduction, "P1"), "past-closed-gates",
			fleet.EditView{
				Acts: []fleet.ActView{{Action: "device.move", Target: "P1", Detail: map[string]string{"from": "sales/production", "to": "dock/production"}}},
				Into: []fleet.GateView{{Group: "dock", Release: release, Phase: "rolling-out"}},
			},
			fleet.PhoneEffect{
				Device: "P1", Group: "sales", Ring: "production", Model: "iPhone15,2", OS: "26.5", Effect: fleet.EffectInstall,
				After: &fleet.Request{Release: release, Deadline: "2026-08-21T09:00:00", Source: "approval"},
			},
			"dock/production",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			tc.prepare(w)
			udid := tc.move.Devices[0]
			before := w.where(udid)
			wantCode(t, second(w.fleet.MoveAll(w.ctx, seg, by("tanaka"), tc.move)), tc.code)
			p, err := w.fleet.ProposeMove(w.ctx, seg, by("tanaka"), tc.move)
			w.must(err)
			if got := w.where(udid); got != before {
				t.Fatalf("proposed, and the phone is in %s", got)
			}
			wantCode(t, second(w.fleet.ProposeMove(w.ctx, seg, by("sato"), tc.move)), "proposed-already")
			w.restart()
			shown, err := w.fleet.Proposal(seg, p.ID)
			w.must(err)
			if !slices.ContainsFunc(shown.Edit.Gates, func(g fleet.GateView) bool { return g.Group == "sales" && g.Release == release }) {
				t.Errorf("gates %+v, want sales/%s among them", shown.Edit.Gates, release)
			}
			if diff := cmp.Diff([]any{tc.edit.Acts, len(tc.edit.Into)}, []any{shown.Edit.Acts, len(shown.Edit.Into)}); diff != "" {
				t.Errorf("proposal (-want +got):\n%s", diff)
			}
			if len(tc.edit.Into) > 0 && shown.Edit.Into[0] != tc.edit.Into[0] {
				t.Errorf("into %+v, want %+v", shown.Edit.Into, tc.edit.Into)
			}
			got := shown.Edit.Effects.Phones[0]
			got.Why = tc.effect.Why
			if diff := cmp.Diff(tc.effect, got); diff != "" {
				t.Errorf("effect (-want +got):\n%s", diff)
			}
			wantCode(t, second(w.fleet.Sign(w.ctx, seg, by("tanaka"), p.ID)), "same-person")
			tried := by("sato")
			tried.DryRun = true
			w.must(second(w.fleet.Sign(w.ctx, seg, tried, p.ID)))
			if got := w.where(udid); got != before {
				t.Fatalf("signed to try it, and the phone is in %s", got)
			}
			effect, err := w.fleet.Sign(w.ctx, seg, by("sato"), p.ID)
			w.must(err)
			if got := w.where(udid); got != tc.after || effect.Install != shown.Edit.Effects.Install || !w.wakes.take(udid) {
				t.Errorf("signed, and the phone is in %s, %d phones told, want it woken in %s, %d told", got, effect.Install, tc.after, shown.Edit.Effects.Install)
			}
			w.wantSignedMove(p.ProposalView, tc.edit.Acts[0])
			w.wantCensus()
		})
	}
}

// wantSignedMove checks the one audit entry of a move that sato signed.
func (w *world) wantSignedMove(p fleet.ProposalView, act fleet.ActView) {
	w.t.Helper()
	entries := w.acts("device.move")
	last := entries[len(entries)-1]
	want := map[string]string{
		"proposal": p.ID, "proposed_by": p.By, "proposer": "tanaka", "proposer_reason": p.Reason, "signer": "sato",
		"from": act.Detail["from"], "to": act.Detail["to"], "opened": last.Detail["opened"],
	}
	if diff := cmp.Diff(want, last.Detail); diff != "" || last.Target != act.Target || last.Actor != "token:t(sato)" || last.Detail["opened"] == "" {
		w.t.Errorf("audit entry %+v (-want +got):\n%s", last, diff)
	}
	got, err := w.fleet.Proposal(seg, p.ID)
	w.must(err)
	if got.State != storage.StateSigned || got.EndedPerson != "sato" {
		w.t.Errorf("proposal = %s by %s, want signed by sato", got.State, got.EndedPerson)
	}
}

// wantCensus checks that the census counts phones where the store has them.
func (w *world) wantCensus() {
	w.t.Helper()
	groups, err := w.fleet.Groups(seg)
	w.must(err)
	phones, err := w.store.Phones(w.ctx, seg, storage.PhoneQuery{})
	w.must(err)
	for _, g := range groups {
		count := map[storage.Ring]int{}
		for _, p := range phones {
			if p.Group == g.Name {
				count[p.Ring]++
			}
		}
		if g.Verification != count[storage.RingVerification] || g.Production != count[storage.RingProduction] {
			w.t.Errorf("group %s counts %d and %d phones, want %v", g.Name, g.Verification, g.Production, count)
		}
	}
}

// TestProposedMoveOutdated: what was shown is signed, or nothing, and the proposal
// says what is no longer so.
func TestProposedMoveOutdated(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*world)
		want   string
	}{
		"settings": {func(w *world) {
			owner := "retail"
			w.must(second(w.fleet.SetApp(w.ctx, seg, w.act("team"), "com.example.scan", fleet.AppChange{Owner: &owner})))
		}, "settings"},
		"the gate it gets past": {func(w *world) { w.decline(release) }, "gates"},
		"the gate it leads into": {func(w *world) {
			w.must(second(w.fleet.Pause(w.ctx, seg, w.act("look"), "dock", release)))
		}, "gates"},
		"the phone is elsewhere": {func(w *world) {
			w.must(second(w.fleet.Move(w.ctx, seg, w.act("drawer"), "P1", "", "")))
		}, "phones"},
		"the phone enrolled again": {func(w *world) {
			w.phoneOf("P1").again("sales", storage.RingProduction)
		}, "phones"},
		"the phone has left": {func(w *world) {
			p, err := w.store.Phone(w.ctx, seg, "P1")
			w.must(err)
			p.State = storage.PhoneRemoved
			w.must(w.fleet.Noticed(seg, p))
		}, "phones"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.unverified()
			w.dockRolls()
			p, err := w.fleet.ProposeMove(w.ctx, seg, by("tanaka"), to("dock", storage.RingProduction, "P1"))
			w.must(err)
			tc.change(w)
			place := w.where("P1")
			if err := second(w.fleet.Sign(w.ctx, seg, by("sato"), p.ID)); !errors.Is(err, storage.ErrConflict) {
				t.Errorf("sign = %v, want a conflict", err)
			}
			got, err := w.fleet.Proposal(seg, p.ID)
			w.must(err)
			if got.State != "changed" || got.Edit.Changed != tc.want || got.Edit.Effects != nil {
				t.Errorf("%s because of %s, effects %v; want changed because of %s", got.State, got.Edit.Changed, got.Edit.Effects, tc.want)
			}
			if got := w.where("P1"); got != place {
				t.Errorf("the phone went to %s", got)
			}
		})
	}
}

// TestSignedMoveMeetsEnrolment: a phone that enrols while its move is signed is
// where its enrolment put it.
func TestSignedMoveMeetsEnrolment(t *testing.T) {
	t.Parallel()
	for _, ring := range []storage.Ring{storage.RingVerification, storage.RingProduction} {
		t.Run(string(ring), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := w.unverified()
			w.dockRolls()
			proposal, err := w.fleet.ProposeMove(w.ctx, seg, by("tanaka"), to("dock", storage.RingProduction, "P1"))
			w.must(err)
			p.unnoticed("sales", ring)
			if err := second(w.fleet.Sign(w.ctx, seg, by("sato"), proposal.ID)); !errors.Is(err, storage.ErrConflict) {
				t.Errorf("sign = %v, want a conflict", err)
			}
			if got := w.where("P1"); got != "sales/"+string(ring) {
				t.Errorf("the phone is in %s, want where it enrolled", got)
			}
		})
	}
}

// TestProposedMoveNotNeeded: what opens nothing takes one person.
func TestProposedMoveNotNeeded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.unverified()
	w.enrol("P2", "sales", storage.RingProduction).settle()
	wantCode(t, second(w.fleet.ProposeMove(w.ctx, seg, by("tanaka"), toNone("P2"))), "one-person-suffices")
	silent := by("tanaka")
	silent.Reason = " "
	if err := second(w.fleet.ProposeMove(w.ctx, seg, silent, toNone("P2"))); !isInvalid(err) {
		t.Errorf("without a reason: %v, want it asked for", err)
	}
}

// TestMovesByDetours: a phone takes what was closed to it along to wherever it is
// next; once it is in production somewhere, that group's gates hold it.
func TestMovesByDetours(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.unverified()
	w.dockRolls()
	w.enrol("P2", "sales", storage.RingProduction).settle()
	w.must(second(w.fleet.AddGroup(w.ctx, seg, w.act("x"), fleet.GroupRequest{Name: "stock", Apps: []string{"com.example.pos"}})))
	move := func(group string, ring storage.Ring) error {
		return second(w.fleet.Move(w.ctx, seg, w.act("on"), "P2", group, ring))
	}
	for _, detour := range []struct {
		group string
		ring  storage.Ring
	}{{"", ""}, {"sales", storage.RingVerification}, {"dock", storage.RingVerification}, {"", ""}, {"stock", storage.RingProduction}} {
		w.must(move(detour.group, detour.ring))
		w.restart()
		wantCode(t, move("dock", storage.RingProduction), "past-closed-gates")
	}
	w.clock.Add(time.Hour)
	w.must(move("sales", storage.RingProduction))
	if got := w.phoneOf("P2").stored(); got.Group != "sales" || got.Former != "" {
		t.Errorf("the phone is in %q and keeps %q, want it back where it was, and nothing kept", got.Group, got.Former)
	}
	for _, free := range []string{"VD", "V1"} { // which no gate held
		w.must(second(w.fleet.Move(w.ctx, seg, w.act("to work"), free, "stock", storage.RingVerification)))
	}
}

// TestMovesTogether: phones of one call are judged together, and all of them move
// or none.
func TestMovesTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, udid := range []string{"P8", "P9"} {
		odd := w.enrol(udid, "sales", storage.RingProduction)
		odd.model = "iPhone14,5"
		odd.settle()
	}
	w.verified()
	w.enrol("P2", "sales", storage.RingProduction).settle()
	wantCode(t, second(w.fleet.MoveAll(w.ctx, seg, w.act("gone"), toNone("P8", "P9"))), "phone-keeps-gates")
	for name, r := range map[string]fleet.MoveRequest{
		"nobody": toNone("P2", "nobody"), "no phone": toNone(), "no such group": to("shop", storage.RingProduction, "P2"), "no such ring": to("sales", "x", "P2"),
	} {
		if err := second(w.fleet.MoveAll(w.ctx, seg, w.act("gone"), r)); err == nil || w.where("P2") != "sales/production" {
			t.Errorf("%s: %v, and P2 in %s; want an error and it where it was", name, err, w.where("P2"))
		}
	}
	p, err := w.fleet.ProposeMove(w.ctx, seg, by("tanaka"), toNone("P9", "P8", "P9"))
	w.must(err)
	w.must(second(w.fleet.Sign(w.ctx, seg, by("sato"), p.ID)))
	views, err := w.fleet.MoveAll(w.ctx, seg, w.act("back"), to("sales", storage.RingVerification, "P9", "P8"))
	w.must(err)
	if len(views) != 2 || views[0].UDID != "P8" || views[1].Ring != "verification" || len(w.acts("device.move")) != 4 {
		t.Errorf("%d entries, views %+v; want two phones moved twice", len(w.acts("device.move")), views)
	}
	w.wantCensus()
}
