package policy

import (
	"slices"
	"time"
)

// leastLoud is how long a day has to be open for reminders: a step about a group
// is taken on the full hour, and a shorter time may hold none.
const leastLoud = time.Hour

// neverReminded finds a ladder, of rollouts or of tests, of which no weekday is
// left: each is closed, or named as one without a step.
func (d *drafted) neverReminded() []map[string]string {
	for weekday := range time.Weekday(7) {
		open := len(d.Calendar.Weekdays) == 0 || slices.Contains(d.Calendar.Weekdays, weekday)
		if open && !slices.Contains(d.Chase.Quiet.Days, weekday) {
			return nil
		}
	}
	return once(d.reminds())
}

func (d *drafted) reminds() bool { return len(d.Chase.Steps)+len(d.Tests.Steps) > 0 }

func (d *drafted) quietAllDay() []map[string]string {
	quiet := d.Chase.Quiet.To - d.Chase.Quiet.From
	if quiet < 0 {
		quiet += day
	}
	return once(d.reminds() && day-quiet < leastLoud, ParamLength, lengthText(day-quiet), ParamLimit, lengthText(leastLoud))
}

// reminderBeforeTold finds steps that are meant for a moment at which no phone of
// the rollout was told yet, whatever the calendar adds to the deadline.
func (d *drafted) reminderBeforeTold() []map[string]string {
	var found []map[string]string
	for _, s := range d.Chase.Steps {
		if d.Deadline > 0 && d.open && s.FromDeadline && -s.After > d.told {
			found = append(found, paramsOf([]string{ParamStep, s.Name, ParamLength, lengthText(d.told)}))
		}
	}
	return found
}

// noticeAfterDeadline finds steps that say an update is coming when phones have to
// have it.
func (d *drafted) noticeAfterDeadline() []map[string]string {
	var found []map[string]string
	for _, s := range d.Chase.Steps {
		late := s.FromDeadline && s.After >= 0 || !s.FromDeadline && d.Deadline > 0 && d.open && s.After >= d.told
		if s.Kind == ChaseNotice && late {
			found = append(found, paramsOf([]string{ParamStep, s.Name}))
		}
	}
	return found
}

// alwaysUnused finds kinds of steps that channels may deliver at any hour and that
// no ladder has.
func (d *drafted) alwaysUnused() []map[string]string {
	var found []map[string]string
	for _, kind := range d.Always {
		of := func(s ChaseStep) bool { return s.Kind == kind }
		if !slices.ContainsFunc(d.Chase.Steps, of) && !slices.ContainsFunc(d.Tests.Steps, of) {
			found = append(found, paramsOf([]string{ParamStep, string(kind)}))
		}
	}
	return found
}
