package fleet_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
)

// told is what an answer to a result says that it does.
func told(e fleet.VerdictEffect) string {
	text := "no gate"
	for _, g := range e.Gates {
		text = g.Release + " " + string(g.PhaseBefore) + " -> " + string(g.PhaseAfter)
	}
	return text + ", " + e.App.State + " " + e.App.Why
}

// TestResultSaysWhatItDoes: recording and taking back results says which gates change
// and what phones are asked for, the same when it is only tried; then nothing is
// recorded and nothing has a name.
func TestResultSaysWhatItDoes(t *testing.T) {
	t.Parallel()
	record := func(result, method string) func(w *world, a fleet.Act) (fleet.Judged, error) {
		return func(w *world, a fleet.Act) (fleet.Judged, error) {
			return w.fleet.RecordVerdict(w.ctx, seg, a, fleet.VerdictRequest{
				BundleID: "com.example.pos", Release: release, Result: result, Method: method, Device: "V1", Note: "seen",
			})
		}
	}
	tests := map[string]struct {
		before func(w *world)
		act    func(w *world, a fleet.Act) (fleet.Judged, error)
		want   string
		counts fleet.EffectCounts
	}{
		"broken closes a gate": {func(*world) {}, record("broken", "full"), "26.6.1 verified -> blocked, broken broken", fleet.EffectCounts{}},
		"broken stops a rollout": {
			func(w *world) { w.must(second(w.approve("+3d"))) },
			record("broken", "full"), "26.6.1 rolling-out -> blocked, broken broken",
			fleet.EffectCounts{Withdraw: 1},
		},
		"works lets it go on": {
			func(w *world) { w.must(second(w.approve("+3d"))); w.must(w.verdict("V1", "broken")) },
			record("works", "full"), "26.6.1 blocked -> rolling-out, works ",
			fleet.EffectCounts{Install: 1},
		},
		"a quick check of what is broken": {
			func(w *world) { w.must(w.verdict("V1", "broken")) }, record("works", "smoke"), "no gate, broken broken", fleet.EffectCounts{},
		},
		"taken back": {
			func(w *world) { w.must(second(w.approve("+3d"))) },
			func(w *world, a fleet.Act) (fleet.Judged, error) {
				return w.fleet.RevokeVerdict(w.ctx, seg, a, w.gate().Apps[0].Verdict)
			}, "26.6.1 rolling-out -> paused, untested revoked",
			fleet.EffectCounts{Withdraw: 1},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.verified()
			tc.before(w)
			w.clock.Add(time.Minute)
			dry := w.act("test")
			dry.DryRun = true
			records := w.records()
			for _, a := range []fleet.Act{dry, w.act("test")} {
				if diff := cmp.Diff(records, w.records()); diff != "" {
					t.Errorf("only tried, it changed (-want +got):\n%s", diff)
				}
				got, err := tc.act(w, a)
				w.must(err)
				if text := told(got.Effect); text != tc.want || got.Effect.EffectCounts != tc.counts || got.DryRun != a.DryRun {
					t.Errorf("says %q %+v, only tried: %t; want %q %+v, %t", text, got.Effect.EffectCounts, got.DryRun, tc.want, tc.counts, a.DryRun)
				}
				if named := got.ID != ""; named == a.DryRun && got.RevokedAt.IsZero() {
					t.Errorf("a new result has the identifier %q, only tried: %t", got.ID, a.DryRun)
				}
				if !a.DryRun && w.gate().Phase != got.Effect.Phase {
					t.Errorf("the gate is %s, was told to be %s", w.gate().Phase, got.Effect.Phase)
				}
			}
		})
	}
}

// TestResultBehindProduction: a result of a release that every production phone has
// passed says what changes at its gate all the same.
func TestResultBehindProduction(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.verified() // the phones run 26.5
	got, err := w.by("uid:2(sato)", "26.5", "full", "broken")
	w.must(err)
	want := []fleet.GateEffect{{
		Group: "sales", Release: "26.5", PhaseBefore: policy.PhaseSuperseded, PhaseAfter: policy.PhaseBlocked,
		MissingBefore: []string{"com.example.pos"}, MissingAfter: []string{"com.example.pos"},
	}}
	if diff := cmp.Diff(want, got.Effect.Gates); diff != "" {
		t.Errorf("gates (-want +got):\n%s", diff)
	}
}

// TestUnseenVersion: who lets production install with an app version that no phone
// has hears of it.
func TestUnseenVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.verified()
	for appVersion, unseen := range map[string]bool{"0.9": false, "1.0": false, "9.9": true} {
		r := elsewhere()
		r.AppVersion = appVersion
		a := w.act("test")
		a.DryRun = true
		got, err := w.fleet.RecordVerdict(w.ctx, seg, a, r)
		w.must(err)
		if got.Effect.VersionUnseen != unseen {
			t.Errorf("%s: unseen = %t, want %t", appVersion, got.Effect.VersionUnseen, unseen)
		}
		if got.Effect.Phase != policy.PhaseVerified {
			t.Errorf("%s: the gate is %s, want verified", appVersion, got.Effect.Phase)
		}
	}
}

// TestTriedProposalHasNoName: there is nothing to sign, and nothing that lapses.
func TestTriedProposalHasNoName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.unverified()
	a := by("tanaka")
	a.DryRun = true
	p, err := w.fleet.ProposeOverride(w.ctx, seg, a, fleet.OverrideRequest{Group: "sales", Release: release, Deadline: "+3d", Until: "+14d"})
	w.must(err)
	if p.ID != "" || !p.LapsesAt.IsZero() || !p.DryRun {
		t.Errorf("only tried, it is %q and lapses %s; want neither", p.ID, p.LapsesAt)
	}
}
