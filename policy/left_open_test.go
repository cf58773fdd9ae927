package policy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
)

// declined returns the world in which sales declined 26.6, and a release after
// it that fixes no more.
func declined() policy.Parts {
	p := verified()
	p.Declines = []policy.Decline{{Group: group, Release: next, By: "tanaka", At: before}}
	p.Releases = append(p.Releases, policy.Release{Version: "26.6.1", Class: "patch", Models: windows("2026-08-10", small, large)})
	return p
}

// TestLeftOpen: ten phones lack CVE-2, known to be exploited, and CVE-3; five on
// the other model lack only CVE-3.
func TestLeftOpen(t *testing.T) {
	t.Parallel()
	all := policy.LeftOpen{Group: group, Release: next, Phones: 15, Exposed: 10, CVEs: 2, Exploited: []string{"CVE-2"}, OnProduction: []string{"CVE-2"}}
	rest := policy.LeftOpen{Group: group, Release: next, Phones: 15, CVEs: 1}
	tested := all
	tested.Verification, tested.VerificationExposed = 1, 1
	harmless := rest
	harmless.Phones, harmless.Verification = 5, 1
	two := []string{"CVE-2", "CVE-3"}
	worse := policy.LeftOpen{Group: group, Release: next, Phones: 15, Exposed: 10, CVEs: 2, Exploited: two, OnProduction: two}
	none := policy.LeftOpen{Group: group, Release: next, Phones: 15}
	newer := func(change func(*policy.Approval)) func(*policy.Parts) {
		return func(p *policy.Parts) {
			a := approval()
			a.Release = "26.6.1"
			change(&a)
			p.Approvals = []policy.Approval{a}
		}
	}
	for _, test := range []struct {
		name   string
		change func(*policy.Parts)
		want   policy.LeftOpen
	}{
		{"nothing approved", func(*policy.Parts) {}, all},
		{"exploited by what one model alone is told", func(p *policy.Parts) {
			p.Releases = append(p.Releases, policy.Release{Version: "26.6.2", Class: "patch", Models: windows("2026-08-12", small), CVEs: []policy.CVE{{ID: "CVE-3", Exploited: true}}})
		}, worse},
		{"a newer one approved", newer(func(*policy.Approval) {}), none},
		{"a newer one approved and paused", newer(func(a *policy.Approval) { a.PausedAt = before }), none},
		{"a newer one approved and withdrawn", newer(func(a *policy.Approval) { a.Withdrawn = now }), all},
		{"a newer one approved for one model", newer(func(a *policy.Approval) { a.Models = []string{small} }), rest},
		{"a newer one approved and declined", func(p *policy.Parts) {
			newer(func(*policy.Approval) {})(p)
			p.Declines = append(p.Declines, policy.Decline{Group: group, Release: "26.6.1", At: before})
		}, all},
		{"a newer one approved that cannot be installed any more", func(p *policy.Parts) {
			newer(func(*policy.Approval) {})(p)
			for i := range p.Releases[3].Models {
				p.Releases[3].Models[i].Expires = before
			}
		}, all},
		{"the approval is of the declined one", func(p *policy.Parts) { p.Approvals = []policy.Approval{approval()} }, all},
		{"an older one approved that fixes a part", func(p *policy.Parts) {
			a := approval()
			a.Release = "26.5.2"
			p.Approvals = []policy.Approval{a}
		}, rest},
		{"some phones have it", func(p *policy.Parts) { p.Groups[0].Census[0].OSVersion = next }, policy.LeftOpen{
			Group: group, Release: next, Phones: 5, CVEs: 1,
		}},
		{"not for a model", func(p *policy.Parts) { p.Releases[2].Models = p.Releases[2].Models[1:] }, policy.LeftOpen{
			Group: group, Release: next, Phones: 5, CVEs: 1,
		}},
		{"a verification phone without it", func(p *policy.Parts) { p.Groups[0].Census[2].OSVersion = "26.5" }, tested},
		{"a verification phone that lacks no exploited one's fix", func(p *policy.Parts) {
			p.Groups[0].Census = append(p.Groups[0].Census[1:2:2], policy.Census{Ring: policy.RingVerification, Model: small, OSVersion: "26.5.2", Count: 1})
		}, harmless},
		{"a verification phone that is offered a newer one", func(p *policy.Parts) {
			p.Groups[0].Census[2].OSVersion = "26.5"
			p.Offers = []policy.Offer{{Group: group, Release: "26.6.1", At: before}}
		}, all},
		{"a verification phone alone", func(p *policy.Parts) {
			p.Groups[0].Census = []policy.Census{{Ring: policy.RingVerification, Model: small, OSVersion: "26.5", Count: 2}}
		}, policy.LeftOpen{Group: group, Release: next, CVEs: 2, Exploited: []string{"CVE-2"}, Verification: 2, VerificationExposed: 2}},
		{"a newer one approved by an override, for production alone", func(p *policy.Parts) {
			p.Groups[0].Census = []policy.Census{{Ring: policy.RingVerification, Model: small, OSVersion: "26.5", Count: 2}}
			newer(func(a *policy.Approval) {
				a.Models, a.Override = []string{small}, &policy.Override{Until: after}
			})(p)
		}, policy.LeftOpen{Group: group, Release: next, CVEs: 2, Exploited: []string{"CVE-2"}, Verification: 2, VerificationExposed: 2}},
		{"a newer one approved for another model, which testers get as well", func(p *policy.Parts) {
			p.Groups[0].Census = []policy.Census{{Ring: policy.RingVerification, Model: small, OSVersion: "26.5", Count: 2}}
			newer(func(a *policy.Approval) { a.Models = []string{large} })(p)
		}, policy.LeftOpen{Group: group, Release: next}},
		{"a phone that never told what it runs", func(p *policy.Parts) {
			p.Groups[0].Census = append(p.Groups[0].Census, policy.Census{Ring: policy.RingProduction, Model: small, Count: 3})
		}, all},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := declined()
			test.change(&p)
			ledger := policy.NewLedger(policy.NewWorld(p), now)
			got, ok := ledger.LeftOpen(group, next)
			if diff := cmp.Diff(test.want, got); !ok || diff != "" {
				t.Errorf("declined: %t (-want +got):\n%s", ok, diff)
			}
		})
	}
}

// TestDeclinedReleases: the releases that leave something open, newest first, for
// the group and for one of its phones.
func TestDeclinedReleases(t *testing.T) {
	t.Parallel()
	p := declined()
	p.Declines = append(
		p.Declines,
		policy.Decline{Group: group, Release: "26.5.2", At: before},
		policy.Decline{Group: group, Release: "26.5", At: before},  // all phones have it
		policy.Decline{Group: group, Release: "26.6.1", At: after}, // not yet
	)
	ledger := policy.NewLedger(policy.NewWorld(p), now)
	want := []policy.LeftOpen{
		{Group: group, Release: next, Phones: 15, Exposed: 10, CVEs: 2, Exploited: []string{"CVE-2"}, OnProduction: []string{"CVE-2"}},
		{Group: group, Release: "26.5.2", Phones: 10, Exposed: 10, CVEs: 1, Exploited: []string{"CVE-2"}, OnProduction: []string{"CVE-2"}},
	}
	if diff := cmp.Diff(want, ledger.Declined(group)); diff != "" {
		t.Errorf("of the group (-want +got):\n%s", diff)
	}
	for _, test := range []struct {
		model, version string
		want           []policy.LeftOpen
		exposed        string // newest release that leaves an exploited flaw open
	}{
		{small, "26.5", want, next},
		{large, "26.5.2", []policy.LeftOpen{{Group: group, Release: next, Phones: 15, Exposed: 10, CVEs: 1}}, ""},
		{small, next, nil, ""},
		{"iPhone8,1", "26.5", nil, ""},
	} {
		one := policy.Census{Ring: policy.RingProduction, Model: test.model, OSVersion: test.version}
		if diff := cmp.Diff(test.want, ledger.DeclinedOn(group, one)); diff != "" {
			t.Errorf("%s on %s (-want +got):\n%s", test.version, test.model, diff)
		}
		for range 2 { // found out, and remembered
			if got := ledger.ExposedBy(group, one); got != test.exposed {
				t.Errorf("%s on %s is exposed by %q, want %q", test.version, test.model, got, test.exposed)
			}
		}
	}
	for _, r := range []string{"26.6.1", "99.0"} {
		if got, ok := ledger.LeftOpen(group, r); ok {
			t.Errorf("%s, which is not declined, leaves open %+v", r, got)
		}
	}
	if got := ledger.Declined("nobody"); got != nil {
		t.Errorf("an unknown group: %+v", got)
	}
}

// TestDeclinedImprovement: where improvements have gates, a flaw that only one fixes
// is left open by declining it, on the phones without its letter.
func TestDeclinedImprovement(t *testing.T) {
	t.Parallel()
	flaw := []string{"CVE-9"}
	open := policy.LeftOpen{Group: group, Release: improved, Phones: 12, Exposed: 12, CVEs: 1, Exploited: flaw, OnProduction: flaw}
	some := open
	some.Phones, some.Exposed = 2, 2
	for name, test := range map[string]struct {
		change func(*policy.Parts)
		want   []policy.LeftOpen
	}{
		"nothing brings it":     {func(*policy.Parts) {}, []policy.LeftOpen{open}},
		"some phones have it":   {func(p *policy.Parts) { p.Groups[0].Census[0].OSVersion = improved }, []policy.LeftOpen{some}},
		"it is not declined":    {func(p *policy.Parts) { p.Declines = nil }, nil},
		"phones take it anyway": {func(p *policy.Parts) { p.Policies[0].Improvements.Mode = policy.ImprovementsAccept }, nil},
		"a newer release that has it is approved": {func(p *policy.Parts) {
			p.Releases = append(p.Releases, policy.Release{Version: "26.6.1", Class: "patch", Models: windows("2026-08-14", small, large)})
			a := approval()
			a.ID, a.Release = "a2", "26.6.1"
			p.Approvals = append(p.Approvals, a)
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := reverified()
			p.Declines = []policy.Decline{{Group: group, Release: improved, At: before}}
			test.change(&p)
			ledger := policy.NewLedger(policy.NewWorld(p), now)
			if diff := cmp.Diff(test.want, ledger.Declined(group)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if one, ok := ledger.LeftOpen(group, improved); ok != (len(p.Declines) > 0 && p.Policies[0].Improvements.Mode == policy.ImprovementsReverify) {
				t.Errorf("shows %+v: %t", one, ok)
			}
			for phone, lacks := range map[string]bool{next: len(test.want) > 0, improved: false} {
				one := policy.Census{Ring: policy.RingProduction, Model: small, OSVersion: phone}
				if by := ledger.ExposedBy(group, one); (by == improved) != lacks || (len(ledger.DeclinedOn(group, one)) > 0) != lacks {
					t.Errorf("a phone on %s is exposed by %q, want an exploited flaw open: %t", phone, by, lacks)
				}
			}
		})
	}
}
