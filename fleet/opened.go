package fleet

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// opens refuses a change of the world's records that takes away what keeps a
// gate closed.
func (f *Fleet) opens(w *worldState, s *snapshot, c storage.WorldChange) error {
	gates := f.opened(w, s, c)
	if len(gates) == 0 {
		return nil
	}
	away := w.keptBy(without(gates, f.openedWith(s, c, reachOf(s.records, c), w.census.counted(f.now()))))
	return opening(gateNames(gates), gateNames(f.declinable(w, s, c, gates)), away)
}

// keptBy returns the phones out of production, sorted, that keep the names of the groups
// of gates.
func (w *worldState) keptBy(gates []storage.ShownGate) []string {
	var groups []string
	for _, g := range gates {
		groups = append(groups, g.Group)
	}
	return w.census.formerOf(groups...)
}

// without returns the gates that are not among others.
func without(gates, others []storage.ShownGate) []storage.ShownGate {
	return slices.DeleteFunc(slices.Clone(gates), func(g storage.ShownGate) bool {
		return slices.ContainsFunc(others, func(o storage.ShownGate) bool { return o.Group == g.Group && o.Release == g.Release })
	})
}

// declinable returns the gates among those that a change opens which it would leave
// closed if they were declined first.
func (f *Fleet) declinable(w *worldState, s *snapshot, c storage.WorldChange, gates []storage.ShownGate) []storage.ShownGate {
	var declines storage.WorldChange
	for _, g := range gates {
		declines.Declines = append(declines.Declines, storage.Decline{Group: g.Group, Release: g.Release, At: f.now()})
	}
	return without(gates, f.opened(w, s.after(declines), c))
}

func gateNames(gates []storage.ShownGate) []string {
	var names []string
	for _, g := range gates {
		names = append(names, g.Group+"/"+g.Release)
	}
	return names
}

// opened returns the gates, as they are, of which a change of the world's records
// takes away what keeps them closed. One person can move phones out before it and back
// after it, and have improvements hidden for a while: it is judged as if neither was so,
// too.
func (f *Fleet) opened(w *worldState, s *snapshot, c storage.WorldChange) []storage.ShownGate {
	now := f.now()
	counts := []map[string][]policy.Census{w.census.counted(now)}
	if back := w.census.countedBack(now); back != nil {
		counts = append(counts, back)
	}
	return f.openedWith(s, c, reachOf(s.records, c), counts...)
}

// openedWith is opened for the groups within reach, with phones counted in each of these
// ways, as they are first.
func (f *Fleet) openedWith(s *snapshot, c storage.WorldChange, r reach, counts ...map[string][]policy.Census) []storage.ShownGate {
	now, after := f.now(), s.after(c)
	pairs := [][2]*snapshot{{s, after}}
	if shown, next := s.unhidden(), after.unhidden(); shown != s || next != after {
		pairs = append(pairs, [2]*snapshot{shown, next})
	}
	found := map[string][]string{} // releases by group
	for _, pair := range pairs {
		for _, counted := range counts {
			loosen(found, r, pair[0].policy.WithCensus(counted), pair[1].policy.WithCensus(counted), now)
		}
	}
	return gatesOf(s.policy.WithCensus(counts[0]), found, now)
}

// loosen adds, by group within reach, the releases of which the second world takes away
// what keeps their gates closed in the first.
func loosen(found map[string][]string, r reach, was, is *policy.World, now time.Time) {
	for _, name := range is.GroupNames() {
		if r.has(name) {
			found[name] = append(found[name], policy.Loosened(was, is, name, now)...)
		}
	}
}

// gatesOf returns the gates of releases by group, the newest of each first.
func gatesOf(w *policy.World, releases map[string][]string, now time.Time) []storage.ShownGate {
	var gates []storage.ShownGate
	for _, name := range slices.Sorted(maps.Keys(releases)) {
		list := slices.SortedFunc(slices.Values(releases[name]), func(a, b string) int { return version.Order(b, a) })
		for _, release := range slices.Compact(list) {
			gates = append(gates, shownGate(policy.Evaluate(w, name, release, now)))
		}
	}
	return gates
}

// unhidden returns these records with improvements tested wherever a policy hides them
// all: what was closed before it did is to be closed after it does.
func (s *snapshot) unhidden() *snapshot {
	var c storage.WorldChange
	for _, p := range s.records.Policies {
		if p.Improvements.Mode == string(policy.ImprovementsOff) {
			p.Improvements.Mode = string(policy.ImprovementsReverify)
			c.Policies = append(c.Policies, p)
		}
	}
	if len(c.Policies) == 0 {
		return s
	}
	return s.after(c)
}

// opening refuses to take away what keeps gates closed: that is a decision about them,
// which takes a test or two people. Declinable are those that stay closed once declined,
// and away phones that are not there and without which fewer would open.
func opening(gates, declinable, away []string) error {
	all, decline := strings.Join(gates, ", "), strings.Join(declinable, ", ")
	missed, count := namedPhones(away)
	more, note := "", ""
	if decline != "" {
		more = ", decline the releases (" + decline + ")"
	}
	if missed != "" {
		note = "; phones count that are in production nowhere now (" + count + " in all): " + missed
	}
	e := refused("opens-gates", "this would open closed gates without a test, now or later: %s; record what is missing there first%s, or propose it for a second person to sign (--propose)%s",
		all, more, note).with("gates", all, "decline", decline, "away", missed, "away_count", count)
	maps.DeleteFunc(e.Params, func(_, value string) bool { return value == "" })
	return e
}
