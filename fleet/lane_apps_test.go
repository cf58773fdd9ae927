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

// askedWhile returns how often a phone is asked for its apps in one session of at most 20
// commands, while the clock runs on.
func (p *phone) askedWhile() (n int) {
	p.t.Helper()
	c := p.idle()
	for range 20 {
		if c == nil {
			break
		}
		p.clock.Add(time.Second)
		if c.RequestType == "InstalledApplicationList" {
			n++
		}
		c = p.answer(c)
	}
	return n
}

// TestLaneOfAClockAheadAsksOnce: of a lane that was taken while the clock ran ahead a phone
// is asked for its apps when the clock is there, and then once.
func TestLaneOfAClockAheadAsksOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := w.urgent(0)[0]
	old.apps[pos] = "0.1"
	w.clock.Add(aDay)
	old.settle()
	w.clock.Add(5 * time.Minute)
	w.hurry(inTheLane())
	w.clock.Add(-4 * time.Minute)
	if n := old.askedWhile(); n != 0 {
		t.Errorf("asked %d times before the lane was taken by the clock", n)
	}
	w.clock.Add(4 * time.Minute)
	if n := old.askedWhile(); n != 1 {
		t.Errorf("asked %d times, want once", n)
	}
}

// TestLaneThatStandsStillAsksNobody: while nothing would be installed, what apps a phone
// has can wait.
func TestLaneThatStandsStillAsksNobody(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]func(*world) error{
		"goes on":  nil,
		"declined": func(w *world) error { return second(w.fleet.Decline(w.ctx, seg, w.act("no"), "sales", release)) },
		"paused":   func(w *world) error { return second(w.fleet.Pause(w.ctx, seg, w.act("wait"), "sales", release)) },
		"broken":   func(w *world) error { w.quickCheck("broken"); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			old := w.urgent(0)[0]
			old.apps[pos] = "0.1"
			w.clock.Add(aDay)
			old.settle()
			w.clock.Add(time.Minute)
			w.hurry(inTheLane())
			w.clock.Add(time.Minute)
			want := 1
			if stop != nil {
				w.must(stop(w))
				want = 0
			}
			if n := old.askedWhile(); n != want {
				t.Errorf("asked %d times, want %d", n, want)
			}
		})
	}
}
