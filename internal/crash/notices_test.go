package crash

import (
	"slices"

	"github.com/kannuki-mdm/kannuki/storage"
)

// told reports whether acts of a kind come with a notice of the same kind, and
// how an entry names what its notice is about.
func told(e storage.AuditEntry) (about string, yes bool) {
	switch e.Action {
	case "hold.alarm", "hold.ended", "hold.settled":
		return e.Target, true
	case "phone.leaked":
		return e.Detail["group"] + "/" + e.Detail["to"], e.Detail["on_leak"] != "record"
	}
	return "", false
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
		about, yes := told(e)
		if !yes {
			continue
		}
		of := func(n storage.Notice) bool {
			return n.Kind == e.Action && n.At.Equal(e.At) && n.Group+"/"+n.Release == about && (n.Phone == "" || n.Phone == e.Target)
		}
		switch i := slices.IndexFunc(c.state.Notices, of); {
		case i < 0:
			c.fault("I4: %s of %s is in the log, and no notice tells of it", e.Action, e.Target)
		case slices.ContainsFunc(c.state.Notices[i+1:], of):
			c.fault("I4: %s of %s is told more than once", e.Action, e.Target)
		}
	}
}
