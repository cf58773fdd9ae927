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
