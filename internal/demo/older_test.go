package demo

import (
	"slices"
	"testing"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/internal/version"
)

// Twelve versions with and without supervision, each on a model that the release
// of its line is for, and a supervised verification phone of each model.
func TestOlderParts(t *testing.T) {
	t.Parallel()
	facts, err := catalog.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	all := olderParts()
	type row struct {
		os         string
		supervised bool
	}
	rows, tested := map[row]int{}, map[string]int{}
	for _, p := range all {
		rows[row{p.os, p.supervised}]++
		if p.place.ring == verification && p.supervised {
			tested[p.model]++
		}
		if release, ok := facts.Release(p.goal); !ok || !release.AppliesTo(p.model) {
			t.Errorf("iOS %s: release %s is not for %s", p.os, p.goal, p.model)
		}
		if _, err := buildOf(facts, p.os); err != nil && p.build == "" {
			t.Errorf("iOS %s: %v", p.os, err)
		}
	}
	if len(all) != 24 || len(rows) != 24 {
		t.Errorf("%d phones of %d kinds, want 24 of 24", len(all), len(rows))
	}
	for _, p := range all {
		if tested[p.model] != 1 {
			t.Errorf("%s has %d verification phones, want 1", p.model, tested[p.model])
		}
	}
	if !slices.IsSortedFunc(all, func(a, b part) int { return version.Order(a.os, b.os) }) {
		t.Error("not in the order of versions")
	}
}
