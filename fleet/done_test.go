package fleet_test

import (
	"testing"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// TestDoneOnceApproved: a phone that had a release before it was approved is done with
// it once it is, in every count, though a newer release waits for it.
func TestDoneOnceApproved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, udid := range []string{"A1", "A2"} {
		p := w.enrol(udid, "sales", storage.RingProduction)
		p.os = "26.5"
		p.settle()
		if udid == "A1" {
			p.install(older, "23G80")
		}
	}
	v := w.enrol("V1", "sales", storage.RingVerification)
	v.os = "26.5"
	v.settle()
	v.install(older, "23G80")
	type counts struct{ Rollout, Shown, Waves, Gate int }
	done := func() (c counts) {
		t.Helper()
		r, err := w.fleet.Rollout(w.ctx, seg, "sales", older, fleet.RolloutQuery{})
		w.must(err)
		c.Rollout = r.Done
		for _, v := range r.Waves {
			c.Waves += v.Done
		}
		d, err := w.fleet.RolloutDates(w.ctx, seg, "sales", older, nil)
		w.must(err)
		for _, n := range d.Reasons {
			if n.Reason == string(policy.ReasonDone) {
				c.Shown = n.Count
			}
		}
		g, err := w.fleet.Gate(seg, "sales", older)
		w.must(err)
		c.Gate = g.Counts.Done
		return c
	}
	if got := done(); got.Rollout != 0 {
		t.Errorf("%d phones are done with what nobody approved, want none", got.Rollout)
	}
	_, err := w.fleet.RecordVerdict(w.ctx, seg, w.act("tested"), fleet.VerdictRequest{
		BundleID: "com.example.pos", Release: older, Result: "works", Device: "V1", Note: "checked the till",
	})
	w.must(err)
	w.must(w.approveOlder(fleet.ApproveRequest{Deadline: "+3d"}))
	if got := done(); got != (counts{1, 1, 1, 1}) {
		t.Errorf("done: %+v, want 1 everywhere", got)
	}
}
