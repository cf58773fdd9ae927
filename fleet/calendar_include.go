package fleet

import (
	"fmt"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// NamedCalendarChange changes a calendar that policies follow; what is nil stays as it is.
type NamedCalendarChange struct {
	CalendarChange
	// Include are calendars of nothing but closed days and holidays, which are closed
	// in this one too. They include none themselves.
	Include *[]string `json:"include,omitempty"`
}

// maxIncluded bounds how many calendars one includes.
const maxIncluded = 10

// onto returns the calendar with the change, or an error about the value no calendar
// can have. What it includes is not looked at.
func (c NamedCalendarChange) onto(to storage.NamedCalendar, now time.Time) (storage.NamedCalendar, error) {
	var err error
	if to.Calendar, err = c.CalendarChange.onto(to.Calendar, now); err != nil {
		return to, err
	}
	if c.Include == nil {
		return to, nil
	}
	to.Include = slices.Compact(slices.Sorted(slices.Values(*c.Include)))
	if len(to.Include) > maxIncluded {
		return to, invalid("include", "too-many-calendars", "%d calendars: want at most %d", len(to.Include), maxIncluded).with("most", fmt.Sprint(maxIncluded))
	}
	return to, nil
}

// includers returns the calendars that include one, sorted by name.
func (s *snapshot) includers(name string) []string {
	list := []string{}
	for _, c := range s.records.Calendars {
		if slices.Contains(c.Include, name) {
			list = append(list, c.Name)
		}
	}
	return list
}

// withIncluded returns a calendar with the closed days of those that it includes.
func (s *snapshot) withIncluded(c storage.NamedCalendar) policy.Calendar {
	out := engineCalendar(c.Calendar)
	for _, name := range c.Include {
		if in, err := s.calendar(name); err == nil { // it cannot be removed meanwhile
			out.Closed = append(out.Closed, engineCalendar(in.Calendar).Closed...)
		}
	}
	return out
}

// checkIncluded refuses a calendar that includes one that does not exist, has more than
// days or includes others, or that is never open because of what it includes.
func (s *snapshot) checkIncluded(name string, now time.Time) error {
	c, err := s.calendar(name)
	if err != nil || len(c.Include) == 0 {
		return err
	}
	for _, other := range c.Include {
		in, err := s.calendar(other)
		switch {
		case other == name:
			return atInclude(refused("calendar-itself", "calendar %s cannot include itself", name).with("calendar", name))
		case err != nil:
			return &EntryError{"include", err}
		case len(in.Include) > 0:
			return atInclude(refused("calendar-nested", "calendar %s cannot include %s, which includes calendars itself; include those", name, other).
				with("calendar", name, "included", other))
		case len(in.Calendar.Weekdays) > 0 || in.Calendar.To > 0 || in.Calendar.MonthEnd > 0:
			return atInclude(refused("calendar-not-days", "calendar %s cannot include %s, which says more than closed days and holidays; keep the days in a calendar of their own", name, other).
				with("calendar", name, "included", other))
		}
	}
	if _, open := s.withIncluded(c).Next(now); !open {
		return invalid("include", "never-open", "the calendar leaves no hour open within a year; no wave could ever start")
	}
	return nil
}

func atInclude(e *RefusedError) *RefusedError {
	e.Field = "include"
	return e
}

// lastHoliday returns the last of the holidays that a policy goes by and the calendar
// that has it, "" where it is the policy's own; no day when it has none.
func (s *snapshot) lastHoliday(p storage.Policy) (last policy.Date, calendar string) {
	lists := []storage.NamedCalendar{{Calendar: p.Calendar}}
	if c, err := s.calendar(p.CalendarName); err == nil {
		lists = append(lists, c)
		for _, name := range c.Include {
			if in, err := s.calendar(name); err == nil {
				lists = append(lists, in)
			}
		}
	}
	for _, c := range lists {
		for _, text := range c.Calendar.Holidays {
			if days, ok := parseDays(text); ok && days.Last > last {
				last, calendar = days.Last, c.Name
			}
		}
	}
	return last, calendar
}
