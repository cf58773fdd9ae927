package policy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
)

// TestWith: a world that keeps the releases and screens of another answers as one made with
// them, and the other stays as it was.
func TestWith(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		parts, later := newGenerator(seed).parts(), newGenerator(seed+1000).parts()
		first := policy.NewWorld(parts)
		next := first.With(later)
		later.Releases, later.Screens = parts.Releases, parts.Screens
		for what, worlds := range map[string][2]*policy.World{
			"next": {policy.NewWorld(later), next}, "first": {policy.NewWorld(parts), first},
		} {
			for _, name := range worlds[0].GroupNames() {
				if diff := cmp.Diff(policy.Gates(worlds[0], name, now), policy.Gates(worlds[1], name, now)); diff != "" {
					t.Fatalf("seed %d, the %s world, group %s (-made with them +kept):\n%s", seed, what, name, diff)
				}
			}
		}
	}
}
