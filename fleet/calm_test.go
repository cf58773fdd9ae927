package fleet_test

import (
	"testing"
	"time"
)

// TestCalmUntilOverrideEnds: an exception that ends takes its rollout from those
// that are watched, although neither the world nor a phone changes: what was seen
// before holds until then, and no longer.
func TestCalmUntilOverrideEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.unverified()
	effect, err := w.fleet.Sign(w.ctx, seg, by("sato"), w.propose(by("tanaka")))
	w.must(err)
	p.settle()
	for _, tc := range []struct {
		left  time.Duration // of the exception
		looks bool
		want  bool
	}{{left: time.Hour, looks: true, want: true}, {left: time.Minute, want: true}, {left: 0}, {left: 0, looks: true, want: true}} {
		w.clock.Add(effect.Until.Add(-tc.left).Sub(w.clock.Now()))
		if tc.looks && w.stopped() {
			t.Fatal("stopped, although no phone showed anything")
		}
		got, err := w.fleet.Calm(seg)
		w.must(err)
		if got != tc.want {
			t.Errorf("%s before the exception ends, after a look (%t): calm is %t, want %t", tc.left, tc.looks, got, tc.want)
		}
	}
}
