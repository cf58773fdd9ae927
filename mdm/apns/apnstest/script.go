package apnstest

import "time"

// Answer is what the stand-in is told to say.
type Answer struct {
	Status     int
	Reason     string        // "" sends no error document
	RetryAfter time.Duration // whole seconds; 0 sends none
	Since      time.Time     // timestamp of a 410; zero sends none
	Body       string        // sent as it is instead of the error document
}

// script is how the server misbehaves at the moment.
type script struct {
	all     *Answer
	byToken map[string]Answer
	lose    int
	loseAll bool
	offline map[string]bool
	stalled chan struct{} // closed when stalling ends; nil when not stalling
}

func newScript() script {
	return script{byToken: map[string]Answer{}, offline: map[string]bool{}}
}

// Down makes the service unreachable: every connection breaks, new ones are
// hung up on. Down(false) ends it.
func (s *Server) Down(down bool) {
	s.listener.setDown(down)
}

// Stall makes requests wait without an answer until Stall(false) or until
// their client gives up.
func (s *Server) Stall(stall bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case stall && s.script.stalled == nil:
		s.script.stalled = make(chan struct{})
	case !stall && s.script.stalled != nil:
		close(s.script.stalled)
		s.script.stalled = nil
	}
}

// Respond makes the server answer pushes for token, or for all tokens without
// an answer of their own if token is nil, with this status and reason. Status
// 0 ends that. Pushes with something wrong get their usual answer first.
func (s *Server) Respond(token []byte, status int, reason string) {
	s.RespondWith(token, Answer{Status: status, Reason: reason})
}

// RespondWith is Respond with all that an answer can hold.
func (s *Server) RespondWith(token []byte, a Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case token == nil && a.Status == 0:
		s.script.all = nil
	case token == nil:
		s.script.all = &a
	case a.Status == 0:
		delete(s.script.byToken, string(token))
	default:
		s.script.byToken[string(token)] = a
	}
}

// Lose makes the server accept the next n pushes with 200 and drop them.
func (s *Server) Lose(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script.lose = n
}

// LoseAll is Lose without an end, until LoseAll(false).
func (s *Server) LoseAll(lose bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script.loseAll = lose
}

// Offline says that the phone with this token cannot be reached: its newest
// push is kept and delivered after Offline(token, false), unless it expires.
func (s *Server) Offline(token []byte, offline bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if offline {
		s.script.offline[string(token)] = true
		s.store.hold(string(token))
		return
	}
	delete(s.script.offline, string(token))
	if s.options.Deliver != nil {
		s.store.release(string(token))
		s.signal()
	}
}

// Take returns the magic of the push stored for token and forgets the push.
// Expired pushes are not returned.
func (s *Server) Take(token []byte) (magic string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store.take(string(token), s.options.Now())
}

// store keeps the newest push of every token, as Apple does.
type store struct {
	newest map[string]push
	ready  []string            // tokens to deliver to, in order; those not in queued are skipped
	queued map[string]struct{} // tokens that are in ready and still meant
}

func newStore() store {
	return store{newest: map[string]push{}, queued: map[string]struct{}{}}
}

// put keeps p and says whether it took the place of another.
func (s *store) put(p push, ready bool) (replaced bool) {
	token := string(p.token)
	_, replaced = s.newest[token]
	s.newest[token] = p
	if ready {
		s.release(token)
	}
	return replaced
}

func (s *store) hold(token string) {
	delete(s.queued, token)
}

func (s *store) release(token string) {
	_, stored := s.newest[token]
	_, queued := s.queued[token]
	if stored && !queued {
		s.queued[token] = struct{}{}
		s.ready = append(s.ready, token)
	}
}

// next returns the push to deliver now.
func (s *store) next(now time.Time) (token []byte, magic string, ok bool) {
	for len(s.ready) > 0 {
		name := s.ready[0]
		s.ready = s.ready[1:]
		if _, ok := s.queued[name]; !ok {
			continue
		}
		delete(s.queued, name)
		if magic, ok := s.take(name, now); ok {
			return []byte(name), magic, true
		}
	}
	return nil, "", false
}

func (s *store) take(token string, now time.Time) (string, bool) {
	p, ok := s.newest[token]
	delete(s.newest, token)
	if !ok || (!p.expires.IsZero() && now.After(p.expires)) {
		return "", false
	}
	return p.magic, true
}
