package fleet_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// TestSpelling: a release that is spelled otherwise than in the catalogue is named, and
// nothing is decided or recorded about it.
func TestSpelling(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.enrol("P1", "sales", storage.RingProduction).settle()
	v := w.enrol("V1", "sales", storage.RingVerification)
	v.os, v.build = release, "23G83"
	v.settle()
	before, err := w.store.World(w.ctx, seg)
	w.must(err)
	for _, spelled := range []string{release + ".0", "26.06.1", "026.6.1"} {
		for what, act := range map[string]func() error{
			"offer":   func() error { return second(w.fleet.Offer(w.ctx, seg, w.act("x"), "sales", spelled)) },
			"decline": func() error { return second(w.fleet.Decline(w.ctx, seg, w.act("x"), "sales", spelled)) },
			"approve": func() error {
				return second(w.fleet.Approve(w.ctx, seg, w.act("x"), fleet.ApproveRequest{Group: "sales", Release: spelled, Deadline: "+3d"}))
			},
			"result": func() error {
				return second(w.fleet.RecordVerdict(w.ctx, seg, w.act("x"), fleet.VerdictRequest{BundleID: "com.example.pos", Release: spelled, Result: "works", Device: "V1", Note: "seen"}))
			},
			"gate":    func() error { return second(w.fleet.Gate(seg, "sales", spelled)) },
			"release": func() error { return second(w.fleet.Release(seg, spelled)) },
		} {
			if e, ok := errors.AsType[*fleet.NotFoundError](act()); !ok || len(e.Near) != 1 || e.Near[0] != release {
				t.Errorf("%s %s: %v, want not found, near %s", what, spelled, act(), release)
			}
		}
	}
	after, err := w.store.World(w.ctx, seg)
	w.must(err)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the records changed (-before +after):\n%s", diff)
	}
}
