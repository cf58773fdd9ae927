package fleet

import (
	"context"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// Applied returns the records as a preview sees them after a change.
func Applied(w storage.World, c storage.WorldChange) storage.World { return applied(w, c) }

// QueueStep queues the next step of a phone's update by command, as a session
// does once it has decided to.
func (f *Fleet) QueueStep(ctx context.Context, seg storage.Segment, p storage.Phone) (storage.Phone, error) {
	w, err := f.world(seg)
	if err != nil {
		return p, err
	}
	return f.queueStep(ctx, w, p)
}

// Watched returns of how many rollouts the circuit breaker looks at the phones.
func (f *Fleet) Watched(seg storage.Segment) (int, error) {
	w, err := f.world(seg)
	if err != nil {
		return 0, err
	}
	return len(f.watches(w, w.current.Load())), nil
}

// Calm reports whether nothing is known that could have to be stopped since the
// last look at all phones.
func (f *Fleet) Calm(seg storage.Segment) (bool, error) {
	w, err := f.world(seg)
	if err != nil {
		return false, err
	}
	return w.calm.Load().holds(w, w.current.Load(), f.listeningSince(), f.now()), nil
}

// Alarm does what the sweeper does between sweeps until one is to follow; there
// has to be a reason for one.
func (s *Sweeper) Alarm(ctx context.Context) bool {
	alarm := make(chan time.Time, 1)
	alarm <- time.Time{}
	return s.wait(ctx, nil, alarm)
}
