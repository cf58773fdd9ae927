package fleet

import "time"

// calm says that at a moment no rollout of a world had to be stopped. That holds
// until the world or what a phone shows becomes another, an override ends, or
// somebody can have fallen silent: phones that say what they said before, which is
// nearly all that phones do, cost no look at all the others.
type calm struct {
	snapshot  *snapshot
	shown     uint64 // of the census
	listening time.Time
	from, to  time.Time // both included
}

// calmFor is how long it holds at most.
const calmFor = 24 * time.Hour

// holds reports whether nothing can have to be stopped now either. When phones were
// heard of last matters no more than that: who is heard of later falls silent later.
func (c *calm) holds(w *worldState, s *snapshot, listening, now time.Time) bool {
	return c != nil && c.snapshot == s && c.shown == w.census.shown.Load() && c.listening.Equal(listening) &&
		!now.Before(c.from) && now.Before(c.to)
}

// until brings forward when the watch may show something else although no phone
// does.
func (v *watch) until(t time.Time) {
	if t.Before(v.calm) {
		v.calm = t
	}
}

// recheck notes when a phone that is not silent, and installed or does, can have
// fallen silent. Days on which the company is away only put that off. One that was
// used since then, or that was silent before signs count, has to be heard of first.
func (g glance) recheck(used time.Duration, heard time.Time) {
	if after := g.breaker.SilentAfter; after > 0 && used < after && g.silence.News(heard) {
		g.until(heard.Add(after))
	}
}

// ahead notes that signs of a phone count once the clock gets there.
func (g glance) ahead(m member) {
	if m.signs.failed.time().After(g.now) || m.signs.reverted.time().After(g.now) {
		g.until(g.now)
	}
}
