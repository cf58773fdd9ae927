package fleet

import (
	"context"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// Resume lets a paused rollout go on; the next wave waits until those before it
// have soaked anew, and what phones showed until now no longer stops it. It is
// refused while an app is broken, and after a jump of the clock, by which both
// would be dated, until a person ended that halt.
func (f *Fleet) Resume(ctx context.Context, seg storage.Segment, a Act, group, release string) (Effect, error) {
	w, err := f.world(seg)
	if err != nil {
		return Effect{}, err
	}
	var shown storage.Approval
	var left []policy.Reading
	effect, err := f.carry(ctx, seg, a, decision{action: "rollout.resume", group: group, release: release, build: func(s *snapshot, gate policy.Gate) (storage.WorldChange, error) {
		approval, ok := standing(s, group, release, f.now())
		if !ok || approval.PausedAt.IsZero() {
			return storage.WorldChange{}, nothingToResume(gate)
		}
		if s.records.Halt.Cause == storage.HaltClock {
			return storage.WorldChange{}, refused("clock-halt", "nothing goes on while nobody knows what time it is; see that the server's clock is right and resume with --after-clock-jump first")
		}
		left = f.leftBehind(w, s, approval)
		approval.PausedAt, approval.PausedBy, approval.PauseReason = time.Time{}, "", ""
		approval.Breaker = storage.BreakerState{Since: f.now()}
		approval.Waves = f.resoaked(s, approval)
		shown = approval
		return storage.WorldChange{Approvals: []storage.Approval{approval}}, stillBroken(s, gate)
	}})
	effect.LeftBehind = left
	return f.withWaves(seg, effect, shown, err)
}

// nothingToResume says why a rollout that nobody paused cannot be resumed. What a
// result stopped, only results let go on.
func nothingToResume(gate policy.Gate) error {
	if gate.StoppedByResult() {
		return refused("stopped-by-result", "a test result stopped the rollout of %s in group %s, nobody paused it; it goes on by itself once that is cleared, by a result that the app works for instance",
			gate.Release, gate.Group).with("release", gate.Release, "group", gate.Group)
	}
	return refused("not-paused", "the rollout of %s in group %s is not paused", gate.Release, gate.Group).
		with("release", gate.Release, "group", gate.Group)
}

// stillBroken names the apps that would stop the rollout at once: those that
// can keep a gate closed, with a broken result that an override did not accept.
func stillBroken(s *snapshot, gate policy.Gate) error {
	stopping := map[string]bool{}
	for _, v := range s.records.Verdicts {
		accepted := gate.Override != nil && slices.Contains(gate.Override.Broken, v.ID)
		stopping[v.BundleID] = stopping[v.BundleID] || slices.Contains(gate.Broken, v.ID) && !accepted
	}
	e := &RefusedError{Code: "app-broken", Message: "an app does not work on " + gate.Release + "; record a result that it works again first"}
	for _, app := range gate.Apps {
		if stopping[app.BundleID] {
			e.Missing = append(e.Missing, missing(gate, app))
		}
	}
	if len(e.Missing) == 0 {
		return nil
	}
	return e
}
