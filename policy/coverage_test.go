package policy_test

import (
	"math/bits"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
)

func TestCovers(t *testing.T) {
	t.Parallel()
	p := parts()
	p.Groups[0].Census = []policy.Census{
		{Ring: policy.RingProduction, Model: small, OSVersion: "26.5", Count: 60},
		{Ring: policy.RingProduction, Model: small, OSVersion: "18.7", Count: 5},
		{Ring: policy.RingProduction, Model: large, OSVersion: "26.5.2", Count: 29},
		{Ring: policy.RingProduction, Model: "iPhone18,1", OSVersion: "26.6", Count: 3},
		{Ring: policy.RingProduction, Model: "iPhone9,1", Count: 3},
		{Ring: policy.RingProduction, OSVersion: "26.6", Count: 2},
		{Ring: policy.RingProduction, Model: small, Count: 1},
		{Ring: policy.RingVerification, Model: small, OSVersion: next, Count: 2},
		{Ring: policy.RingVerification, Model: "iPhone17,1", OSVersion: next, Count: 1},
	}
	want := policy.Coverage{
		Group: group, Production: 101, Unknown: 2, Covered: 61, Percent: 60.4,
		Models: []policy.Share{
			{Name: small, Production: 66, Percent: 65.3, Covered: 61, Verification: 2},
			{Name: large, Production: 29, Percent: 28.7},
			{Name: "iPhone18,1", Production: 3, Percent: 3},
			{Name: "iPhone9,1", Production: 3, Percent: 3},
		},
		Lines: []policy.Share{
			{Name: "26", Production: 92, Percent: 91.1, Covered: 60, Verification: 3},
			{Name: "18", Production: 5, Percent: 5},
			{Name: "", Production: 4, Percent: 4, Covered: 1},
		},
		Suggested: []policy.Suggestion{{Model: large, Line: "26", Production: 29}, {Model: small, Line: "18", Production: 5}, {Model: "iPhone18,1", Line: "26", Production: 3}}, Reached: 97,
	}
	if diff := cmp.Diff(want, policy.Covers(policy.NewWorld(p), group)); diff != "" {
		t.Errorf("coverage (-want +got):\n%s", diff)
	}

	widen(&p, policy.ModelClassAny)
	anyModel := policy.Covers(policy.NewWorld(p), group)
	if diff := cmp.Diff([]policy.Share{{Name: policy.AnyModel, Production: 101, Percent: 100, Covered: 96, Verification: 3}}, anyModel.Models); diff != "" || anyModel.Covered != 96 {
		t.Errorf("one phone for all models (-want +got):\n%s", diff)
	}
	none := policy.Covers(policy.NewWorld(p), "nobody")
	if none.Production != 0 || none.Percent != 0 {
		t.Errorf("an unknown group: %+v", none)
	}
}

// TestUncovers: a phone that goes on to another line stands for nobody of the one it
// left, unless another stays.
func TestUncovers(t *testing.T) {
	t.Parallel()
	p := parts()
	p.Groups[0].Census = []policy.Census{
		{Ring: policy.RingProduction, Model: small, OSVersion: "18.7", Count: 60},
		{Ring: policy.RingProduction, Model: large, OSVersion: "18.7", Count: 7},
		{Ring: policy.RingProduction, Model: large, OSVersion: "26.5", Count: 3},
		{Ring: policy.RingVerification, Model: small, OSVersion: "18.7", Count: 2},
		{Ring: policy.RingVerification, Model: large, OSVersion: "26.5", Count: 2},
	}
	lost := func() int { return policy.Uncovers(policy.NewWorld(p), group, next) }
	if got := lost(); got != 60 {
		t.Errorf("the only phones of a line go on: %d phones are left without, want 60", got)
	}
	p.Groups[0].Census[4].OSVersion = "18.7"
	if got := lost(); got != 67 {
		t.Errorf("those of both models: %d, want 67", got)
	}
	p.Groups[0].Census[3].OSVersion = next
	p.Groups[0].Census[4].OSVersion = "26.5"
	if got := lost(); got != 0 {
		t.Errorf("all went on before: %d, want 0", got)
	}
	if got := policy.Uncovers(policy.NewWorld(p), "nobody", next) + policy.Uncovers(policy.NewWorld(p), group, "99.9"); got != 0 {
		t.Errorf("unknown group or release: %d", got)
	}
}

// TestSuggestedIsSmallest compares the suggestion with every set of classes.
func TestSuggestedIsSmallest(t *testing.T) {
	t.Parallel()
	models := []string{"a", "b", "c", "d", "e", "f"}
	for seed := range uint64(300) {
		g := newGenerator(seed)
		p := parts()
		p.Groups[0].Census = nil
		counts, covered, all := map[string]int{}, 0, 0
		for i, m := range models {
			counts[m] = 1 + g.IntN(40)
			all += counts[m]
			p.Groups[0].Census = append(p.Groups[0].Census, policy.Census{Ring: policy.RingProduction, Model: m, OSVersion: next, Count: counts[m]})
			if i == 0 {
				covered = counts[m]
				p.Groups[0].Census = append(p.Groups[0].Census, policy.Census{Ring: policy.RingVerification, Model: m, OSVersion: next, Count: 1})
			}
		}
		smallest := len(models)
		for set := range 1 << (len(models) - 1) {
			sum := covered
			for i, m := range models[1:] {
				if set>>i&1 == 1 {
					sum += counts[m]
				}
			}
			if sum*100 >= all*policy.CoverageGoal {
				smallest = min(smallest, bits.OnesCount(uint(set)))
			}
		}
		got := policy.Covers(policy.NewWorld(p), group)
		if len(got.Suggested) != smallest || got.Reached < policy.CoverageGoal {
			t.Fatalf("seed %d: %d models reach %v %%, want %d", seed, len(got.Suggested), got.Reached, smallest)
		}
	}
}
