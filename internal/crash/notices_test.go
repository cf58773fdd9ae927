package crash

import (
	"slices"
	"time"

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
		return func(n storage.Notice) bool {
			return n.Phone != "" && about(n) == e.Detail["group"]+"/"+e.Detail["to"] && n.At.UTC().Format(time.DateOnly) == e.Detail["day"]
		}, e.Detail["on_leak"] != "record"
	}
	return nil, false
}

// notices: what somebody has to hear of is on record once, with the entry of
// what it tells, and the numbers have no gap.
func (c *checker) notices() {
	for i, n := range c.state.Notices {
		if i > 0 && n.Seq+1 != c.state.Notices[i-1].Seq {
			c.fault("I5: notice %d follows %d", c.state.Notices[i-1].Seq, n.Seq)
		}
	}
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
