package fleet

import (
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// signs are when one phone showed what a circuit breaker looks at, by the
// server's clock; zero: it did not.
type signs struct {
	installed time.Time // what it runs, without the letter of an improvement
	improved  time.Time // that letter
	failed    time.Time // its last installation failed
	reverted  time.Time // a business app went back since it runs that
}

func signsOf(p *storage.Phone) signs {
	s := signs{installed: p.OS.Since, improved: p.OS.SupplementalSince, failed: p.Update.FailureSeen}
	if p.Reverted != nil {
		s.reverted = p.Reverted.At
	}
	return s
}

// arrived returns when the phone was first seen on a release that it runs.
func (s signs) arrived(release string) time.Time {
	if version.Extra(release) != "" {
		return s.improved
	}
	return s.installed
}

// watch is a rollout and what its phones show.
type watch struct {
	approval storage.Approval
	breaker  policy.Breaker
	since    time.Time // what phones showed until then does not count
	signals  policy.Signals
}

func newWatch(s *snapshot, a storage.Approval) *watch {
	v := &watch{approval: a, breaker: enginePolicy(s.rollout(a.Group)).Breaker, since: a.At}
	if a.Breaker.Since.After(v.since) {
		v.since = a.Breaker.Since
	}
	v.signals.Reports = s.reported(a.Group, a.Release, v.since)
	return v
}

// glance is what phones with one look show of a rollout; when each showed it
// is for its signs to say.
type glance struct {
	*watch
	told, installed, installing, failed bool
}

// glance looks at what phones have in common that their group takes to be on a
// version. It is false for phones that the rollout has nothing to do with.
func (v *watch) glance(p *storage.Phone, runs string) (glance, bool) {
	if p.Group != v.approval.Group || p.Ring != storage.RingProduction || p.State != storage.PhoneEnrolled {
		return glance{}, false
	}
	release := v.approval.Release
	e := p.Announced.Enforcement
	g := glance{watch: v, installed: version.Equal(runs, release)}
	g.told = !g.installed && e != nil && e.Source == string(policy.SourceApproval) && e.Release == release
	if pending := pendingRelease(p); g.told && (pending == "" || version.Equal(pending, release)) {
		g.installing = p.Update.Install == string(policy.InstallInstalling)
		g.failed = policy.FailureOf(p.Update.FailureReason, p.AvailableGB) == policy.ReasonInstallFailed
	}
	return g, g.told || g.installed
}

// count adds what one phone with the look shows. Nobody could hear of it before
// listening.
func (g glance) count(m member, listening, now time.Time) {
	v := g.watch
	arrived := m.signs.arrived(v.approval.Release)
	if g.installed && arrived.Before(v.approval.At) {
		return // it was there before
	}
	v.signals.Told++
	if g.failed && m.signs.failed.After(v.since) {
		v.signals.Failed++
	}
	if !g.installed && !g.installing {
		return
	}
	v.signals.Installed++
	if g.installed && m.signs.reverted.After(v.since) && !m.signs.reverted.Before(arrived) {
		v.signals.Reverted++
	}
	used := time.Duration(0)
	if g.installed {
		used = m.contact.Sub(arrived)
	}
	heard := m.contact
	if listening.After(heard) {
		heard = listening
	}
	if v.breaker.FellSilent(used, now.Sub(heard)) && heard.Add(v.breaker.SilentAfter).After(v.since) {
		v.signals.Silent++
	}
}

// observe counts what the phones show of each rollout, in one look at all
// phones.
func (f *Fleet) observe(w *worldState, s *snapshot, list []*watch) {
	if len(list) == 0 {
		return
	}
	now, listening := f.now(), f.listeningSince()
	known := map[*look][]glance{}
	for m := range w.census.all() {
		glances, ok := known[m.look]
		if !ok {
			runs := s.runs(&m.look.phone)
			for _, v := range list {
				if g, concerns := v.glance(&m.look.phone, runs); concerns {
					glances = append(glances, g)
				}
			}
			known[m.look] = glances
		}
		for _, g := range glances {
			g.count(m, listening, now)
		}
	}
}

// listeningSince returns since when phones could be heard of: a silence while the
// server did not run is none.
func (f *Fleet) listeningSince() time.Time {
	f.worldsMu.RLock()
	defer f.worldsMu.RUnlock()
	return f.listening
}
