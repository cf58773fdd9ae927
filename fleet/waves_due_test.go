package fleet_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

const aDay = 24 * time.Hour

// plainWaves are waves with no time to soak.
var plainWaves = fleet.ApproveRequest{Waves: []string{"25%@+0", "50%@+2d", "100%@+4d"}, Deadline: "+3d"}

// starts returns when waves start, from a moment.
func (w *world) starts(from time.Time) []time.Duration {
	w.t.Helper()
	var out []time.Duration
	for _, v := range w.waves() {
		out = append(out, v.Start.Sub(from))
	}
	return out
}

// While a rollout stands still there is nothing to put off, nor to sweep for,
// when nothing has to soak: the wave starts as soon as the rollout goes on.
func TestWavesStandStillWithoutASoak(t *testing.T) {
	t.Parallel()
	resume := func(w *world) error {
		_, err := w.fleet.Resume(w.ctx, seg, w.act("it was the printer"), "sales", release)
		return err
	}
	for name, tc := range map[string]struct {
		stop, goOn func(*world) error
	}{
		"paused": {func(w *world) error {
			_, err := w.fleet.Pause(w.ctx, seg, w.act("printer"), "sales", release)
			return err
		}, resume},
		"blocked": {
			func(w *world) error { return w.verdict("V1", "broken") },
			func(w *world) error { return w.verdict("V1", "works") },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.inWaves(plainWaves)
			w.must(tc.stop(w))
			w.clock.Add(twoDays)
			revision := w.revision()
			for range 10 {
				if w.after(time.Minute) {
					t.Fatal("a wave was said to start while the rollout stands still")
				}
			}
			if got := w.revision(); got != revision || len(w.acts("rollout.wave-delayed")) != 0 {
				t.Errorf("ten looks made %d revisions and recorded %d delays, want none", got-revision, len(w.acts("rollout.wave-delayed")))
			}
			w.must(tc.goOn(w))
			if !w.after(0) {
				t.Error("the wave did not start when the rollout went on")
			}
		})
	}
}

// A wave that is put off has not started, and no phone has anything to learn.
func TestDelayedWaveHasNotStarted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	request := plainWaves
	request.Soak = "1d"
	w.inWaves(request)
	_, err := w.fleet.Pause(w.ctx, seg, w.act("printer"), "sales", release)
	w.must(err)
	if w.after(twoDays) || len(w.acts("rollout.wave-delayed")) != 1 {
		t.Errorf("a wave that is put off was said to start, with %d records of it (want 1)", len(w.acts("rollout.wave-delayed")))
	}
}

// Waves that came due together do not start together: those behind a late one
// come as much later, with or without a time to soak.
func TestLateWavePutsOffThoseBehindIt(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		soak string
		late time.Duration // when the server looks again, from the opening
		want []time.Duration
	}{
		"on time":              {"", 2 * aDay, []time.Duration{0, 2 * aDay, 4 * aDay}},
		"between the two":      {"", 3 * aDay, []time.Duration{0, 3 * aDay, 5 * aDay}},
		"past both":            {"", 5 * aDay, []time.Duration{0, 5 * aDay, 7 * aDay}},
		"past both, soak":      {"1d", 5 * aDay, []time.Duration{0, 5 * aDay, 7 * aDay}},
		"a soak sets the date": {"3d", 4 * aDay, []time.Duration{0, 4 * aDay, 7 * aDay}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			opened := w.clock.Now()
			request := plainWaves
			request.Soak = tc.soak
			w.inWaves(request)
			if !w.after(tc.late) {
				t.Fatal("no wave started")
			}
			if diff := cmp.Diff(tc.want, w.starts(opened)); diff != "" {
				t.Errorf("starts from the opening (-want +got):\n%s", diff)
			}
			if w.after(0) {
				t.Error("another wave started with it")
			}
		})
	}
}

// Phones do not wait for a wave that cannot be written down.
func TestSweepGoesOnWithoutWaves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, phones := w.inWaves(plainWaves)
	for _, p := range phones {
		p.settle()
		w.wakes.take(p.udid)
	}
	hook, full := w.hook(), &fullStore{}
	full.Store = hook.Store
	hook.Store = full
	w.clock.Add(twoDays)
	woken, err := w.fleet.Sweep(w.ctx)
	w.must(err)
	for _, p := range phones {
		if !w.wakes.take(p.udid) {
			t.Errorf("%s was not woken (%d were)", p.udid, woken)
		}
	}
	if _, err := w.fleet.StartWaves(w.ctx); full.refused == 0 || !errors.Is(err, storage.ErrFull) {
		t.Errorf("a disk that refused %d changes gave error %v, want ErrFull", full.refused, err)
	}
	hook.Store = w.store
	if !w.after(0) {
		t.Error("the wave did not start once the disk had room")
	}
}

// An approval whose gate cannot be worked out, such as one of a release that no
// feed names any more, keeps no other from starting.
func TestWavesStartBesideABadApproval(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.inWaves(plainWaves)
	bad := w.approvals()[0]
	bad.ID, bad.Release = "00000000-0000-4000-8000-000000000000", "99.1"
	_, err := w.store.ChangeWorld(w.ctx, seg, w.revision(), storage.WorldChange{Approvals: []storage.Approval{bad}})
	w.must(err)
	w.restart()
	if !w.after(twoDays) || len(w.acts("rollout.wave")) != 1 {
		t.Errorf("%d waves started beside the bad approval, want 1", len(w.acts("rollout.wave")))
	}
}

// racingStore lets somebody else change the world first, once.
type racingStore struct {
	fleet.Store
	first func()
}

func (s *racingStore) ChangeWorld(ctx context.Context, segment storage.Segment, revision uint64, c storage.WorldChange) (uint64, error) {
	if first := s.first; first != nil {
		s.first = nil
		first()
	}
	return s.Store.ChangeWorld(ctx, segment, revision, c)
}

// A person who pauses at the moment at which a wave starts comes first, and the
// wave changes nothing.
func TestPauseBeatsTheWave(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.inWaves(plainWaves)
	hook := w.hook()
	hook.Store = &racingStore{Store: hook.Store, first: func() {
		a := w.approvals()[0]
		a.PausedAt, a.PausedBy = w.clock.Now(), "uid:1(test)"
		_, err := w.store.ChangeWorld(w.ctx, seg, w.revision(), storage.WorldChange{Approvals: []storage.Approval{a}})
		w.must(err)
	}}
	revision := w.revision()
	if w.after(twoDays) {
		t.Error("the wave started all the same")
	}
	if got := w.revision() - revision; got != 1 {
		t.Errorf("%d revisions, want that of the pause alone", got)
	}
}
