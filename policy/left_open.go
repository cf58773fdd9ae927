package policy

import (
	"slices"

	"github.com/kannuki-mdm/kannuki/internal/version"
)

// LeftOpen is what a release that a group declined leaves open: the flaws that
// it would close on production phones and that no release approved for them
// closes. A phone below it may have nothing to install and count as done; the
// risk goes on. What different releases leave open overlaps.
type LeftOpen struct {
	Group   string `json:"group"`
	Release string `json:"release"`
	Phones  int    `json:"phones"`    // production phones whose model can have it and that lack it
	Exposed int    `json:"exposed"`   // of them, those on which a flaw known to be exploited is left open
	CVEs    int    `json:"open_cves"` // different ones that it leaves open on one of them
	// Exploited are those of the CVEs known to be exploited, sorted.
	Exploited []string `json:"exploited,omitempty"`
}

// LeftOpen returns what a release leaves open that a group declined, and false
// for one that it did not decline.
func (l *Ledger) LeftOpen(groupName, releaseVersion string) (LeftOpen, bool) {
	g, r := l.w.groups[groupName], l.w.known[releaseVersion]
	if g == nil || r == nil || !g.isDeclined(releaseVersion, l.now) {
		return LeftOpen{}, false
	}
	return l.leftOpen(g, r, g.Census), true
}

// Declined returns what each release that a group declined leaves open, newest
// first; those that leave nothing open are left out.
func (l *Ledger) Declined(groupName string) []LeftOpen {
	return l.eachDeclined(groupName, func(g *group, r *release) LeftOpen { return l.leftOpen(g, r, g.Census) })
}

// DeclinedOn is like Declined for one production phone of the group: the flaws
// are those that are left open on it, and the phones those of the whole group.
func (l *Ledger) DeclinedOn(groupName, model, osVersion string) []LeftOpen {
	one := []Census{{Ring: RingProduction, Model: model, OSVersion: osVersion, Count: 1}}
	return l.eachDeclined(groupName, func(g *group, r *release) LeftOpen {
		open := l.leftOpen(g, r, one)
		if open.CVEs > 0 {
			all := l.leftOpen(g, r, g.Census)
			open.Phones, open.Exposed = all.Phones, all.Exposed
		}
		return open
	})
}

func (l *Ledger) eachDeclined(groupName string, look func(*group, *release) LeftOpen) []LeftOpen {
	g := l.w.groups[groupName]
	if g == nil || len(g.declined) == 0 {
		return nil
	}
	var list []LeftOpen
	for _, r := range l.w.releases {
		if !g.isDeclined(r.Version, l.now) {
			continue
		}
		if open := look(g, r); open.CVEs > 0 {
			list = append(list, open)
		}
	}
	return list
}

// leftOpen looks at phones of a group that declined a release.
func (l *Ledger) leftOpen(g *group, r *release, phones []Census) LeftOpen {
	open := LeftOpen{Group: g.Name, Release: r.Version}
	flaws := map[string]CVE{}
	for _, p := range phones {
		m, applicable := r.windows[p.Model]
		lacks := version.Newer(r.Version, p.OSVersion)
		if p.Ring == RingVerification || !lacks || !applicable || m.Posted.IsZero() || m.Posted.After(l.now) {
			continue
		}
		open.Phones += p.Count
		exposed := false
		for _, h := range l.holesOf(holeKey{p.Model, p.OSVersion}) {
			if !slices.Contains(h.closers, r) || l.brought(g, h, p.Model) {
				continue
			}
			exposed = exposed || h.exploited > 0
			for _, c := range h.flaws {
				flaws[c.ID] = CVE{c.ID, c.Exploited || flaws[c.ID].Exploited}
			}
		}
		if exposed {
			open.Exposed += p.Count
		}
	}
	open.CVEs = len(flaws)
	for id, c := range flaws {
		if c.Exploited {
			open.Exploited = append(open.Exploited, id)
		}
	}
	slices.Sort(open.Exploited)
	return open
}

// brought reports whether an approval that stands and covers a model brings it a
// release that closes a hole, also while that rollout is paused.
func (l *Ledger) brought(g *group, h hole, model string) bool {
	return slices.ContainsFunc(h.closers, func(r *release) bool {
		a := g.approval(r.Version, l.now)
		return a != nil && a.covers(model) && r.windows[model].open(l.now) && !g.isDeclined(r.Version, l.now)
	})
}
