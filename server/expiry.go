package server

import (
	"context"
	"time"
)

const day = 24 * time.Hour

// expiryWarning is how long before its end a certificate that a person has to
// renew is worth a warning: the first of expirySteps.
const expiryWarning = 60 * day

// expirySteps are the days before a certificate's end at which the log speaks
// up again.
func expirySteps() []int { return []int{60, 30, 14, 7, 3, 1, 0} }

// expiryStep returns the last step that is reached with so much time left, and
// false while none is. A certificate that has ended is at step 0.
func expiryStep(left time.Duration) (int, bool) {
	last, reached := 0, false
	for _, step := range expirySteps() {
		if left <= time.Duration(step)*day {
			last, reached = step, true
		}
	}
	return last, reached
}

// expiries remembers what the log was told, so that it hears of each step of
// each certificate once, and once more after a restart.
type expiries struct {
	said map[string]int // by fingerprint
}

// lookAtExpiries logs the certificates that have come to another step on the way to
// their end.
func (s *Server) lookAtExpiries(ctx context.Context, e *expiries) {
	list, err := Certificates(s.o.Data, s.o.Getenv)
	if err != nil {
		s.o.Logger.ErrorContext(ctx, "look at certificates", "error", err)
		return
	}
	now := s.o.Wall()
	for _, c := range list {
		step, reached := expiryStep(c.NotAfter.Sub(now))
		if last, told := e.said[c.Fingerprint]; !c.RenewalDue.IsZero() || !reached || (told && last == step) {
			continue
		}
		e.said[c.Fingerprint] = step
		if step == 0 {
			s.o.Logger.ErrorContext(ctx, "certificate has ended", "certificate", c.Name, "not_after", c.NotAfter)
			continue
		}
		s.o.Logger.WarnContext(ctx, "certificate ends soon", "certificate", c.Name, "not_after", c.NotAfter, "days_left", int(c.NotAfter.Sub(now)/day))
	}
}
