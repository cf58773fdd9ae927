package wake

import (
	"container/heap"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/kannuki-mdm/kannuki/mdm/apns"
)

const (
	// maxSleep bounds a wait in case the clock was set.
	maxSleep = time.Minute
	// reportTimeout bounds recording a result when Run is asked to end.
	reportTimeout = 5 * time.Second
)

// errRunning says that a scheduler was started twice.
var errRunning = errors.New("wake: scheduler is running already")

// Run pushes until ctx ends, waits for its goroutines and returns nil. Phones
// still wanted stay so for the next Run. It returns an error at once when it
// is running already.
func (s *Scheduler) Run(ctx context.Context) error {
	s.mu.Lock()
	running := s.running
	s.running = true
	s.mu.Unlock()
	if running {
		return errRunning
	}
	work := make(chan *phone)
	var workers sync.WaitGroup
	for range s.options.Workers {
		workers.Go(func() {
			for p := range work {
				s.handle(ctx, p)
			}
		})
	}
	s.dispatch(ctx, work)
	close(work)
	workers.Wait()
	s.mu.Lock()
	s.running = false
	s.mu.Unlock()
	return nil
}

// dispatch hands phones that are due to the workers until ctx ends.
func (s *Scheduler) dispatch(ctx context.Context, work chan<- *phone) {
	timer := time.NewTimer(maxSleep)
	defer timer.Stop()
	for {
		p, pause := s.take()
		if p == nil {
			timer.Reset(pause)
			select {
			case <-ctx.Done():
				return
			case <-s.kick:
			case <-timer.C:
			}
			continue
		}
		select {
		case <-ctx.Done():
			s.abandon(p)
			return
		case work <- p:
		}
	}
}

// take returns a phone that is due and now busy, or how long to wait for one.
func (s *Scheduler) take() (*phone, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	pause := maxSleep
	if next, ok := s.sendScouts(now); ok {
		pause = min(pause, next-now)
	}
	for len(s.queue) > 0 {
		p := s.queue[0]
		if p.due > now {
			return nil, min(pause, p.due-now)
		}
		if p.state == resting {
			s.rest(p) // its pause is over
			continue
		}
		heap.Pop(&s.queue)
		s.set(p, busy)
		p.heed()
		p.wanted = true
		return p, 0
	}
	return nil, pause
}

// handle pushes one phone and schedules what comes next for it.
func (s *Scheduler) handle(ctx context.Context, p *phone) {
	t, ok, err := s.source.Target(ctx, p.key)
	switch {
	case ctx.Err() != nil:
		s.abandon(p)
		return
	case err != nil:
		s.lookupFailed(p, err)
		return
	case !ok:
		s.bury(p)
		return
	}
	s.mu.Lock()
	admitted := s.admit(p, t.Topic)
	s.mu.Unlock()
	if !admitted {
		return
	}
	if !s.waitTurn(ctx) || !s.stillWanted(p) {
		s.abandon(p)
		return
	}
	r := s.pusher.Push(ctx, apns.Push{Token: t.Token, Magic: t.Magic, Topic: t.Topic})
	if ctx.Err() != nil && r.Outcome == apns.Unavailable {
		s.abandon(p) // cut off by the end of Run
		return
	}
	// The result counts even if ctx has ended since.
	reportCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportTimeout)
	defer cancel()
	s.finish(p, t.Topic, r, s.reporter.Pushed(reportCtx, p.key, s.options.Now(), r))
	s.options.Logger.DebugContext(ctx, "phone pushed", "phone", p.key, "result", r.String())
}

// waitTurn keeps to the ceiling; false means that ctx ended first. It is not
// the limiter's own Wait, which gives up at once, and would be called again and
// again, when ctx has a deadline that comes before the turn.
func (s *Scheduler) waitTurn(ctx context.Context) bool {
	turn := s.limiter.Reserve()
	timer := time.NewTimer(turn.Delay())
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		turn.Cancel()
		return false
	}
}

// stillWanted asks, right before the push, whether the phone has polled in the
// meantime, which ends its back-off even when it is wanted again. From here on a
// poll counts as an answer to the push.
func (s *Scheduler) stillWanted(p *phone) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.heed()
	return p.wanted
}

// abandon returns a phone that was not pushed.
func (s *Scheduler) abandon(p *phone) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !p.wanted {
		s.rest(p)
		return
	}
	s.leaveGates(p)
	s.schedule(p, waiting, s.now())
}

// lookupFailed retries later. It says nothing about the topic.
func (s *Scheduler) lookupFailed(p *phone, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.totals.Failed++
	s.fail("look up phone: " + err.Error())
	if !p.wanted {
		s.rest(p)
		return
	}
	s.leaveGates(p)
	increment(&p.failures)
	s.schedule(p, waiting, s.now()+s.jitter(p.failures))
}

// bury keeps a phone that cannot be pushed out of the queue until it polls or
// is wanted again; then the source is asked once more.
func (s *Scheduler) bury(p *phone) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !p.wanted {
		s.rest(p)
		return
	}
	s.leaveGates(p)
	p.accepted, p.failures = 0, 0
	p.notBefore = s.now() + s.options.MinInterval
	s.set(p, dead)
}

// finish counts a result and schedules what follows from it.
func (s *Scheduler) finish(p *phone, topic string, r apns.Result, reportErr error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.totals.ByOutcome[r.Outcome]++
	if r.Outcome == apns.Accepted {
		s.totals.Sent++
		s.totals.SentAt = s.options.Now()
	} else {
		s.totals.Failed++
		s.fail(r.String())
	}
	if reportErr != nil {
		s.fail("record push: " + reportErr.Error())
	}
	s.learn(p, topic, r)
	s.settle(p, topic, r)
}
