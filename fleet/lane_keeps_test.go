package fleet_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// TestPlanShowsWhatTheLanePromises: a plan of a newer release counts the phones that keep
// the deadline of a hurried rollout, because they lack the fix that it brings.
func TestPlanShowsWhatTheLanePromises(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.underWay("50%@+0", "100%@+4d")
	for _, udid := range []string{"P8", "P9"} {
		p := newPhone(w, udid)
		p.os, p.build = exploitedOn, "23C55"
		p.again("sales", storage.RingProduction)
		p.settle()
	}
	plan := func() []fleet.LanePromise {
		t.Helper()
		v, err := w.fleet.PlanRollout(seg, fleet.ApproveRequest{Group: "sales", Release: release, Deadline: "+7d"})
		w.must(err)
		return v.LanePromises
	}
	if got := plan(); got != nil {
		t.Errorf("before anybody hurries anything: %+v", got)
	}
	w.hurry(fleet.UrgentRequest{Group: "sales", Release: older})
	if _, err := w.rebase(); refusal(t, err).Code != "rebase-urgent" || !strings.Contains(err.Error(), "keep the deadline that was promised") {
		t.Errorf("taking it over: %v, want to be told that what was promised stays", err)
	}
	waves := w.rollout(older).Waves
	phones := map[string]int{}
	for _, l := range plan() {
		phones[l.Release] += l.Phones
		if l.Deadline > waves[len(waves)-1].Deadline {
			t.Errorf("kept until %s, the lane ends at %s", l.Deadline, waves[len(waves)-1].Deadline)
		}
	}
	if diff := cmp.Diff(map[string]int{older: 2}, phones); diff != "" {
		t.Errorf("phones by lane (-want +got):\n%s", diff)
	}
	tried := w.act("r")
	tried.DryRun = true
	dry, err := w.fleet.Approve(w.ctx, seg, tried, fleet.ApproveRequest{Group: "sales", Release: release, Deadline: "+7d"})
	w.must(err)
	if diff := cmp.Diff(plan(), dry.LanePromises); diff != "" {
		t.Errorf("a dry run says other than the plan (-plan +dry run):\n%s", diff)
	}
	soon, err := w.fleet.PlanRollout(seg, fleet.ApproveRequest{Group: "sales", Release: release, Deadline: "+2h"})
	if w.must(err); soon.LanePromises != nil {
		t.Errorf("beside an earlier deadline the lane keeps %+v", soon.LanePromises)
	}
}
