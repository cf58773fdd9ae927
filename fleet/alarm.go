package fleet

import (
	"slices"
	"sync"
	"time"
)

// alarms are the moments, in policy time, at which phones have to be woken
// before the next sweep: the progress of an update is asked for after a quarter
// of an hour, and a deadline falls on any minute. They live in memory only; a
// sweep sets them again.
type alarms struct {
	mu sync.Mutex
	by map[string]time.Time // by wake key
}

func (a *alarms) set(key string, at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.by == nil {
		a.by = map[string]time.Time{}
	}
	a.by[key] = at
}

func (a *alarms) clear(key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.by, key)
}

// ring returns the keys whose moment has come, in the order of the alphabet, so
// that simulated lives are the same each time, and forgets them.
func (a *alarms) ring(now time.Time) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var due []string
	for key, at := range a.by {
		if !now.Before(at) {
			due = append(due, key)
			delete(a.by, key)
		}
	}
	slices.Sort(due)
	return due
}

// Ring wakes the phones whose alarm is due.
func (f *Fleet) Ring() {
	for _, key := range f.alarms.ring(f.now()) {
		f.waker.Wake(key)
	}
}
