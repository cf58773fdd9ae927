package fleet_test

import (
	"slices"
	"testing"
	"time"
)

// TestLaneAsksForApps: a phone that told of an app older than what was checked is asked
// again when two people take the emergency lane, once, and no other phone is.
func TestLaneAsksForApps(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	phones := w.urgent(0)
	old, other := phones[0], phones[1]
	old.apps[pos] = "0.1"
	w.clock.Add(aDay)
	asks := func(p *phone) bool { return slices.Contains(p.session(), "InstalledApplicationList") }
	old.settle()
	other.settle()
	if asks(old) || asks(other) {
		t.Fatal("asked before the lane was taken")
	}
	w.clock.Add(time.Minute)
	w.hurry(inTheLane())
	w.sweep()
	if !w.wakes.take(old.udid) || !asks(old) {
		t.Error("a phone with an app too old is not asked for its apps")
	}
	if asks(old) || asks(other) {
		t.Error("asked twice, or a phone with the app that was checked is asked")
	}
}
