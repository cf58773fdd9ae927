package backtest_test

import (
	"slices"
	"testing"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/policy/backtest"
)

// TestForwardClasses: what a verification phone finds opens the gate for the models that
// the policy lets it stand for.
func TestForwardClasses(t *testing.T) {
	t.Parallel()
	const twin, other = "iPhone11,8", "iPhone15,2"
	models := []string{old, twin, other}
	for _, test := range []struct {
		class   policy.ModelClass
		model   string // of production
		reaches bool
	}{
		{policy.ModelClassHardware, old, true},
		{policy.ModelClassHardware, twin, false},
		{policy.ModelClassScreen, twin, true},
		{policy.ModelClassScreen, other, false},
		{policy.ModelClassAny, other, true},
	} {
		p := present(30, posted("26.0", -60, models), posted("26.1", 5, models))
		p.Parts.Screens = map[string]string{old: "414x896@2x", twin: "414x896@2x", other: "393x852@3x"}
		p.Production[0].Model = test.model
		way := under(backtest.Stored{Policy: policy.Policy{Name: "retail", ModelClass: test.class}, Deadline: 3 * aDay}, 10)
		got := slices.Contains(events(ahead(t, p, way)), "19 installed 26.1  10 phones")
		if got != test.reaches {
			t.Errorf("%s, tested on %s: phones of %s have it on day 19: %t, want %t", test.class, old, test.model, got, test.reaches)
		}
	}
}

// TestReplayClasses: a release that comes to a model later is approved once a model that
// stands for it is tested.
func TestReplayClasses(t *testing.T) {
	t.Parallel()
	late := posted("26.1", 10, []string{old, neu})
	late.Models[1].Posted = day(16)
	h := history(posted("26.0", 0, []string{old, neu}), late)
	h.Phones = append(h.Phones, backtest.Phones{Model: neu, Count: 10})
	h.Screens = map[string]string{old: "414x896@2x", neu: "414x896@2x"}
	for class, want := range map[policy.ModelClass]int{policy.ModelClassHardware: 16, policy.ModelClassScreen: 10, policy.ModelClassAny: 10} {
		h.ModelClass = class
		if got := one(t, h, way(backtest.Finish, 10)).HeldMax; got != want {
			t.Errorf("%s: 26.1 was held for %d days, want %d", class, got, want)
		}
	}
}
