package fleet_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// TestKeptPlaceIsShown: for 30 days, and until the phone is moved.
func TestKeptPlaceIsShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.enrol("P1", "sales", storage.RingProduction).settle()
	at := w.clock.Now()
	_, err := w.store.UpdatePhone(w.ctx, seg, "P1", 0, func(p *storage.Phone) (storage.PhoneChange, error) {
		p.Kept = storage.KeptPlace{Group: "stock", Ring: storage.RingVerification, At: at}
		return storage.PhoneChange{}, nil
	})
	w.must(err)
	check := func(when string, want *fleet.KeptPlaceView) {
		t.Helper()
		d, err := w.fleet.Device(w.ctx, seg, "P1")
		w.must(err)
		x, err := w.fleet.Explain(w.ctx, seg, "P1")
		w.must(err)
		if diff := cmp.Diff([]*fleet.KeptPlaceView{want, want}, []*fleet.KeptPlaceView{d.KeptPlace, x.KeptPlace}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	kept := &fleet.KeptPlaceView{Group: "stock", Ring: "verification", At: at}
	check("at once", kept)
	w.clock.Add(30*aDay - 1)
	check("just before 30 days", kept)
	w.clock.Add(1)
	check("after 30 days", nil)

	w.clock.Add(-aDay)
	check("a day earlier", kept)
	w.must(second(w.fleet.Move(w.ctx, seg, w.act("moved"), "P1", "", "")))
	check("moved", nil)
}
