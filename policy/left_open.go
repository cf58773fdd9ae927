package policy

import (
	"slices"

	"github.com/kannuki-mdm/kannuki/internal/version"
)

// LeftOpen is what a release that a group declined leaves open: the flaws that
// it would close on phones and that no release approved for them, nor for
// verification phones one that they are offered, closes. A phone below it may have
// nothing to install and count as done; the risk goes on. What different releases
// leave open overlaps.
type LeftOpen struct {
	Group   string `json:"group"`
	Release string `json:"release"`
	Phones  int    `json:"phones"`    // production phones whose model can have it and that lack it
	Exposed int    `json:"exposed"`   // of them, those on which a flaw known to be exploited is left open
	CVEs    int    `json:"open_cves"` // different ones that it leaves open on one of them or of Verification
	// Verification is how many verification phones it leaves a flaw open on.
	Verification int `json:"verification,omitempty"`
	// VerificationExposed is on how many of those the flaw is known to be exploited.
	VerificationExposed int `json:"verification_exposed,omitempty"`
	// Exploited are those of the CVEs known to be exploited, sorted.
	Exploited []string `json:"exploited,omitempty"`
	// OnProduction are those of Exploited that it leaves open on a production phone.
	OnProduction []string `json:"exploited_on_production,omitempty"`
}

// LeftOpen returns what a release leaves open that a group declined, and false
// for one that it did not decline, or that has no gate in it.
func (l *Ledger) LeftOpen(groupName, releaseVersion string) (LeftOpen, bool) {
	g, r := l.w.groups[groupName], l.w.known[releaseVersion]
	if g == nil || r == nil || !g.gates(r) || !g.isDeclined(releaseVersion, l.now) {
		return LeftOpen{}, false
	}
	return l.leftOpen(g, r, g.ran), true
}

// Declined returns what each release that a group declined leaves open, newest
// first; those that leave nothing open are left out.
func (l *Ledger) Declined(groupName string) []LeftOpen {
	return l.eachDeclined(groupName, func(g *group, r *release) LeftOpen { return l.leftOpen(g, r, g.ran) })
}

// DeclinedOn is like Declined for one phone of the group, by what it is and runs:
// the flaws are those that are left open on it, and the phones those of the whole
// group.
func (l *Ledger) DeclinedOn(groupName string, one Census) []LeftOpen {
	return l.eachDeclined(groupName, func(g *group, r *release) LeftOpen {
		open := l.leftOpen(g, r, alone(one))
		if open.CVEs > 0 {
			all := l.leftOpen(g, r, g.ran)
			open.Phones, open.Exposed = all.Phones, all.Exposed
			open.Verification, open.VerificationExposed = all.Verification, all.VerificationExposed
		}
		return open
	})
}

// ExposedBy returns the newest release that a group declined and that leaves a flaw
// known to be exploited open on one of its phones, "" for none. Phones that are and
// run the same cost it no more than one of them.
func (l *Ledger) ExposedBy(groupName string, one Census) string {
	key := exposedKey{groupName, one.Ring, one.Model, one.OSVersion}
	by, known := l.exposed[key]
	if known {
		return by
	}
	l.eachDeclined(groupName, func(g *group, r *release) LeftOpen {
		if by == "" && len(l.leftOpen(g, r, alone(one)).Exploited) > 0 {
			by = r.Version
		}
		return LeftOpen{}
	})
	l.exposed[key] = by
	return by
}

// alone returns the census of a group with one phone.
func alone(one Census) []Census {
	one.Count = 1
	return []Census{one}
}

type exposedKey struct {
	group          string
	ring           Ring
	model, version string
}

func (l *Ledger) eachDeclined(groupName string, look func(*group, *release) LeftOpen) []LeftOpen {
	g := l.w.groups[groupName]
	if g == nil || len(g.declined) == 0 {
		return nil
	}
	var list []LeftOpen
	for _, r := range l.w.releasesOf(g) {
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
	all, production := map[string]bool{}, map[string]bool{} // flaws, and whether they are exploited
	for _, p := range phones {
		m, applicable := r.windows[p.Model]
		if !applicable || !version.Newer(r.Version, p.OSVersion) || m.Posted.IsZero() || m.Posted.After(l.now) {
			continue
		}
		flaws := l.leftOn(g, r, p)
		addFlaws(all, flaws)
		if p.Ring != RingVerification {
			addFlaws(production, flaws)
		}
		open.count(p, len(flaws) > 0, len(exploitedOf(flaws)) > 0)
	}
	open.CVEs, open.Exploited, open.OnProduction = len(all), exploitedOf(all), exploitedOf(production)
	return open
}

// addFlaws adds flaws to others. One that is known to be exploited by the releases of one
// model remains so, whatever those of another say.
func addFlaws(to, flaws map[string]bool) {
	for id, exploited := range flaws {
		to[id] = to[id] || exploited
	}
}

// leftOn returns the flaws that a release leaves open on phones of one kind, and
// whether each is known to be exploited.
func (l *Ledger) leftOn(g *group, r *release, p Census) map[string]bool {
	flaws := map[string]bool{}
	for _, h := range l.holesOf(looks{p.Model, p.OSVersion}) {
		if !slices.Contains(h.closers, r) || l.brought(g, h, p) {
			continue
		}
		for _, c := range h.flaws {
			flaws[c.ID] = c.Exploited
		}
	}
	return flaws
}

// count adds phones that lack the release, and on which it leaves a flaw open or
// not, known to be exploited or not.
func (o *LeftOpen) count(p Census, left, exploited bool) {
	if p.Ring != RingVerification {
		o.Phones += p.Count
		if exploited {
			o.Exposed += p.Count
		}
	} else if left {
		o.Verification += p.Count
		if exploited {
			o.VerificationExposed += p.Count
		}
	}
}

// exploitedOf returns those of some flaws that are known to be exploited, sorted.
func exploitedOf(flaws map[string]bool) []string {
	var list []string
	for id, exploited := range flaws {
		if exploited {
			list = append(list, id)
		}
	}
	slices.Sort(list)
	return list
}

// brought reports whether phones are brought a release that closes a hole: by an
// approval that stands and covers their model, also while that rollout is paused,
// and verification phones also by being offered it.
func (l *Ledger) brought(g *group, h hole, p Census) bool {
	if p.Ring == RingVerification {
		f := Facts{Group: g.Name, Ring: p.Ring, Model: p.Model, OSVersion: g.policy.counts(p.OSVersion)}
		if r := (choice{w: l.w, g: g, f: &f, now: l.now}).candidate(); r != nil && slices.Contains(h.closers, r) {
			return true
		}
	}
	return slices.ContainsFunc(h.closers, func(r *release) bool { return l.comes(g, r, p) })
}

// comes reports whether phones get a release without a further decision: one that is
// approved for them, or an improvement that the policy leaves to phones, on its base or
// with it.
func (l *Ledger) comes(g *group, r *release, p Census) bool {
	if !r.windows[p.Model].open(l.now) || g.isDeclined(r.Version, l.now) {
		return false
	}
	if g.letsIn(r) {
		base := l.w.known[version.Base(r.Version)]
		return version.Equal(version.Base(p.OSVersion), version.Base(r.Version)) || base != nil && l.comes(g, base, p)
	}
	a := g.approval(r.Version, l.now)
	return a != nil && a.reaches(p)
}

// reaches reports whether an approval speaks of phones: for verification phones of
// all models, unless it is an override, which speaks of production alone.
func (a *Approval) reaches(p Census) bool {
	if p.Ring == RingVerification {
		return a.Override == nil
	}
	return a.covers(p.Model)
}
