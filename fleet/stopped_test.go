package fleet_test

import (
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// TestStoppedApprovalIsOverridden: what stands still can be gone on with by two
// people, and the new approval takes the old one's place.
func TestStoppedApprovalIsOverridden(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		stop  func(*world)
		phase policy.Phase
	}{
		"ordinary, broken": {func(w *world) {
			w.verified()
			w.must(second(w.approve("+3d")))
			w.must(w.verdict("V1", "broken"))
		}, policy.PhaseBlocked},
		"ordinary, paused": {func(w *world) {
			w.verified()
			w.must(second(w.approve("+3d")))
			w.must(second(w.fleet.Pause(w.ctx, seg, w.act("look"), "sales", release)))
		}, policy.PhasePaused},
		"overridden, broken since": {func(w *world) {
			w.overridden()
			w.must(w.verdict("V2", "broken"))
		}, policy.PhaseBlocked},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			tc.stop(w)
			if g := w.gate(); g.Phase != tc.phase {
				t.Fatalf("gate is %s, want %s", g.Phase, tc.phase)
			}
			was := w.gate().Approval
			w.clock.Add(time.Minute)
			w.must(second(w.fleet.Sign(w.ctx, seg, by("sato"), w.propose(by("tanaka")))))
			if g := w.gate(); g.Phase != policy.PhaseRollingOut || g.Override == nil || g.Approval == was {
				t.Errorf("gate is %s by %s with override %+v, want it rolling out by a new one", g.Phase, g.Approval, g.Override)
			}
		})
	}
}

// overridden has a release roll out by an override, with a tester V2 on it.
func (w *world) overridden() *phone {
	w.t.Helper()
	p := w.unverified()
	v := w.enrol("V2", "sales", storage.RingVerification)
	v.settle()
	v.install(release, "23G83")
	w.must(second(w.fleet.Sign(w.ctx, seg, by("sato"), w.propose(by("tanaka")))))
	return p
}

// TestApprovalDoesNotLiftAPause: pausing is one person's act, and going on is
// for those who resume, not for whoever approves.
func TestApprovalDoesNotLiftAPause(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.overridden()
	w.must(second(w.fleet.Pause(w.ctx, seg, w.act("look"), "sales", release)))
	w.clock.Add(time.Minute)
	w.must(w.verdict("V2", "works"))
	if r := refusal(t, second(w.approve("+5d"))); r.Code != "resume-first" {
		t.Errorf("refused as %s, want resume-first", r.Code)
	}
	w.must(second(w.fleet.Resume(w.ctx, seg, w.act("fine"), "sales", release)))
	w.must(second(w.approve("+5d")))
	if got, _ := p.enforcement(); got != release {
		t.Errorf("phone is asked for %q, want %s", got, release)
	}
}

// TestResumeLooksAtWhatCanStop: an app that is only informational never stopped
// the rollout, and one whose trouble two people accepted stops it no more.
func TestResumeLooksAtWhatCanStop(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	informational := "informational"
	w.must(second(w.fleet.SetApp(w.ctx, seg, w.act("setup"), "com.example.scan", fleet.AppChange{Importance: &informational})))
	w.must(second(w.fleet.SetGroup(w.ctx, seg, w.act("setup"), fleet.GroupRequest{Name: "sales", Apps: []string{"com.example.scan"}})))
	_, tester := w.verified()
	tester.apps["com.example.scan"] = "3.0"
	w.must(second(w.fleet.Refresh(w.ctx, seg, w.act("look"), tester.udid)))
	tester.settle()
	w.must(second(w.approve("+3d")))
	w.must(w.record("com.example.scan", "broken"))
	w.must(second(w.fleet.Pause(w.ctx, seg, w.act("look"), "sales", release)))
	w.must(second(w.fleet.Resume(w.ctx, seg, w.act("fine"), "sales", release)))

	w.must(second(w.fleet.Pause(w.ctx, seg, w.act("look"), "sales", release)))
	w.must(w.verdict("V1", "broken"))
	r := refusal(t, second(w.fleet.Resume(w.ctx, seg, w.act("fine"), "sales", release)))
	if r.Code != "app-broken" || len(r.Missing) != 1 || r.Missing[0].BundleID != "com.example.pos" {
		t.Errorf("refused as %s for %+v, want app-broken for the critical app alone", r.Code, r.Missing)
	}
}

// TestResultStopsAndLetsGoOn: what results stopped is nobody's to resume, and goes on
// by itself when results clear it.
func TestResultStopsAndLetsGoOn(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		stop  func(*world)
		phase policy.Phase
		code  string // of the refusal to resume, "" where nothing is stopped
	}{
		"broken": {func(w *world) { w.must(w.verdict("V1", "broken")) }, policy.PhaseBlocked, "stopped-by-result"},
		"revoked": {func(w *world) {
			w.must(second(w.fleet.RevokeVerdict(w.ctx, seg, w.act("wrong phone"), w.gate().Apps[0].Verdict)))
		}, policy.PhasePaused, "stopped-by-result"},
		"nothing": {func(*world) {}, policy.PhaseRollingOut, "not-paused"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p, _ := w.verified()
			w.must(second(w.approve("+3d")))
			w.clock.Add(time.Minute)
			tc.stop(w)
			if g := w.gate(); g.Phase != tc.phase {
				t.Fatalf("gate is %s, want %s", g.Phase, tc.phase)
			}
			if r := refusal(t, second(w.fleet.Resume(w.ctx, seg, w.act("fine"), "sales", release))); r.Code != tc.code {
				t.Errorf("resuming is refused as %s, want %s", r.Code, tc.code)
			}
			w.clock.Add(time.Minute)
			w.must(w.verdict("V1", "works"))
			if got, _ := p.enforcement(); got != release {
				t.Errorf("phone is asked for %q, want %s: the result clears the cause", got, release)
			}
		})
	}
}

// TestPreparedPhoneKeepsItsDeadline: an approval that takes an override's place
// is no reason to tell a phone anew what it is about to install.
func TestPreparedPhoneKeepsItsDeadline(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.overridden()
	p.settle()
	_, told := p.enforcement()
	p.report(map[string]any{"softwareupdate": map[string]any{"install-state": "prepared", "pending-version": map[string]any{"os-version": release}}})
	w.clock.Add(time.Hour)
	w.must(w.verdict("V2", "works"))
	w.must(second(w.approve("+5d")))
	if got, deadline := p.enforcement(); got != release || deadline != told {
		t.Errorf("prepared phone is asked for %s by %s, want it to keep %s", got, deadline, told)
	}
}

// TestBrokenIsNotTakenBackByAnother: what a tester found broken keeps a gate
// closed until a test or two people say otherwise.
func TestBrokenIsNotTakenBackByAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.verified()
	w.clock.Add(time.Minute)
	w.must(w.verdict("V1", "broken"))
	list, err := w.fleet.Verdicts(seg, fleet.VerdictQuery{Result: "broken"})
	w.must(err)
	revoke := func(a fleet.Act) error { return second(w.fleet.RevokeVerdict(w.ctx, seg, a, list[0].ID)) }
	other := by("tanaka")
	dry := other
	dry.DryRun = true
	for _, a := range []fleet.Act{other, dry} {
		if r := refusal(t, revoke(a)); r.Code != "foreign-broken" || r.Params["app"] != "com.example.pos" {
			t.Errorf("refused as %s %v, want foreign-broken naming the app", r.Code, r.Params)
		}
	}
	if g := w.gate(); g.Phase != policy.PhaseBlocked {
		t.Errorf("gate is %s, want blocked still", g.Phase)
	}
	own := w.act("wrong phone")
	own.DryRun = true
	w.must(revoke(own)) // a slip of one's own
	w.clock.Add(time.Minute)
	w.must(w.verdict("V1", "works"))
	w.must(revoke(other)) // it keeps nothing closed any more
}
