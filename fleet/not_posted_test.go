package fleet_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// TestNobodyDecidesAboutAReleaseToCome: what Apple has not posted by the server's
// clock is not there to decide about, and no record waits for its day.
func TestNobodyDecidesAboutAReleaseToCome(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.enrol("P1", "sales", storage.RingProduction).settle()
	const toCome = "26.4" // posted on 2026-03-24
	w.clock.Add(time.Date(2026, 2, 12, 1, 0, 0, 0, time.UTC).Sub(w.clock.Now()))
	verbs := map[string]func(context.Context, storage.Segment, fleet.Act, string, string) (fleet.Effect, error){"offer": w.fleet.Offer, "decline": w.fleet.Decline}
	for name, decide := range verbs {
		for _, dry := range []bool{true, false} {
			a := w.act("too early")
			a.DryRun = dry
			_, err := decide(w.ctx, seg, a, "sales", toCome)
			if e, ok := errors.AsType[*fleet.NotFoundError](err); !ok || e.What != "posted-release" {
				t.Errorf("%s, only tried %t: %v, want a release that is not there yet", name, dry, err)
			}
		}
	}
	if _, err := w.fleet.DeclineAll(w.ctx, seg, w.act("too early"), toCome); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("for all groups: %v, want a release that is not there yet", err)
	}
	if _, err := w.fleet.PlanRollout(seg, fleet.ApproveRequest{Group: "sales", Release: toCome}); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("plan: %v, want a release that is not there yet", err)
	}
	if r := w.records(); len(r.Offers)+len(r.Declines) != 0 {
		t.Errorf("on record: %v %v, want nothing", r.Offers, r.Declines)
	}
	w.clock.Add(50 * 24 * time.Hour)
	if _, err := w.fleet.Offer(w.ctx, seg, w.act("posted"), "sales", toCome); err != nil {
		t.Errorf("offer of what is posted now: %v", err)
	}
}
