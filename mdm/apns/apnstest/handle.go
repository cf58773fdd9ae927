package apnstest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// Entry is one request in the log.
type Entry struct {
	At     time.Time
	Token  []byte // nil when the request had none
	Topic  string
	Status int
	Reason string
	Lost   bool // answered with 200 and dropped
}

// Counts are totals since the start.
type Counts struct {
	Connections int
	Requests    int
	Accepted    int            // answered with 200, the lost ones included
	Lost        int            // dropped on purpose
	Replaced    int            // pushes that a newer one of the same token took the place of
	Delivered   int            // calls of Deliver
	Concurrent  int            // most requests under way at the same time
	Answers     map[string]int // by status and reason, "410 Unregistered"; "200"
}

// handle answers one request.
func (s *Server) handle(w http.ResponseWriter, r *http.Request) {
	s.enter()
	defer s.leave()
	if !s.waitStalled(r) {
		return
	}
	p, status, reason := check(r)
	a := Answer{Status: status, Reason: reason}
	if status == http.StatusOK {
		a = s.accept(p)
	} else {
		s.mu.Lock()
		s.record(p, a, false)
		s.mu.Unlock()
	}
	write(w, r, a)
}

func (s *Server) enter() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.underWay++
	s.counts.Concurrent = max(s.counts.Concurrent, s.underWay)
}

func (s *Server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.underWay--
}

// waitStalled returns false when the client gave up first.
func (s *Server) waitStalled(r *http.Request) bool {
	s.mu.Lock()
	stalled := s.script.stalled
	s.mu.Unlock()
	if stalled == nil {
		return true
	}
	select {
	case <-stalled:
		return true
	case <-r.Context().Done():
		return false
	}
}

// accept decides on a push with nothing wrong in it.
func (s *Server) accept(p push) Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a, ok := s.script.byToken[string(p.token)]; ok && a.Status != http.StatusOK {
		s.record(p, a, false)
		return a
	} else if !ok && s.script.all != nil && s.script.all.Status != http.StatusOK {
		s.record(p, *s.script.all, false)
		return *s.script.all
	}
	a := Answer{Status: http.StatusOK}
	if s.script.loseAll || s.script.lose > 0 {
		s.script.lose = max(s.script.lose-1, 0)
		s.record(p, a, true)
		return a
	}
	s.record(p, a, false)
	offline := s.script.offline[string(p.token)]
	if offline && p.expires.IsZero() {
		return a // one attempt, and it failed
	}
	if s.store.put(p, !offline && s.options.Deliver != nil) {
		s.counts.Replaced++
	}
	s.signal()
	return a
}

// record writes the log. The caller holds the lock.
func (s *Server) record(p push, a Answer, lost bool) {
	e := Entry{At: s.options.Now(), Token: p.token, Topic: p.topic, Status: a.Status, Reason: a.Reason, Lost: lost}
	if len(s.log) < s.options.LogSize {
		s.log = append(s.log, e)
	} else {
		s.log[s.next] = e
	}
	s.next = (s.next + 1) % s.options.LogSize
	s.counts.Requests++
	if a.Status == http.StatusOK {
		s.counts.Accepted++
	}
	if lost {
		s.counts.Lost++
	}
	key := strconv.Itoa(a.Status)
	if a.Reason != "" {
		key += " " + a.Reason
	}
	s.counts.Answers[key]++
}

func write(w http.ResponseWriter, r *http.Request, a Answer) {
	id := r.Header.Get("apns-id")
	if id == "" {
		id = uuid.NewString()
	}
	w.Header().Set("apns-id", id)
	if a.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(a.RetryAfter/time.Second)))
	}
	body := []byte(a.Body)
	if a.Body == "" && a.Reason != "" {
		doc := map[string]any{"reason": a.Reason}
		if !a.Since.IsZero() {
			doc["timestamp"] = a.Since.UnixMilli()
		}
		body, _ = json.Marshal(doc) // cannot fail: a string and a number
	}
	w.WriteHeader(a.Status)
	_, _ = w.Write(body) // the client may be gone
}

// Log returns the requests the log still holds, oldest first.
func (s *Server) Log() []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.log) < s.options.LogSize {
		return append([]Entry(nil), s.log...)
	}
	return append(append([]Entry(nil), s.log[s.next:]...), s.log[:s.next]...)
}

// Counts returns the totals.
func (s *Server) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.counts
	c.Connections = s.listener.connections()
	c.Answers = make(map[string]int, len(s.counts.Answers))
	for k, v := range s.counts.Answers {
		c.Answers[k] = v
	}
	return c
}
