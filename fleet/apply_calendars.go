package fleet

import (
	"slices"

	"github.com/kannuki-mdm/kannuki/storage"
)

func (p *applying) calendar(in CalendarSettings) error {
	if err := checkName(in.Name); err != nil {
		return err
	}
	was, err := p.s.calendar(in.Name)
	isNew := err != nil
	is := was
	is.Name = in.Name
	if is.Calendar, err = in.onto(was.Calendar, p.f.now()); err != nil {
		return err
	}
	return p.step("calendar", in.Name, isNew, calendarSettings(was), calendarSettings(is), p.f.settingCalendar(p.act, is))
}

func (p *applying) pruneCalendars() {
	for _, was := range p.s.records.Calendars {
		if !slices.ContainsFunc(p.r.Calendars, func(in CalendarSettings) bool { return in.Name == was.Name }) {
			p.remove("calendar", was.Name, p.f.removingCalendar(p.act, was))
		}
	}
}

func calendarSettings(c storage.NamedCalendar) CalendarSettings {
	return CalendarSettings{c.Name, calendarChange(c.Calendar)}
}
