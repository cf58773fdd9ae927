package fleet_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// placed has the phone enrol again where the judge lets it, and returns what the
// judge said.
func (p *phone) placed(group string, ring storage.Ring) (why string) {
	p.t.Helper()
	p.must(p.fleet.Placing(seg, func(judge func(storage.Phone, string, storage.Ring) (storage.Phone, string)) (storage.Phone, error) {
		on, err := p.store.Phone(p.ctx, seg, p.udid)
		p.must(err)
		if _, why = judge(on, group, ring); why != "" {
			return on, nil
		}
		return p.unnoticed(group, ring), nil
	}))
	return why
}

// TestPlacing: what a link may do is judged by the gates as they are when it is used.
func TestPlacing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.unverified()
	w.must(second(w.fleet.AddGroup(w.ctx, seg, w.act("dock"), fleet.GroupRequest{Name: "stock", Apps: []string{"com.example.pos"}})))
	w.must(w.fleet.MayEnrol(w.ctx, seg, "P1", "", "stock", storage.RingProduction))
	if why := p.placed("stock", storage.RingProduction); why != "" {
		t.Fatalf("to a group that tested nothing: %s", why)
	}
	if why := p.placed("sales", storage.RingProduction); why != "" {
		t.Fatalf("and back: %s", why)
	}
	p.settle()
	w.must(w.fleet.MayEnrol(w.ctx, seg, "P1", "", "dock", storage.RingProduction)) // a group to come
	w.dockRolls()
	if why := p.placed("dock", storage.RingProduction); !strings.Contains(why, "sales/"+release) {
		t.Errorf("to where what is closed here rolls out: %q, want the gate", why)
	}
	if got := w.where("P1"); got != "sales/production" {
		t.Errorf("the phone is in %s", got)
	}
	w.must(w.fleet.RemoveGroup(w.ctx, seg, w.act("x"), "stock"))
	if why := p.placed("stock", storage.RingVerification); !strings.Contains(why, `no group "stock"`) {
		t.Errorf("to a group that was removed since: %q", why)
	}
	w.wantCensus()
	boom := errors.New("boom")
	err := w.fleet.Placing(seg, func(func(storage.Phone, string, storage.Ring) (storage.Phone, string)) (storage.Phone, error) {
		return storage.Phone{UDID: "P1", State: storage.PhoneRemoved}, boom
	})
	if !errors.Is(err, boom) {
		t.Errorf("what could not be stored = %v, want %v", err, boom)
	}
	w.wantCensus()
}
