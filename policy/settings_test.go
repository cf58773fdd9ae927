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

// TestLoosenedBehindNewer: an edit takes nothing away from a release whose place a newer
// one took, which one person can decline.
func TestLoosenedBehindNewer(t *testing.T) {
	t.Parallel()
	const newer = "26.6.1"
	tested := func(release, id, app, model string) policy.Verdict {
		v := works(id, app, model)
		v.Release, v.PhoneOS, v.Expires = release, release, time.Time{}
		return v
	}
	world := func(days int, apps []string, results ...policy.Verdict) *policy.World {
		p := parts()
		p.Releases = append(p.Releases, policy.Release{Version: newer, Class: "patch", Models: windows("2026-08-14", small, large)})
		p.Verdicts = append(results, tested(newer, "n1", pos, small), tested(newer, "n2", pos, large), tested(newer, "n3", scan, small))
		for i := range p.Verdicts[len(results):] {
			p.Verdicts[len(results)+i].At = now.Add(-time.Hour)
		}
		p.Groups[0].Apps, p.Groups[0].Policy = apps, "strict"
		p.Groups[0].Census[2].OSVersion, p.Groups[0].Census[3].OSVersion = newer, newer
		p.Declines = []policy.Decline{{Group: group, Release: "26.5.2", At: before}}
		p.Policies = []policy.Policy{{Name: "strict", VerdictDays: days}}
		return policy.NewWorld(p)
	}
	both, one := []string{pos, scan}, []string{pos}
	posOn := []policy.Verdict{tested(next, "o1", pos, small), tested(next, "o2", pos, large)}
	all := append(slices.Clone(posOn), tested(next, "o3", scan, small))
	for _, test := range []struct {
		name          string
		before, after *policy.World
		want          []string
	}{
		{"without an app that only the newer one was tested with", world(0, both, posOn...), world(0, one, posOn...), []string{next}},
		{"of which nothing was tested", world(0, both), world(0, one), []string{next}},
		{"all apps at once", world(0, both, posOn...), world(0, nil, posOn...), []string{next}},
		{"of which everything was tested", world(0, both, all...), world(0, one, all...), nil},
		{"by results that were over", world(1, both, all...), world(0, both, all...), []string{next}},
	} {
		if got := policy.Loosened(test.before, test.after, group, now); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}
