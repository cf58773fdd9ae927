package main

import (
	"testing"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
)

// TestClassNamer: a class is named with the models that are in question, and so in what
// is said of quick checks.
func TestClassNamer(t *testing.T) {
	t.Parallel()
	known := []policy.Class{
		{Name: "393x852@3x", Models: []string{"iPhone15,2", "iPhone15,4", "iPhone99,2"}},
		{Name: "iPhone99,1", Models: []string{"iPhone99,1"}},
		{Name: policy.AnyModel, Models: []string{"iPhone15,2"}},
	}
	names := map[string]string{"iPhone15,2": "iPhone 14 Pro", "iPhone15,4": "iPhone 15"}
	for class, want := range map[string]string{
		"393x852@3x": "393 x 852 @3x (iPhone 14 Pro, iPhone 15, iPhone99,2)", "390x844@3x": "390 x 844 @3x", "iPhone99,1": "iPhone99,1", policy.AnyModel: "Any model",
	} {
		if got := (classNamer{testGlobals("en").text, known, names}).name(class); got != want {
			t.Errorf("%s: %q, want %q", class, got, want)
		}
	}
	g := testGlobals("en")
	app := policy.AppState{State: policy.StatusPartial, Provisional: []string{"393x852@3x"}}
	want := "a quick check is enough on 393 x 852 @3x (iPhone 14 Pro, iPhone 15, iPhone99,2)"
	if got := (classNamer{g.text, known, names}).quickChecks(app); got != want {
		t.Errorf("quick checks: %q, want %q", got, want)
	}
}

// TestSeenLine: what keeps an app from being verified is said of the models that it is
// true of, and a class with the models that have it.
func TestSeenLine(t *testing.T) {
	t.Parallel()
	seen := func(state policy.Status, why policy.Code) fleet.SeenView {
		return fleet.SeenView{BundleID: "com.example.pos", Name: "POS", State: string(state), Why: string(why), MissingModels: []string{"393x852@3x", "iPhone14,5"}}
	}
	broken, checked, partial := seen(policy.StatusBroken, policy.WhyBroken), seen(policy.StatusUntested, policy.WhyNothingToCarry), seen(policy.StatusPartial, policy.WhyModelsMissing)
	broken.BrokenModels, checked.Alone, partial.Alone = []string{"iPhone12,1"}, []string{"iPhone14,5"}, []string{"iPhone14,5"}
	withdrawn := seen(policy.StatusUntested, policy.WhyRevoked)
	withdrawn.Alone = checked.Alone
	classes := []policy.Class{{Name: "393x852@3x", Models: []string{"iPhone15,2"}}}
	for name, tc := range map[string]struct {
		app  fleet.SeenView
		want string
	}{
		"broken":            {broken, "does not work (models: iPhone12,1)"},
		"some are missing":  {partial, "not tested on every model (models: 393 x 852 @3x (iPhone 14 Pro), iPhone14,5); a quick check alone does not verify it on iPhone14,5"},
		"checked on one":    {checked, "a quick check alone; no full result on an earlier release of the same line (models: iPhone14,5); not tested (models: 393 x 852 @3x (iPhone 14 Pro))"},
		"taken back on one": {withdrawn, "the result was withdrawn (models: 393 x 852 @3x (iPhone 14 Pro), iPhone14,5)"},
	} {
		n := classNamer{testGlobals("en").text, classes, map[string]string{"iPhone15,2": "iPhone 14 Pro"}}
		if got, want := n.seenLine(tc.app), "POS (com.example.pos): "+tc.want; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
