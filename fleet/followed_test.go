package fleet_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// readingStore counts what is read of the world and of phones.
type readingStore struct {
	fleet.Store
	reads int
}

func (s *readingStore) World(ctx context.Context, segment storage.Segment) (storage.World, error) {
	s.reads++
	return s.Store.World(ctx, segment)
}

func (s *readingStore) Phones(ctx context.Context, segment storage.Segment, q storage.PhoneQuery) ([]storage.Phone, error) {
	s.reads++
	return s.Store.Phones(ctx, segment, q)
}

func (s *readingStore) Phone(ctx context.Context, segment storage.Segment, udid string) (storage.Phone, error) {
	s.reads++
	return s.Store.Phone(ctx, segment, udid)
}

// watched returns of how many rollouts the breaker looks at the phones.
func (w *world) watched() int {
	w.t.Helper()
	n, err := w.fleet.Watched(seg)
	w.must(err)
	return n
}

// TestHistoryCostsTheBreakerNothing: approvals of years ago stand, and nobody
// looks at them any more; nothing is read to find that out, and one that goes on
// is still stopped.
func TestHistoryCostsTheBreakerNothing(t *testing.T) {
	t.Parallel()
	w, phones := watched(t)
	var change storage.WorldChange
	for i := range 1000 {
		old := w.approvals()[0]
		old.ID, old.Release = fmt.Sprintf("old-%d", i), fmt.Sprintf("%d.%d", 1+i/100, i%100)
		change.Approvals = append(change.Approvals, old)
	}
	_, err := w.store.ChangeWorld(w.ctx, seg, w.revision(), change)
	w.must(err)
	w.restart()
	if got := w.watched(); got != 1 {
		t.Errorf("looks at the phones of %d rollouts, want 1", got)
	}
	hook := w.hook()
	store := &readingStore{Store: hook.Store}
	hook.Store = store
	if w.stopped() || store.reads != 0 {
		t.Errorf("%d reads of a tick that stops nothing, want none", store.reads)
	}
	for _, p := range phones[:2] {
		p.fail(1, "error 1")
	}
	store.reads = 0
	if !w.stopped() || store.reads != 1 {
		t.Errorf("stopped with %d reads, want one of the world that changed", store.reads)
	}
}

// TestBreakerLooksAtWhatIsFollowed names what makes a rollout one to look at.
func TestBreakerLooksAtWhatIsFollowed(t *testing.T) {
	t.Parallel()
	moveOn := func(phones []*phone) {
		for _, p := range phones {
			p.install("26.7", "23H1")
		}
	}
	for name, tc := range map[string]struct {
		show func(w *world, phones []*phone)
		want int
	}{
		"phones that were told":       {func(*world, []*phone) {}, 1},
		"one phone that installed it": {func(_ *world, phones []*phone) { moveOn(phones[1:]); phones[0].install(release, "23G83") }, 1},
		"nobody any more":             {func(_ *world, phones []*phone) { moveOn(phones) }, 0},
		"a report that is open": {func(w *world, phones []*phone) {
			phones[0].install(release, "23G83")
			w.problem(phones[0])
			moveOn(phones)
		}, 1},
		"a report that is closed": {func(w *world, phones []*phone) {
			phones[0].install(release, "23G83")
			v := w.problem(phones[0])
			moveOn(phones)
			_, err := w.fleet.CloseProblem(w.ctx, seg, w.act("a cable"), v.ID)
			w.must(err)
		}, 0},
		"paused": {func(w *world, _ []*phone) {
			_, err := w.fleet.Pause(w.ctx, seg, w.act("printer"), "sales", release)
			w.must(err)
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, phones := watched(t)
			tc.show(w, phones)
			if got := w.watched(); got != tc.want {
				t.Errorf("looks at the phones of %d rollouts, want %d", got, tc.want)
			}
		})
	}
}

// TestReportsOutliveTheRelease: what was reported stops a rollout also when the
// phones on which it was seen run something newer by now.
func TestReportsOutliveTheRelease(t *testing.T) {
	t.Parallel()
	w, phones := watched(t)
	shows()[policy.WhyAppsReported](w, phones, 2)
	for _, p := range phones {
		p.install("26.7", "23H1")
	}
	if !w.stopped() || w.gate().Phase != policy.PhasePaused {
		t.Errorf("the gate is %s, want it paused by two reports", w.gate().Phase)
	}
}
