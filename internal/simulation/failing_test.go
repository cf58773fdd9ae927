package simulation

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// drawOldPhones makes most phones of a life such that know no declarations, which their
// groups test on, and has Apple publish for them early. What they show stops rollouts.
func drawOldPhones(r *rand.Rand, l *life) {
	for i := range l.phones {
		p := &l.phones[i]
		if p.drawer, p.full = [2]int{}, [2]int{}; i%5 != 4 && (p.ring == storage.RingProduction || i < len(l.teams)) {
			p.model, p.born, p.supervised = modelOld, firstOld, p.supervised || r.IntN(2) == 0
		}
	}
	for i := range l.teams {
		l.teams[i].shares = true
		if d := &l.teams[i].rules; d.name == "" {
			*d = rules{name: "rules-" + l.teams[i].name, onExpiry: extendRisk}
		}
		l.teams[i].rules.calendar = calendar{}
	}
	for i, rel := range l.releases {
		if rel.isFor(modelOld) && rel.posted > 0 {
			l.releases[i].posted = 1 + r.IntN(5)
			break
		}
	}
}

// drawFailing draws when phones begin to fail, and that somebody lets the rollouts go
// on that were stopped.
func drawFailing(r *rand.Rand, l *life, add func(time.Duration, kind, int, int)) {
	for rel, of := range l.releases {
		if of.posted < 0 || !of.isFor(modelOld) {
			continue
		}
		for i := range l.phones {
			if r.IntN(3) > 0 {
				add(time.Duration(of.posted+r.IntN(14))*day, kindSpoil, 0, i)
			}
		}
		for team := range l.teams {
			for range 2 {
				add(time.Duration(of.posted+8+r.IntN(12))*day, kindResume, team, rel)
			}
		}
	}
}

// spoil is how a phone without declarations fails.
type spoil int

const (
	spoilDownload spoil = iota // it says that it cannot download
	spoilSpace                 // for want of space, which is no fault of the release
	spoilInstall               // it says that it cannot install
	spoilRefuse                // it answers with an error
	spoilForget                // it agrees and does nothing
	spoils                     // how many there are
)

// spoiled is what is wrong with a phone without declarations, how often still, and
// what the checks remember of it.
type spoiled struct {
	how     spoil
	left    int
	refused string // UUID of the command it refused

	source string      // approval or offer it was told for, by enrolment
	orders []time.Time // to download, while nothing let them begin anew
}

// spoil has the next attempts of a phone fail.
func (w *world) spoils(e event) {
	if p := w.phone(e.about); p != nil && p.ring == storage.RingProduction && !p.declarative() {
		p.legacy.spoiled.how, p.legacy.spoiled.left = spoil(e.dice%uint64(spoils)), 1+int(e.dice>>8%6)
		w.trace("%s will fail in way %d, %d times", p.udid, p.legacy.spoiled.how, p.legacy.spoiled.left)
	}
}

// spoilt returns what a phone that fails answers to an order, "" when it does as it is
// told.
func (p *phone) spoilt(action string) mdm.UpdateStatus {
	s := &p.legacy.spoiled
	says := map[spoil]mdm.UpdateStatus{
		spoilDownload: mdm.UpdateDownloadFailed, spoilSpace: mdm.UpdateDownloadInsufficientSpace, spoilInstall: mdm.UpdateInstallFailed, spoilForget: mdm.UpdateDownloading,
	}[s.how]
	if s.left == 0 || (s.how == spoilInstall) != (action == "InstallASAP") || s.how == spoilRefuse {
		return ""
	}
	s.left--
	p.legacy.release = ""
	return says
}

// spoiledResult is what a phone answers that fails, or that agrees and then does
// nothing.
func spoiledResult(status mdm.UpdateStatus) values {
	if status == mdm.UpdateDownloading {
		return values{"InstallAction": string(mdm.ActionDownloadOnly), "Status": string(status)}
	}
	return values{"InstallAction": string(mdm.ActionError), "Status": string(status)}
}

// refuses reports whether a phone answers an order with an error.
func (p *phone) refuses(c *mdm.Command) bool {
	s := &p.legacy.spoiled
	if s.left == 0 || s.how != spoilRefuse {
		return false
	}
	s.left--
	s.refused = c.UUID
	return true
}

// attempt is what the server was told of an update by commands.
type attempt struct {
	accepted time.Time // when the phone agreed
	under    bool      // nothing was told of its end
	first    time.Time // when what it is for was announced
	failed   bool      // its end was a failure, and no other has begun
}

// givesUp is how long after a phone agreed nothing under way means that it failed.
const givesUp = time.Hour

// hearsUpdate notes what an answer about an update by commands told.
func (w *world) hearsUpdate(p *phone, m message) {
	results, scheduled := m.says["UpdateResults"].([]any)
	progress, polled := m.says["OSUpdateStatus"].([]any)
	refused := m.status == mdm.Error && m.uuid != "" && m.uuid == p.legacy.spoiled.refused
	if !scheduled && !polled && !refused {
		return
	}
	h := w.hears(p)
	stored, err := w.disk.Phone(w.ctx, seg, p.udid)
	if e := stored.Announced.Enforcement; err == nil && e != nil {
		h.attempt.first, h.pending = e.FirstAt, e.Release
	}
	text := func(list []any, key string) string {
		entry, _ := list[0].(values)
		s, _ := entry[key].(string)
		return s
	}
	switch {
	case refused:
		h.fails(w.now, "Failed")
	case scheduled && text(results, "InstallAction") == string(mdm.ActionError):
		h.fails(w.now, text(results, "Status"))
	case scheduled:
		h.attempt.accepted, h.attempt.under, h.attempt.failed = w.now, true, false
		h.state = stateOf(text(results, "Status"), false)
	case !h.attempt.under:
	case len(progress) > 0:
		entry, _ := progress[0].(values)
		there, _ := entry["IsDownloaded"].(bool)
		h.state = stateOf(text(progress, "Status"), there)
	case w.now.Sub(h.attempt.accepted) >= givesUp:
		h.fails(w.now, "Failed")
	}
}

// fails notes that a phone told of a failure.
func (h *heard) fails(at time.Time, why string) {
	if why != string(mdm.UpdateDownloadInsufficientSpace) {
		why = "Failed"
	}
	h.state, h.reason, h.failedAt = stateFailed, why, at
	h.attempt.under, h.attempt.failed = false, true
}

func stateOf(status string, downloaded bool) string {
	switch {
	case status == string(mdm.UpdateInstalling):
		return stateInstalling
	case downloaded:
		return statePrepared
	default:
		return stateDownloading
	}
}

// forget drops what was told of an attempt that was called off since: with what it had
// failed before, unless that was the end of it.
func (h *heard) forget(e *storage.AnnouncedEnforcement) {
	if a := &h.attempt; !a.first.IsZero() && (e == nil || !e.FirstAt.Equal(a.first)) {
		if !a.failed {
			h.state, h.reason, h.failedAt = stateNone, "", time.Time{}
		}
		a.under = false
	}
}

// mostOrders is how often a phone that fails is told to download in a day: at once, a
// quarter of an hour and an hour later.
const mostOrders = 3

// checkOrders holds that a phone which fails is told again and again, but not without
// bound.
func (w *world) checkOrders(p *phone, release, action string, e *storage.AnnouncedEnforcement) {
	s := &p.legacy.spoiled
	if source := deadlineKey(p, release, e.SourceID) + e.FirstAt.String(); s.source != source {
		s.source, s.orders = source, nil // a new rollout, or the same that was stopped and goes on
	}
	if action == "InstallASAP" || !w.life.failing {
		return
	}
	s.orders = append(slices.DeleteFunc(s.orders, func(t time.Time) bool { return w.now.Sub(t) >= day }), w.now)
	if len(s.orders) > mostOrders {
		w.violated("P12", p, "it is told to download %s for the %dth time in a day", release, len(s.orders))
	}
}

// checkFailing holds that a phone whose last word of what it is to install was a
// failure is listed with that.
func (w *world) checkFailing() {
	if !w.life.failing {
		return
	}
	for _, p := range w.phones {
		h := w.book.heard[p.udid]
		stored, err := w.disk.Phone(w.ctx, seg, p.udid)
		e := stored.Announced.Enforcement
		if err != nil || h == nil || h.epoch != p.epoch || !h.attempt.failed || e == nil || !e.FirstAt.Equal(h.attempt.first) || !newer(e.Release, h.os) {
			continue
		}
		if w.objects(p, e.Release).why != "" {
			continue
		}
		want := policy.ReasonInstallFailed
		if h.reason != "Failed" {
			want = policy.ReasonNoSpace
		}
		x, err := w.fleet.Explain(w.ctx, seg, p.udid)
		if code := x.Explanation.Reason.Code; err != nil || code != want && code != policy.ReasonOffline {
			w.violated("P3", p, "it told that %s failed (%s) and is listed as %q (%v)", e.Release, h.reason, code, err)
		}
	}
}

// patient are plants about phones without declarations that fail.
func patient() []plant {
	older := func(change func(*storage.Phone)) plant {
		return plant{store: phones(func(_, after *storage.Phone) {
			if after.Model == modelOld && after.Update.Failures > 0 {
				change(after)
			}
		})}
	}
	named := func(name, property string, seed uint64, p plant) plant {
		p.name, p.property, p.seed = name, property, seed
		return p
	}
	return []plant{
		named("nobody counts what fails by command", "P4", 247, older(func(p *storage.Phone) { p.Update.FailureSeen = time.Time{} })),
		named("what fails is asked for again at once", "P12", 55, older(func(p *storage.Phone) { p.Update.Failures = 1 })),
		named("a phone that failed looks as if it waited", "P3", 55, older(func(p *storage.Phone) {
			if p.Update.Install == stateFailed {
				p.Update.Install = stateDownloading
			}
		})),
	}
}
