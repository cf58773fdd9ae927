package wake

import (
	"encoding/binary"
	"io"
	"math"
	"time"

	"github.com/kannuki-mdm/kannuki/mdm/apns"
)

// Pauses after a push that was accepted and not followed by a poll. Apple
// stores the newest push and delivers it when the phone comes back, so the
// repetitions only make up for a push that got lost.
const (
	firstRepeat  = 5 * time.Minute
	secondRepeat = time.Hour
	dailyRepeat  = 24 * time.Hour
	dailyJitter  = time.Hour // at most this much earlier: spreads a fleet woken at once
)

// Pauses after a push that was not accepted.
const (
	maxFailurePause = 15 * time.Minute
	tooManyPause    = 2 * time.Minute // doubles with each 429 in a row
	maxTooManyPause = time.Hour
	badTokenPause   = time.Hour
)

// settle schedules p after a push with result r. The caller holds the lock.
func (s *Scheduler) settle(p *phone, topic string, r apns.Result) {
	now := s.now()
	if r.Outcome == apns.Accepted {
		p.failures = 0
		increment(&p.accepted)
	} else {
		increment(&p.failures)
	}
	// A poll ends the back-off but not this pause.
	p.notBefore = now + s.pause(p, r)
	switch {
	case !p.wanted:
		s.rest(p)
		return
	case p.contacted:
		// It polled and is wanted again: for new work, with a new push.
		p.heed()
		s.schedule(p, waiting, max(now+s.options.Debounce, p.notBefore))
		return
	}
	switch r.Outcome {
	case apns.Accepted:
		s.schedule(p, unanswered, now+s.repeat(p.accepted))
	case apns.Unregistered:
		// By then the reporter has made the source call it dead, or the result
		// was void and the source has another token.
		s.schedule(p, waiting, now+max(s.options.MinInterval, s.jitter(p.failures)))
	case apns.TooMany:
		s.schedule(p, waiting, p.notBefore)
	case apns.BadToken:
		s.schedule(p, waiting, now+badTokenPause+s.below(badTokenPause))
	case apns.Unavailable, apns.Configuration, apns.CertificateProblem:
		p.due = now
		if g := s.gates[topic]; g != nil && g.closed {
			s.park(p, g)
			return
		}
		s.schedule(p, waiting, now+s.jitter(p.failures))
	}
}

// pause is how long Apple must not hear of p again, whatever happens.
func (s *Scheduler) pause(p *phone, r apns.Result) time.Duration {
	switch r.Outcome {
	case apns.Accepted, apns.Unregistered, apns.BadToken:
		return s.options.MinInterval
	case apns.TooMany:
		pause := min(tooManyPause<<min(p.failures-1, 5), maxTooManyPause)
		return max(r.RetryAfter, pause+s.below(pause))
	case apns.Unavailable, apns.Configuration, apns.CertificateProblem:
	}
	return 0 // it did not get as far as this phone
}

// repeat is the pause after the n-th accepted push in a row.
func (s *Scheduler) repeat(n uint8) time.Duration {
	switch n {
	case 1:
		return firstRepeat
	case 2:
		return secondRepeat
	default:
		return dailyRepeat - s.below(dailyJitter)
	}
}

// heardRepeat is the least pause after the n-th accepted push in a row, n at least 1,
// when the phone was heard since. It doubles: a phone that reports all the time and that
// no push reaches, because of a firewall for instance, would get one a minute otherwise.
func (s *Scheduler) heardRepeat(n uint8) time.Duration {
	return min(s.options.MinInterval<<min(n-1, 6), secondRepeat)
}

// jitter is the pause after n failures in a row, n at least 1: random between a
// second and the smaller of 2^n seconds and the limit ("full jitter").
func (s *Scheduler) jitter(n uint8) time.Duration {
	top := min(time.Second<<min(n, 30), maxFailurePause)
	return time.Second + s.below(top-time.Second+1)
}

// below is a random duration in [0, d). If the source of randomness fails,
// which crypto/rand never does, it is 0: pauses stay long enough without it.
func (s *Scheduler) below(d time.Duration) time.Duration {
	var b [8]byte
	if _, err := io.ReadFull(s.options.Rand, b[:]); err != nil || d <= 0 {
		return 0
	}
	return time.Duration(binary.LittleEndian.Uint64(b[:]) % uint64(d)) //nolint:gosec // below d
}

func increment(n *uint8) {
	if *n < math.MaxUint8 {
		*n++
	}
}
