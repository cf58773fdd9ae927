package policy

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
)

// Stretch is a time in which phones of one group and model ran one release.
type Stretch struct {
	Group   string // "" and one the world does not know: nobody tests for them
	Model   string
	Version string    // with the letter of a background improvement, "26.3.1 (a)"
	From    time.Time // it was seen there, or the phones enrolled with it
	Until   time.Time // zero: to this day
}

// Cost is what running a release meant for one phone, in CVE-days: a day on
// which the phone lacked the fix of one CVE known to be exploited, although Apple
// offered the fix for its model. Days are whole calendar days in UTC, and Apple's
// dates are good to about one.
type Cost struct {
	Days int `json:"exploited_cve_days"` // Testing and Avoidable
	// Testing is the part in which no gate could be opened for a release with
	// the fix, and Avoidable the rest: one was verified, or approved all the same.
	Testing   int `json:"testing"`
	Avoidable int `json:"avoidable"`
	// Rollout is the part of Avoidable in which an approval of such a release
	// covered the phone, also while it was paused.
	Rollout int `json:"rollout"`
}

// Add adds what another n phones cost.
func (c *Cost) Add(o Cost, n int) {
	c.Days += n * o.Days
	c.Testing += n * o.Testing
	c.Avoidable += n * o.Avoidable
	c.Rollout += n * o.Rollout
}

// FlawCost is what one CVE contributes. Of a CVE that is not known to be
// exploited the days count as well, but not in the Cost of a stretch.
type FlawCost struct {
	CVE
	Release string // the first one with the fix that was posted for the model
	Cost
}

// Ledger counts what phones of one world are exposed to up to one moment. How
// much work it does depends on how many different stretches it is asked about
// and not on the number of phones. It is not safe for concurrent use.
//
// Whether a gate could have been opened on a day in the past follows from the
// results that were on record and counted on that day, and from the apps and
// models that the group has now. That somebody declined the release or that the
// group had no verification phone left does not matter: the tests were made.
type Ledger struct {
	w       *World
	now     time.Time
	release string // the only one that is waited for, "" for any
	holes   map[looks][]hole
	gaps    map[gapKey][]gap
	gates   map[gateKey]spans
	exposed map[exposedKey]string
}

type (
	looks  struct{ model, version string } // of a phone: the version with the letter of an improvement
	gapKey struct{ group, model, version, release string }
)

// hole is flaws that a version leaves open and that the same releases close.
type hole struct {
	flaws     []CVE // sorted by identifier
	exploited int   // of them
	closers   []*release
}

// gap is a hole as phones of one group have it.
type gap struct {
	hole
	release string // the first one with the fix
	from    int    // day on which that was offered
	open    spans  // in which a gate for the fix could be, or was, opened
	covered spans  // in which an approval covered the phones
}

// NewLedger returns a ledger for a world at a moment.
func NewLedger(w *World, now time.Time) *Ledger {
	return &Ledger{w: w, now: now, holes: map[looks][]hole{}, gaps: map[gapKey][]gap{}, gates: map[gateKey]spans{}, exposed: map[exposedKey]string{}}
}

// For returns a ledger that counts only what phones would have been spared that
// had installed one release on the day it was offered for their model: what
// waiting for that release cost. What different releases would have spared
// overlaps. It shares what it knows with l.
func (l *Ledger) For(releaseVersion string) *Ledger {
	one := *l
	one.release = releaseVersion
	return &one
}

// Cost returns what a stretch cost a phone. A CVE counts once however many
// releases fix it, and from the day on which the first of them was offered: a
// phone two releases behind counts what only the middle one fixed.
func (l *Ledger) Cost(s Stretch) Cost {
	var total Cost
	for _, g := range l.gapsOf(s) {
		if g.exploited > 0 {
			total.Add(g.cost(l.within(s)), g.exploited)
		}
	}
	return total
}

// Flaws returns what each CVE that is wanted cost a phone in a stretch, sorted
// by identifier; those that cost nothing are left out.
func (l *Ledger) Flaws(s Stretch, wanted func(CVE) bool) []FlawCost {
	var list []FlawCost
	for _, g := range l.gapsOf(s) {
		cost := g.cost(l.within(s))
		for _, c := range g.flaws {
			if cost.Days > 0 && wanted(c) {
				list = append(list, FlawCost{c, g.release, cost})
			}
		}
	}
	slices.SortFunc(list, func(a, b FlawCost) int { return strings.Compare(a.ID, b.ID) })
	return list
}

// Open returns the CVEs that a phone of a model lacks the fix of at this moment
// although Apple offers it, sorted by identifier.
func (l *Ledger) Open(model, osVersion string) []CVE {
	var list []CVE
	for _, g := range l.gapsOf(Stretch{Model: model, Version: osVersion}) {
		list = append(list, g.flaws...)
	}
	slices.SortFunc(list, func(a, b CVE) int { return strings.Compare(a.ID, b.ID) })
	return list
}

// within returns a stretch as days.
func (l *Ledger) within(s Stretch) span {
	until := dayOf(l.now)
	if reached(s.Until, l.now) {
		until = dayOf(s.Until)
	}
	return span{dayOf(s.From), until}
}

// cost returns what one flaw of the gap cost a phone in some days.
func (g gap) cost(in span) Cost {
	in.from = max(in.from, g.from)
	if in.until <= in.from {
		return Cost{}
	}
	c := Cost{Days: in.until - in.from, Avoidable: g.open.overlap(in), Rollout: g.covered.overlap(in)}
	c.Testing = c.Days - c.Avoidable
	return c
}

// gapsOf returns what the phones of a stretch lack and since when it is offered,
// and when somebody could let it in.
func (l *Ledger) gapsOf(s Stretch) []gap {
	k := gapKey{s.Group, s.Model, s.Version, l.release}
	if known, ok := l.gaps[k]; ok {
		return known
	}
	var gaps []gap
	for _, h := range l.holesOf(looks{s.Model, s.Version}) {
		if g := l.gapOf(h, l.w.groups[s.Group], looks{s.Model, s.Version}); g.release != "" {
			gaps = append(gaps, g)
		}
	}
	l.gaps[k] = gaps
	return gaps
}

func (l *Ledger) gapOf(h hole, of *group, k looks) gap {
	g := gap{hole: h}
	for _, r := range h.closers {
		if l.release != "" && l.release != r.Version {
			continue
		}
		m := r.windows[k.model]
		if posted := dayOf(m.Posted); g.release == "" || posted <= g.from {
			g.release, g.from = r.Version, posted
		}
		if of == nil {
			continue
		}
		offered := span{dayOf(m.Posted), never}
		if !m.Expires.IsZero() {
			offered.until = dayOf(m.Expires)
		}
		open, covered := l.ways(of, r, k)
		g.open, g.covered = g.open.union(open.clip(offered)), g.covered.union(covered.clip(offered))
	}
	return g
}

// ways returns when phones of a group could be let onto a release, or were, and when
// an approval covered them. What keeps phones off an improvement that has no gate is
// the gate of its base; on that base, nothing but the setting of the policy.
func (l *Ledger) ways(g *group, r *release, k looks) (open, covered spans) {
	if !g.gates(r) {
		return l.waysThroughBase(g, r, k)
	}
	covered = g.approvedFor(r, k.model, l.now)
	return covered.union(l.verified(g, r)), covered
}

func (l *Ledger) waysThroughBase(g *group, r *release, k looks) (open, covered spans) {
	base := l.w.known[version.Base(r.Version)]
	switch {
	case version.Equal(version.Base(k.version), version.Base(r.Version)):
		open = spans{{0, never}}
		covered = open
	case base != nil:
		open, covered = l.ways(g, base, k)
	}
	if !g.letsIn(r) {
		covered = nil
	}
	return open, covered
}

// holesOf returns what a version leaves open on a model. A flaw that its own
// branch fixed up to it is none, even if a newer release names it again.
func (l *Ledger) holesOf(k looks) []hole {
	if known, ok := l.holes[k]; ok {
		return known
	}
	var holes []hole
	if version.Valid(k.version) {
		holes = l.w.findHoles(k, l.now, func(r *release) []CVE { return r.CVEs })
	}
	l.holes[k] = holes
	return holes
}

// findHoles looks at some of the flaws that each release fixes.
func (w *World) findHoles(k looks, now time.Time, flawsOf func(*release) []CVE) []hole {
	var newer []*release // that the model can have, newest first
	fixes := map[string][]*release{}
	flaws := map[string]CVE{}
	had := map[string]bool{}
	for _, r := range w.all {
		m, applicable := r.windows[k.model]
		if !applicable || m.Posted.IsZero() || m.Posted.After(now) {
			continue
		}
		switch {
		case version.Newer(r.Version, k.version):
			newer = append(newer, r)
			for _, c := range flawsOf(r) {
				if n := len(fixes[c.ID]); n == 0 || fixes[c.ID][n-1] != r {
					fixes[c.ID] = append(fixes[c.ID], r)
				}
				flaws[c.ID] = CVE{c.ID, c.Exploited || flaws[c.ID].Exploited}
			}
		case r.branch == version.Major(k.version):
			for _, c := range flawsOf(r) {
				had[c.ID] = true
			}
		}
	}
	// Flaws with the same fixes have the same history; releases fix up to a
	// hundred at once.
	var holes []hole
	at := map[string]int{}
	for _, id := range slices.Sorted(maps.Keys(flaws)) {
		if had[id] {
			continue
		}
		key := names(fixes[id])
		i, ok := at[key]
		if !ok {
			i = len(holes)
			at[key] = i
			holes = append(holes, hole{closers: closers(newer, fixes[id], k.model)})
		}
		holes[i].flaws = append(holes[i].flaws, flaws[id])
		if flaws[id].Exploited {
			holes[i].exploited++
		}
	}
	return holes
}

func names(list []*release) string {
	var b strings.Builder
	for _, r := range list {
		b.WriteString(r.Version)
		b.WriteByte(' ')
	}
	return b.String()
}

// closers returns the releases that bring a fix: those that name it, and newer
// ones that were not posted before one of them, so that a later fix in an older
// branch is not promised of a newer one.
func closers(newer, fixes []*release, model string) []*release {
	var list []*release
	for _, r := range newer {
		has := func(f *release) bool {
			return f == r || r.rank >= f.rank && !r.windows[model].Posted.Before(f.windows[model].Posted)
		}
		if slices.ContainsFunc(fixes, has) {
			list = append(list, r)
		}
	}
	return list
}

// approvedFor returns when approvals of a release stood that cover a model.
func (g *group) approvedFor(r *release, model string, now time.Time) spans {
	var out spans
	for _, a := range g.approvals {
		if a.release != r || !begun(a.At, now) || !a.covers(model) {
			continue
		}
		s := span{dayOf(a.At), never}
		if reached(a.Withdrawn, now) {
			s.until = dayOf(a.Withdrawn)
		}
		if a.over(now) {
			s.until = min(s.until, dayOf(a.Override.Until))
		}
		out = out.union(spans{s})
	}
	return out
}

// verified returns when the results on record made a gate verified.
func (l *Ledger) verified(g *group, r *release) spans {
	key := gateKey{g.Name, r.Version}
	if known, ok := l.gates[key]; ok {
		return known
	}
	var out spans
	moments := g.moments(r, l.now)
	for i, at := range moments {
		s := span{dayOf(at), never}
		if i+1 < len(moments) {
			s.until = dayOf(moments[i+1])
		}
		if l.w.verifiedAt(g, r, at) {
			out = out.union(spans{s})
		}
	}
	l.gates[key] = out
	return out
}

// moments returns when something changed about the results that the gate of a
// release rests on, in order: those on it, and those that may be carried over.
func (g *group) moments(r *release, now time.Time) []time.Time {
	var list []time.Time
	for _, a := range g.apps {
		for _, on := range append([]*release{r}, r.older...) {
			for _, v := range g.verdicts[appRelease{a.BundleID, on.Version}] {
				list = append(list, v.At, v.RevokedAt, v.expires)
			}
		}
	}
	list = slices.DeleteFunc(list, func(t time.Time) bool { return !reached(t, now) })
	slices.SortFunc(list, time.Time.Compare)
	return slices.CompactFunc(list, time.Time.Equal)
}

// verifiedAt reports whether every app that can keep the gate closed was verified
// at a moment.
func (w *World) verifiedAt(g *group, r *release, at time.Time) bool {
	e := newEvaluation(w, g, r, at)
	e.count()
	blocking := false
	for _, a := range g.apps {
		if a.Importance == ImportanceInformational {
			continue
		}
		blocking = true
		if _, closes := w.app(g, a, r, e.classes, at); closes {
			return false
		}
	}
	return blocking
}
