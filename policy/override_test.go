package policy_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
)

// overridden returns the world in which 26.6 is approved without any test, for
// one of two models and two days.
func overridden() policy.Parts {
	p := parts()
	a := approval()
	a.Models, a.Floors = []string{small}, nil
	a.Override = &policy.Override{By: "tanaka", Second: "sato", Reason: "exploited", SecondReason: "agreed", Until: after}
	p.Approvals = []policy.Approval{a}
	return p
}

// reportBroken records a broken result of the critical app at a time.
func reportBroken(id string, at time.Time) func(*policy.Parts) {
	return func(p *policy.Parts) {
		v := works(id, pos, small)
		v.Result, v.At = policy.ResultBroken, at
		p.Verdicts = append(p.Verdicts, v)
	}
}

func accept(ids ...string) func(*policy.Parts) {
	return func(p *policy.Parts) { p.Approvals[0].Override.Broken = ids }
}

func endOverride(p *policy.Parts) { p.Approvals[0].Override.Until = now }

// TestModelOutsideAnException: a model that two people left out is not called
// untested, and what is asked for is possible.
func TestModelOutsideAnException(t *testing.T) {
	t.Parallel()
	onLarge := phone()
	onLarge.Model = large
	for name, tt := range map[string]struct {
		verdicts []policy.Verdict
		human    policy.Code
	}{
		"tested, the other not": {[]policy.Verdict{works("v2", pos, large), works("v3", scan, large)}, policy.StepTestToApprove},
		"tested as the other":   {verified().Verdicts, policy.StepApprove},
		"not tested":            {nil, policy.StepTestToApprove},
	} {
		p := overridden()
		p.Verdicts = tt.verdicts
		w := policy.NewWorld(p)
		got := policy.Explain(w, onLarge, live(), policy.TargetFor(w, onLarge, now), now)
		want := policy.Reason{Code: policy.ReasonModelNotVerified, Params: map[string]string{
			policy.ParamRelease: next, policy.ParamModel: large, policy.ParamWhy: string(policy.WhyModelNotChosen), policy.ParamModels: small,
		}}
		if diff := cmp.Diff(want, got.Reason); diff != "" {
			t.Errorf("%s: reason (-want +got):\n%s", name, diff)
		}
		if got.NextHuman != tt.human {
			t.Errorf("%s: human step %q, want %q", name, got.NextHuman, tt.human)
		}
	}
}

// TestOverride follows an override: what its gate says and what its phones do.
func TestOverride(t *testing.T) {
	t.Parallel()
	onLarge := phone()
	onLarge.Model = large
	onNext := phone()
	onNext.OSVersion = next
	verify := func(p *policy.Parts) { p.Verdicts = verified().Verdicts }
	tests := []struct {
		name    string
		changes []func(*policy.Parts)
		facts   policy.Facts
		phase   policy.Phase
		said    policy.Code // the last reason of the gate
		enforce bool
		blocked policy.Code
	}{
		{"stands", nil, phone(), policy.PhaseRollingOut, policy.GateOverridden, true, ""},
		{"another model", nil, onLarge, policy.PhaseRollingOut, policy.GateOverridden, false, policy.ReasonModelNotVerified},
		{"already there", nil, onNext, policy.PhaseRollingOut, policy.GateOverridden, false, policy.ReasonDone},
		{"over", []func(*policy.Parts){endOverride}, phone(), policy.PhaseVerifying, policy.GateOverrideEnded, false, policy.ReasonGateClosed},
		{"without an end", []func(*policy.Parts){func(p *policy.Parts) { p.Approvals[0].Override.Until = time.Time{} }}, phone(), policy.PhaseVerifying, policy.GateOverrideEnded, false, policy.ReasonGateClosed},
		{"withdrawn", []func(*policy.Parts){func(p *policy.Parts) { p.Approvals[0].Withdrawn = now }}, phone(), policy.PhaseVerifying, policy.GateOffered, false, policy.ReasonGateClosed},
		{"paused", []func(*policy.Parts){pause}, phone(), policy.PhasePaused, policy.GateOverridden, false, policy.ReasonPaused},
		{"declined", []func(*policy.Parts){decline}, phone(), policy.PhaseDeclined, policy.GateDeclined, false, policy.ReasonGateClosed},
		{"broken and accepted", []func(*policy.Parts){reportBroken("b", before), accept("b")}, phone(), policy.PhaseRollingOut, policy.GateOverridden, true, ""},
		{"broken since", []func(*policy.Parts){reportBroken("b", before), reportBroken("c", now), accept("b")}, phone(), policy.PhaseBlocked, policy.GateOverridden, false, policy.ReasonPaused},
		{"an older one not accepted", []func(*policy.Parts){reportBroken("b", before), reportBroken("c", now), accept("c")}, phone(), policy.PhaseBlocked, policy.GateOverridden, false, policy.ReasonPaused},
		{"broken and accepted, over", []func(*policy.Parts){reportBroken("b", before), accept("b"), endOverride}, phone(), policy.PhaseBlocked, policy.GateOverrideEnded, false, policy.ReasonGateClosed},
		{"broken since and fixed", []func(*policy.Parts){reportBroken("c", before), func(p *policy.Parts) {
			v := works("d", pos, small)
			v.At = now
			p.Verdicts = append(p.Verdicts, v)
		}}, phone(), policy.PhaseRollingOut, policy.GateOverridden, true, ""},
		{"verified since, over", []func(*policy.Parts){verify, endOverride}, phone(), policy.PhaseVerified, policy.GateOverrideEnded, false, policy.ReasonGateClosed},
		{"replaced by an ordinary approval, over", []func(*policy.Parts){verify, endOverride, func(p *policy.Parts) {
			a := approval()
			a.ID, a.At = "a2", now
			p.Approvals = append(p.Approvals, a)
		}}, phone(), policy.PhaseRollingOut, policy.GatePhonesOutstanding, true, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := overridden()
			for _, c := range tt.changes {
				c(&p)
			}
			gate, got := evaluate(p), target(p, tt.facts)
			if gate.Phase != tt.phase || gate.Reasons[len(gate.Reasons)-1].Code != tt.said {
				t.Errorf("gate %s %v, want %s with %s last", gate.Phase, gate.Reasons, tt.phase, tt.said)
			}
			if (gate.Override != nil) != (tt.said == policy.GateOverridden) {
				t.Errorf("override at the gate = %+v with %s", gate.Override, tt.said)
			}
			if (got.Enforce != nil) != tt.enforce || got.Blocked.Code != tt.blocked {
				t.Errorf("enforce %+v, blocked %v; want %t, %q", got.Enforce, got.Blocked, tt.enforce, tt.blocked)
			}
		})
	}
}

// TestOverrideIsForProduction: what testers get is a decision of its own.
func TestOverrideIsForProduction(t *testing.T) {
	t.Parallel()
	p := overridden()
	p.Offers = nil
	if got := target(p, tester()); got.Enforce != nil {
		t.Errorf("a verification phone follows the override: %+v", got.Enforce)
	}
}

// TestOverrideEndsLikeAPause: a phone that prepares loses the release when the
// override ends, one that installs keeps it.
func TestOverrideEndsLikeAPause(t *testing.T) {
	t.Parallel()
	for state, keeps := range map[policy.InstallState]bool{
		policy.InstallDownloading: false, policy.InstallPrepared: false, policy.InstallInstalling: true,
	} {
		ended, paused := overridden(), overridden()
		endOverride(&ended)
		pause(&paused)
		got := target(ended, announced(phone(), state)).Enforce
		if (got != nil) != keeps {
			t.Errorf("%s: enforcement %+v, want one: %t", state, got, keeps)
		}
		if diff := cmp.Diff(target(paused, announced(phone(), state)).Enforce, got); diff != "" {
			t.Errorf("%s: not as after a pause (-pause +end):\n%s", state, diff)
		}
	}
}

func TestOverrideReplaceable(t *testing.T) {
	t.Parallel()
	p := overridden()
	closed := evaluate(p)
	if policy.Approvable(closed) == nil || closed.NextHuman != policy.StepTestToApprove {
		t.Errorf("an overridden gate nobody verified: approvable %v, next %q; want not, and the test", policy.Approvable(closed), closed.NextHuman)
	}
	p.Verdicts = verified().Verdicts
	open := evaluate(p)
	if err := policy.Approvable(open); err != nil || open.NextHuman != policy.StepApprove {
		t.Errorf("an overridden gate that was verified since: Approvable = %v, next step %q", err, open.NextHuman)
	}
	if open.Fingerprint == closed.Fingerprint {
		t.Error("verified since, and the same fingerprint")
	}
}

// TestBrokenAreListed: every uncleared result, not only the newest of each app.
func TestBrokenAreListed(t *testing.T) {
	t.Parallel()
	p := parts()
	reportBroken("b", before)(&p)
	one := evaluate(p)
	v := works("a", pos, large)
	v.Result, v.At = policy.ResultBroken, before.Add(-time.Hour)
	informational := works("n", news, small)
	informational.Result = policy.ResultBroken
	p.Verdicts = append(p.Verdicts, v, informational)
	two := evaluate(p)
	if diff := cmp.Diff([]string{"a", "b"}, two.Broken); diff != "" {
		t.Errorf("broken (-want +got):\n%s", diff)
	}
	if one.Fingerprint == two.Fingerprint {
		t.Error("another broken result, and the same fingerprint")
	}
	if diff := cmp.Diff([]string{small, large}, two.ProductionModels); diff != "" {
		t.Errorf("models of production (-want +got):\n%s", diff)
	}
}

// TestOverrideGolden shows gate and phone while an override stands, when a
// broken result stops it, and when it is over.
func TestOverrideGolden(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*policy.Parts){
		"stands": func(*policy.Parts) {}, "stopped": reportBroken("b", now), "over": endOverride,
	} {
		p := overridden()
		change(&p)
		w, f := policy.NewWorld(p), phone()
		target := policy.TargetFor(w, f, now)
		golden(t, fmt.Sprintf("override-%s.json", name), map[string]any{
			"gate": policy.Evaluate(w, group, next, now), "target": target, "explanation": policy.Explain(w, f, live(), target, now),
		})
	}
}
