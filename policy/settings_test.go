package policy_test

import (
	"slices"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
)

// TestVerdictDays: the earlier of the policy's day and the result's own ends it.
func TestVerdictDays(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		of   string // policy of the group
		days int
		own  time.Time // the results' own day
		want policy.Phase
	}{
		{"no day at all", "strict", 0, time.Time{}, policy.PhaseVerified},
		{"the policy's day to come", "strict", 3, time.Time{}, policy.PhaseVerified},
		{"the policy's day is over", "strict", 2, time.Time{}, policy.PhaseVerifying},
		{"their own day is earlier", "strict", 3, now, policy.PhaseVerifying},
		{"their own day is later", "strict", 2, after, policy.PhaseVerifying},
		{"negative days", "strict", -1, time.Time{}, policy.PhaseVerified},
		{"another policy's days", "", 2, time.Time{}, policy.PhaseVerified},
		{"the built-in policy cannot be replaced", policy.DefaultPolicy, 2, time.Time{}, policy.PhaseVerified},
		{"a policy that is gone", "gone", 2, time.Time{}, policy.PhaseVerified},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := verified()
			p.Policies = []policy.Policy{{Name: "strict", VerdictDays: tc.days}, {Name: policy.DefaultPolicy, VerdictDays: tc.days}}
			p.Groups[0].Policy = tc.of
			for i := range p.Verdicts {
				p.Verdicts[i].Expires = tc.own
			}
			if got := policy.Evaluate(policy.NewWorld(p), group, next, now).Phase; got != tc.want {
				t.Errorf("phase %s, want %s", got, tc.want)
			}
		})
	}
}

// TestLoosenedByPolicy: a policy that lets results count for longer opens what
// they kept closed.
func TestLoosenedByPolicy(t *testing.T) {
	t.Parallel()
	p := verified()
	for i := range p.Verdicts {
		p.Verdicts[i].Expires = time.Time{}
	}
	p.Groups[0].Policy = "strict"
	world := func(days int) *policy.World {
		p.Policies = []policy.Policy{{Name: "strict", VerdictDays: days}}
		return policy.NewWorld(p)
	}
	if got := policy.Loosened(world(2), world(0), group, now); len(got) != 1 || got[0] != next {
		t.Errorf("for ever instead of two days: %v, want %s", got, next)
	}
	if got := policy.Loosened(world(0), world(2), group, now); len(got) != 0 {
		t.Errorf("two days instead of for ever: %v, want nothing", got)
	}
}

// TestLoosenedBehindBroken: a broken result that its recorder can take back alone hides
// nothing of what a policy opens, nor does a model that needs a test still.
func TestLoosenedBehindBroken(t *testing.T) {
	t.Parallel()
	untested := func(p *policy.Parts) {
		p.Verdicts = slices.DeleteFunc(p.Verdicts, func(v policy.Verdict) bool { return v.BundleID == pos && v.Model == large })
	}
	for name, change := range map[string]func(*policy.Parts){
		"one app is broken, the other not tested on a model": func(p *policy.Parts) {
			untested(p)
			b := works("b", scan, small)
			b.Result, b.At = policy.ResultBroken, now.Add(-time.Hour)
			p.Verdicts = append(p.Verdicts, b)
		},
		"the only app is broken": func(p *policy.Parts) {
			p.Groups[0].Apps = []string{pos}
			b := works("b", pos, large)
			b.Result, b.At = policy.ResultBroken, now.Add(-time.Hour)
			p.Verdicts = append(p.Verdicts, b)
		},
		"the only app is not tested on a model": func(p *policy.Parts) {
			p.Groups[0].Apps = []string{pos}
			untested(p)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			world := func(days int) *policy.World {
				p := verified()
				for i := range p.Verdicts {
					p.Verdicts[i].Expires = time.Time{}
				}
				change(&p)
				p.Groups[0].Policy, p.Policies = "strict", []policy.Policy{{Name: "strict", VerdictDays: days}}
				return policy.NewWorld(p)
			}
			if got := policy.Loosened(world(1), world(0), group, now); len(got) != 1 || got[0] != next {
				t.Errorf("for ever instead of one day: %v, want %s", got, next)
			}
			if got := policy.Loosened(world(0), world(1), group, now); len(got) != 0 {
				t.Errorf("one day instead of for ever: %v, want nothing", got)
			}
		})
	}
}
