package fleet

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// CalendarView is a calendar that policies can follow, as people see it.
type CalendarView struct {
	Name string `json:"name"`
	OpenTimes
	Include    []string  `json:"include"`     // calendars whose closed days and holidays are closed here too, sorted
	IncludedBy []string  `json:"included_by"` // calendars in which its days are closed, sorted
	Policies   []string  `json:"policies"`    // that follow it or one that includes it, sorted
	Groups     []string  `json:"groups"`      // that those decide about, sorted
	ChangedBy  string    `json:"changed_by"`
	ChangedAt  time.Time `json:"changed_at"`
}

// CalendarEdit is a calendar that was set, or would be, and what that moves.
type CalendarEdit struct {
	CalendarView
	MovedWaves []WaveEffect `json:"moved_waves"` // that have not started and move, within minutes
}

func calendarView(s *snapshot, c storage.NamedCalendar) CalendarView {
	v := CalendarView{
		Name: c.Name, OpenTimes: openTimes(c.Calendar), Include: append([]string{}, c.Include...), IncludedBy: s.includers(c.Name),
		Policies: []string{}, Groups: []string{}, ChangedBy: c.ChangedBy, ChangedAt: c.ChangedAt,
	}
	for _, p := range s.records.Policies {
		if p.CalendarName == c.Name || slices.Contains(v.IncludedBy, p.CalendarName) {
			v.Policies = append(v.Policies, p.Name)
		}
	}
	for _, g := range s.records.Groups {
		if slices.Contains(v.Policies, policyName(g)) {
			v.Groups = append(v.Groups, g.Name)
		}
	}
	return v
}

// calendar returns the calendar with a name, or a *NotFoundError.
func (s *snapshot) calendar(name string) (storage.NamedCalendar, error) {
	all := s.records.Calendars
	i := slices.IndexFunc(all, func(c storage.NamedCalendar) bool { return c.Name == name })
	if i < 0 {
		names := make([]string, len(all))
		for j, c := range all {
			names[j] = c.Name
		}
		return storage.NamedCalendar{}, &NotFoundError{What: "calendar", Name: name, Near: near(name, names)}
	}
	return all[i], nil
}

// calendarOf returns the calendar of a policy: the one it names, which cannot be
// removed meanwhile, or its own.
func (s *snapshot) calendarOf(p storage.Policy) policy.Calendar {
	if p.CalendarName != "" {
		if c, err := s.calendar(p.CalendarName); err == nil {
			return s.withIncluded(c)
		}
	}
	return engineCalendar(p.Calendar)
}

// Calendars returns the calendars that policies can follow, sorted by name.
func (f *Fleet) Calendars(seg storage.Segment) ([]CalendarView, error) {
	w, err := f.world(seg)
	if err != nil {
		return nil, err
	}
	s := w.current.Load()
	out := []CalendarView{}
	for _, c := range s.records.Calendars {
		out = append(out, calendarView(s, c))
	}
	return out, nil
}

// Calendar returns one calendar, or a *NotFoundError.
func (f *Fleet) Calendar(seg storage.Segment, name string) (CalendarView, error) {
	w, err := f.world(seg)
	if err != nil {
		return CalendarView{}, err
	}
	s := w.current.Load()
	c, err := s.calendar(name)
	if err != nil {
		return CalendarView{}, err
	}
	return calendarView(s, c), nil
}

// SetCalendar makes a calendar, or changes one that exists, and returns which
// waves of the groups that follow it move. One that contradicts a policy that
// follows it is refused.
func (f *Fleet) SetCalendar(ctx context.Context, seg storage.Segment, a Act, name string, c NamedCalendarChange) (CalendarEdit, error) {
	if err := checkName(name); err != nil {
		return CalendarEdit{}, err
	}
	var done CalendarEdit
	var err error
	done.MovedWaves, err = f.editWaves(ctx, seg, a, func(s *snapshot) (storage.WorldChange, error) {
		was, err := s.calendar(name)
		if err != nil {
			was.Name = name
		}
		if was, err = c.onto(was, f.now()); err != nil {
			return storage.WorldChange{}, err
		}
		change := f.settingCalendar(a, was)
		after := s.after(change)
		done.CalendarView = calendarView(after, change.Calendars[0])
		for _, one := range append([]string{name}, done.IncludedBy...) {
			if err := after.checkIncluded(one, f.now()); err != nil {
				return storage.WorldChange{}, err
			}
		}
		return change, nil
	})
	return done, err
}

// RemoveCalendar removes a calendar that no policy follows and no other includes.
func (f *Fleet) RemoveCalendar(ctx context.Context, seg storage.Segment, a Act, name string) (CalendarView, error) {
	var view CalendarView
	err := f.decide(ctx, seg, a, func(s *snapshot) (storage.WorldChange, error) {
		c, err := s.calendar(name)
		if err != nil {
			return storage.WorldChange{}, err
		}
		view = calendarView(s, c)
		return f.removingCalendar(a, c), view.refuseUse()
	})
	return view, err
}

// refuseUse refuses to remove a calendar that a policy follows, or another includes.
func (v CalendarView) refuseUse() error {
	if len(v.IncludedBy) > 0 {
		by := strings.Join(v.IncludedBy, ", ")
		return refused("calendar-included", "calendar %s is included by: %s; take it out there first", v.Name, by).with("calendar", v.Name, "calendars", by)
	}
	if len(v.Policies) == 0 {
		return nil
	}
	policies := strings.Join(v.Policies, ", ")
	return refused("calendar-in-use", "calendar %s is followed by policies: %s; give them another one first, or none", v.Name, policies).
		with("calendar", v.Name, "policies", policies)
}

func (f *Fleet) settingCalendar(a Act, c storage.NamedCalendar) storage.WorldChange {
	c.ChangedAt, c.ChangedBy = f.now(), a.Actor
	return storage.WorldChange{Calendars: []storage.NamedCalendar{c}, Audit: []storage.AuditEntry{f.calendarEntry(a, "calendar.set", c)}}
}

func (f *Fleet) removingCalendar(a Act, c storage.NamedCalendar) storage.WorldChange {
	return storage.WorldChange{RemoveCalendars: []string{c.Name}, Audit: []storage.AuditEntry{f.calendarEntry(a, "calendar.remove", c)}}
}

func (f *Fleet) calendarEntry(a Act, action string, c storage.NamedCalendar) storage.AuditEntry {
	text, err := json.Marshal(struct {
		OpenTimes
		Include []string `json:"include,omitempty"`
	}{openTimes(c.Calendar), c.Include})
	if err != nil {
		return f.entry(a, action, c.Name, nil) // cannot happen: strings and numbers
	}
	return f.entry(a, action, c.Name, map[string]string{"calendar": string(text)})
}
