package simulation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/memory"
)

// sharedCalendar is the calendar that policies follow which have none of their own.
const sharedCalendar = "shops"

// calendar says when waves may start and deadlines may lie.
type calendar struct {
	weekdays bool // from Monday to Friday alone
	from, to int  // hours; both zero: all
	monthEnd int
	closed   [2]string // first and last closed day; "": none
	holidays [2]string // days; "": none
}

// change is what people have a calendar say, all of it.
func (c calendar) change() fleet.CalendarChange {
	weekdays, hours, closed, holidays := []string{}, "", []string{}, []string{}
	if c.weekdays {
		weekdays = []string{"mon", "tue", "wed", "thu", "fri"}
	}
	if c.to > 0 {
		hours = fmt.Sprintf("%02d:00-%02d:00", c.from, c.to)
	}
	if c.closed[0] != "" {
		closed = append(closed, strings.Join(c.closed[:], ".."))
	}
	for _, d := range c.holidays {
		if d != "" {
			holidays = append(holidays, d)
		}
	}
	return fleet.CalendarChange{Weekdays: &weekdays, Hours: &hours, MonthEnd: &c.monthEnd, Closed: &closed, Holidays: &holidays}
}

// open reports whether the calendar lets something happen at a wall time.
func (c calendar) open(t time.Time) bool {
	date := t.Format(time.DateOnly)
	weekend := t.Weekday() == time.Saturday || t.Weekday() == time.Sunday
	switch {
	case c.weekdays && weekend,
		c.to > 0 && (t.Hour() < c.from || t.Hour() >= c.to),
		t.AddDate(0, 0, c.monthEnd).Month() != t.Month(),
		c.closed[0] != "" && c.closed[0] <= date && date <= c.closed[1],
		date == c.holidays[0], date == c.holidays[1]:
		return false
	default:
		return true
	}
}

// next returns the first moment from t on at which the calendar is open: it opens and
// closes on the hour.
func (c calendar) next(t time.Time) time.Time {
	for ; !c.open(t); t = t.Truncate(time.Hour).Add(time.Hour) {
	}
	return t
}

// drawCalendars draws when people change the calendar of a group: at any time, and
// while its rollouts run. Each has waves that wait.
func drawCalendars(r *rand.Rand, l *life, add func(time.Duration, kind, int, int)) {
	shared := r.IntN(2) == 0
	for i := range l.teams {
		d := &l.teams[i].rules
		if d.name == "" {
			*d = rules{name: "rules-" + l.teams[i].name, onExpiry: extendRisk}
		}
		d.waves, d.soak = pick(r, []string{"20%", "60%", "100%"}, []string{"34%", "67%", "100%"}), pick(r, day, 2*day)
		if d.shared = shared; shared {
			d.calendar = l.teams[0].rules.calendar
		}
	}
	for range l.days / 8 {
		add(time.Duration(r.Int64N(int64(l.days-quiet)*int64(day))), kindCalendar, r.IntN(len(l.teams)), 0)
	}
	for team := range l.teams {
		for _, rel := range l.releases {
			for range 2 {
				at := time.Duration(rel.posted)*day + time.Duration(r.Int64N(int64(16*day)))
				add(at, kindCalendar, team, 0)
			}
		}
	}
}

// setCalendar makes the calendar that policies share, or changes it.
func (w *world) setCalendar(a fleet.Act, c calendar, note func()) bool {
	return w.decideThen("set the calendar "+fmt.Sprint(c), func() error {
		_, err := w.fleet.SetCalendar(w.ctx, seg, a, sharedCalendar, fleet.NamedCalendarChange{CalendarChange: c.change()})
		return err
	}, note)
}

// rearranged returns a calendar as the dice have people change it.
func (w *world) rearranged(c calendar, dice uint64) calendar {
	ahead := func(days uint64) string { return w.now.In(w.loc).AddDate(0, 0, int(days)).Format(time.DateOnly) }
	from := dice >> 8 % 4
	switch dice % 6 {
	case 0:
		c.closed = [2]string{ahead(from), ahead(from + dice>>10%3)}
	case 1:
		c.holidays = [2]string{ahead(from), ahead(from + 1 + dice>>10%3)}
	case 2:
		c.from, c.to = 10, 16
	case 3:
		c.weekdays = !c.weekdays
	case 4:
		c.from, c.to = 0, 0
	default:
		return calendar{}
	}
	return c
}

// rearranges has somebody change the calendar of a group, which may be that of
// another as well. A phone that is not told yet can get as much later a deadline.
func (w *world) rearranges(e event) {
	to := settled{importance: w.settledAt(w.serverNow()).importance, teams: append([]team{}, w.life.teams...)}
	d := &to.teams[e.team].rules
	d.calendar = w.rearranged(d.calendar, e.dice)
	done, note := false, func() { w.settles(to) }
	if d.shared {
		for i := range to.teams {
			to.teams[i].rules.calendar = d.calendar
		}
		done = w.setCalendar(w.as(e.dice>>20), d.calendar, note)
	} else {
		done = w.decideThen("change the calendar of "+d.name+" to "+fmt.Sprint(d.calendar), func() error {
			_, err := w.fleet.SetPolicy(w.ctx, seg, w.as(e.dice>>20), d.name, fleet.PolicyChange{RolloutChange: fleet.RolloutChange{CalendarChange: d.calendar.change()}})
			return err
		}, note)
	}
	if !done {
		return
	}
	for _, p := range w.phones {
		release, _, _ := strings.Cut(p.due, " after ")
		if told, _ := p.told(); release != "" && told != release && p.group != "" {
			p.dueBy = later(p.dueBy, w.deadline(p, release).Add(patience+w.life.asks-day))
		}
	}
}

// checkOpen holds a deadline that a phone is told for the first time: it is that of
// its wave, or lies where the calendar is open.
func (w *world) checkOpen(p *phone, deadline string, e *storage.AnnouncedEnforcement) {
	a, ok := w.approval(p.group, e.Release, w.decided())
	if !ok || a.ID != e.SourceID || a.Lane != nil || w.skew != 0 || w.book.reset {
		return
	}
	wave, _ := w.waveOf(a, p)
	at, err := time.Parse(mdm.LocalDateTimeLayout, deadline)
	if err != nil || deadline != wave.Deadline && !w.team(p.group).rules.calendar.open(at) {
		w.violated("P9", p, "it is told to install %s until %s, when the calendar is closed", e.Release, deadline)
	}
}

// refixed is how near a deadline may be that the server puts off for a phone which
// has not said that it holds it.
const refixed = 2 * time.Hour

// checkPromise holds that the deadline of what a phone was told and still is to do
// stays as it is, until it has come.
func (w *world) checkPromise(p *phone, release, before, deadline string, stored storage.Phone) {
	soon := w.serverNow().Add(refixed).In(p.loc).Format(mdm.LocalDateTimeLayout)
	if holds, _ := p.told(); holds == release && deadline > before && before > soon && stored.TimeZone == p.zone {
		w.violated("P13", p, "the deadline of %s was %s and is put off to %s", release, before, deadline)
	}
}

// checkPlans holds, after the server has looked, that the waves which wait are
// planned for when the calendar, as it is now, is open, and that those behind one which
// it puts off keep their distance.
func (w *world) checkPlans() {
	if !w.life.rearranged || w.halted() || w.book.doubt.cause != "" {
		return
	}
	for _, a := range w.records.Approvals {
		newest, ok := w.approval(a.Group, a.Release, w.serverNow())
		if !ok || newest.ID != a.ID || a.Lane != nil || !w.goesOn(a) {
			continue
		}
		c := w.team(a.Group).rules.calendar
		var putOff time.Duration
		for i, v := range a.Waves {
			if !v.Waits {
				continue
			}
			start := v.Planned.Add(putOff).In(w.loc)
			if i > 0 {
				before := a.Waves[i-1].Start.In(w.loc)
				start = later(start, before.AddDate(0, 0, int(a.Soak/day)).Add(a.Soak%day))
			}
			want := c.next(start)
			if putOff += want.Sub(start); !v.Start.Equal(want) {
				w.violated("P9", nil, "wave %d of %s/%s is planned for %s, by the calendar of now it starts %s", i+1, a.Group, a.Release, v.Start.In(w.loc), want)
			}
			if at, err := time.Parse(mdm.LocalDateTimeLayout, v.Deadline); err != nil || !c.open(at) {
				w.violated("P9", nil, "wave %d of %s/%s has the deadline %s, when the calendar of now is closed", i+1, a.Group, a.Release, v.Deadline)
			}
		}
	}
}

// goesOn reports whether nothing keeps the waves of an approval from being planned:
// it is for phones of the group, nobody withdrew or declined it, what it is about can
// be installed, and no newer release was approved since.
func (w *world) goesOn(a storage.Approval) bool {
	for _, d := range w.records.Declines {
		if d.Group == a.Group && d.Release == a.Release {
			return false
		}
	}
	for _, b := range w.records.Approvals {
		if b.Group == a.Group && newer(b.Release, a.Release) {
			return false
		}
	}
	for _, m := range a.Models {
		if !w.signed(a.Release, m) {
			return false
		}
	}
	if !slices.ContainsFunc(w.modelsFor(a.Group, a.Release), func(m string) bool { return slices.Contains(a.Models, m) }) {
		return false
	}
	return a.WithdrawnAt.IsZero() && (a.Override == nil || w.serverNow().Before(a.Override.Until))
}

// rigid are plants about calendars that change.
func rigid() []plant {
	return []plant{
		{
			name: "a calendar that changes moves no wave", property: "P9", seed: 26,
			store: func(_ *world, s *memory.Store) fleet.Store {
				first := map[string]storage.Calendar{}
				keep := func(name string, c *storage.Calendar) {
					if _, known := first[name]; !known {
						first[name] = *c
					}
					*c = first[name]
				}
				return liar{Store: s, world: func(w *storage.World) {
					for i := range w.Policies {
						keep("policy "+w.Policies[i].Name, &w.Policies[i].Calendar)
					}
					for i := range w.Calendars {
						keep("calendar "+w.Calendars[i].Name, &w.Calendars[i].Calendar)
					}
				}}
			},
		},
		{
			name: "a wave that began slides with the calendar", property: "P9", seed: 26,
			store: func(_ *world, s *memory.Store) fleet.Store {
				return liar{Store: s, change: func(c *storage.WorldChange) {
					for _, e := range c.Audit {
						if e.Action == "rollout.wave-planned" {
							postponed(c.Approvals)
						}
					}
				}}
			},
		},
		{
			name: "who is told late gets a deadline on any day", property: "P9", seed: 90,
			store: phones(func(before, after *storage.Phone) {
				was, is := before.Announced.Enforcement, after.Announced.Enforcement
				if is == nil || was != nil && was.SourceID == is.SourceID || is.Source != "approval" {
					return
				}
				if t, err := time.Parse(mdm.LocalDateTimeLayout, is.Deadline); err == nil {
					is.Deadline = t.Add(11 * time.Hour).Format(mdm.LocalDateTimeLayout)
				}
			}),
		},
		{
			name: "each report puts the deadline off", property: "P13", seed: 1,
			store: phones(func(before, after *storage.Phone) {
				e := after.Announced.Enforcement
				if e == nil || after.StatusAt.Equal(before.StatusAt) {
					return
				}
				if t, err := time.Parse(mdm.LocalDateTimeLayout, e.Deadline); err == nil {
					e.Deadline = t.Add(time.Hour).Format(mdm.LocalDateTimeLayout)
				}
			}),
		},
	}
}

// postponed puts the deadlines of waves that began off by a day.
func postponed(approvals []storage.Approval) {
	for _, a := range approvals {
		for i := range a.Waves {
			if v := &a.Waves[i]; !v.Waits {
				if t, err := time.Parse(mdm.LocalDateTimeLayout, v.Deadline); err == nil {
					v.Deadline = t.Add(day).Format(mdm.LocalDateTimeLayout)
				}
			}
		}
	}
}
