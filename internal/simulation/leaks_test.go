package simulation

import (
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

// checkLeaksTold holds, of each day that is over, that people were told of every phone
// that came to a release unapproved: of the first at once and of the others together,
// once. Times of a clock that was set do not compare.
func (w *world) checkLeaksTold() {
	entries, err := w.disk.Audit(w.ctx, seg, 0, 1_000_000)
	if err != nil {
		w.violated("P0", nil, "the audit log: %v", err)
	}
	if w.book.reset {
		return
	}
	phones := map[leakDay]map[string]bool{}
	for _, e := range entries {
		d := leakDay{e.Detail["group"], e.Detail["to"], w.localDay(e.At)}
		if e.Action != fleet.NoticePhoneLeaked || e.Detail["on_leak"] == "record" || !w.oughtToBeTold(e.At) {
			continue
		}
		if phones[d] == nil {
			phones[d] = map[string]bool{}
		}
		phones[d][e.Target] = true
	}
	told := w.leaksTold()
	for d, list := range phones {
		if want := (leaksTold{1, len(list) - 1}); told[d] != want {
			w.violated("P6", nil, "of %d phones that came to %s in %s on %s, %d are told at once and %d together", len(list), d.release, d.group, d.day, told[d].atOnce, told[d].together)
		}
	}
}

// leaksTold returns what the notices say.
func (w *world) leaksTold() map[leakDay]leaksTold {
	list, err := w.disk.Notices(w.ctx, seg, storage.NoticeQuery{Limit: 1_000_000})
	if err != nil {
		w.violated("P0", nil, "the notices: %v", err)
	}
	told := map[leakDay]leaksTold{}
	for _, n := range list {
		if n.Kind != fleet.NoticePhoneLeaked {
			continue
		}
		d := leakDay{n.Group, n.Release, w.localDay(n.At)}
		if n.Phone == "" {
			d.day = n.Params["day"]
		}
		so := told[d]
		if others, _ := strconv.Atoi(n.Params["count"]); n.Phone == "" {
			so.together += others
		} else {
			so.atOnce++
		}
		told[d] = so
	}
	return told
}

func (w *world) localDay(at time.Time) string { return at.In(w.loc).Format(time.DateOnly) }

// oughtToBeTold reports whether notices of a moment are to be there at the end of the
// life: the server had days for the last of them, and forgot none of the first.
func (w *world) oughtToBeTold(at time.Time) bool {
	since := w.serverNow().Sub(at)
	return since > 4*day && since < 85*day
}

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
	}
}
