package wake

import (
	"container/heap"
	"time"
)

// state is where a phone stands.
type state uint8

const (
	unknown    state = iota
	waiting          // in the queue, to be pushed
	unanswered       // in the queue, to be pushed again unless it polls
	resting          // in the queue, to be forgotten; nothing is wanted of it
	busy             // with a worker
	parked           // behind a closed gate
	dead             // the source cannot push it
)

// notQueued is the index of a phone outside the queue.
const notQueued = -1

// phone is the flag of one phone. A hundred thousand of them exist after a
// power cut, so it is kept small.
type phone struct {
	key       string
	due       time.Duration // since the scheduler's epoch
	notBefore time.Duration // end of the pause after the last push
	index     int32         // in the queue
	state     state
	accepted  uint8 // pushes since the last poll, saturating
	failures  uint8 // in a row, saturating
	wanted    bool  // busy only: a push is still wanted
	contacted bool  // it polled while it was busy; see heed
}

// schedule puts p into the queue. The caller holds the lock.
func (s *Scheduler) schedule(p *phone, st state, due time.Duration) {
	p.due = due
	s.set(p, st)
	if p.index == notQueued {
		heap.Push(&s.queue, p)
	} else {
		heap.Fix(&s.queue, int(p.index))
	}
	s.look()
}

// set changes p's state and keeps count. The caller holds the lock.
func (s *Scheduler) set(p *phone, st state) {
	if p.state != unknown {
		s.states[p.state]--
	}
	p.state = st
	if st != unknown {
		s.states[st]++
	}
}

// heed ends p's back-off when it polled since this was last asked while it was busy.
// The caller holds the lock.
func (p *phone) heed() {
	if p.contacted {
		p.contacted, p.accepted, p.failures = false, 0, 0
	}
}

// rest ends all wishes about p. It is remembered only as long as it must not
// be pushed again. The caller holds the lock.
func (s *Scheduler) rest(p *phone) {
	s.leaveGates(p)
	p.accepted, p.failures = 0, 0
	if p.notBefore > s.now() {
		s.schedule(p, resting, p.notBefore)
		return
	}
	if p.index != notQueued {
		heap.Remove(&s.queue, int(p.index))
	}
	s.set(p, unknown)
	delete(s.phones, p.key)
}

// queue is a heap of phones by when they are due.
type queue []*phone

// Len implements [heap.Interface].
func (q queue) Len() int { return len(q) }

// Less implements [heap.Interface].
func (q queue) Less(i, j int) bool { return q[i].due < q[j].due }

// Swap implements [heap.Interface].
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = int32(i), int32(j) //nolint:gosec // far below 2^31 phones
}

// Push implements [heap.Interface].
func (q *queue) Push(x any) {
	p := x.(*phone)          //nolint:errcheck,forcetypeassert // only phones are pushed
	p.index = int32(len(*q)) //nolint:gosec // far below 2^31 phones
	*q = append(*q, p)
}

// Pop implements [heap.Interface].
func (q *queue) Pop() any {
	last := len(*q) - 1
	p := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	p.index = notQueued
	return p
}
