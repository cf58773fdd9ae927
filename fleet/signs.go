package fleet

import (
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// signs are when one phone showed what a circuit breaker looks at, by the
// server's clock; zero: it did not.
type signs struct {
	installed instant // what it runs, without the letter of an improvement
	improved  instant // that letter
	failed    instant // its last installation failed
	reverted  instant // the last time that a business app went back, or was gone, since it runs that
}

func signsOf(p *storage.Phone) signs {
	s := signs{installed: instantOf(p.OS.Since), improved: instantOf(improvedAt(p)), failed: instantOf(p.Update.FailureSeen)}
	for _, r := range p.Reverted {
		s.reverted = max(s.reverted, instantOf(r.At))
	}
	return s
}

// arrived returns when the phone was first seen on a release that it runs.
func (s signs) arrived(release string) time.Time {
	if version.Extra(release) != "" {
		return s.improved.time()
	}
	return s.installed.time()
}

// showsAs reports whether a phone shows what it showed before, apart from being heard
// of again.
func (m *member) showsAs(before *member) bool {
	return m.look == before.look && m.signs == before.signs && slices.Equal(m.ran, before.ran) && m.contact >= before.contact
}

// watch is a rollout and what its phones show.
type watch struct {
	approval storage.Approval
	engine   policy.Approval // the same
	breaker  policy.Breaker
	since    time.Time // what phones showed until then does not count
	now      time.Time
	silence  policy.Silence
	signals  policy.Signals
	showing  map[policy.Code][]string // phones that show a signal, in no order; not of reports
	calm     time.Time                // until when nothing but a phone can change what is seen
}

// still reports whether the rollout stands still, so that phones are not told to install
// it any more: what they showed since counts all the same.
func (v *watch) still() bool { return !v.approval.PausedAt.IsZero() }

func (f *Fleet) newWatch(s *snapshot, a storage.Approval) *watch {
	decided := s.rollout(a.Group)
	v := &watch{approval: a, engine: policyApproval(a), breaker: engineBreaker(decided.Breaker), since: a.At, now: f.now(), showing: map[policy.Code][]string{}}
	v.calm = v.now.Add(calmFor)
	if silent := v.breaker.SilentAfter; silent > 0 {
		v.until(v.now.Add(silent)) // of those that are heard of from now on
	}
	if a.Override != nil {
		v.until(a.Override.Until) // then it stands no more
	}
	if a.Breaker.Since.After(v.since) {
		v.since = a.Breaker.Since
	}
	if !s.halted() { // or the clock, or what is known of phones, says nothing about how long
		v.silence = v.breaker.Silence(s.calendarOf(decided), v.since.In(f.o.Location), v.now.In(f.o.Location))
	}
	if len(a.Waves) > 1 {
		v.signals.Waves = make([]policy.Signals, len(a.Waves)) // those of a rollout in one are its own
	}
	v.signals.Reports = s.reported(a.Group, a.Release, v.since)
	return v
}

// counts reports whether a sign of that time counts. One that lies ahead was seen
// by a clock that was set right since, and whoever did that looked at it.
func (v *watch) counts(sign time.Time) bool { return sign.After(v.since) && !sign.After(v.now) }

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
	return g, g.told || g.installed || v.still()
}

// count adds what one phone with the look shows, to the rollout and to its wave.
// Nobody could hear of it before listening.
func (g glance) count(m member, listening time.Time) {
	v := g.watch
	arrived := m.signs.arrived(v.approval.Release)
	if g.installed && arrived.Before(v.approval.At) {
		return // it was there before
	}
	shown := policy.Signals{Told: 1}
	switch failed := m.failed(); {
	case g.failed && v.counts(m.signs.failed.time()), v.still() && !g.installed && v.failure(m.look, failed):
		shown.Failed = 1
	case !g.told && !g.installed:
		return
	}
	g.ahead(m)
	if g.installed || g.installing {
		shown.Installed = 1
		if g.installed && v.counts(m.signs.reverted.time()) && !m.signs.reverted.time().Before(arrived) {
			shown.Reverted = 1
		}
		if g.silent(m, arrived, listening) {
			shown.Silent = 1
		}
	}
	v.note(m.udid, shown)
	add(&v.signals, shown)
	if v.signals.Waves == nil {
		return
	}
	if i := m.waveOf(&v.engine); i >= 0 {
		add(&v.signals.Waves[i], shown)
	}
}

// failure reports whether an installation that failed on a phone counts.
func (v *watch) failure(l *look, f storage.Failure) bool {
	return version.Equal(f.Release, v.approval.Release) && v.counts(f.At) && policy.FailureOf(f.Reason, l.phone.AvailableGB) == policy.ReasonInstallFailed
}

// note keeps which phone it is that shows something that the policy has switched on.
func (v *watch) note(udid string, shown policy.Signals) {
	b := &v.breaker
	if shown.Failed > 0 && b.FailedPercent > 0 {
		v.showing[policy.WhyInstallsFailed] = append(v.showing[policy.WhyInstallsFailed], udid)
	}
	if shown.Silent > 0 && b.SilentPercent > 0 {
		v.showing[policy.WhyPhonesSilent] = append(v.showing[policy.WhyPhonesSilent], udid)
	}
	if shown.Reverted > 0 && b.RevertedPercent > 0 {
		v.showing[policy.WhyAppsReverted] = append(v.showing[policy.WhyAppsReverted], udid)
	}
}

// silent reports whether a phone that installed, or does, fell silent with it
// since signs count.
func (g glance) silent(m member, arrived, listening time.Time) bool {
	used := time.Duration(0)
	if g.installed {
		used = m.contact.time().Sub(arrived)
	}
	heard := m.contact.time()
	if listening.After(heard) {
		heard = listening
	}
	// Who was silent when signs began to count is no news because the server
	// started since.
	if !listening.Before(g.since) && !g.silence.News(m.contact.time()) {
		return false
	}
	if !g.silence.Began(used, heard) {
		g.recheck(used, heard)
		return false
	}
	return true
}

// add counts in what one phone showed.
func add(to *policy.Signals, shown policy.Signals) {
	to.Told += shown.Told
	to.Failed += shown.Failed
	to.Installed += shown.Installed
	to.Silent += shown.Silent
	to.Reverted += shown.Reverted
}

// observe counts what the phones show of each rollout, in one look at all
// phones.
func (f *Fleet) observe(w *worldState, s *snapshot, list []*watch) {
	if len(list) == 0 {
		return
	}
	listening := f.listeningSince()
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
			g.count(m, listening)
		}
	}
}

// listeningSince returns since when phones could be heard of: a silence while the
// server did not run, or stood still with its clock, is none.
func (f *Fleet) listeningSince() time.Time {
	f.worldsMu.RLock()
	defer f.worldsMu.RUnlock()
	return f.listening
}

// listenAnew says that nobody could be heard of until now, by a clock that just
// jumped: the machine was suspended, or what it noted until now is by another
// clock.
func (f *Fleet) listenAnew(now time.Time) {
	f.worldsMu.Lock()
	defer f.worldsMu.Unlock()
	f.listening = now
}
