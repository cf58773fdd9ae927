package fleet_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// stepStore has something happen right before a step is written, and counts how
// often writing was tried.
type stepStore struct {
	fleet.Store
	first func()
	tries int
}

func (s *stepStore) UpdatePhones(ctx context.Context, seg storage.Segment, udids []string, update func(*storage.Phone) (storage.PhoneChange, error)) ([]storage.Phone, error) {
	if first := s.first; first != nil {
		s.first = nil
		first()
	}
	s.tries++
	return s.Store.UpdatePhones(ctx, seg, udids, update)
}

// TestChaseWhileThingsChange: a pause at the moment of a step ends it, and phones
// that changed are left out, by one more try however many they are.
func TestChaseWhileThingsChange(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change    func(w *world)
		tries     int
		reminders []string
	}{
		"nothing": {func(*world) {}, 1, []string{"message 26.6.1 6"}},
		"a person pauses": {func(w *world) {
			w.must(second(w.fleet.Pause(w.ctx, seg, w.act("wait"), "sales", release)))
		}, 1, nil},
		"phones install": {func(w *world) {
			for _, udid := range []string{"P1", "N0", "N4"} {
				_, err := w.store.UpdatePhone(w.ctx, seg, udid, 0, func(p *storage.Phone) (storage.PhoneChange, error) {
					p.OS.Version = release
					return storage.PhoneChange{}, nil
				})
				w.must(err)
			}
		}, 2, []string{"message 26.6.1 3"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.verified()
			for i := range 5 {
				w.enrol(fmt.Sprintf("N%d", i), "sales", storage.RingProduction).settle()
			}
			w.ladder(fleet.ChaseChange{Chase: &[]string{"message@+1h"}})
			w.must(second(w.approve("+3d")))
			w.sweep()
			w.clock.Add(2 * time.Hour)
			hook := w.hook()
			steps := &stepStore{Store: hook.Store, first: func() { tc.change(w) }}
			hook.Store = steps
			w.tick()
			if diff := cmp.Diff(tc.reminders, w.reminders()); diff != "" || steps.tries != tc.tries {
				t.Errorf("%d tries, want %d; reminders (-want +got):\n%s", steps.tries, tc.tries, diff)
			}
		})
	}
}

// TestBreakerComesBeforeTheStep: nobody is reminded of a rollout that stops at
// the same moment.
func TestBreakerComesBeforeTheStep(t *testing.T) {
	t.Parallel()
	w, phones := watched(t)
	w.decides("careful", fleet.PolicyChange{ChaseChange: fleet.ChaseChange{Chase: &[]string{"message@+1h"}}})
	for _, p := range phones[:2] {
		p.fail(1, "error 1")
	}
	if !fleet.NewSweeper(w.fleet, 0).Alarm(w.ctx) {
		t.Error("want a sweep: phones have a stop to learn of")
	}
	w.sweep()
	if got := w.reminders(); len(got) != 0 || len(w.acts("rollout.breaker")) != 1 {
		t.Errorf("%d stops, reminders %v; want a stop and no reminder", len(w.acts("rollout.breaker")), got)
	}
}

// TestChaseAfterRebase: reminders go by the waves that a rollout took over, as
// drawn for the release it took them from.
func TestChaseAfterRebase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	phones := w.underWay("50%@+0", "100%@+4d")
	w.ladder(fleet.ChaseChange{Chase: &[]string{"message@+1h"}})
	w.clock.Add(aDay)
	w.must(second(w.rebase()))
	want := map[string]int{}
	for _, p := range phones {
		want[p.udid] = 2
		if told, _ := p.enforcement(); told == release {
			want[p.udid] = 1
		}
	}
	v, err := w.fleet.RolloutChase(w.ctx, seg, "sales", release, fleet.RolloutQuery{})
	w.must(err)
	got := map[string]int{}
	for _, d := range v.Devices {
		got[d.UDID] = d.Wave
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("waves (-want +got):\n%s", diff)
	}
	w.clock.Add(2 * time.Hour)
	w.tick()
	if diff := cmp.Diff([]string{"message 26.6.1 2"}, w.reminders()); diff != "" {
		t.Errorf("reminders (-want +got):\n%s", diff)
	}
}
