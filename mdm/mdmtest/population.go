package mdmtest

import (
	"container/heap"
	"context"
	"errors"
	"sync"
	"time"
)

// PopulationOptions say how a population is paced.
type PopulationOptions struct {
	// Speed is how many seconds of the phones' clock pass per second of wall
	// time; default 1. It must agree with the phones' Now.
	Speed float64
	// OnError is told about failed steps; phones go on by themselves. It may be
	// called from several goroutines. Nil ignores them.
	OnError func(*Phone, error)
}

// Population steps many phones, each when it is due.
type Population struct {
	o      PopulationOptions
	phones []*Phone

	mu    sync.Mutex
	queue dueQueue
	items map[*Phone]*dueItem
	woken chan struct{} // has room for one: "look again"
}

// NewPopulation returns a population of phones that share one clock.
func NewPopulation(phones []*Phone, o PopulationOptions) *Population {
	if o.Speed == 0 {
		o.Speed = 1
	}
	pop := &Population{o: o, phones: phones, items: map[*Phone]*dueItem{}, woken: make(chan struct{}, 1)}
	for _, p := range phones {
		it := &dueItem{phone: p, at: p.now(), index: -1}
		pop.items[p] = it
		heap.Push(&pop.queue, it)
	}
	return pop
}

// Run steps phones with the given number of workers (at least one) until ctx
// ends, and returns ctx's error. It must not run twice at the same time.
func (pop *Population) Run(ctx context.Context, workers int) error {
	for _, p := range pop.phones {
		p.setWake(func() { pop.wakeUp(p) })
	}
	defer func() {
		for _, p := range pop.phones {
			p.setWake(nil)
		}
	}()
	jobs := make(chan *dueItem)
	var wg sync.WaitGroup
	for range max(workers, 1) {
		wg.Go(func() {
			for it := range jobs {
				pop.step(ctx, it)
			}
		})
	}
	err := pop.dispatch(ctx, jobs)
	close(jobs)
	wg.Wait()
	return err
}

// dispatch hands out phones as they fall due.
func (pop *Population) dispatch(ctx context.Context, jobs chan<- *dueItem) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		it, wait := pop.take()
		if it != nil {
			select {
			case jobs <- it:
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-pop.woken:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// idle is how long to wait when no phone will ever be due by itself.
const idle = time.Hour

// take returns the phone that is due, or how long to wait in wall time.
func (pop *Population) take() (*dueItem, time.Duration) {
	pop.mu.Lock()
	defer pop.mu.Unlock()
	if len(pop.queue) == 0 {
		return nil, idle
	}
	first := pop.queue[0]
	if left := first.at.Sub(first.phone.now()); left > 0 {
		return nil, time.Duration(float64(left)/pop.o.Speed) + time.Millisecond
	}
	it, _ := heap.Pop(&pop.queue).(*dueItem)
	it.running = true
	return it, 0
}

// step steps one phone and puts it back into the queue.
func (pop *Population) step(ctx context.Context, it *dueItem) {
	err := it.phone.Step(ctx)
	if err != nil && pop.o.OnError != nil && !errors.Is(err, context.Canceled) {
		pop.o.OnError(it.phone, err)
	}
	next := it.phone.NextStep()
	pop.mu.Lock()
	defer pop.mu.Unlock()
	it.running = false
	switch {
	case it.again:
		it.at = it.phone.now()
	case next.IsZero():
		return // until it is woken
	default:
		it.at = next
	}
	it.again = false
	heap.Push(&pop.queue, it)
	pop.nudge()
}

// wakeUp makes a phone due now.
func (pop *Population) wakeUp(p *Phone) {
	pop.mu.Lock()
	defer pop.mu.Unlock()
	it := pop.items[p]
	if it.running {
		it.again = true
		return
	}
	it.at = p.now()
	if it.index < 0 {
		heap.Push(&pop.queue, it)
	} else {
		heap.Fix(&pop.queue, it.index)
	}
	pop.nudge()
}

func (pop *Population) nudge() {
	select {
	case pop.woken <- struct{}{}:
	default: // a nudge is waiting already
	}
}

func (p *Phone) setWake(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wake = f
}

type dueItem struct {
	phone          *Phone
	at             time.Time
	index          int // in the queue, -1 when not in it
	running, again bool
}

// dueQueue is a heap, earliest first.
type dueQueue []*dueItem

// Len implements heap.Interface.
func (q dueQueue) Len() int { return len(q) }

// Less implements heap.Interface.
func (q dueQueue) Less(i, j int) bool { return q[i].at.Before(q[j].at) }

// Swap implements heap.Interface.
func (q dueQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push implements heap.Interface.
func (q *dueQueue) Push(x any) {
	it, _ := x.(*dueItem)
	it.index = len(*q)
	*q = append(*q, it)
}

// Pop implements heap.Interface.
func (q *dueQueue) Pop() any {
	old := *q
	it := old[len(old)-1]
	it.index = -1
	*q = old[:len(old)-1]
	return it
}
