package simulation

import (
	"testing"
)

func TestDbg(t *testing.T) {
	l := draw(3248, small(3248))
	l, _ = l.keep("days=19 phones=3 events=11,17")
	for _, p := range l.releases { t.Logf("%+v", p) }
	for _, p := range l.events { t.Logf("%+v", p) }
	t.Log(l.zone, l.stops, l.teams[1])
	hook = func(w *world) {
		t.Log(w.copyDay, w.day(w.now), w.serverNow())
		for _, r := range w.catalogue() { t.Logf("%+v", r) }
	}
	live(t.Context(), l, options{})
}

var hook func(*world)
