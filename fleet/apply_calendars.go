package fleet

import (
	"cmp"
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
	if is, err = in.onto(is, p.f.now()); err != nil {
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

// included refuses calendars that include what they cannot. Where that is so because of
// another entry, it is the fault of that.
func (p *applying) included(there *snapshot) error {
	if err := p.includedPruned(there); err != nil {
		return err
	}
	for _, c := range there.records.Calendars {
		err := there.checkIncluded(c.Name, p.f.now())
		if err == nil {
			continue
		}
		if at := p.r.calendarEntry(c.Name).at; at != "" {
			return within(at, err)
		}
		at := ""
		for _, other := range c.Include {
			at = cmp.Or(at, p.r.calendarEntry(other).at)
		}
		return entryError(at, err)
	}
	return nil
}

// includedPruned refuses to prune a calendar that a kept one includes, as removing it
// alone is refused: it is there still, whatever the entry says of it.
func (p *applying) includedPruned(there *snapshot) error {
	for _, c := range there.records.Calendars {
		for _, name := range c.Include {
			if _, err := there.calendar(name); err == nil {
				continue
			}
			if pruned, err := p.s.calendar(name); err == nil {
				refusal := CalendarView{Name: pruned.Name, IncludedBy: []string{c.Name}}.refuseUse()
				return entryError(p.r.calendarEntry(c.Name).at, refusal)
			}
		}
	}
	return nil
}

func calendarSettings(c storage.NamedCalendar) CalendarSettings {
	include := append([]string{}, c.Include...)
	return CalendarSettings{c.Name, NamedCalendarChange{calendarChange(c.Calendar), &include}}
}
