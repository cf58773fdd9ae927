package demo

import (
	"slices"
	"testing"
)

// A company of any size has every role, and every model in production is among
// the verification phones, or no gate could ever be verified.
func TestParts(t *testing.T) {
	t.Parallel()
	for _, n := range []int{minPhones, testersShared, 200, maxPhones} {
		all := parts(n)
		if len(all) != n {
			t.Errorf("%d phones asked for, got %d", n, len(all))
		}
		tested := map[string][]string{}
		count := map[role]int{}
		for _, p := range all {
			count[p.role]++
			if p.role == tester {
				tested[p.place.group] = append(tested[p.place.group], p.model)
			}
		}
		for _, r := range []role{
			tester, tapper, away, locked, mover, switcher, late, bought, drawer, full, asleep, stale, stranger, nowhere, ordinary,
		} {
			if count[r] == 0 {
				t.Errorf("%d phones: nobody plays %q", n, r)
			}
		}
		free := 0
		for _, p := range all {
			if !p.supervised {
				free++
			}
		}
		if n >= 100 && free != n/5 {
			t.Errorf("%d phones: %d are not supervised, want a fifth", n, free)
		}
		for _, p := range all {
			if p.place.ring == production && p.role != stranger && !slices.Contains(tested[p.place.group], p.model) {
				t.Errorf("%d phones: %s has a %s, which nobody tests", n, p.place, p.model)
			}
			if p.role == mover && !slices.Contains(tested[warehouse], p.model) {
				t.Errorf("%d phones: a phone that moves to the warehouse is a %s, which nobody tests there", n, p.model)
			}
		}
	}
}
