package policy_test

import (
	"slices"
	"testing"

	"github.com/kannuki-mdm/kannuki/policy"
)

// TestLacking: what is lacking is what is open, each with the release that brought it first.
func TestLacking(t *testing.T) {
	t.Parallel()
	p := approved()
	p.Releases = slices.Clone(p.Releases)
	for i := range p.Releases {
		switch p.Releases[i].Version {
		case "26.5.2":
			p.Releases[i].CVEs = []policy.CVE{{ID: "CVE-2026-0002", Exploited: true}}
		case next:
			p.Releases[i].CVEs = []policy.CVE{{ID: "CVE-2026-0001"}, {ID: "CVE-2026-0002", Exploited: true}}
		}
	}
	ledger := policy.NewLedger(policy.NewWorld(p), now)
	got := ledger.Lacking(large, "26.5")
	want := []policy.FlawCost{
		{CVE: policy.CVE{ID: "CVE-2026-0001"}, Release: next},
		{CVE: policy.CVE{ID: "CVE-2026-0002", Exploited: true}, Release: "26.5.2"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("lacking on 26.5 = %+v, want %+v", got, want)
	}
	if got := ledger.Lacking(large, next); len(got) != 0 {
		t.Errorf("lacking on %s = %+v, want nothing", next, got)
	}
}
