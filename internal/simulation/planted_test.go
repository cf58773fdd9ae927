package simulation

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/memory"
)

// plant is a fault of the engine, made by lying to it or for it. The simulation
// must find each.
type plant struct {
	name     string
	property string
	seed     uint64 // at which it is found

	store func(*world, *memory.Store) fleet.Store // what the server sees of the disk
	list  func(apple, int) []byte                 // what it reads of Apple's list
	pages func(map[string]any)                    // what it reads of Apple's security pages
	enrol func(*storage.Enrollment, *storage.Phone)
	deaf  func(*phone) bool         // whom its pushes never reach
	act   func(fleet.Act) fleet.Act // whom it takes people for

	waives func(*world, storage.ShownGate) bool // gates that it lets one person open by an edit

	pushes *planted // what the scheduler of pushes is told
}

// plants returns a fault for each property that is checked, and more.
func plants() []plant {
	return slices.Concat(misread(), deafening(), twisted(), strangers(), hurried(), forgetting(), slow(), unconfirmed(), careless(), impatient(), upward(), unshopped(), hasty(), intrusive(), reckless(), insistent(), unimproved(), numb(), overlooked(), outdated(), rigid(), bare(), patient(), miscounted(), silenced(), unheard(), classless(), disorderly())
}

// misread are faults in what the engine makes of decisions.
func misread() []plant {
	return []plant{
		{
			name: "an approval covers models nobody tested", property: "P1", seed: 16,
			store: approvals(func(a *storage.Approval) { a.Models = []string{modelA, modelB, modelOld} }),
		},
		{
			name: "a wave begins before its time", property: "P1", seed: 15,
			store: approvals(func(a *storage.Approval) { a.Waves[0].Start, a.Waves[0].Waits = a.At, false }),
		},
		{
			name: "an override has no end", property: "P1", seed: 489,
			store: approvals(func(a *storage.Approval) {
				if a.Override != nil && !slices.ContainsFunc(a.Waves, func(w storage.Wave) bool { return w.Waits }) {
					a.Override.Until = a.Override.Until.AddDate(1, 0, 0)
				}
			}),
		},
		{
			name: "a move forgets that the phone is supervised", property: "P2", seed: 1,
			store: phones(func(before, after *storage.Phone) {
				if before.Group != after.Group || before.Ring != after.Ring {
					after.Supervision = storage.SupervisionUnknown
				}
			}),
		},
		{
			name: "pushes never reach some phones", property: "P3", seed: 2,
			deaf: func(p *phone) bool { return p.index%3 == 2 && p.token != "" },
		},
		{
			name: "a pause is not read", property: "P4", seed: 17,
			store: approvals(func(a *storage.Approval) { a.PausedAt = time.Time{} }),
		},
		{
			name: "a withdrawn approval stands", property: "P4", seed: 15,
			store: approvals(func(a *storage.Approval) {
				if !a.WithdrawnAt.IsZero() {
					a.WithdrawnAt, a.Waves[0].Waits = time.Time{}, false
				}
			}),
		},
		{
			name: "what is declined is forgotten", property: "P4", seed: 4,
			store: reading(func(w *storage.World) { w.Declines = nil }),
		},
		{
			name: "a broken app counts as working", property: "P5", seed: 12,
			store: reading(func(w *storage.World) {
				for i := range w.Verdicts {
					w.Verdicts[i].Result = "works"
				}
			}),
		},
		{name: "an override leaves no trace", property: "P5", seed: 7, store: losing("gate.override")},
		{
			name: "one person has two names", property: "P5", seed: 16,
			act: func(a fleet.Act) fleet.Act {
				a.Person.Name += strings.TrimPrefix(a.Reason, "because")
				return a
			},
		},
	}
}

// twisted are faults in what the engine is told.
func twisted() []plant {
	return []plant{
		{
			name: "two sets have one time", property: "P0", seed: 1,
			store: phones(func(before, after *storage.Phone) {
				if at := before.Announced.Timestamp; !at.IsZero() {
					after.Announced.Timestamp = at
				}
			}),
		},
		{
			name: "what Apple takes back stays listed", property: "P7", seed: 61,
			list: func(a apple, today int) []byte {
				a.releases = slices.Clone(a.releases)
				for i := range a.releases {
					a.releases[i].pulled = never
				}
				return a.list(today)
			},
		},
		{
			name: "an enforcement stays beside the next", property: "P8", seed: 1,
			store: staying,
		},
		{
			name: "an answer is stored with what the phone ran first", property: "P9", seed: 1,
			store: phones(func(before, after *storage.Phone) {
				if !after.InfoAt.Equal(before.InfoAt) && after.Model != modelOld {
					after.OS.Version = firstNew
				}
			}),
		},
		{
			name: "a start forgets the newest results", property: "P11", seed: 5,
			store: forgetful,
		},
		{
			name: "each report brings the deadline forward", property: "P13", seed: 4,
			store: phones(hastened),
		},
		{
			name: "a list names what Apple has not published", property: "P14", seed: 3,
			list: func(a apple, today int) []byte {
				if today%20 == 19 {
					return a.list(today + 15)
				}
				return a.list(today)
			},
		},
		{
			name: "who enrols again is taken for who was there", property: "P15", seed: 1,
			enrol: func(e *storage.Enrollment, next *storage.Phone) {
				if e.Phone != nil {
					next.Epoch = e.Phone.Epoch
				}
			},
		},
	}
}

// staying is a plant that lists an enforcement of before beside the present ones.
func staying(_ *world, s *memory.Store) fleet.Store {
	seen := map[string]storage.DeclarationItem{}
	return liar{Store: s, set: func(set *storage.DeclarationSet) {
		for _, it := range set.Items {
			if strings.HasPrefix(it.Identifier, "kannuki.enforce.") {
				seen[it.Identifier] = it
			}
		}
		for _, id := range slices.Sorted(maps.Keys(seen)) {
			has := slices.ContainsFunc(set.Items, func(h storage.DeclarationItem) bool { return h.Identifier == id })
			if _, err := s.Declaration(context.Background(), seg, seen[id].ServerToken); err == nil && !has {
				set.Items = append(set.Items, seen[id])
				return
			}
		}
	}}
}

// forgetful is a plant that after a start knows nothing of the newest results.
func forgetful(w *world, s *memory.Store) fleet.Store {
	return liar{Store: s, world: func(r *storage.World) {
		r.Verdicts = slices.DeleteFunc(r.Verdicts, func(v storage.Verdict) bool {
			return v.At.Before(w.bootedAt) && w.bootedAt.Sub(v.At) < 2*day
		})
	}}
}

// hastened is a plant that brings a deadline forward with each report.
func hastened(before, after *storage.Phone) {
	e := after.Announced.Enforcement
	if e == nil || after.StatusAt.Equal(before.StatusAt) {
		return
	}
	if t, err := time.Parse(mdm.LocalDateTimeLayout, e.Deadline); err == nil {
		e.Deadline = t.Add(-3 * time.Hour).Format(mdm.LocalDateTimeLayout)
	}
}

// search is how many seeds a planted fault may take to be found.
const search = 1000

// TestPlanted holds that each fault is found where it was found before, or with
// KANNUKI_SIM_SEARCH among the first thousand seeds.
func TestPlanted(t *testing.T) {
	t.Parallel()
	for _, pl := range plants() {
		t.Run(pl.property+" "+pl.name, func(t *testing.T) {
			t.Parallel()
			from, to := pl.seed, pl.seed
			if searching() {
				from, to = 1, search
			}
			others := map[string]int{}
			for seed := from; seed <= to; seed++ {
				found, ok := examine(t, draw(seed, small(seed)), pl, pl.property == "P11")
				switch {
				case ok && found.property == pl.property:
					t.Logf("seed %d: %s", seed, found)
					return
				case ok:
					others[found.property]++
				}
			}
			t.Errorf("seeds %d to %d do not find it; other properties: %v", from, to, others)
		})
	}
}
