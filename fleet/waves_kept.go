package fleet

import (
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// keptNotice returns the notice of an entry that says that a wave of a gate does
// not start, because its build would not outlive it for long enough.
func (f *Fleet) keptNotice(seg storage.Segment, entry storage.AuditEntry, gate policy.Gate, latest policy.LocalTime) storage.Notice {
	entry.Detail["latest"], entry.Detail["date"] = string(latest), gate.Clocks.ShelfLife.Format(time.DateOnly)
	return f.holdNotice(seg, entry, gate)
}
