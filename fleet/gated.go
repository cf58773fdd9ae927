package fleet

import (
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
)

// gated is a world with the gates of its groups at one moment. Everything that
// a sweep tells people of comes of them, so they are worked out once for all of
// it. It is not safe for concurrent use.
type gated struct {
	*snapshot
	world *policy.World
	now   time.Time
	known map[string][]policy.Gate // by group
}

// gatedNow returns the world of a snapshot as its phones are now.
func (f *Fleet) gatedNow(w *worldState, s *snapshot) *gated {
	now := f.now()
	return &gated{snapshot: s, world: s.withCensus(w.census, now), now: now, known: map[string][]policy.Gate{}}
}

// gatedSince returns what was worked out before, or the world as it is now when
// it has changed since.
func (f *Fleet) gatedSince(w *worldState, before *gated) *gated {
	if s := w.current.Load(); s != before.snapshot {
		return f.gatedNow(w, s)
	}
	return before
}

// gates returns the gates of a group as [policy.Gates] does. They must not be
// changed.
func (j *gated) gates(group string) []policy.Gate {
	list, known := j.known[group]
	if !known {
		list = policy.Gates(j.world, group, j.now)
		j.known[group] = list
	}
	return list
}

// gate returns one gate of a group as [policy.Evaluate] does. It must not be changed.
func (j *gated) gate(group, release string) policy.Gate {
	list := j.known[group]
	if i := slices.IndexFunc(list, func(g policy.Gate) bool { return g.Release == release }); i >= 0 {
		return list[i]
	}
	return policy.Evaluate(j.world, group, release, j.now)
}
