package policy_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
)

const improved = "26.6 (a)"

// reverified returns the world in which 26.6 runs on all phones but two and
// Apple has posted an improvement of it, which the group's policy wants tested.
// It is one more release that only the results and approvals below know.
func reverified() policy.Parts {
	p := verified()
	p.Releases = append(p.Releases, policy.Release{
		Version: improved, Class: policy.ClassImprovement, Models: windows("2026-08-10", small, large), CVEs: []policy.CVE{{ID: "CVE-9", Exploited: true}},
	})
	p.Policies = []policy.Policy{{Name: "strict", CarryOver: true, Improvements: policy.Improvements{Mode: policy.ImprovementsReverify}}}
	p.Groups[0].Policy = "strict"
	p.Groups[0].Census = []policy.Census{
		{Ring: policy.RingProduction, Model: small, OSVersion: next, Count: 10},
		{Ring: policy.RingProduction, Model: large, OSVersion: "26.5.2", Count: 2},
		{Ring: policy.RingVerification, Model: small, OSVersion: improved, Count: 1},
		{Ring: policy.RingVerification, Model: large, OSVersion: improved, Count: 1},
	}
	p.Approvals = []policy.Approval{approval()}
	p.Offers = append(p.Offers, policy.Offer{Group: group, Release: improved, At: before})
	return p
}

// onImproved is a result of a verification phone with the improvement.
func onImproved(id, app, model string, method policy.Method) policy.Verdict {
	v := works(id, app, model)
	v.Release, v.PhoneExtra, v.Method = improved, "a", method
	return v
}

func smokedImproved(p *policy.Parts) {
	for i, v := range []policy.Verdict{works("", pos, small), works("", pos, large), works("", scan, small)} {
		p.Verdicts = append(p.Verdicts, onImproved("s"+string(rune('1'+i)), v.BundleID, v.Model, policy.MethodSmoke))
	}
}

func approveImproved(p *policy.Parts) {
	a := approval()
	a.ID, a.Release, a.Verdicts = "a2", improved, []string{"s1", "s2", "s3", "v1", "v2", "v3"}
	p.Approvals = append(p.Approvals, a)
}

func declineImproved(p *policy.Parts) {
	p.Declines = append(p.Declines, policy.Decline{Group: group, Release: improved, At: before})
}

// TestImprovementGate: under reverify an improvement has a gate, and is a patch
// of its base: results of the base carry over after a smoke test on it.
func TestImprovementGate(t *testing.T) {
	t.Parallel()
	says := func(m policy.ImprovementMode) func(*policy.Parts) {
		return func(p *policy.Parts) { p.Policies[0].Improvements.Mode = m }
	}
	tests := map[string]struct {
		change  []func(*policy.Parts)
		phase   policy.Phase
		reason  policy.Code
		listed  bool
		missing int
	}{
		"untested":            {nil, policy.PhaseVerifying, policy.GateAppMissing, true, 2},
		"verified":            {[]func(*policy.Parts){smokedImproved}, policy.PhaseVerified, policy.GateAllVerified, true, 0},
		"approved":            {[]func(*policy.Parts){smokedImproved, approveImproved}, policy.PhaseRollingOut, policy.GatePhonesOutstanding, true, 0},
		"accepted by policy":  {[]func(*policy.Parts){smokedImproved, approveImproved, says(policy.ImprovementsAccept)}, policy.PhaseHeld, policy.GateImprovement, false, 2},
		"turned off":          {[]func(*policy.Parts){smokedImproved, approveImproved, says(policy.ImprovementsOff)}, policy.PhaseHeld, policy.GateImprovementOff, false, 2},
		"declined":            {[]func(*policy.Parts){declineImproved}, policy.PhaseDeclined, policy.GateDeclined, true, 2},
		"declined, accepted":  {[]func(*policy.Parts){declineImproved, says(policy.ImprovementsAccept)}, policy.PhaseHeld, policy.GateImprovement, false, 2},
		"declined, off":       {[]func(*policy.Parts){declineImproved, says(policy.ImprovementsOff)}, policy.PhaseHeld, policy.GateImprovementOff, false, 2},
		"tested without it":   {[]func(*policy.Parts){smokedImproved, func(p *policy.Parts) { p.Verdicts[3].PhoneExtra = "" }}, policy.PhaseVerifying, policy.GateAppMissing, true, 1},
		"tested with another": {[]func(*policy.Parts){smokedImproved, func(p *policy.Parts) { p.Verdicts[3].PhoneExtra = "b" }}, policy.PhaseVerifying, policy.GateAppMissing, true, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := reverified()
			for _, change := range tt.change {
				change(&p)
			}
			w := policy.NewWorld(p)
			g := policy.Evaluate(w, group, improved, now)
			if g.Phase != tt.phase || g.Reasons[0].Code != tt.reason || len(g.Missing) != tt.missing {
				t.Errorf("gate %s %v, missing %v; want %s %s, %d missing", g.Phase, g.Reasons, g.Missing, tt.phase, tt.reason, tt.missing)
			}
			if !g.Clocks.HiddenUntil.IsZero() {
				t.Errorf("an improvement is said to be visible from %s: no setting delays it", g.Clocks.HiddenUntil)
			}
			listed := false
			for _, g := range policy.Gates(w, group, now) {
				listed = listed || g.Release == improved
			}
			if listed != tt.listed {
				t.Errorf("listed %v, want %v", listed, tt.listed)
			}
			if base := policy.Evaluate(w, group, next, now); base.Phase == policy.PhaseSuperseded {
				t.Errorf("the improvement took the place of its base: %v", base.Reasons)
			}
		})
	}
}

// TestImprovementTarget: who is made to install an improvement, and who counts
// as having it.
func TestImprovementTarget(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change  func(*policy.Parts)
		facts   func(*policy.Facts)
		enforce string
		blocked policy.Code
	}{
		"not before its gate":            {func(*policy.Parts) {}, func(*policy.Facts) {}, "", policy.ReasonGateClosed},
		"once approved":                  {approveImproved, func(*policy.Facts) {}, improved, ""},
		"with its base":                  {approveImproved, func(f *policy.Facts) { f.OSVersion = "26.5" }, improved, ""},
		"not twice":                      {approveImproved, func(f *policy.Facts) { f.Extra = "a" }, "", policy.ReasonDone},
		"as some phones write it":        {approveImproved, func(f *policy.Facts) { f.Extra = "(a)" }, "", policy.ReasonDone},
		"again when its user removed it": {approveImproved, func(f *policy.Facts) { f.Extra = "" }, improved, ""},
		"on a phone that only knows enforcements": {
			approveImproved, func(f *policy.Facts) { f.OSVersion, f.Capabilities = "17.7", enforcement }, next, "",
		},
		"on a phone that knows no declarations": {
			approveImproved, func(f *policy.Facts) { f.OSVersion, f.Capabilities = "16.7.11", none }, next, "",
		},
		"candidate of a verification phone": {
			func(*policy.Parts) {}, func(f *policy.Facts) { f.Ring = policy.RingVerification }, improved, "",
		},
		"came by itself": {
			func(*policy.Parts) {}, func(f *policy.Facts) { f.Extra, f.Supervised = "a", policy.Unsupervised }, "", policy.ReasonNewerThanVerified,
		},
		"accepted by policy": {
			func(p *policy.Parts) { approveImproved(p); p.Policies[0].Improvements.Mode = policy.ImprovementsAccept }, func(*policy.Facts) {}, "", policy.ReasonDone,
		},
		"accepted, and on the phone": {
			func(p *policy.Parts) { p.Policies[0].Improvements.Mode = policy.ImprovementsAccept }, func(f *policy.Facts) { f.Extra = "a" }, "", policy.ReasonDone,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, f := reverified(), phone()
			smokedImproved(&p)
			tt.change(&p)
			f.OSVersion = next
			tt.facts(&f)
			got := target(p, f)
			release := ""
			if got.Enforce != nil {
				release = got.Enforce.Release
			}
			if release != tt.enforce || got.Blocked.Code != tt.blocked {
				t.Errorf("enforced %q, blocked %v; want %q, %q", release, got.Blocked, tt.enforce, tt.blocked)
			}
		})
	}
}

// TestLoosenedByImprovements: letting phones take what nobody tested opens a
// gate; hidden, it has none.
func TestLoosenedByImprovements(t *testing.T) {
	t.Parallel()
	p := reverified()
	world := func(m policy.ImprovementMode, tested bool, change func(*policy.Parts)) *policy.World {
		q := p
		q.Policies = []policy.Policy{{Name: "strict", CarryOver: true, Improvements: policy.Improvements{Mode: m}}}
		if tested {
			smokedImproved(&q)
		}
		if change != nil {
			change(&q)
		}
		return policy.NewWorld(q)
	}
	declined := func(p *policy.Parts) {
		p.Declines = []policy.Decline{{Group: group, Release: improved, At: before}}
	}
	replaced := func(p *policy.Parts) {
		p.Releases = append(slices.Clip(p.Releases), policy.Release{Version: "26.6.1", Class: "patch", Models: windows("2026-08-14", small, large)})
	}
	noApps := func(p *policy.Parts) { p.Groups = slices.Clone(p.Groups); p.Groups[0].Apps = nil }
	gone := func(p *policy.Parts) {
		p.Releases = slices.Clone(p.Releases)
		p.Releases[3].Models = slices.Clone(p.Releases[3].Models)
		for i := range p.Releases[3].Models {
			p.Releases[3].Models[i].Expires = before
		}
	}
	const accept, reverify, off = policy.ImprovementsAccept, policy.ImprovementsReverify, policy.ImprovementsOff
	for _, tt := range []struct {
		from, to policy.ImprovementMode
		tested   bool
		change   func(*policy.Parts)
		want     []string
	}{
		{reverify, accept, false, nil, []string{improved}},
		{reverify, accept, true, nil, nil},
		{reverify, accept, false, declined, []string{improved}},
		{reverify, accept, true, declined, []string{improved}}, // to take a decline back takes two
		{reverify, accept, false, replaced, []string{improved}},
		{reverify, accept, true, replaced, nil},
		{reverify, accept, false, gone, nil},
		{off, accept, false, nil, nil}, // without a gate; package fleet compares with what a test would ask, too
		{reverify, off, false, nil, nil},
		{off, reverify, false, nil, nil},
		{accept, reverify, false, nil, nil},
		{accept, off, false, nil, nil},
		{reverify, off, false, declined, nil},
		{reverify, accept, false, noApps, []string{improved}},
	} {
		got := policy.Loosened(world(tt.from, tt.tested, tt.change), world(tt.to, tt.tested, tt.change), group, now)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s to %s, tested %v (-want +got):\n%s", tt.from, tt.to, tt.tested, diff)
		}
	}
}

// TestGoldenImprovement shows all that is said of an improvement, from the day
// it is posted to its approval.
func TestGoldenImprovement(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*policy.Parts){
		"posted":   func(p *policy.Parts) { p.Offers = p.Offers[:1] },
		"tested":   smokedImproved,
		"approved": func(p *policy.Parts) { smokedImproved(p); approveImproved(p) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, f := reverified(), phone()
			change(&p)
			f.OSVersion = next
			w, l := policy.NewWorld(p), policy.Live{LastContact: now.Add(-time.Hour), HoldConfirmed: true}
			target := policy.TargetFor(w, f, now)
			golden(t, "improvement-"+name+".json", map[string]any{
				"gate": policy.Evaluate(w, group, improved, now), "target": target, "explanation": policy.Explain(w, f, l, target, now),
			})
		})
	}
}

// TestLoosenedReplacedImprovement: no app is taken away from an improvement that a newer
// release took the place of, not all of them at once either: phones could be let take it then.
func TestLoosenedReplacedImprovement(t *testing.T) {
	t.Parallel()
	world := func(apps ...string) *policy.World {
		p := reverified()
		p.Releases = append(p.Releases, policy.Release{Version: "26.6.1", Class: "patch", Models: windows("2026-08-14", small, large)})
		for i := range p.Groups[0].Census {
			if p.Groups[0].Census[i].Ring == policy.RingVerification {
				p.Groups[0].Census[i].OSVersion = "26.6.1"
			}
		}
		p.Groups[0].Apps = apps
		return policy.NewWorld(p)
	}
	before := world(pos, scan)
	if phase := policy.Evaluate(before, group, improved, now).Phase; phase != policy.PhaseSuperseded {
		t.Fatalf("the improvement is %s, want superseded", phase)
	}
	for _, apps := range [][]string{{pos}, {scan}, nil} {
		if got := policy.Loosened(before, world(apps...), group, now); !slices.Contains(got, improved) {
			t.Errorf("with %v left of two: %v, want %s among them", apps, got, improved)
		}
	}
}

// TestLoosenedByLetters: a result that a policy does not count, because its phone had an
// improvement, counts by another, which so asks for fewer tests; one that says broken is
// not lost the other way.
func TestLoosenedByLetters(t *testing.T) {
	t.Parallel()
	world := func(m policy.ImprovementMode, result policy.Result) *policy.World {
		p := verified()
		v := works("v1", pos, small)
		v.PhoneExtra, v.Result = "a", result
		p.Verdicts = []policy.Verdict{v}
		p.Groups[0].Apps, p.Groups[0].Policy = []string{pos}, "strict"
		p.Policies = []policy.Policy{{Name: "strict", Improvements: policy.Improvements{Mode: m}}}
		return policy.NewWorld(p)
	}
	const accept, reverify = policy.ImprovementsAccept, policy.ImprovementsReverify
	for _, tt := range []struct {
		from, to policy.ImprovementMode
		result   policy.Result
		want     []string
	}{
		{reverify, accept, policy.ResultWorks, []string{next}},
		{accept, reverify, policy.ResultWorks, nil},
		{reverify, accept, policy.ResultBroken, nil},
		{accept, reverify, policy.ResultBroken, []string{next}},
	} {
		got := policy.Loosened(world(tt.from, tt.result), world(tt.to, tt.result), group, now)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s to %s with a result %s (-want +got):\n%s", tt.from, tt.to, tt.result, diff)
		}
	}
}
