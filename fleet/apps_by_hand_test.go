package fleet_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
)

// TestAppsByHandAreCounted: what somebody has to update is told before and with the
// approval and as long as it stands, for waves to come as well.
func TestAppsByHandAreCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.tooOld("26.5", "none")
	updates := func(p *shopper, version string) {
		t.Helper()
		p.apps["com.example.pos"] = version
		w.must(second(w.fleet.Refresh(w.ctx, seg, w.act("the app was updated"), p.udid)))
		p.talk()
	}
	updates(w.shopper("P2", "26.5"), "1.10")
	w.shopper("P3", "26.5")
	want := &fleet.AppsByHand{Phones: 3, Apps: []fleet.AppByHand{{BundleID: "com.example.pos", Floor: "2.0", Installed: []string{"1.0", "1.10"}, Phones: 3}}}
	check := func(when string, got, want *fleet.AppsByHand) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: apps by hand (-want +got):\n%s", when, diff)
		}
	}
	r := fleet.ApproveRequest{Group: "sales", Release: release, Deadline: "+3d", Waves: []string{"1%@+0", "100%@+2d"}}
	plan, err := w.fleet.PlanRollout(seg, r)
	w.must(err)
	check("plan", plan.AppsByHand, want)
	shown := func() *fleet.AppsByHand {
		t.Helper()
		detail, err := w.fleet.GateDetail(seg, "sales", release)
		w.must(err)
		return detail.AppsByHand
	}
	check("not approved", shown(), nil)
	tried := w.act("try")
	tried.DryRun = true
	for _, act := range []fleet.Act{tried, w.act("tested")} {
		effect, err := w.fleet.Approve(w.ctx, seg, act, r)
		w.must(err)
		check("approval", effect.AppsByHand, want)
	}
	check("approved", shown(), want)
	updates(p, "2.0")
	want.Phones, want.Apps[0].Phones = 2, 2
	check("after one was updated", shown(), want)
	w.deliver("com.example.pos", "store")
	check("delivered", shown(), nil)
}
