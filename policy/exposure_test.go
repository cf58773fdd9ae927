package policy_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
)

// middle returns the world in which only the release between the one installed
// and the newest one fixed an exploited CVE.
func middle() policy.Parts {
	p := verified()
	p.Releases[2].CVEs = []policy.CVE{{ID: "CVE-3"}}
	return p
}

// stays is a stretch of a production phone that has been on a release since
// before all that counts.
func stays(version string) policy.Stretch {
	return policy.Stretch{Group: group, Model: small, Version: version, From: day("2026-01-01")}
}

// TestExposure: 26.5.2 fixes an exploited CVE on 2026-06-29, 48 days before the
// day of these tests. The gate of 26.6 is verified two days before it.
func TestExposure(t *testing.T) {
	t.Parallel()
	approve := func(change func(*policy.Approval)) func(*policy.Parts) {
		return func(p *policy.Parts) {
			a := approval()
			a.At = now.AddDate(0, 0, -1)
			change(&a)
			p.Approvals = []policy.Approval{a}
		}
	}
	as := func(change func(*policy.Stretch)) policy.Stretch {
		s := stays("26.5")
		change(&s)
		return s
	}
	for _, test := range []struct {
		name    string
		change  func(*policy.Parts) // of the verified world; nil: as it is
		stretch policy.Stretch
		at      time.Time // zero: now
		want    policy.Cost
	}{
		{"only the middle release fixed it", nil, stays("26.5"), time.Time{}, policy.Cost{Days: 48, Testing: 46, Avoidable: 2}},
		{"the phone has the fix", nil, stays("26.5.2"), time.Time{}, policy.Cost{}},
		{"nothing tested", func(p *policy.Parts) { p.Verdicts = nil }, stays("26.5"), time.Time{}, policy.Cost{Days: 48, Testing: 48}},
		{"not tested on every model", func(p *policy.Parts) { p.Verdicts = p.Verdicts[1:] }, stays("26.5"), time.Time{}, policy.Cost{Days: 48, Testing: 48}},
		{"tested on a model that stands for all", func(p *policy.Parts) {
			widen(p, policy.ModelClassAny)
			p.Verdicts = p.Verdicts[1:]
		}, stays("26.5"), time.Time{}, policy.Cost{Days: 48, Testing: 46, Avoidable: 2}},
		{"approved", approve(func(*policy.Approval) {}), stays("26.5"), after, policy.Cost{Days: 50, Testing: 46, Avoidable: 4, Rollout: 3}},
		{"approved for other models", approve(func(a *policy.Approval) { a.Models = []string{large} }), stays("26.5"), after, policy.Cost{Days: 50, Testing: 46, Avoidable: 4}},
		{"approved and withdrawn", approve(func(a *policy.Approval) { a.Withdrawn = now }), stays("26.5"), after, policy.Cost{Days: 50, Testing: 46, Avoidable: 4, Rollout: 1}},
		{"an approval to come", approve(func(a *policy.Approval) { a.At = after.Add(time.Hour) }), stays("26.5"), after, policy.Cost{Days: 50, Testing: 46, Avoidable: 4}},
		{"an override of what nobody tested", func(p *policy.Parts) {
			approve(func(a *policy.Approval) { a.Override = &policy.Override{Until: now} })(p)
			p.Verdicts = nil
		}, stays("26.5"), after, policy.Cost{Days: 50, Testing: 49, Avoidable: 1, Rollout: 1}},
		{"a result taken back", func(p *policy.Parts) {
			p.Verdicts[0].RevokedAt = now.AddDate(0, 0, -1)
		}, stays("26.5"), time.Time{}, policy.Cost{Days: 48, Testing: 47, Avoidable: 1}},
		{"broken in between", func(p *policy.Parts) {
			broken, again := works("b", pos, small), works("w", pos, small)
			broken.Result, broken.At, again.At = policy.ResultBroken, now.AddDate(0, 0, -1), after
			p.Verdicts = append(p.Verdicts, broken, again)
		}, stays("26.5"), after.AddDate(0, 0, 3), policy.Cost{Days: 53, Testing: 49, Avoidable: 4}},
		{"tested before Apple posted it", func(p *policy.Parts) {
			for i := range p.Verdicts {
				p.Verdicts[i].At = day("2026-07-01")
			}
		}, stays("26.5"), time.Time{}, policy.Cost{Days: 48, Testing: 28, Avoidable: 20}},
		{"tested, but no longer to be had", func(p *policy.Parts) {
			p.Releases[2].Models[0].Expires = day("2026-08-15")
		}, stays("26.5"), time.Time{}, policy.Cost{Days: 48, Testing: 47, Avoidable: 1}},
		{"enrolled later", nil, as(func(s *policy.Stretch) { s.From = day("2026-08-01").Add(23 * time.Hour) }), time.Time{}, policy.Cost{Days: 15, Testing: 13, Avoidable: 2}},
		{"installed before the tests were over", nil, as(func(s *policy.Stretch) { s.Until = day("2026-07-03").Add(time.Hour) }), time.Time{}, policy.Cost{Days: 4, Testing: 4}},
		{"installed before it was posted", nil, as(func(s *policy.Stretch) { s.Until = day("2026-06-01") }), time.Time{}, policy.Cost{}},
		{"before anything newer was posted", nil, stays("26.5"), day("2026-06-28"), policy.Cost{}},
		{"no release for the model", nil, as(func(s *policy.Stretch) { s.Model = "iPhone8,1" }), time.Time{}, policy.Cost{}},
		{"an unknown version", nil, stays(""), time.Time{}, policy.Cost{}},
		{"in no group", nil, as(func(s *policy.Stretch) { s.Group = "" }), time.Time{}, policy.Cost{Days: 48, Testing: 48}},
		{"exploited is known from another release", func(p *policy.Parts) {
			p.Releases[1].CVEs[0].Exploited = false
			p.Releases[2].CVEs = []policy.CVE{{ID: "CVE-2", Exploited: true}}
		}, stays("26.5"), time.Time{}, policy.Cost{Days: 48, Testing: 46, Avoidable: 2}},
		{"a newer release names again what the phone has", func(p *policy.Parts) {
			p.Releases[2].CVEs = []policy.CVE{{ID: "CVE-2", Exploited: true}}
		}, stays("26.5.2"), time.Time{}, policy.Cost{}},
		{"named twice by one release", func(p *policy.Parts) {
			p.Releases[1].CVEs = append(p.Releases[1].CVEs, p.Releases[1].CVEs[0])
		}, stays("26.5"), time.Time{}, policy.Cost{Days: 48, Testing: 46, Avoidable: 2}},
		{"nobody knows since when", func(p *policy.Parts) {
			p.Releases[1].Models[0].Posted = time.Time{}
		}, stays("26.5"), time.Time{}, policy.Cost{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p, at := middle(), now
			if test.change != nil {
				test.change(&p)
			}
			if !test.at.IsZero() {
				at = test.at
			}
			got := policy.NewLedger(policy.NewWorld(p), at).Cost(test.stretch)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestExposureCarriedOver: results that count by carry-over open a gate on the
// day of the smoke test.
func TestExposureCarriedOver(t *testing.T) {
	t.Parallel()
	p := middle()
	p.Policies = []policy.Policy{{Name: "carry", CarryOver: true}}
	p.Groups[0].Policy = "carry"
	p.Releases = append(p.Releases, policy.Release{Version: "26.6.1", Class: "patch", Models: windows("2026-08-10", small, large), CVEs: []policy.CVE{{ID: "CVE-4", Exploited: true}}})
	for _, v := range slices.Clone(p.Verdicts) {
		v.ID, v.Release, v.PhoneOS, v.Method, v.At = "smoke "+v.ID, "26.6.1", "26.6.1", policy.MethodSmoke, now.AddDate(0, 0, -1)
		p.Verdicts = append(p.Verdicts, v)
	}
	want := policy.Cost{Days: 6, Testing: 5, Avoidable: 1}
	if got := policy.NewLedger(policy.NewWorld(p), now).Cost(stays(next)); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestWaiting: what waiting for one release costs begins when that one was
// posted, whichever release fixed the flaw first, and follows its own gate.
func TestWaiting(t *testing.T) {
	t.Parallel()
	w := policy.NewWorld(middle())
	ledger := policy.NewLedger(w, now)
	for version, want := range map[string]policy.Cost{
		"26.5.2": {Days: 48, Testing: 48},
		next:     {Days: 20, Testing: 18, Avoidable: 2},
		"26.5":   {},
		"99.0":   {},
	} {
		if got := ledger.For(version).Cost(stays("26.5")); got != want {
			t.Errorf("%s: got %+v, want %+v", version, got, want)
		}
	}
}

// TestOlderBranchExposure: what an older branch fixed after a release came out is not
// in that release; what came out later has it.
func TestOlderBranchExposure(t *testing.T) {
	t.Parallel()
	p := verified()
	p.Releases[0].CVEs, p.Releases[1].CVEs, p.Releases[2].CVEs = nil, nil, nil
	p.Releases = append(
		p.Releases,
		policy.Release{Version: "18.7", Models: windows("2026-01-10", small)},
		policy.Release{Version: "18.7.1", Models: windows("2026-07-01", small), CVEs: []policy.CVE{{ID: "CVE-9", Exploited: true}}},
	)
	ledger := policy.NewLedger(policy.NewWorld(p), now)
	for version, want := range map[string]policy.Cost{
		"26.5":   {}, // nothing newer names it
		"18.7":   {Days: 46, Testing: 44, Avoidable: 2},
		"18.7.1": {},
	} {
		if got := ledger.Cost(stays(version)); got != want {
			t.Errorf("%s: got %+v, want %+v", version, got, want)
		}
	}
	if got := ledger.For("26.5.2").Cost(stays("18.7")); got != (policy.Cost{}) {
		t.Errorf("26.5.2 came out before: %+v", got)
	}
}

// TestExposureGolden goes through a phone's way over real releases, as of the
// day on which 26.4 was approved after 90 days. The file is rewritten with go
// test -run Golden -update.
func TestExposureGolden(t *testing.T) {
	t.Parallel()
	at := day("2026-03-24").AddDate(0, 0, 91)
	p := realWorld(at)
	p.Releases = append(p.Releases, policy.Release{Version: "26.2", Class: "update", Models: windows("2025-12-12", small, large)})
	ledger := policy.NewLedger(policy.NewWorld(p), at)
	type stretch struct {
		Version   string      `json:"version"`
		Cost      policy.Cost `json:"cost"`
		Waiting   policy.Cost `json:"waiting_for_26.4"`
		Exploited []string    `json:"exploited"` // CVE, release with the fix, days
		CVEs      int         `json:"cves"`
		Open      int         `json:"open"`
	}
	var out []stretch
	for _, s := range []policy.Stretch{
		{Version: "26.2", From: day("2026-01-20"), Until: day("2026-03-02")},
		{Version: "26.2", From: day("2026-03-02")},
		{Version: "26.3.1", From: day("2026-03-10")},
	} {
		s.Group, s.Model = group, large
		line := stretch{Version: s.Version, Cost: ledger.Cost(s), Waiting: ledger.For("26.4").Cost(s), Open: len(ledger.Open(s.Model, s.Version))}
		for _, f := range ledger.Flaws(s, func(policy.CVE) bool { return true }) {
			line.CVEs++
			if f.Exploited {
				line.Exploited = append(line.Exploited, fmt.Sprint(f.ID, " ", f.Release, " ", f.Days))
			}
		}
		out = append(out, line)
	}
	golden(t, "exposure.json", out)
}

// TestExposureAddsUp: over random worlds the parts make the whole, the CVEs make
// the sum, a stretch costs what its halves cost, and the order of the input does
// not matter.
func TestExposureAddsUp(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		g := newGenerator(seed)
		p := g.parts()
		at := g.time().AddDate(0, 0, 10)
		w := policy.NewLedger(policy.NewWorld(p), at)
		other := policy.NewLedger(policy.NewWorld(shuffled(g, p)), at)
		for range 10 {
			s := policy.Stretch{Group: g.group(), Model: g.model(), Version: g.version(), From: g.time(), Until: g.maybe()}
			got := w.Cost(s)
			if got.Testing+got.Avoidable != got.Days || got.Rollout > got.Avoidable || got.Rollout < 0 || got.Testing < 0 {
				t.Fatalf("seed %d: %+v", seed, got)
			}
			var byCVE policy.Cost
			for _, f := range w.Flaws(s, func(c policy.CVE) bool { return c.Exploited }) {
				byCVE.Add(f.Cost, 1)
			}
			if byCVE != got {
				t.Fatalf("seed %d: CVEs add up to %+v, the stretch to %+v", seed, byCVE, got)
			}
			first, second, halves := s, s, policy.Cost{}
			first.Until = s.From.AddDate(0, 0, 2)
			second.From = first.Until
			halves.Add(w.Cost(first), 1)
			halves.Add(w.Cost(second), 1)
			if (s.Until.IsZero() || s.Until.After(first.Until)) && halves != got {
				t.Fatalf("seed %d: halves cost %+v, the whole %+v", seed, halves, got)
			}
			if again := other.Cost(s); again != got {
				t.Fatalf("seed %d: %+v after the input was shuffled, before %+v", seed, again, got)
			}
			if wait := w.For(next).Cost(s); wait.Days > got.Days {
				t.Fatalf("seed %d: waiting for one release costs %+v, more than %+v", seed, wait, got)
			}
		}
	}
}

// TestFixedBefore: a release that names a flaw again which what production runs
// has fixed already does not count it, nor does the gate call it exploited.
func TestFixedBefore(t *testing.T) {
	t.Parallel()
	p := parts()
	p.Releases[0].CVEs = []policy.CVE{{ID: "CVE-again", Exploited: true}}                // 26.5, which production runs
	p.Releases[2].CVEs = []policy.CVE{{ID: "CVE-again", Exploited: true}, {ID: "CVE-3"}} // 26.6
	gate := policy.Evaluate(policy.NewWorld(p), group, next, now)
	if gate.CVEs != 2 || !slices.Equal(gate.Exploited, []string{"CVE-2"}) || gate.FixesSince != "26.5" {
		t.Errorf("%d fixes since %s, exploited %v; want CVE-2 of 26.5.2 and CVE-3", gate.CVEs, gate.FixesSince, gate.Exploited)
	}
}

// TestExposureOfImprovements: "26.6 (a)" fixes an exploited CVE on 2026-08-10. Where it
// has no gate, nothing has to be tested for it on its base: what it costs is avoidable.
func TestExposureOfImprovements(t *testing.T) {
	t.Parallel()
	tested := func(p *policy.Parts) { smokedImproved(p); approveImproved(p) }
	for _, test := range []struct {
		name    string
		mode    policy.ImprovementMode
		change  func(*policy.Parts)
		version string
		want    policy.Cost
	}{
		{"nothing tested", policy.ImprovementsReverify, nil, next, policy.Cost{Days: 8, Testing: 8}},
		{"tested and approved", policy.ImprovementsReverify, tested, next, policy.Cost{Days: 8, Testing: 4, Avoidable: 4, Rollout: 2}},
		{"it is on the phone", policy.ImprovementsReverify, nil, improved, policy.Cost{}},
		{"phones take it by themselves", policy.ImprovementsAccept, nil, next, policy.Cost{Days: 8, Avoidable: 8, Rollout: 8}},
		{"they took it", policy.ImprovementsAccept, nil, improved, policy.Cost{}},
		{"they take it once they have its base", policy.ImprovementsAccept, nil, "26.5.2", policy.Cost{Days: 8, Testing: 4, Avoidable: 4, Rollout: 2}},
		{"its base is tested", policy.ImprovementsAccept, func(p *policy.Parts) { p.Approvals = nil }, "26.5.2", policy.Cost{Days: 8, Testing: 4, Avoidable: 4}},
		{"its base is not known", policy.ImprovementsAccept, func(p *policy.Parts) {
			p.Releases = append(p.Releases[:2], p.Releases[3])
		}, "26.5.2", policy.Cost{Days: 8, Testing: 8}},
		{"it is hidden", policy.ImprovementsOff, nil, next, policy.Cost{Days: 8, Avoidable: 8}},
		{"it is hidden, and its base approved", policy.ImprovementsOff, nil, "26.5.2", policy.Cost{Days: 8, Testing: 4, Avoidable: 4}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := reverified()
			p.Policies[0].Improvements.Mode = test.mode
			if test.change != nil {
				test.change(&p)
			}
			if got := policy.NewLedger(policy.NewWorld(p), after).Cost(stays(test.version)); got != test.want {
				t.Errorf("cost %+v, want %+v", got, test.want)
			}
		})
	}
}
