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

// By when people want a rollout that they hurry for the first time, and once more, in
// lives in which they do so.
const (
	wishFirst = "48h"
	wishAgain = "24h"
)

// drawOnceMore draws that flaws become known when releases that fix them are approved,
// that two people hurry the rollout, and that within two days they do so again.
func drawOnceMore(r *rand.Rand, l *life, events []event, add func(time.Duration, kind, int, int)) {
	for _, e := range events {
		if e.kind != kindApprove || l.releases[e.about].posted < 0 {
			continue
		}
		l.flaws = append(l.flaws, flaw{fmt.Sprintf("CVE-2027-%d", 1000+len(l.flaws)), e.about, int(e.at / day)})
		at := e.at
		for _, hours := range []int{20, 15, 15} {
			at += time.Duration(1+r.IntN(hours)) * time.Hour
			for n, k := range []kind{kindHurry, kindSign, kindSign} {
				add(at+time.Duration(10+15*n)*time.Minute, k, e.team, e.about)
			}
		}
	}
	slices.SortStableFunc(l.flaws, func(a, b flaw) int { return cmp.Compare(a.known, b.known) })
}

// wish is what people want to hurry, and when they say so.
type wish struct {
	group, release string
	at             time.Time
}

// wishes returns by when whoever asks for the emergency lane now wants all phones to
// have installed, "" when that is left to the policy.
func (w *world) wishes(group, release string) string {
	if !w.life.onceMore {
		return ""
	}
	deadline := wishFirst
	if a, ok := w.approval(group, release, w.serverNow()); ok && wasHurried(a) {
		deadline = wishAgain
	}
	if w.book.hurry.wished == nil {
		w.book.hurry.wished = map[wish]string{}
	}
	w.book.hurry.wished[wish{group, release, w.serverNow()}] = deadline
	return "+" + deadline
}

// checkOnceMore holds a rollout that was hurried before: it ends sooner than was
// promised then.
func (w *world) checkOnceMore(a storage.Approval, before []storage.Wave) {
	last := func(waves []storage.Wave) string {
		latest := ""
		for _, v := range waves {
			latest = max(latest, v.Deadline)
		}
		return latest
	}
	if was, is := last(before), last(a.Waves); is >= was {
		w.violated("P16", nil, "%s/%s is hurried once more, to end by %s and not by %s", a.Group, a.Release, is, was)
	}
}

// insistent are plants about rollouts that are hurried once more.
func insistent() []plant {
	return []plant{
		forsaking(),
		{
			name: "what two people promised is forgotten when they hurry once more", property: "P16", seed: 91,
			store: approvals(func(a *storage.Approval) {
				for i := range a.Waves {
					if t, err := time.Parse(mdm.LocalDateTimeLayout, a.Waves[i].Deadline); err == nil && wasHurried(*a) {
						a.Waves[i].Deadline = t.AddDate(0, 0, 3).Format(mdm.LocalDateTimeLayout)
					}
				}
			}),
		},
	}
}

// forsaking is a plant that leaves out of a rollout that is hurried once more whom the
// waves that have begun are not for, when the last of those is full for some versions.
func forsaking() plant {
	return plant{
		name: "a rollout that is hurried once more leaves phones out", property: "P16", seed: 851,
		store: func(w *world, s *memory.Store) fleet.Store {
			hurries := map[string]time.Time{}
			return liar{Store: s, change: func(c *storage.WorldChange) {
				for i := range c.Approvals {
					a := &c.Approvals[i]
					if !wasHurried(*a) || a.Lane.HurriedAt.Equal(hurries[a.ID]) {
						continue
					}
					first := hurries[a.ID].IsZero()
					hurries[a.ID] = a.Lane.HurriedAt
					if n := begunOf(a.Waves, w.serverNow()); !first && n > 0 && a.Waves[n-1].Threshold == policy.Buckets {
						a.Waves = a.Waves[:n]
					}
				}
			}}
		},
	}
}

// begunOf returns how many waves have begun.
func begunOf(waves []storage.Wave, now time.Time) int {
	n := slices.IndexFunc(waves, func(v storage.Wave) bool { return !begun(v, now) })
	if n < 0 {
		return len(waves)
	}
	return n
}
