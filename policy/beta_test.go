package policy_test

import (
	"testing"

	"github.com/kannuki-mdm/kannuki/policy"
)

// TestBetaOpensNothing: what works, or breaks, on a beta of a release says
// nothing about the release.
func TestBetaOpensNothing(t *testing.T) {
	t.Parallel()
	for build, accepted := range map[string]bool{"": true, "23G83": true, "23G6083": true, "23G5083": true, "23G5083a": false, "24A5260n": false} {
		p := verified()
		for i := range p.Verdicts {
			p.Verdicts[i].PhoneBuild = build
		}
		g := evaluate(p)
		if (g.Phase == policy.PhaseVerified) != accepted {
			t.Errorf("tested on build %q: gate %s", build, g.Phase)
		}
		if pos := g.Apps[1]; !accepted && pos.Why != policy.WhyBeta {
			t.Errorf("tested on build %q: %s is %s %s, want why %s", build, pos.BundleID, pos.State, pos.Why, policy.WhyBeta)
		}
		p.Verdicts[0].Result = policy.ResultBroken
		if g := evaluate(p); (g.Phase == policy.PhaseBlocked) != accepted {
			t.Errorf("broken on build %q: gate %s", build, g.Phase)
		}
	}
}

// TestPhoneOnBeta: a phone with a beta is said to have one, in either ring, and
// not to have what it is meant to have.
func TestPhoneOnBeta(t *testing.T) {
	t.Parallel()
	for _, f := range []policy.Facts{phone(), tester()} {
		for build, want := range map[string]string{"24B5010e": "24B5010e", "24B80": ""} {
			f.OSVersion, f.Build = "27.1", build
			got := policy.TargetFor(policy.NewWorld(verified()), f, now).Blocked
			if got.Code != policy.ReasonDone || got.Params[policy.ParamBuild] != want {
				t.Errorf("%s phone with build %s: %+v, want done and build %q", f.Ring, build, got, want)
			}
			why, step := policy.Code(""), policy.StepNone
			switch {
			case want == "":
			case f.Ring == policy.RingVerification:
				why = policy.WhyHeadStart
			default: // nothing can be recorded of it: somebody has to take the beta away
				why, step = policy.WhyProductionBeta, policy.StepLeaveBeta
			}
			w := policy.NewWorld(verified())
			x := policy.NewExplainer(w, now).Explain(f, policy.Live{}, policy.TargetFor(w, f, now))
			if policy.Code(x.Reason.Params[policy.ParamWhy]) != why || x.NextHuman != step {
				t.Errorf("%s phone with build %s: why %q, step %q, want %q, %q", f.Ring, build, x.Reason.Params[policy.ParamWhy], x.NextHuman, why, step)
			}
		}
	}
}
