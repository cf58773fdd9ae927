package simulation

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// book is what the checks remember.
type book struct {
	audit      storage.AuditEntry // the last entry read
	approvals  map[string]bool    // known, by identifier
	rollouts   map[string]*rollout
	shares     []string // of the waves that somebody is about to approve
	lanes      map[string]*lane
	doubt      doubt
	backup     *backup                    // that would be restored
	resumed    map[string]time.Time       // rollouts, by group and release
	failed     map[string]map[string]bool // phones on which an installation failed, by release
	reset      bool                       // the server's clock was set in this life
	flaws      int                        // known to be exploited that the server was told of
	fixed      int                        // of those, that it was told the fix of
	hurry      hurryBook
	holds      map[string]*toldHold
	ends       map[string]overrideEnd // by approval
	deliveries map[string]*deliveries // by phone, enrolment and app
	steps      map[string]time.Time   // reminders, by phone, enrolment, approval and step
	unreminded map[string]time.Time   // since when phones wait for the first, by phone, enrolment and approval
	leaks      leakBook
	neighbour  [sha256.Size]byte
	settled    []settled
	heard      map[string]*heard   // by phone
	proposed   map[string]proposed // edits, by identifier
	owed       map[debt]owed
}

func newBook() book {
	return book{approvals: map[string]bool{}, rollouts: map[string]*rollout{}, lanes: map[string]*lane{}, resumed: map[string]time.Time{}, failed: map[string]map[string]bool{}, holds: map[string]*toldHold{}, ends: map[string]overrideEnd{}, deliveries: map[string]*deliveries{}, proposed: map[string]proposed{}, steps: map[string]time.Time{}, unreminded: map[string]time.Time{}, heard: map[string]*heard{}, owed: map[debt]owed{}, leaks: leakBook{told: map[leakDay]leaksTold{}, twice: map[string]bool{}}}
}

// checkTokens holds what a phone is told of its set: the time never goes back.
func (w *world) checkTokens(p *phone, token string, at time.Time) {
	if token != p.token && !p.stamp.IsZero() && !at.After(p.stamp) {
		w.violated("P0", p, "a set of %s follows one of %s", at, p.stamp)
	}
}

// checkSet holds a set of declarations before the phone puts it in force.
func (w *world) checkSet(p *phone, next map[string]declaration) {
	after := phone{character: p.character, held: next, legacy: p.legacy}
	// One that has not said what it can do is asked first.
	if had, has := p.deferral(), after.deferral(); has < had && !p.stranger {
		w.violated("P2", p, "it hid releases for %d days and now for %d", had, has)
	}
	p.stranger = false
	w.checkCadence(p, &after)
	w.checkImprovements(p, &after)
	list := after.enforcements()
	if len(list) > 1 {
		w.violated("P8", p, "it has %d enforcements", len(list))
	}
	for _, d := range list {
		if have, ok := p.held[d.id]; !ok || have.token != d.token {
			w.told(p, d.payload.release())
			w.checkDeadline(p, d.payload.release(), d.payload.TargetLocalDateTime)
		}
	}
}

// told holds that a phone is told to install a release.
func (w *world) told(p *phone, release string) {
	w.trace("%s is told to install %s", p.udid, release)
	if !version.Newer(release, p.os) {
		w.violated("P9", p, "it is told to install %s", release)
	}
	// A clock that goes back makes what has left Apple's list look as before.
	if last, ok := w.apple.signs(release, p.model, w.copyDay); w.skew >= 0 && (!ok || w.day(w.serverNow()) > last+1) {
		w.violated("P7", p, "it is told to install %s, which Apple no longer signs", release)
	}
	w.checkDoubt(p, release)
	if o := w.objects(p, release); o.why != "" {
		w.violated(o.property, p, "it is told to install %s: %s", release, o.why)
	}
	w.checkShare(p, release)
}

// checkDeadline holds the deadline of a new enforcement: never in the past, never
// earlier than the phone was told before.
func (w *world) checkDeadline(p *phone, release, deadline string) {
	stored, err := w.disk.Phone(w.ctx, seg, p.udid)
	e := stored.Announced.Enforcement
	if err != nil || e == nil {
		w.violated("P0", p, "no record of what it is told")
		return
	}
	if stored.TimeZone == p.zone && deadline <= w.serverNow().In(p.loc).Format(mdm.LocalDateTimeLayout) {
		w.violated("P13", p, "the deadline %s of %s has passed", deadline, release)
	}
	key := deadlineKey(p, release, e.SourceID)
	if before := p.deadlines[key]; deadline < before {
		w.checkSooner(p, release, before, deadline, stored)
	}
	if before, known := p.deadlines[key]; !known && e.Source == "approval" {
		w.checkOpen(p, deadline, e)
	} else if known {
		w.checkPromise(p, release, before, deadline, stored)
	}
	p.deadlines[key], p.toldAt[key] = deadline, w.serverNow()
}

// ordered holds a command to install or download a release.
func (w *world) ordered(p *phone, release, action string) {
	w.told(p, release)
	stored, err := w.disk.Phone(w.ctx, seg, p.udid)
	e := stored.Announced.Enforcement
	if err != nil || e == nil {
		w.violated("P0", p, "no record of what it is told")
		return
	}
	if local := w.serverNow().In(p.loc).Format(mdm.LocalDateTimeLayout); action == "InstallASAP" && stored.TimeZone == p.zone && local < e.Deadline {
		w.violated("P13", p, "it is told at %s to install at once, before %s", local, e.Deadline)
	}
	w.checkOrders(p, release, action, e)
}

// removesHold holds the removal of the hold profile.
func (w *world) removesHold(p *phone) {
	after := *p
	after.legacy.profile = ""
	if had, has := p.deferral(), after.deferral(); has < had {
		w.violated("P2", p, "it hid releases for %d days and now for %d", had, has)
	}
}

// handed holds each command: none of an older enrolment.
func (w *world) handed(p *phone, c *mdm.Command) {
	w.checkAgain(p, c)
	if p.past[c.UUID] {
		w.violated("P15", p, "a %s that it was given before it enrolled again", c.RequestType)
	}
	p.present[c.UUID] = true
	rows, err := w.disk.Queue(w.ctx, seg, p.udid)
	if err != nil {
		w.violated("P0", p, "its queue: %v", err)
	}
	for _, r := range rows {
		// Times of a clock that was set do not compare.
		if r.UUID == c.UUID && r.CreatedAt.Before(p.enrolledAt) && !w.book.reset {
			w.violated("P15", p, "a %s that was queued before it enrolled again", c.RequestType)
		}
	}
}

// checkSession holds what a phone has after it has spoken with the server: all
// that was stopped is gone, unless it is installing.
func (w *world) checkSession(p *phone) {
	release, _ := p.told()
	if release == "" || !p.declarative() || p.state == stateInstalling || len(p.lock.putOff) > 0 {
		return
	}
	if !version.Newer(release, p.os) {
		w.violated("P8", p, "it still is to install %s", release)
	}
	if o := w.objects(p, release); o.why != "" {
		w.violated(o.property, p, "it still is to install %s: %s", release, o.why)
	}
}

// checkDecisions holds the records against the audit log: each approval has one
// entry, by whom it needs, and was verified or is an override by two people.
func (w *world) checkDecisions() {
	entries, err := w.disk.Audit(w.ctx, seg, w.book.audit.Seq, 0)
	if err != nil {
		w.violated("P0", nil, "the audit log: %v", err)
	}
	if err := storage.VerifyAudit(w.book.audit, entries); err != nil {
		w.violated("P5", nil, "%v", err)
	}
	opened := map[string][]storage.AuditEntry{}
	for _, e := range entries {
		w.book.audit = e
		w.checkStops(e)
		if e.Action == "gate.approve" || e.Action == "gate.override" || e.Action == "gate.urgent" {
			opened[e.Target] = append(opened[e.Target], e)
		}
		w.book.hurry.note(e)
		if strings.HasPrefix(e.Action, "hold.") {
			w.checkHoldEntry(e)
		}
		if e.Action == fleet.NoticeOverrideEnded {
			w.checkOverrideEnd(e)
		}
	}
	for _, a := range w.records.Approvals {
		if w.book.approvals[a.ID] {
			continue
		}
		w.book.approvals[a.ID] = true
		target := a.Group + "/" + a.Release
		entries := opened[target]
		delete(opened, target)
		if len(entries) != 1 {
			w.violated("P5", nil, "the approval of %s has %d entries in the audit log", target, len(entries))
			continue
		}
		w.checkApproval(a, entries[0])
		w.beginRollout(a)
	}
	for target := range opened {
		w.violated("P5", nil, "the audit log tells of an approval of %s that there is none of", target)
	}
}

func (w *world) checkApproval(a storage.Approval, e storage.AuditEntry) {
	target := a.Group + "/" + a.Release
	if a.Lane != nil {
		w.checkLane(a, e)
		return
	}
	if o := a.Override; o != nil {
		w.book.ends[a.ID] = overrideEnd{at: o.Until}
		proposer := e.Detail["proposed_by"]
		switch {
		case e.Action != "gate.override" || e.Detail["approval"] != a.ID:
			w.violated("P5", nil, "the override of %s stands in the audit log as %s", target, e.Action)
		case proposer == "" || proposer == e.Actor || strings.EqualFold(o.By, o.Second):
			w.violated("P5", nil, "the override of %s is by %s and %s", target, proposer, e.Actor)
		case o.Reason == "" || o.SecondReason == "" || !o.Until.After(a.At) || len(a.Models) == 0:
			w.violated("P5", nil, "the override of %s has no reason, end or scope", target)
		}
		w.checkOffered(a)
		return
	}
	if why := w.unpaid(a.Group, a.Release, a.Models); why != "" {
		w.violated("P5", nil, "%s was approved by one person although %s", target, why)
	}
	w.checkWindow(a)
	if strings.HasPrefix(a.By, "policy:") && w.team(a.Group).rules.onExpiry != enforce {
		w.violated("P6", nil, "%s is approved by %s", target, a.By)
	}
	if strings.HasPrefix(a.By, "policy:") && w.holdsOff(a.Group, a.Release) {
		w.violated("P1", nil, "%s is approved by %s although it is a higher major version", target, a.By)
	}
	if e.Action != "gate.approve" || e.Detail["approval"] != a.ID {
		w.violated("P5", nil, "the approval of %s stands in the audit log as %s", target, e.Action)
	}
	for _, model := range a.Models {
		if why := w.unverified(a.Group, a.Release, model, a.At); why != "" {
			w.violated("P5", nil, "%s was approved by one person although on %s %s", target, model, why)
		}
	}
}

// patience is how long a phone that can be reached and is asked each day may take
// beyond its deadline.
const patience = 84 * time.Hour

// daily looks at each phone: those that should be on their way get there in time.
func (w *world) daily() {
	w.checkHolds()
	w.checkOverrideEnds()
	w.hearsOfLeaks()
	if w.life.ordered {
		w.counts()
	}
	w.checkNeighbour()
	w.checkSettled()
	w.checkFailing()
	for _, p := range w.phones {
		w.checkDeliveries(p)
		release, until := w.wanted(p)
		if release == "" {
			p.due, p.dueBy = "", time.Time{}
			continue
		}
		if key := release + " after " + p.os; p.due != key {
			p.due, p.dueBy = key, until
		}
		if w.now.After(p.dueBy) {
			x, err := w.fleet.Explain(w.ctx, seg, p.udid)
			w.violated("P3", p, "it should have %s since %s (%s, %v)", release, p.dueBy.Format(time.DateTime), x.Explanation.Reason.Code, err)
		}
	}
}

// undisturbed reports whether a phone can be reached and can install what it is told,
// by a server that goes on.
func (w *world) undisturbed(p *phone) bool {
	today := w.day(w.now)
	in := func(span [2]int) bool { return today >= span[0]-1 && today <= span[1]+1 && span[0] < span[1] }
	return !in(p.drawer) && !in(p.full) && p.failures == 0 && p.legacy.spoiled.left == 0 && w.skew == 0 && !w.halted() && w.book.doubt.cause == ""
}

// wanted returns the newest release that a phone which can be reached should get
// and by when, "" when there is none.
func (w *world) wanted(p *phone) (string, time.Time) {
	today := w.day(w.now)
	if !w.undisturbed(p) || p.group == "" || !p.declarative() && !p.supervised {
		return "", time.Time{}
	}
	for _, r := range w.newestFirst {
		if !version.Newer(r.version, p.os) {
			break
		}
		_, then := w.apple.signs(r.version, p.model, w.copyDay)
		last, now := w.apple.signs(r.version, p.model, today)
		if !then || !now || today+3 > last || w.objects(p, r.version).why != "" || (w.life.deliver != nil || w.life.troubled) && w.unsure(p, r.version) {
			continue
		}
		return r.version, w.deadline(p, r.version).Add(patience + w.life.asks - day)
	}
	return "", time.Time{}
}

func newestFirst(releases []release) []release {
	list := slices.Clone(releases)
	slices.SortFunc(list, func(a, b release) int { return version.Order(b.version, a.version) })
	return list
}

// deadline is the latest deadline that a phone may get for a release from now on.
func (w *world) deadline(p *phone, release string) time.Time {
	at := w.now.Add(w.team(p.group).notice + time.Hour)
	if !p.declarative() {
		at = at.Add(3 * day) // its steps are commands, each with an answer to wait for
	}
	if a, ok := w.approval(p.group, release, w.now); ok {
		wave, _ := w.waveOf(a, p)
		if a.Lane != nil {
			wave = a.Waves[len(a.Waves)-1]
		}
		if t, err := time.ParseInLocation(mdm.LocalDateTimeLayout, wave.Deadline, p.loc); err == nil {
			at = later(at, t)
		}
	}
	if w.life.rearranged {
		at = w.team(p.group).rules.calendar.next(at.In(p.loc))
	}
	return at
}

// pair is a release on a model.
type pair struct{ release, model string }

// installable returns what the server's catalogue holds to be installable now.
func (w *world) installable() map[pair]bool {
	found := map[pair]bool{}
	c, err := catalog.New(catalog.Contents{Releases: w.catalogue()})
	if err != nil {
		w.violated("P0", nil, "the catalogue: %v", err)
		return found
	}
	for _, r := range c.Releases() {
		for _, m := range r.Models {
			if c.Installable(r.Version, m.Model, catalog.DateOf(w.serverNow())) {
				found[pair{r.Version, m.Model}] = true
			}
		}
	}
	return found
}

// catalogue returns the releases that the server knows of, as stored.
func (w *world) catalogue() []catalog.Release {
	data, err := w.disk.Catalog(w.ctx)
	if err != nil {
		return nil // nothing was ever read
	}
	c, err := catalog.Unmarshal(data)
	if err != nil {
		w.violated("P0", nil, "the catalogue cannot be read: %v", err)
		return nil
	}
	return c.Releases()
}

// checkNotWider holds that a feed which is no good adds nothing.
func (w *world) checkNotWider(what string, before map[pair]bool) {
	for it := range w.installable() {
		if !before[it] {
			w.violated("P14", nil, "%s made %s installable on %s", what, it.release, it.model)
		}
	}
}

// checkFeed holds that the server knows of nothing that Apple has not listed.
func (w *world) checkFeed(today int) {
	if w.skew != 0 {
		return
	}
	for _, r := range w.catalogue() {
		for _, m := range r.Models {
			if real, ok := w.apple.find(r.Version); !ok || !real.isFor(m.Model) || real.posted > today {
				w.violated("P14", nil, "the server knows of %s for %s", r.Version, m.Model)
			}
		}
	}
}

// checkEnd holds that every phone that is not where it could be is listed with a
// reason.
func (w *world) checkEnd() {
	w.checkNeighbour()
	w.checkLeaksTold()
	for _, p := range w.phones {
		x, err := w.fleet.Explain(w.ctx, seg, p.udid)
		if err != nil {
			w.violated("P0", p, "%v", err)
			return
		}
		code := x.Explanation.Reason.Code
		release, _ := w.wanted(p)
		if code == "" || release != "" && code == policy.ReasonDone {
			w.violated("P3", p, "it is not on %s and listed as %q", release, code)
		}
	}
}

// digest tells where everybody and everything is, without what is random.
func (w *world) digest() string {
	var lines []string
	for _, p := range w.phones {
		release, _ := p.told()
		lines = append(lines, fmt.Sprintf("%s %s/%s runs %s, to install %q, hides %d days", p.udid, p.group, p.ring, p.os, release, p.deferral()))
	}
	records := map[string]int{}
	for _, a := range w.records.Approvals {
		records[fmt.Sprintf("approval %s/%s override=%t paused=%t withdrawn=%t", a.Group, a.Release, a.Override != nil, !a.PausedAt.IsZero(), !a.WithdrawnAt.IsZero())]++
	}
	for _, o := range w.records.Offers {
		records[fmt.Sprintf("offer %s/%s withdrawn=%t", o.Group, o.Release, !o.Withdrawn.IsZero())]++
	}
	for _, d := range w.records.Declines {
		records[fmt.Sprintf("decline %s/%s", d.Group, d.Release)]++
	}
	for _, v := range w.records.Verdicts {
		records[fmt.Sprintf("verdict %s/%s %s %s %s revoked=%t", v.Group, v.Release, v.BundleID, v.Phone, v.Result, !v.RevokedAt.IsZero())]++
	}
	for _, k := range slices.Sorted(maps.Keys(records)) {
		lines = append(lines, fmt.Sprintf("%d %s", records[k], k))
	}
	return strings.Join(lines, "\n") + "\n"
}
