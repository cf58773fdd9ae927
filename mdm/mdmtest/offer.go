package mdmtest

import (
	"cmp"
	"slices"
	"time"
)

// OfferedUpdates is what Settings > Software Update would show the user right
// now, lowest version first: of each major version the newest release Apple
// offers that is newer than the installed one and at least as old as the
// deferral in force, narrowed by the recommended cadence. It asks Apple afresh,
// as opening that page does.
func (p *Phone) OfferedUpdates() []Offer {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.offline {
		return nil
	}
	return p.visible(p.offers(), p.now())
}

func (p *Phone) offers() []Offer { return p.o.Apple.Offered(p.o.ProductName, p.now()) }

// visible is what is left to the user: the cadence in force may hide one of two
// branches.
func (p *Phone) visible(offers []Offer, now time.Time) []Offer {
	out := p.undeferred(offers, now)
	if len(out) > 1 {
		switch p.cadence() {
		case "Oldest":
			out = out[:1]
		case "Newest":
			out = out[len(out)-1:]
		}
	}
	return out
}

// undeferred returns of each major version the newest release that is newer
// than the installed one and not hidden by a deferral, lowest first.
func (p *Phone) undeferred(offers []Offer, now time.Time) []Offer {
	oldest := now.AddDate(0, 0, -p.deferralDays())
	newest := map[int]Offer{}
	for _, o := range offers {
		if o.Extra != "" || compareVersions(o.Version, p.version) <= 0 || o.Posted.After(oldest) {
			continue
		}
		if have, ok := newest[major(o.Version)]; !ok || compareVersions(o.Version, have.Version) > 0 {
			newest[major(o.Version)] = o
		}
	}
	var out []Offer
	for _, o := range newest {
		out = append(out, o)
	}
	slices.SortFunc(out, func(a, b Offer) int { return cmp.Compare(major(a.Version), major(b.Version)) })
	return out
}

// checkCatalog asks Apple once a day, and after a restart, and remembers since
// when a release has been visible.
func (p *Phone) checkCatalog(now time.Time) {
	if p.offline || (!p.catalogChecked.IsZero() && now.Before(p.catalogDue())) {
		return
	}
	p.catalogChecked = now
	p.catalog = p.offers()
	seen := map[string]time.Time{}
	for _, o := range p.visible(p.catalog, now) {
		since, ok := p.visibleSince[o.Version]
		if !ok {
			since = now
		}
		seen[o.Version] = since
	}
	p.visibleSince = seen
}

// catalogDue is when the phone asks Apple next; zero (never) while offline.
func (p *Phone) catalogDue() time.Time {
	if p.offline {
		return time.Time{}
	}
	if p.catalogChecked.IsZero() {
		return p.now()
	}
	return p.catalogChecked.Add(catalogEvery)
}

// enforced picks the release an enforcement makes the phone install: the
// earliest deadline among those newer than the installed version and offered to
// the model. The deadline returned is the one that counts on this phone.
func (p *Phone) enforced() (Offer, Enforcement, bool) {
	for _, e := range p.enforcements() {
		if p.has(e.Version, e.Build) {
			continue
		}
		for _, o := range p.catalog {
			// The version wins when version and build disagree; the build only
			// chooses among several builds of one version.
			if o.Version != e.Version || o.Extra != "" && o.Build != e.Build || (e.Build != "" && o.Build != e.Build && p.offersBuild(e)) {
				continue
			}
			d := p.enrolment.ddm.declarations[e.Declaration]
			if e.Deadline.Before(d.received) {
				e.Deadline = d.received.In(p.zone).Add(pastDeadlineGrace)
			}
			return o, e, true
		}
	}
	return Offer{}, Enforcement{}, false
}

func (p *Phone) offersBuild(e Enforcement) bool {
	return slices.ContainsFunc(p.catalog, func(o Offer) bool { return o.Version == e.Version && o.Build == e.Build })
}

// choice is what the user, or the automatic update, would install and when.
type choice struct {
	offer Offer
	why   string
	at    time.Time
}

// choices lists what would happen to the highest visible release.
func (p *Phone) choices() []choice {
	visible := p.visible(p.catalog, p.now())
	if len(visible) == 0 {
		return nil
	}
	o := visible[len(visible)-1]
	since, ok := p.visibleSince[o.Version]
	if !ok {
		return nil // the phone has not noticed it yet
	}
	var out []choice
	if d := p.o.User.TapsInstall; d > 0 {
		out = append(out, choice{o, reasonSettings, since.Add(d)})
	}
	if d := p.o.User.AutoUpdate; d > 0 && p.automaticAllowed() {
		out = append(out, choice{o, reasonAuto, since.Add(d)})
	}
	return out
}

func (p *Phone) chosen(now time.Time) (Offer, string, bool) {
	for _, c := range p.choices() {
		if !now.Before(c.at) {
			return c.offer, c.why, true
		}
	}
	return Offer{}, "", false
}

func (p *Phone) nextChoice() time.Time {
	var at time.Time
	for _, c := range p.choices() {
		at = earlier(at, c.at)
	}
	return at
}
