package notify

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kannuki-mdm/kannuki/storage"
)

// Store is what the worker needs of a store, by the contract of fleet's
// NoticeStore.
type Store interface {
	Segments(ctx context.Context) ([]storage.Segment, error)
	Notices(ctx context.Context, seg storage.Segment, q storage.NoticeQuery) ([]storage.Notice, error)
	DueNotices(ctx context.Context, seg storage.Segment, channel string, at time.Time, limit int) ([]storage.Notice, error)
	SettleDeliveries(ctx context.Context, seg storage.Segment, settled []storage.Settlement, audit ...storage.AuditEntry) error
}

const (
	// lookInterval is how often a channel looks for what is due: nothing depends
	// on an event having been noticed.
	lookInterval = 2 * time.Second
	// atOnce is how many messages of one channel are on their way at a time.
	atOnce = 4
	// batch is how many notices a channel reads at a time.
	batch = 100
	// settleTimeout is how long the outcome of a message that was sent may take to
	// be written when the server stops.
	settleTimeout = 5 * time.Second
)

// A delivery is tried again after firstRetry, then after twice as long each time
// up to maxRetry, and given up after maxAttempts: after three days. Attempts
// count, not days, so that nothing is given up because the server stood still.
const (
	firstRetry  = 10 * time.Second
	maxRetry    = 6 * time.Hour
	maxAttempts = 23
)

// backoff returns how long to wait after so many attempts, without jitter.
func backoff(attempts int) time.Duration {
	wait := firstRetry
	for i := 1; i < attempts && wait < maxRetry; i++ {
		wait *= 2
	}
	return min(wait, maxRetry)
}

// Worker carries out deliveries: at least once each, with the notice's ID as the
// key by which a receiver knows what it has seen. What the process did not live
// to settle is sent again by the next.
type Worker struct {
	channels *Channels
	store    Store
	// random returns a number in [0, 1) that spreads attempts by a fifth either way.
	random func() float64
}

// NewWorker returns a worker for the channels of an installation.
func NewWorker(c *Channels, store Store, random func() float64) *Worker {
	return &Worker{channels: c, store: store, random: random}
}

// Run delivers what is due until the context ends, and returns after every
// message under way has ended. First it gives up the deliveries of channels that
// are no longer configured. Faults of the store are logged and outlived.
func (w *Worker) Run(ctx context.Context) error {
	w.log(ctx, "give up deliveries", w.eachSegment(ctx, w.abandon))
	var group sync.WaitGroup
	for _, ch := range w.channels.list {
		group.Go(func() { w.serve(ctx, ch) })
	}
	group.Wait()
	return nil
}

func (w *Worker) log(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		w.channels.o.Logger.ErrorContext(ctx, "notices", "while", what, "error", err)
	}
}

func (w *Worker) eachSegment(ctx context.Context, do func(context.Context, storage.Segment) error) error {
	segments, err := w.store.Segments(ctx)
	for _, seg := range segments {
		err = errors.Join(err, do(ctx, seg))
	}
	return err
}

// serve looks again and again for what one channel is to carry.
func (w *Worker) serve(ctx context.Context, ch channel) {
	look := time.NewTicker(lookInterval)
	defer look.Stop()
	for {
		err := w.eachSegment(ctx, func(ctx context.Context, seg storage.Segment) error {
			if !ch.config.of(seg) || w.channels.paused(seg, ch.config.name()) {
				return nil
			}
			return w.drain(ctx, ch, seg)
		})
		w.log(ctx, "deliver by "+ch.config.name(), err)
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
}

// drain carries what is due in a segment. It stops where a whole batch failed, so
// that a host that is down is not asked for every notice at once.
func (w *Worker) drain(ctx context.Context, ch channel, seg storage.Segment) error {
	for {
		due, err := w.store.DueNotices(ctx, seg, ch.config.name(), w.channels.o.Wall(), batch)
		if err != nil || len(due) == 0 {
			return err
		}
		var group errgroup.Group
		var sent atomic.Bool
		group.SetLimit(atOnce)
		for _, n := range due {
			group.Go(func() error {
				gone, err := w.deliver(ctx, ch, seg, n)
				if gone {
					sent.Store(true)
				}
				return err
			})
		}
		if err := group.Wait(); err != nil || !sent.Load() {
			return err
		}
	}
}

// deliver makes one attempt and settles it, and reports whether the channel took
// the notice or it was put off to an hour at which it may arrive, which is no attempt.
// One that the server's end cut short counts for nothing, and while the channel
// rests or is paused there is none.
func (w *Worker) deliver(ctx context.Context, ch channel, seg storage.Segment, n storage.Notice) (gone bool, err error) {
	if ctx.Err() != nil || ch.rest.lasts(w.channels.o.Wall()) || w.channels.paused(seg, ch.config.name()) {
		return false, nil
	}
	i := slices.IndexFunc(n.Deliveries, func(d storage.Delivery) bool { return d.Channel == ch.config.name() })
	before := n.Deliveries[i]
	if wait := w.channels.putOff(seg, n); wait > 0 {
		after := before
		after.Next = w.channels.o.Wall().Add(max(wait, lookInterval))
		return true, w.settle(ctx, seg, storage.Settlement{Notice: n.ID, Before: before, After: after})
	}
	_, sendErr := ch.send(ctx, w.channels.o.Installation, seg, n)
	if sendErr != nil && ctx.Err() != nil {
		return false, nil
	}
	if put, ok := errors.AsType[*LaterError](sendErr); ok {
		ch.rest.begin(w.channels.o.Wall().Add(put.After))
	}
	after := w.outcome(before, sendErr)
	w.tell(ctx, n, after)
	return sendErr == nil, w.settle(ctx, seg, storage.Settlement{Notice: n.ID, Before: before, After: after})
}

// settle writes what became of a delivery, also while the server stops.
func (w *Worker) settle(ctx context.Context, seg storage.Segment, s storage.Settlement) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	err := w.store.SettleDeliveries(ctx, seg, []storage.Settlement{s})
	if errors.Is(err, storage.ErrConflict) || errors.Is(err, storage.ErrNotFound) {
		return nil // somebody else settled it meanwhile
	}
	return err
}

// outcome returns a delivery after one more attempt.
func (w *Worker) outcome(d storage.Delivery, err error) storage.Delivery {
	now := w.channels.o.Wall()
	d.Attempts, d.At = d.Attempts+1, now
	d = failed(d, err)
	switch {
	case err == nil:
		d.State, d.Next = storage.DeliverySent, time.Time{}
	case d.Attempts >= maxAttempts:
		d.State, d.Next = storage.DeliveryDead, time.Time{}
	default:
		wait := time.Duration(float64(backoff(d.Attempts)) * (0.8 + 0.4*w.random()))
		if put, ok := errors.AsType[*LaterError](err); ok {
			wait = max(wait, put.After)
		}
		d.Next = now.Add(wait)
	}
	return d
}

// failed returns a delivery with why its last attempt failed, nothing for nil.
func failed(d storage.Delivery, err error) storage.Delivery {
	d.Error, d.Detail, d.Params = "", "", nil
	if err == nil {
		return d
	}
	d.Error = excerpt(err.Error())
	if f, ok := errors.AsType[*FaultError](err); ok {
		d.Detail, d.Params = f.Code, map[string]string{}
		for name, value := range f.Params {
			d.Params[name] = excerpt(value)
		}
	}
	return d
}

// tell logs a first failure and a delivery that is given up; what lies between
// stands in the delivery.
func (w *Worker) tell(ctx context.Context, n storage.Notice, d storage.Delivery) {
	logger := w.channels.o.Logger.With("id", n.ID, "kind", n.Kind, "channel", d.Channel, "attempts", d.Attempts, "error", d.Error)
	switch {
	case d.State == storage.DeliveryDead:
		logger.ErrorContext(ctx, "notice given up")
	case d.Error != "" && d.Attempts == 1:
		logger.WarnContext(ctx, "notice not delivered, will be tried again")
	}
}

// abandon gives up what is pending on channels that are not configured for the
// segment, so that it can be seen and forgotten. Notices of such channels do not come anew while
// the server runs.
func (w *Worker) abandon(ctx context.Context, seg storage.Segment) error {
	names := w.channels.Names(seg)
	for q := (storage.NoticeQuery{State: storage.DeliveryPending}); ; {
		pending, err := w.store.Notices(ctx, seg, q)
		if err != nil || len(pending) == 0 {
			return err
		}
		var settled []storage.Settlement
		for _, n := range pending {
			for _, d := range n.Deliveries {
				if d.State != storage.DeliveryPending || slices.Contains(names, d.Channel) {
					continue
				}
				after := failed(d, fault("no-channel"))
				after.State = storage.DeliveryDead
				settled = append(settled, storage.Settlement{Notice: n.ID, Before: d, After: after})
			}
		}
		if len(settled) > 0 {
			if err := w.store.SettleDeliveries(ctx, seg, settled); err != nil {
				return err
			}
		}
		q.Before = pending[len(pending)-1].Seq
	}
}
