package fleet_test

import (
	"testing"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// TestRemovedPhone: a phone that was taken out is not treated as if it were there, and
// its explanation says that it is gone.
func TestRemovedPhone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	worker, tester := w.enrol("P1", "sales", storage.RingProduction), w.enrol("V1", "sales", storage.RingVerification)
	for _, p := range []*phone{worker, tester} {
		p.settle()
		_, err := w.store.UpdatePhone(w.ctx, seg, p.udid, 0, func(p *storage.Phone) (storage.PhoneChange, error) {
			p.State, p.RemovedAt = storage.PhoneRemoved, w.clock.Now()
			return storage.PhoneChange{}, nil
		})
		w.must(err)
	}
	x, err := w.fleet.Explain(w.ctx, seg, "P1")
	w.must(err)
	if got := x.Explanation; got.Reason.Code != policy.ReasonRemoved || got.Hold != "" || got.NextHuman != policy.StepEnrollAgain || x.Device.Reason != "removed" || x.Chase != nil {
		t.Errorf("explanation %+v of %+v, want that it was removed and nothing else", got, x.Device)
	}
	refusals := map[string]func(fleet.Act) error{
		"move": func(a fleet.Act) error { return second(w.fleet.Move(w.ctx, seg, a, "P1", "", "")) },
		"propose-move": func(a fleet.Act) error {
			return second(w.fleet.ProposeMove(w.ctx, seg, a, fleet.MoveRequest{Devices: []string{"P1"}}))
		},
		"holder":  func(a fleet.Act) error { return second(w.fleet.SetHolder(w.ctx, seg, a, "P1", "K-1")) },
		"refresh": func(a fleet.Act) error { return second(w.fleet.Refresh(w.ctx, seg, a, "P1")) },
		"problem": func(a fleet.Act) error {
			return second(w.fleet.ReportProblem(w.ctx, seg, a, fleet.ProblemRequest{BundleID: pos, Device: "P1", Note: "crash"}))
		},
		"result": func(a fleet.Act) error {
			return second(w.fleet.RecordVerdict(w.ctx, seg, a, fleet.VerdictRequest{BundleID: pos, Release: release, Device: "V1", Result: "works"}))
		},
	}
	for name, refused := range refusals {
		tried := w.act("x")
		tried.DryRun, tried.Person = true, storage.Person{Name: "tanaka"}
		if r := refusal(t, refused(tried)); r.Code != "not-enrolled" {
			t.Errorf("%s: refused with %q, want not-enrolled", name, r.Code)
		}
	}
}
