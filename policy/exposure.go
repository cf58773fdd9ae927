package policy

import (
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
)

// Stretch is a time in which phones of one group and model ran one release.
type Stretch struct {
	Group   string // "" and one the world does not know: nobody tests for them
	Model   string
	Version string
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
	w     *World
	now   time.Time
	gaps  map[gapKey][]gap
	gates map[gateKey]spans
}

// gapKey says who waits for what; release is "" for whichever brings the fix.
type gapKey struct{ group, model, version, release string }

// gap is flaws that a version leaves open and that the same releases close.
type gap struct {
	flaws     []CVE // sorted by identifier
	exploited int   // of them
	release   string
	from      int   // day on which the fix was first offered
	open      spans // in which a gate for it could be, or was, opened
	approved  spans
}

// NewLedger returns a ledger for a world at a moment.
func NewLedger(w *World, now time.Time) *Ledger {
	return &Ledger{w: w, now: now, gaps: map[gapKey][]gap{}, gates: map[gateKey]spans{}}
}

// Cost returns what a stretch cost a phone. A CVE counts once however many
// releases fix it, and from the day on which the first of them was offered: a
// phone two releases behind counts what only the middle one fixed.
func (l *Ledger) Cost(s Stretch) Cost { return l.cost(s, "") }

// Waiting returns what of it a phone would have been spared that had installed
// one release on the day it was offered for its model. What different releases
// would have spared overlaps.
func (l *Ledger) Waiting(s Stretch, releaseVersion string) Cost { return l.cost(s, releaseVersion) }

func (l *Ledger) cost(s Stretch, releaseVersion string) Cost {
	var total Cost
	for _, g := range l.gapsOf(gapKey{s.Group, s.Model, s.Version, releaseVersion}) {
		total.Add(g.cost(l.within(s)), g.exploited)
	}
	return total
}

// Flaws returns the same by CVE, sorted by identifier, the CVEs that are not
// known to be exploited included.
func (l *Ledger) Flaws(s Stretch) []FlawCost {
	var list []FlawCost
	for _, g := range l.gapsOf(gapKey{group: s.Group, model: s.Model, version: s.Version}) {
		cost := g.cost(l.within(s))
		for _, c := range g.flaws {
			if cost.Days > 0 {
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
	for _, g := range l.gapsOf(gapKey{model: model, version: osVersion}) {
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
	c := Cost{Days: in.until - in.from, Avoidable: g.open.overlap(in), Rollout: g.approved.overlap(in)}
	c.Testing = c.Days - c.Avoidable
	return c
}

// gapsOf returns what a version leaves open. A flaw that its own branch fixed
// up to it is none, even if a newer release names it again.
func (l *Ledger) gapsOf(k gapKey) []gap {
	if known, ok := l.gaps[k]; ok {
		return known
	}
	var gaps []gap
	if version.Valid(k.version) {
		gaps = l.findGaps(k)
	}
	l.gaps[k] = gaps
	return gaps
}

func (l *Ledger) findGaps(k gapKey) []gap {
	var newer []*release // that the model can have, newest first
	fixes := map[string][]*release{}
	flaws := map[string]CVE{}
	had := map[string]bool{}
	for _, r := range l.w.releases {
		m, applicable := r.windows[k.model]
		if !applicable || m.Posted.IsZero() || m.Posted.After(l.now) {
			continue
		}
		switch {
		case version.Newer(r.Version, k.version):
			newer = append(newer, r)
			for _, c := range r.CVEs {
				if n := len(fixes[c.ID]); n == 0 || fixes[c.ID][n-1] != r {
					fixes[c.ID] = append(fixes[c.ID], r)
				}
				flaws[c.ID] = CVE{c.ID, c.Exploited || flaws[c.ID].Exploited}
			}
		case r.branch == version.Major(k.version):
			for _, c := range r.CVEs {
				had[c.ID] = true
			}
		}
	}
	// Flaws with the same fixes have the same history; releases fix up to a
	// hundred at once.
	var gaps []gap
	at := map[string]int{}
	for id, f := range flaws {
		if had[id] {
			continue
		}
		key := names(fixes[id])
		i, ok := at[key]
		if !ok {
			i = len(gaps)
			at[key] = i
			gaps = append(gaps, l.newGap(k, newer, fixes[id]))
		}
		gaps[i].add(f)
	}
	gaps = slices.DeleteFunc(gaps, func(g gap) bool { return g.release == "" })
	for _, g := range gaps {
		slices.SortFunc(g.flaws, func(a, b CVE) int { return strings.Compare(a.ID, b.ID) })
	}
	return gaps
}

func names(list []*release) string {
	var b strings.Builder
	for _, r := range list {
		b.WriteString(r.Version)
		b.WriteByte(' ')
	}
	return b.String()
}

func (g *gap) add(f CVE) {
	g.flaws = append(g.flaws, f)
	if f.Exploited {
		g.exploited++
	}
}

// newGap returns the gap that some releases close, without its flaws: since
// when the fix is offered, and when somebody could let it in. With it come the
// releases that are newer than one of them and were not posted before it, so
// that a later fix in an older branch is not promised of a newer one. Its release
// is "" when the one that is waited for does not have the fix.
func (l *Ledger) newGap(k gapKey, newer, fixes []*release) gap {
	var out gap
	group := l.w.groups[k.group]
	for _, r := range newer {
		m := r.windows[k.model]
		has := slices.ContainsFunc(fixes, func(f *release) bool {
			return f == r || r.rank >= f.rank && !m.Posted.Before(f.windows[k.model].Posted)
		})
		if !has || k.release != "" && k.release != r.Version {
			continue
		}
		if posted := dayOf(m.Posted); out.release == "" || posted <= out.from {
			out.release, out.from = r.Version, posted
		}
		if group == nil {
			continue
		}
		offered := span{dayOf(m.Posted), never}
		if !m.Expires.IsZero() {
			offered.until = dayOf(m.Expires)
		}
		approved := group.approvedFor(r, k.model, l.now).clip(offered)
		out.approved = out.approved.union(approved)
		out.open = out.open.union(approved).union(l.verified(group, r).clip(offered))
	}
	return out
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
