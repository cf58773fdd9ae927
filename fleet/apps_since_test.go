package fleet_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
)

// TestEditNamesApprovalsWithoutTheApp: whoever makes an app a condition is told which
// approvals go on without it, when it is tried and when it is done, and once.
func TestEditNamesApprovalsWithoutTheApp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tooOld("26.5", "none")
	w.approved()
	const added = "com.example.till"
	_, err := w.fleet.AddApp(w.ctx, seg, w.act("x"), fleet.AppRequest{BundleID: added, Importance: "informational"})
	w.must(err)
	tried := w.act("try")
	tried.DryRun = true
	none := []fleet.ApprovedWithout(nil)
	goesOn := []fleet.ApprovedWithout{{Group: "sales", Release: release, Apps: []string{added}}}
	check := func(what string, got, want []fleet.ApprovedWithout) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	toGroup := func(act fleet.Act) []fleet.ApprovedWithout {
		t.Helper()
		edit, err := w.fleet.SetGroup(w.ctx, seg, act, fleet.GroupRequest{Name: "sales", Apps: []string{added}})
		w.must(err)
		return edit.Without
	}
	raise := func(act fleet.Act, importance string) []fleet.ApprovedWithout {
		t.Helper()
		edit, err := w.fleet.SetApp(w.ctx, seg, act, added, fleet.AppChange{Importance: &importance})
		w.must(err)
		return edit.Without
	}
	check("an app for information", toGroup(w.act("x")), none)
	check("made important, tried", raise(tried, "important"), goesOn)
	critical := "critical"
	applied, err := w.fleet.Apply(w.ctx, seg, tried, fleet.ApplyRequest{Settings: fleet.Settings{
		Apps: []fleet.AppSettings{{BundleID: added, AppChange: fleet.AppChange{Importance: &critical}}},
	}})
	w.must(err)
	check("by files", applied.Without, goesOn)
	check("made important", raise(w.act("x"), "important"), goesOn)
	check("critical then", raise(w.act("x"), "critical"), none)
}
