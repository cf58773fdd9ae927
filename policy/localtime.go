package policy

import (
	"strings"
	"time"
)

// LocalTime is a wall time on the phone's own clock, without a zone, in the
// form "2006-01-02T15:04:05" (Apple, Device Management,
// SoftwareUpdateEnforcementSpecific, TargetLocalDateTime). The same value is a
// different instant on phones in different zones and must not be converted to
// UTC. The empty value means "none" and sorts before all others.
type LocalTime string

// localLayout is Apple's layout of TargetLocalDateTime.
const localLayout = "2006-01-02T15:04:05"

// FormatLocal returns the wall time that a clock in loc shows at t. A nil loc
// means UTC.
func FormatLocal(t time.Time, loc *time.Location) LocalTime {
	if loc == nil {
		loc = time.UTC
	}
	return LocalTime(t.In(loc).Format(localLayout))
}

// Compare orders two local times as their clocks show them: negative when l is
// earlier than m, zero when equal, positive when later.
func (l LocalTime) Compare(m LocalTime) int {
	// The layout is fixed in width, so the order of the text is that of time.
	return strings.Compare(string(l), string(m))
}
