package policy_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
)

func evaluate(p policy.Parts) policy.Gate {
	return policy.Evaluate(policy.NewWorld(p), group, next, now)
}

// atNext puts all production phones on 26.6.
func atNext(p *policy.Parts) {
	for i := range p.Groups[0].Census {
		p.Groups[0].Census[i].OSVersion = next
	}
}

func expire(p *policy.Parts) {
	for i := range p.Releases[2].Models {
		p.Releases[2].Models[i].Expires = day("2026-08-16")
	}
}

func leaveNext(p *policy.Parts) {
	for i := range p.Groups[0].Census {
		p.Groups[0].Census[i].OSVersion = "26.5"
	}
}

func addRelease(version, posted string) func(*policy.Parts) {
	return func(p *policy.Parts) {
		p.Releases = append(p.Releases, policy.Release{Version: version, Class: "patch", Models: windows(posted, small, large)})
	}
}

func breakPOS(p *policy.Parts) {
	v := works("broken", pos, small)
	v.Result, v.At = policy.ResultBroken, before.Add(time.Hour)
	p.Verdicts = append(p.Verdicts, v)
}

func decline(p *policy.Parts) {
	p.Declines = append(p.Declines, policy.Decline{Group: group, Release: next, By: "tanaka", At: before})
}

func pause(p *policy.Parts) {
	p.Approvals[0].PausedAt, p.Approvals[0].PausedBy, p.Approvals[0].PauseReason = before, "mori", "calls"
}

func startLater(p *policy.Parts) {
	p.Approvals[0].Waves = []policy.Wave{{Start: after, Threshold: policy.Buckets}}
}

func revokeFirst(p *policy.Parts) {
	p.Verdicts[0].RevokedAt, p.Verdicts[0].RevokedBy = now.Add(-time.Minute), "mori"
}

// TestPhase goes through the gate table. Every case also fulfils the condition
// of at least one later row, so that the order is tested with it.
func TestPhase(t *testing.T) {
	t.Parallel()
	type change = func(*policy.Parts)
	tests := []struct {
		name    string
		world   policy.Parts
		changes []change
		want    policy.Phase
		reason  policy.Code
	}{
		{"declined before expired", approved(), []change{decline, expire, pause}, policy.PhaseDeclined, policy.GateDeclined},
		{"expired before paused", approved(), []change{expire, pause}, policy.PhaseExpired, policy.GateExpired},
		{"paused before blocked", approved(), []change{pause, breakPOS}, policy.PhasePaused, policy.GatePausedByPerson},
		{"revoked before blocked", approved(), []change{revokeFirst, breakPOS}, policy.PhasePaused, policy.GateVerdictRevoked},
		{"blocked before done", approved(), []change{breakPOS, atNext}, policy.PhaseBlocked, policy.GateAppBroken},
		{"blocked without approval", verified(), []change{breakPOS}, policy.PhaseBlocked, policy.GateAppBroken},
		{"done before rolling out", approved(), []change{atNext}, policy.PhaseDone, policy.GateAllThere},
		{"rolling out before superseded", approved(), []change{addRelease("26.6.1", "2026-08-10")}, policy.PhaseRollingOut, policy.GatePhonesOutstanding},
		{"approved until the wave starts", approved(), []change{startLater}, policy.PhaseApproved, policy.GateWaveStarts},
		{"superseded before verified", verified(), []change{addRelease("26.6.1", "2026-08-10"), leaveNext}, policy.PhaseSuperseded, policy.GateSuperseded},
		{"not superseded while a test phone is on it", verified(), []change{addRelease("26.6.1", "2026-08-10")}, policy.PhaseVerified, policy.GateAllVerified},
		{"not superseded by one that was declined", verified(), []change{addRelease("26.6.1", "2026-08-10"), leaveNext, declinePatch}, policy.PhaseVerified, policy.GateAllVerified},
		{"not superseded by a release of tomorrow", verified(), []change{addRelease("26.6.1", "2026-08-17"), leaveNext}, policy.PhaseVerified, policy.GateAllVerified},
		{"not superseded by the next major release", verified(), []change{addRelease("27.0", "2026-08-10"), leaveNext}, policy.PhaseVerified, policy.GateAllVerified},
		{"superseded by the next major release when it left the public list", verified(), []change{
			addRelease("27.0", "2026-08-10"), leaveNext, func(p *policy.Parts) {
				for i := range p.Releases[2].Models {
					p.Releases[2].Models[i].LeftPublic = day("2026-08-11")
				}
			},
		}, policy.PhaseSuperseded, policy.GateSuperseded},
		{"verified before verifying", verified(), nil, policy.PhaseVerified, policy.GateAllVerified},
		{"verifying when offered", parts(), nil, policy.PhaseVerifying, policy.GateAppMissing},
		{"held when not offered", parts(), []change{func(p *policy.Parts) { p.Offers = nil }}, policy.PhaseHeld, policy.GateAppMissing},
		{"held when the offer was withdrawn", parts(), []change{func(p *policy.Parts) { p.Offers[0].Withdrawn = before }}, policy.PhaseHeld, policy.GateAppMissing},
		{"held before the offer is made", parts(), []change{func(p *policy.Parts) { p.Offers[0].At = after }}, policy.PhaseHeld, policy.GateAppMissing},
		{"verifying by candidate auto", parts(), []change{func(p *policy.Parts) {
			p.Offers, p.Groups[0].Candidate = nil, policy.CandidateAuto
		}}, policy.PhaseVerifying, policy.GateAppMissing},
		{"withdrawn offer beats candidate auto", parts(), []change{func(p *policy.Parts) {
			p.Offers[0].Withdrawn, p.Groups[0].Candidate = before, policy.CandidateAuto
		}}, policy.PhaseHeld, policy.GateAppMissing},
		{"withdrawn approval is none", approved(), []change{func(p *policy.Parts) { p.Approvals[0].Withdrawn = before }}, policy.PhaseVerified, policy.GateAllVerified},
		{"approval of tomorrow is none", approved(), []change{func(p *policy.Parts) { p.Approvals[0].At = after }}, policy.PhaseVerified, policy.GateAllVerified},
		{"the newest approval counts", approved(), []change{func(p *policy.Parts) {
			newer := approval()
			newer.ID, newer.At, newer.Withdrawn = "a2", now.Add(-time.Minute), now
			p.Approvals = append(p.Approvals, newer)
		}}, policy.PhaseVerified, policy.GateAllVerified},
		{"pause of tomorrow is none", approved(), []change{pause, func(p *policy.Parts) { p.Approvals[0].PausedAt = after }}, policy.PhaseRollingOut, policy.GatePhonesOutstanding},
		{"decline of tomorrow is none", verified(), []change{decline, func(p *policy.Parts) { p.Declines[0].At = after }}, policy.PhaseVerified, policy.GateAllVerified},
		{"expired only when no model is left", verified(), []change{func(p *policy.Parts) {
			p.Releases[2].Models[0].Expires = before
		}}, policy.PhaseVerified, policy.GateAllVerified},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := tt.world
			for _, c := range tt.changes {
				c(&p)
			}
			got := evaluate(p)
			if got.Phase != tt.want || len(got.Reasons) == 0 || got.Reasons[0].Code != tt.reason {
				t.Errorf("phase, reasons = %s %v, want %s with %s first", got.Phase, got.Reasons, tt.want, tt.reason)
			}
			if err := policy.Approvable(got); (err == nil) != (tt.want == policy.PhaseVerified) {
				t.Errorf("Approvable = %v in phase %s", err, got.Phase)
			}
		})
	}
}

func TestUnknownAndIneligible(t *testing.T) {
	t.Parallel()
	p := verified()
	p.Releases = append(
		p.Releases,
		policy.Release{Version: "26.6 (a)", Class: policy.ClassImprovement, Models: windows("2026-08-01", small, large)},
		policy.Release{Version: "26.5.1", Class: "patch", Models: windows("2026-06-01", "iPhone18,1")},
		policy.Release{Version: "26.7", Class: "update", Models: windows("2026-09-01", small, large)},
		policy.Release{Version: "twenty-six", Class: "update", Models: windows("2026-08-01", small, large)},
	)
	w := policy.NewWorld(p)
	for _, tt := range []struct {
		group, release string
		want           policy.Code
	}{
		{"nobody", next, policy.GateUnknownGroup},
		{group, "99", policy.GateUnknownRelease},
		{group, "26.6 (a)", policy.GateImprovement},
		{group, "26.5.1", policy.GateNotApplicable},
		{group, "26.7", policy.GateNotPosted},
		{group, "twenty-six", policy.GateImprovement},
	} {
		got := policy.Evaluate(w, tt.group, tt.release, now)
		if got.Phase != policy.PhaseHeld || got.Reasons[0].Code != tt.want || got.Fingerprint == "" || policy.Approvable(got) == nil {
			t.Errorf("Evaluate(%s, %s) = %s %v, want held with %s", tt.group, tt.release, got.Phase, got.Reasons, tt.want)
		}
		known := tt.want != policy.GateUnknownGroup && tt.want != policy.GateUnknownRelease
		if why, none := policy.NoGate(got); none != known || known && why.Code != tt.want {
			t.Errorf("NoGate of %s for %s = %s, %t", tt.release, tt.group, why.Code, none)
		}
	}
	if why, none := policy.NoGate(policy.Evaluate(w, group, next, now)); none {
		t.Errorf("no gate for %s: %s", next, why.Code)
	}
	if got := policy.Gates(w, "nobody", now); got != nil {
		t.Errorf("Gates of an unknown group = %v, want none", got)
	}
}

// TestClosed spoils a verified gate in one way at a time.
func TestClosed(t *testing.T) {
	t.Parallel()
	first := func(f func(v *policy.Verdict)) func(*policy.Parts) {
		return func(p *policy.Parts) { f(&p.Verdicts[0]) }
	}
	tests := []struct {
		name  string
		spoil func(*policy.Parts)
		want  policy.Code // of the gate
		state policy.Status
		why   policy.Code // of the first app
	}{
		{"no apps", func(p *policy.Parts) { p.Groups[0].Apps = nil }, policy.GateNoApps, "", ""},
		{"no blocking app", func(p *policy.Parts) { p.Groups[0].Apps = []string{news} }, policy.GateNoBlockingApp, "", ""},
		{"no verification phone", func(p *policy.Parts) { p.Groups[0].Census = p.Groups[0].Census[:2] }, policy.GateNoVerificationPhone, "", ""},
		{"no verdict", func(p *policy.Parts) { p.Verdicts = nil }, policy.GateAppMissing, policy.StatusUntested, policy.WhyNoVerdict},
		{"critical app on one model only", func(p *policy.Parts) { p.Verdicts = p.Verdicts[1:] }, policy.GateAppMissing, policy.StatusPartial, policy.WhyModelsMissing},
		{"critical app expired on one model", func(p *policy.Parts) { p.Verdicts[0].Expires = now }, policy.GateAppMissing, policy.StatusPartial, policy.WhyExpired},
		{"critical app expired on one model, untested on another", func(p *policy.Parts) {
			p.Verdicts[0].Expires = now
			for i := range p.Releases {
				p.Releases[i].Models = append(p.Releases[i].Models, windows("2026-05-11", "iPhone17,1")...)
			}
			p.Groups[0].Census = append(p.Groups[0].Census, policy.Census{Ring: policy.RingProduction, Model: "iPhone17,1", OSVersion: "26.5", Count: 1})
		}, policy.GateAppMissing, policy.StatusPartial, policy.WhyModelsMissing},
		{"important app on no production model", func(p *policy.Parts) { p.Verdicts[2].Model = "iPhone18,1" }, policy.GateAppMissing, policy.StatusPartial, policy.WhyModelsMissing},
		{"phone not on the release", first(func(v *policy.Verdict) { v.PhoneOS = "26.5" }), policy.GateAppMissing, policy.StatusUntested, policy.WhyPhoneNotOn},
		{"production phone", first(func(v *policy.Verdict) { v.Ring = policy.RingProduction }), policy.GateAppMissing, policy.StatusUntested, policy.WhyProductionPhone},
		{"phone of another group", first(func(v *policy.Verdict) { v.Group = "stock" }), policy.GateAppMissing, policy.StatusUntested, policy.WhyOtherGroup},
		{"expired", first(func(v *policy.Verdict) { v.Expires = now }), policy.GateAppMissing, policy.StatusStale, policy.WhyExpired},
		{"revoked", first(func(v *policy.Verdict) { v.RevokedAt = now }), policy.GateAppMissing, policy.StatusUntested, policy.WhyRevoked},
		{"of tomorrow", first(func(v *policy.Verdict) { v.At = after }), policy.GateAppMissing, policy.StatusUntested, policy.WhyNoVerdict},
		{"tester not allowed", first(func(v *policy.Verdict) { v.AllowedTester = false }), policy.GateAppMissing, policy.StatusUntested, policy.WhyTesterNotAllowed},
		{"no app version", first(func(v *policy.Verdict) { v.AppVersion = "" }), policy.GateAppMissing, policy.StatusUntested, policy.WhyNoAppVersion},
		{"unknown result", first(func(v *policy.Verdict) { v.Result = "fine" }), policy.GateAppMissing, policy.StatusUntested, policy.WhyUnknownResult},
		{"external without evidence", first(func(v *policy.Verdict) { v.External = true }), policy.GateAppMissing, policy.StatusUntested, policy.WhyNoEvidence},
		{"other release", first(func(v *policy.Verdict) { v.Release = "26.5" }), policy.GateAppMissing, policy.StatusUntested, policy.WhyNoVerdict},
		{"app without a record counts as critical", func(p *policy.Parts) {
			p.Apps, p.Verdicts = p.Apps[1:], p.Verdicts[:1]
			p.Verdicts[0].Model = large
		}, policy.GateAppMissing, policy.StatusPartial, policy.WhyModelsMissing},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := verified()
			// With one critical app on one model the state of the app is that
			// of its one verdict.
			if tt.state != "" && tt.state != policy.StatusPartial {
				p.Groups[0].Census[1].Model = small
				p.Verdicts = []policy.Verdict{p.Verdicts[0], p.Verdicts[2]}
			}
			tt.spoil(&p)
			got := evaluate(p)
			if got.Phase != policy.PhaseVerifying || got.Reasons[0].Code != tt.want {
				t.Fatalf("phase, reasons = %s %v, want verifying with %s first", got.Phase, got.Reasons, tt.want)
			}
			var closed *policy.ClosedError
			if err := policy.Approvable(got); !errors.As(err, &closed) {
				t.Fatalf("Approvable = %v, want a ClosedError", err)
			}
			if tt.state == "" {
				return
			}
			worst := closed.Apps[0]
			if worst.State != tt.state || worst.Why != tt.why {
				t.Errorf("state, why = %s %s, want %s %s", worst.State, worst.Why, tt.state, tt.why)
			}
			if text := closed.Error(); !strings.Contains(text, worst.BundleID) || !strings.Contains(text, string(tt.why)) {
				t.Errorf("error %q does not name %s and %s", text, worst.BundleID, tt.why)
			}
		})
	}
}

func TestOpens(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*policy.Parts)
		state  policy.Status // of the critical app
	}{
		{"works", func(*policy.Parts) {}, policy.StatusWorks},
		{"works with a note on one model", func(p *policy.Parts) { p.Verdicts[0].Result = policy.ResultWorksWithNote }, policy.StatusWorksWithNote},
		{"informational app broken", func(p *policy.Parts) {
			v := works("v4", news, small)
			v.Result = policy.ResultBroken
			p.Verdicts = append(p.Verdicts, v)
		}, policy.StatusWorks},
		{"external with evidence", func(p *policy.Parts) {
			p.Verdicts[0].External, p.Verdicts[0].Evidence, p.Verdicts[0].Ring = true, "vendor letter 12", ""
		}, policy.StatusWorks},
		{"verdict that never expires", func(p *policy.Parts) { p.Verdicts[0].Expires = time.Time{} }, policy.StatusWorks},
		{"revocation of tomorrow", func(p *policy.Parts) { p.Verdicts[0].RevokedAt = after }, policy.StatusWorks},
		{"broken cleared at the same app version", func(p *policy.Parts) {
			breakPOS(p)
			v := works("v5", pos, small)
			v.At = now
			p.Verdicts = append(p.Verdicts, v)
		}, policy.StatusWorks},
		{"broken revoked", func(p *policy.Parts) { breakPOS(p); p.Verdicts[3].RevokedAt = now }, policy.StatusWorks},
		{"any model class", func(p *policy.Parts) {
			widen(p, policy.ModelClassAny)
			p.Verdicts = p.Verdicts[1:]
		}, policy.StatusWorks},
		{"production empty, one verdict per app", func(p *policy.Parts) {
			p.Groups[0].Census, p.Verdicts = p.Groups[0].Census[2:], p.Verdicts[1:]
		}, policy.StatusWorks},
		{"production model that cannot run it", func(p *policy.Parts) {
			p.Groups[0].Census = append(p.Groups[0].Census, policy.Census{Ring: policy.RingProduction, Model: "iPhone11,8", OSVersion: "18.7.8", Count: 3})
		}, policy.StatusWorks},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := verified()
			tt.change(&p)
			got := evaluate(p)
			if got.Phase != policy.PhaseVerified || len(got.Missing) != 0 {
				t.Fatalf("phase, reasons, missing = %s %v %v, want verified", got.Phase, got.Reasons, got.Missing)
			}
			if s := got.Apps[1]; s.BundleID != pos || s.State != tt.state {
				t.Errorf("state of %s = %s, want %s", s.BundleID, s.State, tt.state)
			}
		})
	}
}

func TestBrokenStays(t *testing.T) {
	t.Parallel()
	later := func(f func(v *policy.Verdict)) policy.Parts {
		p := verified()
		p.Verdicts[0].AppVersion = "3.0"
		breakPOS(&p)
		v := works("v5", pos, small)
		v.At = now
		f(&v)
		p.Verdicts = append(p.Verdicts, v)
		return p
	}
	tests := []struct {
		name string
		edit func(v *policy.Verdict)
		want policy.Phase
	}{
		{"older app version", func(v *policy.Verdict) { v.AppVersion = "3.0.9" }, policy.PhaseBlocked},
		{"app version without an order", func(v *policy.Verdict) { v.AppVersion = "new" }, policy.PhaseBlocked},
		{"other model", func(v *policy.Verdict) { v.Model = large }, policy.PhaseBlocked},
		{"works at the same moment", func(v *policy.Verdict) { v.At = before.Add(time.Hour) }, policy.PhaseBlocked},
		{"works not accepted", func(v *policy.Verdict) { v.AllowedTester = false }, policy.PhaseBlocked},
		{"works revoked", func(v *policy.Verdict) { v.RevokedAt = now }, policy.PhaseBlocked},
		{"newer app version", func(v *policy.Verdict) { v.AppVersion = "3.2" }, policy.PhaseVerified},
		{"works expired since", func(v *policy.Verdict) { v.Expires = now }, policy.PhaseVerifying},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := evaluate(later(tt.edit)); got.Phase != tt.want {
				t.Errorf("phase = %s %v, want %s", got.Phase, got.Reasons, tt.want)
			}
		})
	}
	p := verified()
	breakPOS(&p)
	p.Verdicts[3].Expires = before.Add(2 * time.Hour)
	if got := evaluate(p); got.Phase != policy.PhaseBlocked {
		t.Errorf("a broken verdict faded with time: %s", got.Phase)
	}
}

// TestRolloutAndVerdicts tests what verdicts do to a rollout under way.
func TestRolloutAndVerdicts(t *testing.T) {
	t.Parallel()
	again := func(p *policy.Parts) {
		v := works("v9", pos, small)
		v.At = now
		p.Verdicts = append(p.Verdicts, v)
	}
	tests := []struct {
		name   string
		change func(*policy.Parts)
		want   policy.Phase
	}{
		{"expired does not stop it", func(p *policy.Parts) { p.Verdicts[0].Expires = now.Add(-time.Minute) }, policy.PhaseRollingOut},
		{"revoked stops it", revokeFirst, policy.PhasePaused},
		{"revoked and tested again", func(p *policy.Parts) { revokeFirst(p); again(p) }, policy.PhaseRollingOut},
		{"revoked before the approval", func(p *policy.Parts) { p.Verdicts[0].RevokedAt = before }, policy.PhaseRollingOut},
		{"named by an approval of a clock that ran ahead", func(p *policy.Parts) {
			p.Verdicts[0].RevokedAt, p.Approvals[0].Verdicts = before, []string{p.Verdicts[0].ID}
		}, policy.PhasePaused},
		{"named, and to be revoked", func(p *policy.Parts) {
			p.Verdicts[0].RevokedAt, p.Approvals[0].Verdicts = after, []string{p.Verdicts[0].ID}
		}, policy.PhaseRollingOut},
		{"recorded and revoked after the approval", func(p *policy.Parts) {
			again(p)
			p.Verdicts[3].Model, p.Verdicts[3].RevokedAt = "iPhone18,1", now
		}, policy.PhaseRollingOut},
		{"revoked but expired before the approval", func(p *policy.Parts) {
			revokeFirst(p)
			p.Verdicts[0].Expires = before.Add(time.Minute)
		}, policy.PhaseRollingOut},
		{"important app: another model stands in", func(p *policy.Parts) {
			p.Verdicts[2].RevokedAt = now
			p.Verdicts = append(p.Verdicts, works("v8", scan, large))
		}, policy.PhaseRollingOut},
		{"important app: none stands in", func(p *policy.Parts) { p.Verdicts[2].RevokedAt = now }, policy.PhasePaused},
		{"broken pauses it", breakPOS, policy.PhaseBlocked},
		{"broken and cleared", func(p *policy.Parts) { breakPOS(p); again(p) }, policy.PhaseRollingOut},
		{"informational app broken", func(p *policy.Parts) {
			v := works("v7", news, small)
			v.Result = policy.ResultBroken
			p.Verdicts = append(p.Verdicts, v)
		}, policy.PhaseRollingOut},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := approved()
			tt.change(&p)
			got := evaluate(p)
			if got.Phase != tt.want {
				t.Errorf("phase = %s %v, want %s", got.Phase, got.Reasons, tt.want)
			}
			if got.StoppedByResult() != (tt.want != policy.PhaseRollingOut) {
				t.Errorf("stopped by a result = %t in phase %s", got.StoppedByResult(), got.Phase)
			}
			enforced := policy.TargetFor(policy.NewWorld(p), phone(), now).Enforce != nil
			if enforced != (tt.want == policy.PhaseRollingOut) {
				t.Errorf("enforced = %t in phase %s", enforced, got.Phase)
			}
		})
	}
}

// TestSilentPhonesAreOutstanding: who is out of contact lacks the release all the same.
func TestSilentPhonesAreOutstanding(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		census []policy.Census
		want   map[string]string
	}{
		"none":       {[]policy.Census{{Model: small, OSVersion: "26.5", Count: 2}}, map[string]string{policy.ParamCount: "2"}},
		"some":       {[]policy.Census{{Model: small, OSVersion: "26.5", Count: 3, Silent: 1}}, map[string]string{policy.ParamCount: "3", policy.ParamSilent: "1"}},
		"all":        {[]policy.Census{{Model: small, OSVersion: "26.5", Count: 3, Silent: 3}}, map[string]string{policy.ParamCount: "3", policy.ParamSilent: "3"}},
		"one is new": {[]policy.Census{{Model: small, OSVersion: next, Count: 1, Silent: 1}, {Model: small, OSVersion: "26.5", Count: 1}}, map[string]string{policy.ParamCount: "1"}},
	} {
		p := approved()
		for i := range tt.census {
			tt.census[i].Ring = policy.RingProduction
		}
		p.Groups[0].Census = tt.census
		want := policy.Reason{Code: policy.GatePhonesOutstanding, Params: tt.want}
		if diff := cmp.Diff(want, evaluate(p).Reasons[0]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestDoneCounts(t *testing.T) {
	t.Parallel()
	p := approved()
	p.Approvals[0].Models = []string{small}
	p.Groups[0].Census = []policy.Census{
		{Ring: policy.RingProduction, Model: small, OSVersion: next, Count: 7},
		{Ring: policy.RingProduction, Model: small, OSVersion: "26.6.1", Count: 1},
		{Ring: policy.RingProduction, Model: small, OSVersion: "26.5", Count: 2, Silent: 5},
		{Ring: policy.RingProduction, Model: large, OSVersion: "26.5", Count: 3},
		{Ring: policy.RingProduction, Model: "iPhone11,8", OSVersion: "18.7.8", Count: 4},
		{Ring: policy.RingProduction, Model: small, OSVersion: "26.5", Count: -1},
		{Ring: policy.RingVerification, Model: small, OSVersion: next, Count: 2},
		{Ring: policy.RingVerification, Model: small, OSVersion: "26.5", Count: 1},
	}
	got := evaluate(p)
	want := policy.Counts{Production: 13, Done: 8, Silent: 2, NotCovered: 3, CannotRun: 4, Verification: 3, OnRelease: 2}
	if diff := cmp.Diff(want, got.Counts); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if got.Phase != policy.PhaseDone {
		t.Errorf("phase = %s %v, want done: silent and uncovered phones are not waited for", got.Phase, got.Reasons)
	}
	p.Groups[0].Census[2].Silent = 1
	if got := evaluate(p); got.Phase != policy.PhaseRollingOut {
		t.Errorf("phase = %s, want rolling-out: one reachable phone is not there", got.Phase)
	}
	p.Groups[0].Census = append(p.Groups[0].Census[:2:2], policy.Census{Ring: policy.RingProduction, Count: 1})
	if got := evaluate(p); got.Counts.CannotRun != 0 || got.Counts.NotCovered != 1 {
		t.Errorf("counts = %+v: a phone whose model is unknown is neither unable nor covered", got.Counts)
	}
	p.Groups[0].Census = nil
	if got := evaluate(p); got.Phase != policy.PhaseRollingOut {
		t.Errorf("phase without phones = %s, want rolling-out", got.Phase)
	}
}

func TestGates(t *testing.T) {
	t.Parallel()
	versions := func(p policy.Parts) []string {
		var out []string
		for _, g := range policy.Gates(policy.NewWorld(p), group, now) {
			out = append(out, g.Release)
		}
		return out
	}
	tests := []struct {
		name   string
		change func(*policy.Parts)
		want   []string
	}{
		{"newer than the oldest production phone", func(*policy.Parts) {}, []string{next, "26.5.2"}},
		{"not the expired", expire, []string{"26.5.2"}},
		{"not for other models", func(p *policy.Parts) {
			p.Releases[1].Models = windows("2026-06-29", "iPhone18,1")
		}, []string{next}},
		{"no production phones: every installable one", func(p *policy.Parts) { p.Groups[0].Census = p.Groups[0].Census[2:] }, []string{next, "26.5.2", "26.5"}},
		{"no phones at all", func(p *policy.Parts) { p.Groups[0].Census = nil }, []string{next, "26.5.2", "26.5"}},
		{"versions not reported yet", func(p *policy.Parts) {
			p.Groups[0].Census[0].OSVersion, p.Groups[0].Census[1].OSVersion = "", ""
		}, []string{next, "26.5.2", "26.5"}},
		{"not yet posted", addRelease("26.7", "2026-09-01"), []string{next, "26.5.2"}},
		{"numeric order", func(p *policy.Parts) {
			addRelease("26.10", "2026-08-01")(p)
			addRelease("26.6.0", "2026-08-01")(p)
		}, []string{"26.10", next, "26.6.0", "26.5.2"}},
		{"all done: the approved one stays in sight", func(p *policy.Parts) {
			atNext(p)
			p.Approvals = []policy.Approval{approval()}
		}, []string{next}},
		{"approved and expired stays in sight", func(p *policy.Parts) {
			expire(p)
			p.Approvals = []policy.Approval{approval()}
		}, []string{next, "26.5.2"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := verified()
			tt.change(&p)
			if diff := cmp.Diff(tt.want, versions(p)); diff != "" {
				t.Errorf("gates (-want +got):\n%s", diff)
			}
		})
	}
}

func TestModelsAndFloors(t *testing.T) {
	t.Parallel()
	p := verified()
	p.Verdicts[1].AppVersion = "3.10"
	got := evaluate(p)
	wantFloors := []policy.Floor{{BundleID: pos, MinVersion: "3.10"}, {BundleID: scan, MinVersion: "3.1"}}
	if diff := cmp.Diff(wantFloors, got.Floors); diff != "" {
		t.Errorf("floors (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{small, large}, got.Models); diff != "" {
		t.Errorf("models (-want +got):\n%s", diff)
	}

	// A second critical app narrows what is covered.
	p.Apps[1].Importance = policy.ImportanceCritical
	if got := evaluate(p); !cmp.Equal([]string{small}, got.Models) {
		t.Errorf("models = %v, want only the one with all critical apps", got.Models)
	}
	// Without a critical app production is covered as a whole.
	p = verified()
	p.Groups[0].Apps = []string{scan}
	p.Verdicts = append(p.Verdicts, works("v6", scan, "iPhone18,1"))
	if got := evaluate(p); !cmp.Equal([]string{small, large, "iPhone18,1"}, got.Models) {
		t.Errorf("models = %v, want production and the tested one", got.Models)
	}
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	base := evaluate(verified()).Fingerprint
	same := map[string]func(*policy.Parts){
		"counts":   func(p *policy.Parts) { p.Groups[0].Census[0].Count = 99 },
		"revision": func(p *policy.Parts) { p.Revision = 8 },
		"dates":    func(p *policy.Parts) { p.Releases[2].Models[0].Expires = after },
	}
	for name, change := range same {
		p := verified()
		change(&p)
		if got := evaluate(p).Fingerprint; got != base {
			t.Errorf("%s: fingerprint changed", name)
		}
	}
	differ := map[string]func(*policy.Parts){
		"phase":      decline,
		"verdict":    func(p *policy.Parts) { p.Verdicts[0].ID = "w1" },
		"note":       func(p *policy.Parts) { p.Verdicts[0].Result = policy.ResultWorksWithNote },
		"external":   func(p *policy.Parts) { p.Verdicts[0].External, p.Verdicts[0].Evidence = true, "letter" },
		"floor":      func(p *policy.Parts) { p.Verdicts[0].AppVersion = "3.2" },
		"importance": func(p *policy.Parts) { p.Apps[2].Importance = policy.ImportanceImportant },
		"app":        func(p *policy.Parts) { p.Groups[0].Apps = []string{pos, scan} },
		"models":     func(p *policy.Parts) { p.Verdicts = append(p.Verdicts, works("v6", pos, "iPhone18,1")) },
	}
	for name, change := range differ {
		p := verified()
		change(&p)
		if got := evaluate(p).Fingerprint; got == base {
			t.Errorf("%s: fingerprint did not change", name)
		}
	}
}

func TestClocksAndCVEs(t *testing.T) {
	t.Parallel()
	p := verified()
	p.Releases[2].Models[1].Expires = day("2026-10-20")
	got := evaluate(p)
	if got.FixesSince != "26.5" {
		t.Errorf("fixes since %q, want since 26.5", got.FixesSince)
	}
	want := policy.Clocks{HiddenUntil: day("2026-10-25"), ShelfLife: day("2026-10-20"), VerifyBy: day("2026-10-20")}
	if diff := cmp.Diff(want, got.Clocks); diff != "" {
		t.Errorf("clocks (-want +got):\n%s", diff)
	}
	gone := verified()
	gone.Releases[2].Models[0].Expires, gone.Releases[2].Models[1].Expires = before, day("2026-10-20")
	if diff := cmp.Diff(want, evaluate(gone).Clocks); diff != "" {
		t.Errorf("clocks where one model can no longer get it (-want +got):\n%s", diff)
	}
	p.Releases = append(p.Releases, policy.Release{Version: "26.5.1", Models: windows("2026-06-01", "iPhone18,1"), CVEs: []policy.CVE{{ID: "CVE-4"}}})
	if got := evaluate(p); got.CVEs != 2 {
		t.Errorf("cves = %d, want 2: 26.5.1 is for other models", got.CVEs)
	}
	p.Releases = p.Releases[:3]
	if got.CVEs != 2 || !cmp.Equal(got.Exploited, []string{"CVE-2"}) {
		t.Errorf("cves = %d %v, want 2 with CVE-2 exploited: 26.5.2 and 26.6 are both new to the oldest phone", got.CVEs, got.Exploited)
	}

	// Production on the older branch, which has stopped for one model.
	p.Releases = append(p.Releases,
		policy.Release{Version: "18.7.2", Class: "patch", Models: []policy.ModelWindow{
			{Model: small, Posted: day("2025-11-05"), LeftPublic: day("2025-12-12")}, {Model: large, Posted: day("2025-11-05")},
		}},
		policy.Release{Version: "18.7.9", Class: "patch", Models: windows("2026-08-10", small), CVEs: []policy.CVE{{ID: "CVE-9"}}},
		policy.Release{Version: "18.7.10", Class: "patch", Models: windows("2026-09-10", small)},
	)
	p.Groups[0].Census[0].OSVersion = "18.7.1"
	if got := evaluate(p).Clocks.Branch; !got.IsZero() {
		t.Errorf("branch clock = %v, want none: 18.7.9 is still there", got)
	}
	if got := evaluate(p); got.CVEs != 3 {
		t.Errorf("cves = %d, want 3: a fix posted later in an older branch is not promised", got.CVEs)
	}
	p.Releases[4].Models = windows("2026-08-10", "iPhone11,8")
	if got := evaluate(p).Clocks; !got.Branch.Equal(day("2025-12-12")) || !got.VerifyBy.Equal(day("2025-12-12")) {
		t.Errorf("clocks = %+v, want branch and verify-by 2025-12-12", got)
	}
	p.Groups[0].Census[0].OSVersion = "26.5"
	p.Groups[0].Census[1].Model = "iPhone18,1"
	if got := evaluate(p).Clocks.Branch; !got.IsZero() {
		t.Errorf("branch clock = %v, want none: production is on the branch of the release", got)
	}
	for i := range p.Releases[2].Models {
		p.Releases[2].Models[i].Posted = time.Time{}
	}
	p.Groups[0].Census = nil
	if got := evaluate(p); !got.Clocks.HiddenUntil.IsZero() || got.CVEs != 2 {
		t.Errorf("clocks, cves = %+v %d, want no hold clock and the release's own 2", got.Clocks, got.CVEs)
	}
}

// TestNothingLeftToFix: what every production phone has is no fix any more, and
// nobody is late with what is approved.
func TestNothingLeftToFix(t *testing.T) {
	t.Parallel()
	p := approved()
	for i := range p.Releases[2].Models {
		p.Releases[2].Models[i].Posted = day("2026-05-10") // day 90 was 2026-08-08
	}
	if got := evaluate(p); got.CVEs == 0 || got.Clocks.Passed {
		t.Errorf("rolling out: %d fixes, passed %t; want some and no mark", got.CVEs, got.Clocks.Passed)
	}
	for i := range p.Groups[0].Census {
		p.Groups[0].Census[i].OSVersion = next
	}
	got := evaluate(p)
	if got.Phase != policy.PhaseDone || got.CVEs != 0 || len(got.Exploited) != 0 || got.FixesSince != next {
		t.Errorf("%s: %d fixes, exploited %v, since %q; want done, none, since %s", got.Phase, got.CVEs, got.Exploited, got.FixesSince, next)
	}
	p.Approvals = nil
	if got := evaluate(p).Clocks; !got.Passed {
		t.Errorf("clocks = %+v, want verify-by marked as passed", got)
	}
}

// TestWaitsFor: an approved gate waits for no app, whoever did not test it.
func TestWaitsFor(t *testing.T) {
	t.Parallel()
	done := overridden()
	for i := range done.Groups[0].Census {
		done.Groups[0].Census[i].OSVersion = next
	}
	for name, tt := range map[string]struct {
		world policy.Parts
		phase policy.Phase
		want  []string
	}{
		"verifying":                  {parts(), policy.PhaseVerifying, []string{pos, scan}},
		"verified":                   {verified(), policy.PhaseVerified, nil},
		"overridden and rolling out": {overridden(), policy.PhaseRollingOut, nil},
		"overridden and done":        {done, policy.PhaseDone, nil},
	} {
		got := evaluate(tt.world)
		if diff := cmp.Diff(tt.want, got.WaitsFor()); got.Phase != tt.phase || diff != "" {
			t.Errorf("%s: phase %s, want %s; waits for (-want +got):\n%s", name, got.Phase, tt.phase, diff)
		}
	}
}

func notExploited(p *policy.Parts) { p.Releases[1].CVEs[0].Exploited = false }

// TestNextWave: the next wave is the first that waits and will start, while the
// rollout goes on.
func TestNextWave(t *testing.T) {
	t.Parallel()
	first, second := policy.Wave{Start: before, Threshold: 100}, policy.Wave{Start: after, Threshold: policy.Buckets, Waits: true}
	kept := policy.Wave{Start: before, Threshold: 200, Waits: true, Kept: true}
	for name, tt := range map[string]struct {
		waves  []policy.Wave
		paused bool
		want   time.Time
	}{
		"the second waits":      {[]policy.Wave{first, second}, false, after},
		"both wait":             {[]policy.Wave{{Start: now.Add(time.Minute), Threshold: 100, Waits: true}, second}, false, now.Add(time.Minute)},
		"the only one is dated": {[]policy.Wave{{Start: after, Threshold: policy.Buckets}}, false, after},
		"one is kept":           {[]policy.Wave{first, kept, second}, false, time.Time{}},
		"all have started":      {[]policy.Wave{first, {Start: before, Threshold: policy.Buckets}}, false, time.Time{}},
		"the next one is due":   {[]policy.Wave{first, {Start: before, Threshold: policy.Buckets, Waits: true}}, false, time.Time{}},
		"it stands still":       {[]policy.Wave{first, second}, true, time.Time{}},
		"nothing to follow":     {[]policy.Wave{first, kept}, false, time.Time{}},
	} {
		p := approved()
		p.Approvals[0].Waves = tt.waves
		if tt.paused {
			pause(&p)
		}
		if got := evaluate(p); !got.NextWave.Equal(tt.want) {
			t.Errorf("%s: next wave %v in phase %s, want %v", name, got.NextWave, got.Phase, tt.want)
		}
	}
}

func declinePatch(p *policy.Parts) {
	p.Declines = append(p.Declines, policy.Decline{Group: group, Release: "26.6.1", At: before})
}

// TestNextSteps names the steps of each phase.
func TestNextSteps(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		world     policy.Parts
		change    func(*policy.Parts)
		automatic policy.Code
		human     policy.Code
	}{
		{"declined", verified(), decline, "", policy.StepTakeBack},
		{"declined for a newer one", verified(), func(p *policy.Parts) { decline(p); addRelease("26.6.1", "2026-08-10")(p) }, "", policy.StepChooseNewer},
		{"declined while a newer branch is open", withMajor(policy.MajorsAllow), decline, "", policy.StepChooseNewer},
		{"declined while a newer branch is held", withMajor(policy.MajorsHold), decline, "", policy.StepTakeBack},
		{"declined, the older branch having stopped", withMajor(policy.MajorsHold), func(p *policy.Parts) { decline(p); stopBranch(p, small, large) }, "", policy.StepChooseNewer},
		{"declined while a newer branch is open for one model", withMajor(policy.MajorsAllow), func(p *policy.Parts) {
			decline(p)
			p.Releases[len(p.Releases)-1].Models = windows("2026-08-10", small)
		}, "", policy.StepTakeBack},
		{"declined with the newer branch", withMajor(policy.MajorsAllow), func(p *policy.Parts) {
			decline(p)
			p.Declines = append(p.Declines, policy.Decline{Group: group, Release: major, At: before})
		}, "", policy.StepTakeBack},
		{"paused by a person", approved(), pause, "", policy.StepResume},
		{"paused by a revocation", approved(), revokeFirst, policy.StepResumeWhenClear, policy.StepRecordVerdicts},
		{"blocked rollout", approved(), breakPOS, policy.StepResumeWhenClear, policy.StepFixApp},
		{"blocked", verified(), breakPOS, policy.StepHoldEnds, policy.StepFixApp},
		{"done", approved(), atNext, policy.StepNextRelease, ""},
		{"rolling out", approved(), notExploited, policy.StepPhonesInstall, ""},
		{"rolling out while a flaw is exploited", approved(), func(*policy.Parts) {}, policy.StepPhonesInstall, policy.StepHurry},
		{"approved", approved(), startLater, policy.StepWaveStarts, policy.StepHurry},
		{"verified", verified(), func(*policy.Parts) {}, policy.StepHoldEnds, policy.StepApprove},
		{"hold over", verified(), func(p *policy.Parts) {
			p.Releases[2].Models = windows("2026-05-01", small, large)
		}, "", policy.StepApprove},
		{"verifying", parts(), func(*policy.Parts) {}, policy.StepHoldEnds, policy.StepRecordVerdicts},
		{"verifying without the release", parts(), func(p *policy.Parts) {
			for i := range p.Groups[0].Census {
				p.Groups[0].Census[i].OSVersion = "26.5"
			}
		}, policy.StepHoldEnds, policy.StepGetCandidate},
		{"verifying without apps", parts(), func(p *policy.Parts) { p.Groups[0].Apps = nil }, policy.StepHoldEnds, policy.StepAddApp},
		{"held", parts(), func(p *policy.Parts) { p.Offers = nil }, policy.StepHoldEnds, policy.StepOffer},
		{"held without phones", parts(), func(p *policy.Parts) { p.Groups[0].Census, p.Offers = nil, nil }, policy.StepHoldEnds, policy.StepAddTestPhone},
		{"not posted", parts(), func(p *policy.Parts) { p.Releases[2].Models = windows("2026-09-01", small, large) }, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := tt.world
			tt.change(&p)
			if got := evaluate(p); got.NextAutomatic != tt.automatic || got.NextHuman != tt.human {
				t.Errorf("next = %q, %q, want %q, %q in phase %s", got.NextAutomatic, got.NextHuman, tt.automatic, tt.human, got.Phase)
			}
		})
	}
}
