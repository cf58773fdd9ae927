package server

import "time"

// ticks returns a clock that nobody sets, nil in a lab, whose policy time is made
// up. The times of the wall clock carry the reading of such a clock.
func (s *Server) ticks() func() time.Duration {
	if !s.config.Lab.Start.IsZero() {
		return nil
	}
	start := s.o.Wall()
	return func() time.Duration { return s.o.Wall().Sub(start) }
}
