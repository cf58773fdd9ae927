package main

import (
	"testing"

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
		if got := (classNamer{testGlobals("en"), known, names}).name(class); got != want {
			t.Errorf("%s: %q, want %q", class, got, want)
		}
	}
	g := testGlobals("en")
	app := policy.AppState{State: policy.StatusPartial, Provisional: []string{"393x852@3x"}}
	want := "a quick check is enough on 393 x 852 @3x (iPhone 14 Pro, iPhone 15, iPhone99,2)"
	if got := g.quickChecks(app, classNamer{g, known, names}); got != want {
		t.Errorf("quick checks: %q, want %q", got, want)
	}
}
