package fleet_test

import (
	"testing"

	"github.com/kannuki-mdm/kannuki/storage"
)

// An offer that takes the last verification phone off the line that production is on
// says so beforehand: no phone can go back to it.
func TestOfferLeavesALine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for udid, ring := range map[string]storage.Ring{"P1": storage.RingProduction, "P2": storage.RingProduction, "V1": storage.RingVerification} {
		p := newPhone(w, udid)
		p.os, p.build = "18.7", "22H20"
		p.again("sales", ring)
		p.settle()
	}
	dry := w.act("try")
	dry.DryRun = true
	effect, err := w.fleet.Offer(w.ctx, seg, dry, "sales", release)
	w.must(err)
	if effect.Uncovered != 2 {
		t.Errorf("%d phones are left without, want 2: %+v", effect.Uncovered, effect)
	}
	v2 := newPhone(w, "V2")
	v2.os, v2.build, v2.model = "18.7", "22H20", "iPhone11,8"
	v2.again("sales", storage.RingVerification)
	v2.settle()
	if effect, err = w.fleet.Offer(w.ctx, seg, w.act("go"), "sales", release); err != nil || effect.Uncovered != 2 {
		t.Errorf("a phone of another model stays: %d without, want 2 (%v)", effect.Uncovered, err)
	}
}
