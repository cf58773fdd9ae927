package simulation

import (
	"slices"
	"strconv"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/memory"
)

// leakDay is what production phones came to unapproved on one day.
type leakDay struct{ group, release, day string }

// leaksTold is of how many phones people were told.
type leaksTold struct{ atOnce, together int }

// leakBook is all that people were told of unapproved updates: a notice outlives its
// ninety days there.
type leakBook struct {
	read  uint64 // number of the last notice
	told  map[leakDay]leaksTold
	twice map[string]bool // days on which the server's clock was set, or which it showed twice or never
}

// clockSet notes the days about which nothing can be said because the server's clock was
// set then.
func (w *world) clockSet(from, to time.Time) {
	if to.Before(from) {
		from, to = to, from
	}
	for ; w.localDay(from) <= w.localDay(to); from = from.Add(day) {
		w.book.leaks.twice[w.localDay(from)] = true
	}
}

// hearsOfLeaks reads the notices that came since it did last.
func (w *world) hearsOfLeaks() {
	b := &w.book.leaks
	for _, n := range w.newNotices(b.read) {
		b.read = max(b.read, n.Seq)
		if n.Kind != fleet.NoticePhoneLeaked {
			continue
		}
		d := leakDay{n.Group, n.Release, w.localDay(n.At)}
		if n.Phone == "" {
			d.day = n.Params["day"]
		}
		so := b.told[d]
		if others, _ := strconv.Atoi(n.Params["count"]); n.Phone == "" {
			so.together += others
		} else {
			so.atOnce++
		}
		b.told[d] = so
	}
}

// newNotices returns the notices after one with a number.
func (w *world) newNotices(after uint64) []storage.Notice {
	newest, err := w.disk.Notices(w.ctx, seg, storage.NoticeQuery{Limit: 1})
	if err == nil && (len(newest) == 0 || newest[0].Seq <= after) {
		return nil
	}
	var list []storage.Notice
	if err == nil {
		list, err = w.disk.Notices(w.ctx, seg, storage.NoticeQuery{Limit: int(newest[0].Seq - after)})
	}
	if err != nil {
		w.violated("P0", nil, "the notices: %v", err)
	}
	return list
}

// approvedSoon reports whether a release was approved for a group before people had to be told
// of the phones that came to it on a day.
func (w *world) approvedSoon(d leakDay) bool {
	return slices.ContainsFunc(w.records.Approvals, func(a storage.Approval) bool {
		return a.Group == d.group && a.Release == d.release && w.localDay(a.At.Add(-leaksToldBy)) <= d.day
	})
}

// checkLeaksTold holds, of each day that is over, that people were told of every phone
// that came to a release unapproved: of the first at once and of the others together,
// once, however long ago.
func (w *world) checkLeaksTold() {
	w.hearsOfLeaks()
	entries, err := w.disk.Audit(w.ctx, seg, 0, 1_000_000)
	if err != nil {
		w.violated("P0", nil, "the audit log: %v", err)
	}
	phones := map[leakDay]map[string]bool{}
	for _, e := range entries {
		d := leakDay{e.Detail["group"], e.Detail["to"], w.localDay(e.At)}
		if e.Action != fleet.NoticePhoneLeaked || e.Detail["on_leak"] == "record" || w.serverNow().Sub(e.At) < leaksToldBy {
			continue
		}
		if phones[d] == nil {
			phones[d] = map[string]bool{}
		}
		phones[d][e.Target] = true
	}
	for d, list := range phones {
		if w.book.leaks.twice[d.day] {
			continue
		}
		told := w.book.leaks.told[d]
		most := len(list) - 1
		least := most
		if w.approvedSoon(d) {
			least = 0 // those that it was approved for until people could be told are no news
		}
		if told.atOnce != 1 || told.together < least || told.together > most {
			w.violated("P6", nil, "of %d phones that came to %s in %s on %s, %d are told at once and %d together", len(list), d.release, d.group, d.day, told.atOnce, told.together)
		}
	}
}

func (w *world) localDay(at time.Time) string { return at.In(w.loc).Format(time.DateOnly) }

// leaksToldBy is when people were told of the last phone that leaked at the latest, by a
// server that may be off for days.
const leaksToldBy = 4 * day

// unheard are plants about what people are told of unapproved updates.
func unheard() []plant {
	return []plant{
		{
			name: "the other unapproved updates of a day are told to nobody", property: "P6", seed: 217,
			store: func(_ *world, s *memory.Store) fleet.Store {
				return liar{Store: s, change: func(c *storage.WorldChange) {
					if c.LeaksTold != nil {
						c.Notices = nil
					}
				}}
			},
		},
		{
			name: "how far unapproved updates were told is forgotten", property: "P6", seed: 217,
			store: reading(func(w *storage.World) { w.LeaksTold = 0 }),
		},
		{
			name: "how far unapproved updates were told is forgotten with their notices", property: "P6", seed: 64,
			store: func(w *world, s *memory.Store) fleet.Store {
				return liar{Store: s, world: func(r *storage.World) {
					if w.serverNow().Sub(w.life.start) > 92*day {
						r.LeaksTold = 0
					}
				}}
			},
		},
	}
}
