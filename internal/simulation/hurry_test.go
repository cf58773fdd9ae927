package simulation

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/memory"
)

// drawLateFlaws draws which flaws become known to be exploited while releases that fix
// them roll out, and that two people then hurry the rollout.
func drawLateFlaws(r *rand.Rand, l *life, add func(time.Duration, kind, int, int)) {
	for i, rel := range l.releases {
		if rel.posted < 0 || r.IntN(3) == 0 {
			continue
		}
		known := rel.posted + 6 + r.IntN(9)
		l.flaws = append(l.flaws, flaw{fmt.Sprintf("CVE-2026-%d", 1000+i), i, known})
		for team := range l.teams {
			at := time.Duration(known) * day
			for range 3 {
				at += time.Duration(1+r.IntN(30)) * time.Hour
				for n, k := range []kind{kindHurry, kindSign, kindSign} {
					add(at+time.Duration(10+60*n+r.IntN(60))*time.Minute, k, team, i)
				}
			}
		}
	}
	slices.SortStableFunc(l.flaws, func(a, b flaw) int { return cmp.Compare(a.known, b.known) })
}

// hurryBook is what the checks remember of rollouts that were hurried; its maps are
// made when something is.
type hurryBook struct {
	acts map[string][]storage.AuditEntry // that nothing was found of yet, by group and release
	seen map[string]time.Time            // when approvals were hurried last, by identifier

	wished map[wish]string // by when people wanted it who did not leave that to their policy
}

func (b *hurryBook) note(e storage.AuditEntry) {
	if e.Action != "rollout.hurry" {
		return
	}
	if b.acts == nil {
		b.acts = map[string][]storage.AuditEntry{}
	}
	b.acts[e.Target] = append(b.acts[e.Target], e)
}

// news reports whether a rollout was hurried, or hurried once more, since it was asked
// about last.
func (b *hurryBook) news(a storage.Approval) bool {
	if b.seen[a.ID].Equal(a.Lane.HurriedAt) {
		return false
	}
	if b.seen == nil {
		b.seen = map[string]time.Time{}
	}
	b.seen[a.ID] = a.Lane.HurriedAt
	return true
}

// wasHurried reports whether two people hurried the rollout of an ordinary approval.
func wasHurried(a storage.Approval) bool { return a.Lane != nil && !a.Lane.HurriedAt.IsZero() }

// checkHurries holds each rollout that was hurried since the records were read last.
func (w *world) checkHurries() {
	for _, a := range w.records.Approvals {
		if !wasHurried(a) || !w.book.hurry.news(a) {
			continue
		}
		target := a.Group + "/" + a.Release
		entries := w.book.hurry.acts[target]
		delete(w.book.hurry.acts, target)
		if len(entries) != 1 {
			w.violated("P5", nil, "the hurry of %s has %d entries in the audit log", target, len(entries))
			continue
		}
		w.checkHurry(a, entries[0])
	}
	for target := range w.book.hurry.acts {
		w.violated("P5", nil, "the audit log tells that %s was hurried, which it was not", target)
	}
}

// checkHurry holds one of them: two people, an exploited flaw, a rollout that went on,
// and waves that keep their phones once they have begun.
func (w *world) checkHurry(a storage.Approval, e storage.AuditEntry) {
	target, l, proposer := a.Group+"/"+a.Release, a.Lane, e.Detail["proposed_by"]
	r := w.book.rollouts[a.ID]
	switch {
	case r == nil || e.Detail["approval"] != a.ID:
		w.violated("P5", nil, "%s was hurried without an approval", target)
		return
	case proposer == "" || proposer == e.Actor || l.By == "" || l.By == l.Second || l.Reason == "" || l.SecondReason == "":
		w.violated("P5", nil, "%s was hurried by %q and %q", target, proposer, e.Actor)
	case w.stopped(a, l.HurriedAt) != "" || passed(a.PausedAt, l.HurriedAt) || passed(a.WithdrawnAt, l.HurriedAt):
		w.violated("P4", nil, "%s was hurried while it stood still", target)
	}
	if w.mostExposed(a) == 0 {
		w.violated("P16", nil, "%s was hurried although no phone lacks the fix of an exploited flaw", target)
	}
	if before := w.book.lanes[a.ID]; before != nil {
		w.checkOnceMore(a, r.waves)
	}
	now := a
	now.At = l.HurriedAt
	// It is held from now on to what the lane promises; its first wave was another's.
	next := &lane{Approval: now, within: w.promised(now), told: map[string]bool{}, reach: map[string]bool{}, first: len(w.phones)}
	w.checkHurriedWaves(next, r.waves)
	for _, p := range w.phones {
		if w.reachable(p, now) {
			next.reach[p.udid] = true
		}
	}
	w.book.lanes[a.ID] = next
	r.waves, r.soak, r.waiting = a.Waves, a.Soak, map[string]bool{}
}

// checkHurriedWaves holds the waves of a hurried rollout against those before: what has
// begun stays and gets no later, and the rest comes by the lane.
func (w *world) checkHurriedWaves(l *lane, before []storage.Wave) {
	promised := l.At.Add(l.within + time.Minute).In(w.loc).Format(mdm.LocalDateTimeLayout)
	start := l.At
	for i, v := range l.Waves {
		if v.Deadline > promised {
			w.violated("P16", nil, "the deadline of wave %d of %s, hurried, is %s, promised was %s", i+1, l.Release, v.Deadline, promised)
		}
		if i < len(before) && begun(before[i], l.At) {
			if v.Threshold != before[i].Threshold || !v.Start.Equal(before[i].Start) || v.Waits || v.Deadline > before[i].Deadline {
				w.violated("P9", nil, "wave %d of %s, hurried, was %v and is %v", i+1, l.Release, before[i], v)
			}
			start = later(l.At, v.Start.Add(laneSoak))
			continue
		}
		if v.Start.After(start) {
			w.violated("P16", nil, "wave %d of %s, hurried, starts %s, wanted %s", i+1, l.Release, v.Start, start)
		}
		start = start.Add(laneSoak)
	}
	if v := l.Waves[len(l.Waves)-1]; v.Threshold != policy.Buckets || len(v.UpTo) > 0 {
		w.violated("P16", nil, "%s, hurried, is not for all phones", l.Release)
	}
}

// checkSooner holds a deadline that comes before the one that a phone was told: two
// people decided so since, it leaves the notice, and the phone does not install.
func (w *world) checkSooner(p *phone, release, before, deadline string, stored storage.Phone) {
	e := stored.Announced.Enforcement
	told := p.toldAt[deadlineKey(p, release, e.SourceID)]
	decided := slices.ContainsFunc(w.records.Approvals, func(a storage.Approval) bool {
		switch {
		case a.Group != p.group || a.Lane == nil:
			return false
		case a.ID == e.SourceID:
			return a.Lane.HurriedAt.After(told)
		default: // a newer release keeps what the lane of an older one promised
			return newer(release, a.Release) && (a.At.After(told) || a.Lane.HurriedAt.After(told))
		}
	})
	least := e.FirstAt.Add(min(w.team(p.group).notice, laneNotice)).In(p.loc).Format(mdm.LocalDateTimeLayout)
	switch {
	case !decided:
		w.violated("P13", p, "the deadline of %s was %s and now is %s", release, before, deadline)
	case stored.TimeZone == p.zone && deadline < least:
		w.violated("P13", p, "the deadline of %s is brought forward from %s to %s, before its notice ends at %s", release, before, deadline, least)
	case stored.Update.Install == string(policy.InstallInstalling):
		w.violated("P8", p, "the deadline of %s is brought forward to %s while it installs", release, deadline)
	}
}

// laneNotice is the longest notice in the emergency lane.
const laneNotice = 4 * time.Hour

func deadlineKey(p *phone, release, source string) string {
	return fmt.Sprint(p.epoch, release, source)
}

// reckless are plants about rollouts that are hurried.
func reckless() []plant {
	rushed := func(w *world, s *memory.Store) fleet.Store {
		return liar{Store: s, phone: func(before, after *storage.Phone) {
			was, is := before.Announced.Enforcement, after.Announced.Enforcement
			if was == nil || is == nil || was.SourceID != is.SourceID || is.Deadline >= was.Deadline || is.FirstAt.Equal(was.FirstAt) {
				return
			}
			zone := w.loc
			if loc, err := time.LoadLocation(after.TimeZone); err == nil && after.TimeZone != "" {
				zone = loc
			}
			is.Deadline = is.FirstAt.Add(90 * time.Minute).In(zone).Format(mdm.LocalDateTimeLayout)
		}}
	}
	hurries := func(change func(*storage.Approval)) func(*world, *memory.Store) fleet.Store {
		return approving(func(a *storage.Approval) {
			if wasHurried(*a) {
				change(a)
			}
		})
	}
	return []plant{
		{name: "a hurried deadline leaves no notice", property: "P13", seed: 91, store: rushed},
		{
			name: "one person hurries a rollout", property: "P5", seed: 91,
			store: hurries(func(a *storage.Approval) { a.Lane.Second = a.Lane.By }),
		},
		{
			name: "hurried waves keep their dates", property: "P16", seed: 19,
			store: hurries(func(a *storage.Approval) {
				for i := range a.Waves {
					if v := &a.Waves[i]; v.Waits {
						v.Start, v.Planned = v.Start.Add(3*day), v.Planned.Add(3*day)
					}
				}
			}),
		},
		{name: "a hurry leaves no trace", property: "P5", seed: 91, store: losing("rollout.hurry")},
	}
}
