package fleet_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

func TestMajorsDeclared(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.enrol("P", "sales", storage.RingProduction)
	u := w.enrol("U", "sales", storage.RingProduction)
	u.sup = false
	for _, tt := range []struct{ says, want string }{{"", "Oldest"}, {"allow", "All"}, {"hold", "Oldest"}} {
		if tt.says != "" {
			w.decides("strict", fleet.PolicyChange{MajorChange: fleet.MajorChange{Majors: ptr(tt.says)}})
		}
		for _, p := range []*phone{p, u} {
			p.settle()
			if got := p.sync()["kannuki.settings"].Payload["RecommendedCadence"]; got != tt.want {
				t.Errorf("majors %q: %s was told %v, want %s", tt.says, p.udid, got, tt.want)
			}
		}
	}
}

// TestBranchEnds follows iOS 18 on a model that can run 26, by Apple's own list:
// it was maintained beside 26.0 and 26.1, and ended with 18.7.2 on 2025-12-12.
func TestBranchEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	day := func(d string) {
		at, err := time.Parse(time.DateOnly, d)
		w.must(err)
		w.clock.Add(at.Sub(w.clock.Now()))
	}
	branch := func(release string) policy.BranchClock {
		g, err := w.fleet.Gate(seg, "sales", release)
		if w.must(err); g.Branch == nil {
			t.Fatalf("gate of %s: %s %v, no branch", release, g.Phase, g.Reasons)
		}
		return g.Branch.BranchClock
	}
	date := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }
	day("2025-11-20")
	p := w.enrol("P", "sales", storage.RingProduction)
	p.os, p.build = "18.7.1", "22H31"
	p.settle()
	want := policy.BranchClock{Model: p.model, Line: "18", State: policy.BranchLives, Newest: "18.7.2", Posted: date(2025, 11, 5)}
	if diff := cmp.Diff(want, branch("26.1")); diff != "" {
		t.Errorf("while it lives (-want +got):\n%s", diff)
	}
	w.sweep()
	if n := len(w.acts("branch.stopped")) + len(w.acts("branch.quiet")); n != 0 {
		t.Errorf("%d times told of a branch that lives", n)
	}
	day("2025-12-15")
	want.State, want.Stopped = policy.BranchStopped, date(2025, 12, 12)
	if diff := cmp.Diff(want, branch("26.2")); diff != "" {
		t.Errorf("once it stopped (-want +got):\n%s", diff)
	}
	w.sweep()
	w.sweep()
	w.restart()
	w.sweep()
	if told := w.acts("branch.stopped"); len(told) != 1 || told[0].Detail["newest"] != "18.7.2" || told[0].Target != "sales/26.2" {
		t.Errorf("told %+v, want once that 18.7.2 was the last", told)
	}
	var notices []string
	for _, n := range w.notices() {
		if strings.HasPrefix(n.Kind, "branch.") {
			notices = append(notices, lang.New(lang.English).Notice(n.Kind, n.Group, n.Release, n.Phone, n.Params))
		}
	}
	if diff := cmp.Diff([]string{"Fixes for iOS 18 ended for " + p.model + ": the last was 18.7.2 of 2025-11-05. sales has phones on it; the newer one is iOS 26.2."}, notices); diff != "" {
		t.Errorf("notices (-want +got):\n%s", diff)
	}
}
