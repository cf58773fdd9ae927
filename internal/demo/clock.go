package demo

import (
	"sync"
	"time"

	"github.com/kannuki-mdm/kannuki/server"
)

// day is a day of policy time.
const day = 24 * time.Hour

// clock is policy time: what releases, deadlines and the phones' own clocks
// follow. It is computed exactly as the server computes it from its
// configuration, so both agree to the microsecond.
type clock struct {
	mu  sync.RWMutex
	lab server.LabConfig
}

// wall is the wall clock without its monotonic part: the server only knows
// the origin as a wall time, and the two must not drift apart.
func wall() time.Time { return time.Now().Round(0) }

// newClock returns a clock that shows start now and runs as fast as the wall
// clock.
func newClock(start time.Time) *clock {
	return &clock{lab: server.LabConfig{Origin: wall().UTC(), Start: start.UTC(), Speed: 1}}
}

// Now returns policy time.
func (c *clock) Now() time.Time {
	config := server.Config{Lab: c.setting()}
	now, _ := config.PolicyClock(wall)
	return now()
}

func (c *clock) setting() server.LabConfig {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.lab
}

// run makes a day of policy time pass in perDay of wall time from now on.
// Nobody may be using the clock meanwhile.
func (c *clock) run(perDay time.Duration) {
	now := c.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lab = server.LabConfig{Origin: wall().UTC(), Start: now, Speed: float64(day) / float64(perDay)}
}
