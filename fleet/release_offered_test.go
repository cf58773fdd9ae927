package fleet_test

import (
	"testing"
	"time"
)

// TestOfferedByTheClock: whether Apple offers a release goes by the server's clock, not
// by whether the catalogue knows a day on which it left.
func TestOfferedByTheClock(t *testing.T) {
	t.Parallel()
	for day, want := range map[string]bool{
		"2026-07-26": false, // not posted
		"2026-07-28": true,
		"2026-08-16": true, // it is to leave tomorrow
		"2026-08-18": false,
	} {
		w := newWorld(t)
		at, err := time.Parse(time.DateOnly, day)
		w.must(err)
		w.clock.now = at
		d, err := w.fleet.Release(seg, "26.6")
		w.must(err)
		old, err := w.fleet.Release(seg, "18.0") // nobody noted when it left
		w.must(err)
		if got := old.Windows[0]; got.Offered || got.LeftPublic != "" {
			t.Errorf("on %s: %+v is offered", day, got)
		}
		if got := d.Windows[0]; got.Offered != want || got.Posted != "2026-07-27" || got.LeftPublic != "2026-08-17" {
			t.Errorf("on %s: %+v, want offered %t", day, got, want)
		}
	}
}
