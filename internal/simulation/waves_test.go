package simulation

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/memory"
)

func newer(a, b string) bool { return version.Newer(a, b) }

// zone returns a time zone that is known to exist.
func zone(name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return loc
}

// rollout is what the checks remember of one approval.
type rollout struct {
	waves   []storage.Wave
	shares  []string        // as the person who approved said
	waiting map[string]bool // phones that waited then
	told    map[string]bool // of them, those told to install
	soak    time.Duration
	skewed  bool // its dates come of a clock that was wrong
}

// waveOf returns the wave a phone belongs to: the first that its bucket is in.
func (w *world) waveOf(a storage.Approval, p *phone) (storage.Wave, int) {
	if a.Lane != nil {
		return w.laneWave(a, p)
	}
	bucket := int(policy.Bucket(cmp.Or(a.WavesOf, a.Release), p.udid))
	i := slices.IndexFunc(a.Waves, func(w storage.Wave) bool { return bucket < w.Threshold })
	return a.Waves[i], i
}

func begun(v storage.Wave, now time.Time) bool { return !v.Waits && !v.Start.After(now) }

// beginRollout remembers who waits when something is approved.
func (w *world) beginRollout(a storage.Approval) {
	r := &rollout{waves: a.Waves, soak: a.Soak, waiting: map[string]bool{}, told: map[string]bool{}, skewed: w.skew != 0}
	w.book.rollouts[a.ID] = r
	if a.RebasedFrom != "" || a.Lane != nil {
		return // who is in which wave was settled for an older release, or by what phones run
	}
	r.shares = w.book.shares
	if len(r.shares) == 0 {
		r.shares = w.rulesAt(a.Group, w.shownAt(a)).waves
	}
	// A policy lets all start at once when waves would take too long, and so do two
	// people near the end of a build.
	if len(r.shares) == 0 || len(a.Waves) == 1 && (strings.HasPrefix(a.By, "policy:") || a.Override != nil && w.ending(a)) {
		r.shares = []string{"100%"}
	}
	if len(r.shares) != len(a.Waves) || a.Waves[len(a.Waves)-1].Threshold != policy.Buckets {
		w.violated("P9", nil, "%s for %s has waves %v, wanted %v", a.Release, a.Group, a.Waves, r.shares)
	}
	for _, p := range w.phones {
		stored, err := w.disk.Phone(w.ctx, seg, p.udid)
		if err == nil && p.group == a.Group && p.ring == storage.RingProduction && slices.Contains(a.Models, stored.Model) && !version.AtLeast(full(stored), a.Release) {
			r.waiting[p.udid] = true
		}
	}
}

// checkWaves holds the waves of every approval against how they were: they begin
// in order, none before the one before it has soaked or while it stands still,
// and no phone moves from one to another.
func (w *world) checkWaves() {
	now := w.serverNow()
	for _, a := range w.records.Approvals {
		r := w.book.rollouts[a.ID]
		if r == nil {
			continue
		}
		target := a.Group + "/" + a.Release
		before := r.waves
		r.waves, r.skewed = a.Waves, r.skewed || w.skew != 0
		for i, v := range a.Waves {
			switch {
			case len(before) != len(a.Waves) || v.Threshold != before[i].Threshold || i > 0 && v.Threshold < a.Waves[i-1].Threshold:
				w.violated("P9", nil, "the phones of the waves of %s were %v and are %v", target, before, a.Waves)
				return
			case !before[i].Waits:
				if v.Waits || !v.Start.Equal(before[i].Start) || v.Deadline != before[i].Deadline {
					w.violated("P9", nil, "wave %d of %s, which began, was %v and is %v", i+1, target, before[i], v)
				}
			case !v.Waits:
				w.checkLate(a, i)
				if why := w.early(a, r, i, now); why != "" && !r.skewed {
					w.violated("P9", nil, "wave %d of %s begins although %s", i+1, target, why)
				}
			}
		}
	}
}

// early returns why a wave may not begin, "" when it may.
func (w *world) early(a storage.Approval, r *rollout, i int, now time.Time) string {
	rules := w.team(a.Group).rules
	v := a.Waves[i]
	deadline, err := time.Parse(mdm.LocalDateTimeLayout, v.Deadline)
	stopped := w.stopped(a, now)
	switch {
	case err != nil:
		return err.Error()
	case i > 0 && a.Waves[i-1].Waits:
		return "the one before has not"
	case i > 0 && v.Start.Before(a.Waves[i-1].Start.Add(r.soak-time.Hour)): // a day in which clocks change has 23 hours
		return fmt.Sprintf("the one before began %s and soaks for %s", a.Waves[i-1].Start, r.soak)
	case v.Start.After(now):
		return "it is only for " + v.Start.String()
	case passed(a.PausedAt, now), passed(a.WithdrawnAt, now):
		return "somebody stopped it"
	case stopped != "":
		return stopped
	case a.Lane != nil:
		return "" // two people said that it cannot wait for an open day
	case !rules.calendar.open(v.Start.In(w.loc)):
		return "the calendar is closed at " + v.Start.In(w.loc).String()
	case v.Within > 0 && !rules.calendar.open(deadline):
		return "the calendar is closed at its deadline " + v.Deadline
	}
	return ""
}

// checkShare holds that no more phones are told than the waves that began let in.
func (w *world) checkShare(p *phone, release string) {
	now := w.decided()
	a, ok := w.approval(p.group, release, now)
	if ok && a.Lane != nil && p.ring == storage.RingProduction {
		w.checkFirst(p, a)
	}
	r := w.book.rollouts[a.ID]
	if !ok || r == nil || p.ring != storage.RingProduction || !r.waiting[p.udid] {
		return
	}
	r.told[p.udid] = true
	n := 0
	for i, v := range a.Waves {
		if begun(v, now) {
			n = max(n, most(r.shares[i], len(r.waiting)))
		}
	}
	buckets := map[uint32]bool{} // phones in one bucket go together
	for udid := range r.told {
		buckets[policy.Bucket(release, udid)] = true
	}
	if len(buckets) > n {
		w.violated("P12", p, "%d of %d phones are told to install %s; the waves that began are for %d", len(buckets), len(r.waiting), release, n)
	}
}

// checkWindow holds that an approval ends a week before what was tested can no
// longer be installed.
func (w *world) checkWindow(a storage.Approval) {
	if w.skew != 0 {
		return
	}
	for _, model := range a.Models {
		last, ok := w.ends(a.Release, model)
		latest := w.life.start.AddDate(0, 0, last+1-7).Format(time.DateOnly)
		for _, v := range a.Waves {
			if until, dated := w.until(a, v); ok && dated && until.In(w.loc).Format(time.DateOnly) > latest {
				w.violated("P7", nil, "phones of %s for %s have until %s, after %s, less than a week before it ends", a.Release, a.Group, until, latest)
			}
		}
	}
}

// approving is a plant that changes what is stored of each approval.
func approving(change func(*storage.Approval)) func(*world, *memory.Store) fleet.Store {
	return func(_ *world, s *memory.Store) fleet.Store {
		return liar{Store: s, change: func(c *storage.WorldChange) {
			for i := range c.Approvals {
				change(&c.Approvals[i])
			}
		}}
	}
}

// hurried are plants about waves and dates.
func hurried() []plant {
	return []plant{
		unkept(),
		{
			name: "no wave soaks", property: "P9", seed: 3,
			store: approvals(func(a *storage.Approval) { a.Soak = 0 }),
		},
		{
			name: "a wave that waits counts as begun", property: "P9", seed: 1,
			store: approvals(func(a *storage.Approval) {
				for i := range a.Waves {
					a.Waves[i].Start, a.Waves[i].Waits = a.At, false
				}
			}),
		},
		{
			name: "the first wave is larger than it was to be", property: "P12", seed: 3,
			store: approving(func(a *storage.Approval) {
				if len(a.Waves) > 1 {
					a.Waves[0].Threshold = a.Waves[1].Threshold
				}
			}),
		},
		{
			name: "deadlines lie two months late", property: "P7", seed: 24,
			store: approving(func(a *storage.Approval) {
				for i := range a.Waves {
					if t, err := time.Parse(mdm.LocalDateTimeLayout, a.Waves[i].Deadline); err == nil && t.Sub(a.At) < 30*day {
						a.Waves[i].Deadline = t.AddDate(0, 2, 20).Format(mdm.LocalDateTimeLayout)
					}
				}
			}),
		},
	}
}
