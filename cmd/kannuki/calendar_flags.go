package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/holidays"
	"github.com/kannuki-mdm/kannuki/internal/lang"
)

// calendarFlags are when waves start and deadlines lie.
type calendarFlags struct {
	weekdays, closed []string
	hours, holidays  string
	monthEnd         int
}

func (o *calendarFlags) addFlags(g *globals, f *pflag.FlagSet) {
	t := g.text
	f.StringSliceVar(&o.weekdays, "weekdays", nil, t.T("days on which waves start and deadlines lie: mon-fri or mon,wed,…; \"\" is all"))
	f.StringVar(&o.hours, "hours", "", t.T("hours of those days, such as 09:00-17:00, or 22:00-05:00 for nights that begin on them; \"\" is all"))
	f.StringSliceVar(&o.closed, "closed", nil, t.T("days without updates: 2026-11-23 or 2026-12-28..2027-01-04, separated by commas; \"\" is none"))
	f.IntVar(&o.monthEnd, "month-end", 0, t.T("so many last days of each month are without updates"))
	f.StringVar(&o.holidays, "holidays", "", t.T("file with days without updates: one such as 2026-11-23 a line, # begins a comment, or the table of Japan's Cabinet Office (syukujitsu.csv); \"\" is none"))
}

// change returns what was given.
func (o *calendarFlags) change(g *globals, cmd *cobra.Command) (fleet.CalendarChange, error) {
	var c fleet.CalendarChange
	given := cmd.Flags().Changed
	if given("hours") {
		c.Hours = &o.hours
	}
	if given("weekdays") {
		c.Weekdays = &o.weekdays
	}
	if given("closed") {
		c.Closed = &o.closed
	}
	if given("month-end") {
		c.MonthEnd = &o.monthEnd
	}
	if given("holidays") {
		days, err := readHolidays(g, cmd, o.holidays)
		if err != nil {
			return c, err
		}
		c.Holidays = &days
	}
	return c, nil
}

// readHolidays reads the file of --holidays; "" is none.
func readHolidays(g *globals, cmd *cobra.Command, name string) ([]string, error) {
	if name == "" {
		return []string{}, nil
	}
	file, err := os.Open(name) //nolint:gosec // the user names it
	if err != nil {
		return nil, fmt.Errorf("read holidays: %w", err)
	}
	defer func() { _ = file.Close() }() // only read
	days, err := holidays.Read(file)
	if e, ok := errors.AsType[*holidays.Error](err); ok {
		return nil, usage(cmd, holidayFault(g.text, name, e))
	}
	return days, err
}

// holidayFault says what is wrong with a file of holidays, and where.
func holidayFault(t *lang.Printer, name string, e *holidays.Error) string {
	switch e.Code {
	case holidays.CodeNotDay:
		return t.T("%s, line %d: %q is not a day such as 2026-11-23", name, e.Line, e.Got)
	case holidays.CodeNotRow:
		return t.T("%s, line %d: %q is not a day and the name of a holiday, such as %s", name, e.Line, e.Got, e.Want)
	case holidays.CodeRepeated:
		return t.T("%s, line %d: %s stands in the table twice", name, e.Line, e.Got)
	case holidays.CodeWrongHead:
		return t.T("%s: neither one day such as 2026-11-23 a line nor the table of Japan's Cabinet Office (syukujitsu.csv), which begins with %s", name, e.Want)
	case holidays.CodeNotText:
		return t.T("%s: not a text in UTF-8 or Shift_JIS", name)
	case holidays.CodeTooLarge:
		return t.T("%s: the file is larger than %s bytes", name, e.Want)
	case holidays.CodeTooLong:
		return t.T("%s: the file has more than %s lines", name, e.Want)
	case holidays.CodeEmpty:
		return t.T("%s: no day stands in it; --holidays \"\" takes all away", name)
	default:
		return name + ": " + e.Error()
	}
}

// openDays says when waves may start.
func (g *globals) openDays(d fleet.OpenTimes) string {
	t := g.text
	parts := []string{t.T("every day")}
	if len(d.Weekdays) > 0 {
		parts[0] = strings.Join(d.Weekdays, ", ")
	}
	if d.Hours != "" {
		parts = append(parts, d.Hours)
	}
	if d.MonthEnd > 0 {
		parts = append(parts, t.N(d.MonthEnd, "not on the last day of a month", "not on the last %d days of a month"))
	}
	return strings.Join(parts, "; ")
}

// openTimes says which calendar a policy follows, or what its own says.
func (g *globals) openTimes(d fleet.RolloutDefaults) [][2]string {
	t := g.text
	if d.Calendar != "" {
		return [][2]string{{t.T("Calendar"), t.T("%s (`kannuki calendar show %s`)", d.Calendar, d.Calendar)}}
	}
	return [][2]string{
		{t.T("Calendar"), t.T("of its own")},
		{t.T("Update days"), g.openDays(d.OpenTimes)},
		{t.T("No-update days"), list(slices.Concat(d.Closed, d.Holidays)).shown},
	}
}
