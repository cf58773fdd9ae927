package policy_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
)

// TestManyFlaws: what releases fix is counted once each however many there are, without
// what the phone has, and those known to be exploited are named in order.
func TestManyFlaws(t *testing.T) {
	t.Parallel()
	fixes := func(from, to int) []policy.CVE {
		var list []policy.CVE
		for n := from; n < to; n++ {
			list = append(list, policy.CVE{ID: fmt.Sprintf("CVE-%03d", n), Exploited: n%60 == 0})
		}
		return list
	}
	p := parts()
	for i := range p.Groups[0].Census {
		p.Groups[0].Census[i].OSVersion = "26.5"
	}
	for _, tt := range []struct {
		has, between, rel []policy.CVE
		want              int
		exploited         []string
	}{
		{fixes(0, 1), fixes(1, 64), fixes(64, 128), 127, []string{"CVE-060", "CVE-120"}},
		{fixes(0, 100), fixes(50, 200), fixes(150, 300), 200, []string{"CVE-120", "CVE-180", "CVE-240"}},
		{nil, nil, fixes(0, 65), 65, []string{"CVE-000", "CVE-060"}},
		{fixes(0, 65), nil, fixes(0, 65), 0, nil},
		{nil, nil, nil, 0, nil},
	} {
		p.Releases[0].CVEs, p.Releases[1].CVEs, p.Releases[2].CVEs = tt.has, tt.between, tt.rel
		gate := evaluate(p)
		if diff := cmp.Diff(tt.exploited, gate.Exploited); gate.CVEs != tt.want || diff != "" {
			t.Errorf("%d flaws, want %d; exploited (-want +got):\n%s", gate.CVEs, tt.want, diff)
		}
	}
}
