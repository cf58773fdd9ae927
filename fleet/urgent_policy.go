package fleet

import (
	"cmp"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// Values of [UrgentDefaults.Urgent].
const (
	UrgentLane = "lane" // two people may approve after quick checks
	UrgentOff  = "off"
)

// UrgentDefaults are what a policy says about releases that fix a flaw known to be
// exploited.
type UrgentDefaults struct {
	Urgent         string `json:"urgent"`          // UrgentLane or UrgentOff
	UrgentDeadline string `json:"urgent_deadline"` // from the signature, "24h"
}

// UrgentChange changes them; what is nil stays as it is.
type UrgentChange struct {
	Urgent         *string `json:"urgent,omitempty"`
	UrgentDeadline *string `json:"urgent_deadline,omitempty"` // "24h" to "48h"
}

func urgentDefaults(p storage.Policy) UrgentDefaults {
	d := UrgentDefaults{Urgent: UrgentLane, UrgentDeadline: noticeText(cmp.Or(p.Urgent.Deadline, policy.MinLaneDeadline))}
	if p.Urgent.Off {
		d.Urgent = UrgentOff
	}
	return d
}

// urgentChange returns the change that leads to what a policy says.
func urgentChange(p storage.Policy) UrgentChange {
	d := urgentDefaults(p)
	return UrgentChange{&d.Urgent, &d.UrgentDeadline}
}

// detail is what the audit log keeps of them.
func (d UrgentDefaults) detail() map[string]string {
	return map[string]string{"urgent": d.Urgent, "urgent_deadline": d.UrgentDeadline}
}

// onto makes the change, or returns the value that no policy can have.
func (c UrgentChange) onto(p *storage.Policy) error {
	if c.Urgent != nil {
		if *c.Urgent != UrgentLane && *c.Urgent != UrgentOff {
			return notOneOf("urgent", *c.Urgent, "lane", "off")
		}
		p.Urgent.Off = *c.Urgent == UrgentOff
	}
	if c.UrgentDeadline != nil {
		d, err := parseOffset(strings.TrimPrefix(*c.UrgentDeadline, "+"))
		if err != nil || d < policy.MinLaneDeadline || d > policy.MaxLaneDeadline || d != d.Truncate(time.Minute) {
			return invalid("urgent_deadline", "lane-length", "%q: want a length from 24h to 48h", *c.UrgentDeadline).with("value", *c.UrgentDeadline)
		}
		p.Urgent.Deadline = d
		if d == policy.MinLaneDeadline {
			p.Urgent.Deadline = 0 // as in the built-in policy
		}
	}
	return nil
}
