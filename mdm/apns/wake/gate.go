package wake

import (
	"time"

	"github.com/kannuki-mdm/kannuki/mdm/apns"
)

const (
	// breakAfter pushes in a row without success close a topic's gate.
	breakAfter = 20
	// refusedPause is how long a topic rests that needs a person.
	refusedPause = time.Hour
	// maxProbe bounds the pause while Apple cannot be reached. It is short and
	// does not grow: a push a minute troubles nobody, and all phones wait for
	// one that succeeds.
	maxProbe = time.Minute
)

// gate stands before a topic that had failures. A closed one lets a single
// phone through when its pause is over, the scout; what the scout meets
// decides whether all others follow.
type gate struct {
	topic       string
	unavailable int // in a row
	badTokens   int // in a row
	closed      bool
	until       time.Duration // end of the pause
	since       time.Duration
	outcome     apns.Outcome
	detail      string
	scout       *phone
	parked      map[*phone]struct{}
}

// admit says whether p may be pushed to topic now. If not, it has been parked,
// or put to rest because it polled. The caller holds the lock.
func (s *Scheduler) admit(p *phone, topic string) bool {
	if !p.wanted {
		s.rest(p)
		return false
	}
	g := s.gates[topic]
	if g == nil || !g.closed {
		return true
	}
	if s.now() >= g.until && (g.scout == nil || g.scout == p) {
		g.scout = p
		return true
	}
	s.park(p, g)
	return false
}

// park keeps p until g opens or sends it as a scout. The caller holds the lock.
func (s *Scheduler) park(p *phone, g *gate) {
	s.set(p, parked)
	g.parked[p] = struct{}{}
}

// leaveGates makes every gate forget p. The caller holds the lock.
func (s *Scheduler) leaveGates(p *phone) {
	for _, g := range s.gates {
		delete(g.parked, p)
		if g.scout == p {
			g.scout = nil
			s.look() // for another scout
		}
	}
}

// sendScouts lets one phone out of each gate whose pause is over, and returns
// when the next pause ends. The caller holds the lock.
func (s *Scheduler) sendScouts(now time.Duration) (next time.Duration, ok bool) {
	for _, g := range s.gates {
		if !g.closed || g.scout != nil || len(g.parked) == 0 {
			continue
		}
		if now < g.until {
			if !ok || g.until < next {
				next, ok = g.until, true
			}
			continue
		}
		for p := range g.parked { // any one; another each time
			delete(g.parked, p)
			g.scout = p
			s.schedule(p, waiting, now)
			break
		}
	}
	return next, ok
}

// learn draws from the result of pushing p what it says about the topic. The
// caller holds the lock.
func (s *Scheduler) learn(p *phone, topic string, r apns.Result) {
	g := s.gates[topic]
	isScout := g != nil && g.scout == p
	s.leaveGates(p)
	switch {
	case r.Outcome == apns.Accepted || r.Outcome == apns.Unregistered || r.Outcome == apns.TooMany:
		if g != nil {
			s.open(g)
		}
		return
	case r.Outcome == apns.BadToken && r.Status == 0:
		return // refused by our own client because of what this phone sent
	case g == nil:
		g = &gate{topic: topic, parked: map[*phone]struct{}{}}
		s.gates[topic] = g
	case g.closed && !isScout:
		return // sent before the gate closed
	}
	switch r.Outcome {
	case apns.BadToken:
		if isScout {
			s.open(g) // Apple answers again; others may have better tokens
			return
		}
		g.unavailable = 0
		if g.badTokens++; g.badTokens >= breakAfter {
			s.close(g, r, refusedPause)
		}
	case apns.Unavailable:
		g.unavailable++
		switch {
		case r.RetryAfter > 0:
			s.close(g, r, r.RetryAfter)
		case isScout || g.unavailable >= breakAfter:
			s.close(g, r, time.Second+s.below(maxProbe))
		}
	case apns.Configuration, apns.CertificateProblem:
		s.close(g, r, refusedPause)
	case apns.Accepted, apns.Unregistered, apns.TooMany: // see above
	}
}

// close stops g's topic for the pause. The caller holds the lock.
func (s *Scheduler) close(g *gate, r apns.Result, pause time.Duration) {
	now := s.now()
	if !g.closed {
		g.closed, g.since = true, now
	}
	g.until = now + pause
	g.outcome, g.detail = r.Outcome, r.String()
	s.options.Logger.Debug("push topic stopped", "topic", g.topic, "outcome", r.Outcome.String(), "pause", pause)
}

// open forgets g and lets its phones go in the order they were due. The
// caller holds the lock.
func (s *Scheduler) open(g *gate) {
	delete(s.gates, g.topic)
	for p := range g.parked {
		s.schedule(p, waiting, p.due)
	}
}
