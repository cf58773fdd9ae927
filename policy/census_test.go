package policy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
)

// TestWithCensus: a world that takes up counts answers as one made with them,
// and the one it came from stays as it was.
func TestWithCensus(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		g := newGenerator(seed)
		parts := g.parts()
		facts := g.facts(parts)
		live := g.live()
		census := map[string][]policy.Census{}
		before := answers(t, parts, facts, live)
		other := parts
		other.Groups = append([]policy.Group{}, parts.Groups...)
		for i, gr := range g.parts().Groups {
			if i < len(other.Groups) {
				census[other.Groups[i].Name] = gr.Census
			}
		}
		for i := range other.Groups {
			other.Groups[i].Census = census[other.Groups[i].Name]
		}
		made := policy.NewWorld(parts)
		counted := made.WithCensus(census)
		want := policy.NewWorld(other)
		for _, name := range want.GroupNames() {
			if diff := cmp.Diff(policy.Gates(want, name, now), policy.Gates(counted, name, now)); diff != "" {
				t.Fatalf("seed %d, group %s (-made with it +taken up):\n%s", seed, name, diff)
			}
			if diff := cmp.Diff(policy.Gates(policy.NewWorld(parts), name, now), policy.Gates(made, name, now)); diff != "" {
				t.Fatalf("seed %d, group %s: the first world changed (-want +got):\n%s", seed, name, diff)
			}
		}
		if after := answers(t, parts, facts, live); after != before {
			t.Fatalf("seed %d: the parts changed", seed)
		}
	}
}

// TestCoarse: what is left of an amount gives the same reason.
func TestCoarse(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2000) {
		g := newGenerator(seed)
		parts := g.parts()
		facts, live := g.facts(parts), g.live()
		space, charge := g.Float64()*10, g.Float64()
		live.AvailableGB, live.BatteryLevel = &space, &charge
		w := policy.NewWorld(parts)
		target := policy.TargetFor(w, facts, now)
		want := policy.Explain(w, facts, live, target, now)
		live.AvailableGB, live.BatteryLevel = policy.CoarseSpace(&space), policy.CoarseCharge(&charge)
		if diff := cmp.Diff(want, policy.Explain(w, facts, live, target, now)); diff != "" {
			t.Fatalf("seed %d, %.1f GB, charge %.2f (-exact +coarse):\n%s", seed, space, charge, diff)
		}
	}
	if policy.CoarseSpace(nil) != nil || policy.CoarseCharge(nil) != nil {
		t.Error("what is not known became known")
	}
}
