package crash

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// told returns what tells which notice of the same kind comes with an act, and false
// for acts of a kind of which nobody is told. Of phones that leaked on one day the first
// is told at once.
func told(e storage.AuditEntry) (of func(storage.Notice) bool, yes bool) {
	about := func(n storage.Notice) string { return n.Group + "/" + n.Release }
	switch e.Action {
	case "hold.alarm", "hold.ended", "hold.settled":
		return func(n storage.Notice) bool { return n.At.Equal(e.At) && about(n) == e.Target }, true
	case "phone.leaked":
		return func(n storage.Notice) bool { return n.Phone != "" && leakDayOf(n) == dayOfLeak(e) }, e.Detail["on_leak"] != "record"
	case fleet.NoticeOverrideEnded:
		return func(n storage.Notice) bool { return n.At.Equal(e.At) && n.Params["approval"] == e.Detail["approval"] }, true
	}
	return nil, false
}

// leakDay is what phones leaked to on one day.
type leakDay struct{ gate, day string }

func dayOfLeak(e storage.AuditEntry) leakDay {
	return leakDay{e.Detail["group"] + "/" + e.Detail["to"], e.Detail["day"]}
}

// leakDayOf returns the day that a notice of unapproved updates is of: the one of
// several phones names it, that of the first is of the day on which it was written.
func leakDayOf(n storage.Notice) leakDay {
	return leakDay{n.Group + "/" + n.Release, cmp.Or(n.Params["day"], n.At.In(home).Format(time.DateOnly))}
}

// leaks: of the phones that leaked on a day, the first is told at once and each of the
// others once, together, when the day is over; people were told of it in the very
// change of the world that says so.
func (c *checker) leaks() {
	type phoneDay struct {
		leakDay
		udid string
	}
	first, together := map[leakDay]string{}, map[phoneDay]int{}
	for _, n := range c.state.Notices {
		switch d := leakDayOf(n); {
		case n.Kind != "phone.leaked":
		case n.Phone != "":
			first[d] = n.Phone
		default:
			for _, udid := range strings.Split(n.Params["phones"], ",") { // all are named: the campaign has fewer than a notice names
				together[phoneDay{d, udid}]++
			}
		}
	}
	for _, e := range c.log.leaks {
		d, want := dayOfLeak(e), 0
		if e.Seq <= c.state.World.LeaksTold && first[d] != e.Target {
			want = 1
		}
		if got := together[phoneDay{d, e.Target}]; got != want {
			c.fault("I4: that phone %s came to %s on %s is told %d times with others, want %d", e.Target, d.gate, d.day, got, want)
		}
	}
}

// notices: what somebody has to hear of is on record once, with the entry of
// what it tells, and the numbers have no gap.
func (c *checker) notices() {
	for i, n := range c.state.Notices {
		if i > 0 && n.Seq+1 != c.state.Notices[i-1].Seq {
			c.fault("I5: notice %d follows %d", c.state.Notices[i-1].Seq, n.Seq)
		}
	}
	c.endings()
	for _, e := range c.state.Audit {
		its, yes := told(e)
		if !yes {
			continue
		}
		of := func(n storage.Notice) bool { return n.Kind == e.Action && its(n) }
		switch i := slices.IndexFunc(c.state.Notices, of); {
		case i < 0:
			c.fault("I4: %s of %s is in the log, and no notice tells of it", e.Action, e.Target)
		case slices.ContainsFunc(c.state.Notices[i+1:], of):
			c.fault("I4: %s of %s is told more than once", e.Action, e.Target)
		}
	}
}
