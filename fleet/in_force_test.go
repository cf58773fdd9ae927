package fleet_test

import (
	"testing"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// TestInForce: a result that says broken keeps a gate closed also once it has expired,
// and is in force for that long.
func TestInForce(t *testing.T) {
	t.Parallel()
	for result, want := range map[string]int{"works": 0, "broken": 1} {
		w := newWorld(t)
		w.enrol("P1", "sales", storage.RingProduction).settle()
		v := w.enrol("V1", "sales", storage.RingVerification)
		v.os, v.build = release, "23G83"
		v.settle()
		w.must(second(w.fleet.RecordVerdict(w.ctx, seg, w.act("tested"), fleet.VerdictRequest{
			BundleID: "com.example.pos", Release: release, Result: result, Device: "V1", Note: "seen", Expires: w.clock.Now().Add(aDay),
		})))
		w.days(2)
		list, err := w.fleet.Verdicts(seg, fleet.VerdictQuery{InForce: true})
		w.must(err)
		gate, err := w.fleet.Gate(seg, "sales", release)
		w.must(err)
		if len(list) != want || len(gate.Broken) != want {
			t.Errorf("%s: %d results in force, %d keep the gate closed; want %d", result, len(list), len(gate.Broken), want)
		}
	}
}
