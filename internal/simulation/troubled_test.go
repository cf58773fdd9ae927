package simulation

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// What the policies of a life with troubles stop a rollout for. Times of contacts
// are noted roughly: nobody is silent for sure before the limit and slack.
const (
	troubleSample  = 3
	troublePercent = 40
	troubleSilent  = 48 * time.Hour
	silentSlack    = 2 * time.Hour
)

// onlyShares has a policy stop rollouts for what phones show.
func onlyShares() fleet.BreakerChange {
	sample, percent, after, none := troubleSample, troublePercent, "48h", 0
	return fleet.BreakerChange{
		BreakerSample: &sample, BreakerWaveSample: &none, BreakerFailed: &percent, BreakerSilent: &percent, BreakerSilentAfter: &after,
		BreakerReverted: &percent, BreakerReports: &none,
	}
}

// drawTroubles draws which phones fail to install, fall silent with it or lose an
// app, and that somebody lets the rollouts go on that were stopped. Clocks stay
// right and the server on: how long a phone was silent is counted by both.
func drawTroubles(r *rand.Rand, l *life, add func(time.Duration, kind, int, int)) {
	for i := range l.phones { // what an older one tells of its failures is answers to commands
		if p := &l.phones[i]; p.model == modelOld {
			p.model, p.born = modelA, firstNew
		}
	}
	for i := range l.teams {
		l.teams[i].shares = true
		d := &l.teams[i].rules
		if d.name == "" {
			*d = rules{name: "rules-" + l.teams[i].name, onExpiry: extendRisk}
		}
		d.calendar = calendar{}
	}
	for _, rel := range l.releases {
		for i := range l.phones {
			if rel.posted >= 0 && r.IntN(3) == 0 {
				add(time.Duration(rel.posted+r.IntN(14))*day, pick(r, kindFail, kindMute), 0, i)
			}
		}
	}
	for team := range l.teams {
		for i, rel := range l.releases {
			if rel.posted >= 0 {
				add(time.Duration(rel.posted+8+r.IntN(12))*day, kindRevert, team, i)
				add(time.Duration(rel.posted+10+r.IntN(8))*day, kindResume, team, i)
			}
		}
	}
}

// withoutStops leaves the server's clock right and its machine on.
func withoutStops(events []event) []event {
	return slices.DeleteFunc(events, func(e event) bool {
		return e.kind == kindClock || e.kind == kindOff || e.kind == kindRestore || e.kind == kindConfirm
	})
}

// witness is a store that has the checks learn of each decision before anything follows
// from it. What stops a rollout is judged by what the phones were told until then: nobody
// counts those who are told to install afterwards.
type witness struct {
	fleet.Store

	w *world
}

func (s witness) ChangeWorld(ctx context.Context, of storage.Segment, revision uint64, c storage.WorldChange) (uint64, error) {
	next, err := s.Store.ChangeWorld(ctx, of, revision, c)
	if s.w.changed && of == seg {
		s.w.learn()
	}
	return next, err
}

// trouble is what is wrong with a phone.
type trouble struct {
	mute  bool // it falls silent with its next installation
	stuck bool // its apps are not updated any more
}

// fails has the next installations of a phone fail.
func (w *world) fails(e event) {
	if p := w.phone(e.about); p != nil && p.ring == storage.RingProduction {
		p.failures += 1 + int(e.dice%3)
	}
}

// mutes has a phone fall silent with its next installation.
func (w *world) mutes(e event) {
	if p := w.phone(e.about); p != nil && p.ring == storage.RingProduction {
		p.trouble.mute = true
	}
}

// falls puts a phone out of reach that was to fall silent.
func (p *phone) falls(w *world) {
	if p.trouble.mute {
		p.trouble.mute = false
		p.drawer = [2]int{w.day(w.now), w.day(w.now) + 12}
		w.trace("%s falls silent", p.udid)
	}
}

// reverts has an app go back to a lower version, or be gone, on some production
// phones of a group.
func (w *world) reverts(e event) {
	group, id := w.life.teams[e.team].name, businessApps()[e.dice%uint64(len(businessApps()))].bundleID
	for i, p := range w.phones {
		if p.group != group || p.ring != storage.RingProduction || e.dice>>(8+i%32)%4 == 0 {
			continue
		}
		p.trouble.stuck = true
		if p.apps[id]--; p.apps[id] < 1 {
			delete(p.apps, id)
		}
		w.trace("%s lost %s", p.udid, id)
	}
}

// heard is what the server was told by a phone in this group and enrolment.
type heard struct {
	group    string
	epoch    uint64
	at       time.Time // of its last word
	os       string
	arrived  time.Time // when it first told that it runs that
	state    string
	pending  string
	reason   string
	count    int
	failedAt time.Time // when it first told of its last failure
	apps     map[string]int
	lost     map[string]loss
	attempt  attempt
}

// loss is an app that went back.
type loss struct {
	from int
	at   time.Time
}

// hears notes that the server took a word of a phone.
func (w *world) hears(p *phone) *heard {
	h := w.book.heard[p.udid]
	if h == nil || h.epoch != p.epoch {
		h = &heard{group: p.group, epoch: p.epoch, lost: map[string]loss{}}
		w.book.heard[p.udid] = h
	}
	if h.group != p.group { // other apps matter there
		h.group, h.apps, h.lost = p.group, nil, map[string]loss{}
	}
	h.at = w.now
	return h
}

// hearsOS notes that a phone told what it runs.
func (w *world) hearsOS(p *phone) {
	if h := w.hears(p); h.os != p.os {
		h.os, h.arrived = p.os, w.now
	}
}

// hearsStatus notes what a status report told.
func (w *world) hearsStatus(p *phone) {
	if !w.life.troubled {
		return
	}
	w.hearsOS(p)
	h := w.hears(p)
	failed := p.state == stateFailed && h.state != stateFailed
	switch {
	case p.failed == 0 && p.state != stateFailed:
		h.failedAt = time.Time{}
	case failed || p.failed != h.count || p.reason != h.reason:
		h.failedAt = w.now
	}
	h.state, h.reason, h.count = p.state, p.reason, p.failed
	if p.pending != "" {
		h.pending = p.pending
	}
}

// hearsApps notes what a list of apps told: those that can keep a gate closed and
// are lower than before, or gone, until they are back.
func (w *world) hearsApps(p *phone) {
	h := w.hears(p)
	for id, was := range h.lost {
		if is, there := p.apps[id]; there && is >= was.from {
			delete(h.lost, id)
		}
	}
	for _, a := range w.closing(p.group) {
		had, told := h.apps[a.bundleID]
		is, there := p.apps[a.bundleID]
		if _, known := h.lost[a.bundleID]; told && !known && (!there || is < had) {
			h.lost[a.bundleID] = loss{had, w.now}
		}
	}
	h.apps = maps.Clone(p.apps)
}

// listed returns the version of an app that a phone told, where apps go back, and
// elsewhere the one that it has. What a phone does not have keeps it from nothing.
func (w *world) listed(p *phone, bundleID string) int {
	h := w.book.heard[p.udid]
	if !w.life.troubled || h == nil || h.apps == nil {
		return p.apps[bundleID]
	}
	if v, there := h.apps[bundleID]; there {
		return v
	}
	return never
}

// hearsAnswer notes what an answer to a command told.
func (w *world) hearsAnswer(p *phone, m message) {
	if !w.life.troubled {
		return
	}
	w.hears(p)
	if _, ok := m.says["QueryResponses"]; ok {
		w.hearsOS(p)
	}
	if _, ok := m.says["InstalledApplicationList"]; ok && p.group != "" {
		w.hearsApps(p)
	}
	w.hearsUpdate(p, m)
}

// shares are what the phones of a rollout, or of one wave of it, told.
type shares struct{ told, failed, installed, reverted, silent int }

// since is from when on what phones show of a rollout counts.
func (w *world) since(a storage.Approval) time.Time {
	return later(a.At, w.book.resumed[a.Group+"/"+a.Release])
}

// tally counts what the server was told of a rollout, of its wave i or with -1 of
// all. Somebody silent for about the limit counts with slack, and without it not.
func (w *world) tally(a storage.Approval, i int, slack time.Duration) shares {
	var n shares
	for _, p := range w.phones {
		h := w.book.heard[p.udid]
		stored, err := w.disk.Phone(w.ctx, seg, p.udid)
		if err != nil || h == nil || h.epoch != p.epoch || p.group != a.Group || p.ring != storage.RingProduction {
			continue
		}
		if _, wave := w.waveOf(a, p); i >= 0 && wave != i {
			continue
		}
		e := stored.Announced.Enforcement
		h.forget(e)
		installed := h.os == a.Release
		if installed && h.arrived.Before(a.At) || !installed && (e == nil || e.Source != "approval" || e.Release != a.Release) {
			continue
		}
		n.told++
		under := !installed && (h.pending == "" || h.pending == a.Release)
		if under && (h.reason == "Failed" || h.reason == "NotSigned") && h.failedAt.After(w.since(a)) {
			n.failed++
		}
		if !installed && (!under || h.state != stateInstalling) {
			continue
		}
		n.installed++
		if installed && slices.ContainsFunc(slices.Collect(maps.Values(h.lost)), func(l loss) bool { return l.at.After(w.since(a)) && !l.at.Before(h.arrived) }) {
			n.reverted++
		}
		if w.silent(h, installed, w.since(a), slack) {
			n.silent++
		}
	}
	return n
}

// silent reports whether a phone fell silent with an installation. Whoever was
// silent when somebody let the rollout go on is no news because the server started
// since.
func (w *world) silent(h *heard, installed bool, since time.Time, slack time.Duration) bool {
	last := later(h.at, w.bootedAt) // nobody could hear of it before
	known := since.Add(-troubleSilent - slack)
	if !w.bootedAt.Before(since) && !h.at.After(known) {
		return false
	}
	used := time.Duration(0)
	if installed {
		used = h.at.Sub(h.arrived)
	}
	return used < troubleSilent+slack && last.After(known) && !last.After(w.now.Add(-troubleSilent+slack))
}

// reached reports whether so many phones stop a rollout.
func reached(n, of int) bool {
	return of >= troubleSample && n*100 >= of*troublePercent && n > 0
}

// untold returns why a rollout should not have stopped for a signal, by what the
// server was told, "" when it should.
func (w *world) untold(a storage.Approval, signal, reading string) string {
	var n, of int
	if _, err := fmt.Sscanf(reading, "%d of %d", &n, &of); err != nil || !reached(n, of) {
		return "that is too few"
	}
	signal, number, _ := strings.Cut(signal, ".wave-")
	i, err := strconv.Atoi(number)
	if err != nil {
		i = 0
	}
	told := w.tally(a, i-1, silentSlack)
	most, among := map[string]int{"installs-failed": told.failed, "phones-silent": told.silent, "apps-reverted": told.reverted}[signal], told.installed
	if signal == "installs-failed" {
		among = told.told
	}
	if n > most || of != among {
		return fmt.Sprintf("it was told of %d of %d", most, among)
	}
	return ""
}

// checkTold holds, after the server has looked, that no rollout goes on of which
// it was told enough.
func (w *world) checkTold() {
	if !w.life.troubled {
		return
	}
	for _, a := range w.records.Approvals {
		newest, ok := w.approval(a.Group, a.Release, w.now)
		declined := slices.ContainsFunc(w.records.Declines, func(d storage.Decline) bool { return d.Group == a.Group && d.Release == a.Release })
		if !ok || newest.ID != a.ID || declined || !a.PausedAt.IsZero() || !a.WithdrawnAt.IsZero() || !w.waited(a) || w.stopped(a, w.now) != "" {
			continue
		}
		if a.Override != nil && !w.now.Before(a.Override.Until) {
			continue
		}
		for i := -1; i < len(a.Waves); i++ {
			n := w.tally(a, i, -silentSlack)
			if reached(n.failed, n.told) || reached(n.silent, n.installed) || reached(n.reverted, n.installed) {
				w.violated("P4", nil, "%s goes on for %s although of wave %d (0: all) the server was told %+v", a.Release, a.Group, i+1, n)
			}
		}
	}
}

// waited reports whether a phone that was heard of lately still has a release to
// install, so that its rollout is under way.
func (w *world) waited(a storage.Approval) bool {
	return slices.ContainsFunc(w.phones, func(p *phone) bool {
		h := w.book.heard[p.udid]
		return h != nil && h.epoch == p.epoch && p.group == a.Group && p.ring == storage.RingProduction && slices.Contains(a.Models, p.model) &&
			newer(a.Release, h.os) && w.now.Sub(h.at) < 5*day && w.signed(a.Release, p.model)
	})
}

// numb are plants about what stops a rollout by itself.
func numb() []plant {
	limits := func(change func(*storage.BreakerSettings)) plant {
		return plant{property: "P4", seed: 29, store: reading(func(w *storage.World) {
			for i := range w.Policies {
				if b := w.Policies[i].Breaker; b != nil && b.SilentAfter == troubleSilent {
					other := *b
					change(&other)
					w.Policies[i].Breaker = &other
				}
			}
		})}
	}
	named := func(name string, seed uint64, p plant) plant {
		p.name, p.seed = name, seed
		return p
	}
	return []plant{
		named("nobody counts failures", 285, limits(func(b *storage.BreakerSettings) { b.FailedPercent = 0 })),
		named("nobody misses phones that fall silent", 29, limits(func(b *storage.BreakerSettings) { b.SilentPercent = 0 })),
		named("nobody misses apps", 29, limits(func(b *storage.BreakerSettings) { b.RevertedPercent = 0 })),
		named("one phone stops every rollout", 29, limits(func(b *storage.BreakerSettings) { b.Sample, b.FailedPercent = 1, 1 })),
	}
}
