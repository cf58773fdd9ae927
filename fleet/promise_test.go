package fleet_test

import (
	"testing"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// TestPromiseOfAnotherApproval: where a phone is moved to, another approval has the very
// deadline of the one it comes from. What it has to install stays as it is; that it rests
// on the other approval is on record all the same, because reminders, the counts of a
// rollout and the log go by it.
func TestPromiseOfAnotherApproval(t *testing.T) {
	const deadline = "2026-08-27T10:00"
	w := newWorld(t)
	p, _ := w.verified()
	first, err := w.approve(deadline)
	w.must(err)
	p.sync()
	before := p.stored()

	w.must(second(w.fleet.AddGroup(w.ctx, seg, w.act("setup"), fleet.GroupRequest{Name: "stock", Apps: []string{"com.example.pos"}})))
	tester := w.enrol("V2", "stock", storage.RingVerification)
	tester.settle()
	w.must(second(w.fleet.Offer(w.ctx, seg, w.act("candidate"), "stock", release)))
	tester.settle()
	tester.install(release, "23G83")
	w.must(w.verdict("V2", "works"))
	other, err := w.fleet.Approve(w.ctx, seg, w.act("all apps work"), fleet.ApproveRequest{Group: "stock", Release: release, Deadline: deadline})
	w.must(err)
	w.must(second(w.fleet.Move(w.ctx, seg, w.act("to the warehouse"), p.udid, "stock", storage.RingProduction)))
	p.settle()

	after := p.stored()
	was, is := before.Announced.Enforcement, after.Announced.Enforcement
	if was.SourceID != first.Approval || is.SourceID != other.Approval {
		t.Errorf("promises rest on %s and %s, want %s and %s", was.SourceID, is.SourceID, first.Approval, other.Approval)
	}
	if is.Deadline != was.Deadline || after.Announced.Token != before.Announced.Token {
		t.Errorf("the phone has to learn %s by %s anew, want what it was told: %s", is.Release, is.Deadline, was.Deadline)
	}
	var sources []string
	entries, err := w.fleet.Audit(w.ctx, seg, 0, 0)
	w.must(err)
	for _, e := range entries {
		if e.Action == "enforcement.announced" && e.Target == p.udid {
			sources = append(sources, e.Detail["source_id"])
		}
	}
	if len(sources) != 2 || sources[1] != other.Approval {
		t.Errorf("the log has promises by %q, want one for each approval", sources)
	}
}
