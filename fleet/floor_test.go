package fleet_test

import (
	"slices"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
)

// TestFloorRises: a rollout that a broken app stopped goes on with the version that works.
// Phones with the one that is known not to work wait for it, whatever the approval was
// given with, and it is brought to them where the group's apps are.
func TestFloorRises(t *testing.T) {
	t.Parallel()
	for name, again := range map[string]func(w *world){
		"the result is found wrong": func(w *world) { w.must(w.verdict("V1", "broken")) },
		"the result is withdrawn": func(w *world) {
			_, err := w.fleet.RevokeVerdict(w.ctx, seg, w.act("the wrong phone"), w.records().Verdicts[0].ID)
			w.must(err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			_, phones := w.inWaves(fleet.ApproveRequest{Deadline: "+5d"})
			p := phones[0]
			p.settle()
			w.clock.Add(time.Hour)
			again(w)
			p.settle()
			if got, _ := p.enforcement(); got != "" {
				t.Fatalf("still asked for %s", got)
			}
			w.clock.Add(time.Hour)
			tester := w.phoneOf("V1")
			tester.apps["com.example.pos"] = "1.1"
			_, err := w.fleet.Refresh(w.ctx, seg, w.act("new version"), "V1")
			w.must(err)
			tester.settle()
			w.must(w.verdict("V1", "works"))
			p.settle()
			v, err := w.fleet.Device(w.ctx, seg, "P1")
			w.must(err)
			if got, _ := p.enforcement(); got != "" || v.Reason != "app-update-needed" {
				t.Errorf("a phone with 1.0 is asked for %q, %s", got, v.Reason)
			}
			d, err := w.fleet.RolloutDates(w.ctx, seg, "sales", release, nil)
			w.must(err)
			if want := []fleet.FloorView{{BundleID: "com.example.pos", MinVersion: "1.1"}}; !slices.Equal(d.Floors, want) {
				t.Errorf("floors %+v, want %+v", d.Floors, want)
			}
		})
	}
}
