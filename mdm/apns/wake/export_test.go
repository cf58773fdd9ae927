package wake

// Remembered returns how many phones the scheduler keeps anything about.
func (s *Scheduler) Remembered() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.phones)
}
