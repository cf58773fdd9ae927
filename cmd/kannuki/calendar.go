package main

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/server/api"
)

func newCalendarCommand(g *globals) *cobra.Command {
	return g.noun("calendar", g.text.T("When waves start and deadlines lie, for every policy that names it"),
		newCalendarListCommand(g), newCalendarShowCommand(g), newCalendarSetCommand(g), newCalendarRemoveCommand(g))
}

func newCalendarListCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   g.text.T("List the calendars that policies can follow"),
		Example: "kannuki calendar list",
		Args:    g.args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return showGet(g, cmd, api.Path("calendars"), nil, func(out api.Calendars) answer {
				return answer{data: out, table: g.calendarTable(out.Calendars)}
			})
		},
	}
}

func newCalendarShowCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:               "show CALENDAR",
		Short:             g.text.T("Show one calendar, and the policies and groups that follow it"),
		Example:           "kannuki calendar show shops",
		Args:              g.args("CALENDAR"),
		ValidArgsFunction: completeArg(g.calendarNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			return showGet(g, cmd, api.Path("calendars", args[0]), nil, func(v fleet.CalendarView) answer {
				return answer{data: v, table: g.calendarTable([]fleet.CalendarView{v}), text: g.calendarText(v)}
			})
		},
	}
}

// calendarSetOptions are the settings of a calendar.
type calendarSetOptions struct {
	act
	calendarFlags
	include []string
}

func newCalendarSetCommand(g *globals) *cobra.Command {
	var o calendarSetOptions
	t := g.text
	cmd := &cobra.Command{
		Use:   "set CALENDAR",
		Short: t.T("Make a calendar, or change one; what is not given stays"),
		Long: t.T("Make a calendar, or change one; what is not given stays, or is open when it is new. A change moves waves that have not started, " +
			"of every group whose policy follows it: they are listed, with --dry-run too. Give a policy its calendar with `kannuki policy set --calendar`."),
		Example: "kannuki calendar set shops --weekdays mon-thu --hours 09:00-17:00 --month-end 2 --reason \"as agreed with the shops\"\n" +
			"kannuki calendar set shops --closed 2026-12-28..2027-01-04 --dry-run\n" +
			"kannuki calendar set jp-holidays --holidays syukujitsu.csv\nkannuki calendar set shops --include jp-holidays",
		Args:              g.args("CALENDAR"),
		ValidArgsFunction: completeArg(g.calendarNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runCalendarSet(g, cmd, o, args[0])
		},
	}
	o.act.addFlags(g, cmd.Flags())
	o.calendarFlags.addFlags(g, cmd.Flags())
	cmd.Flags().StringSliceVar(&o.include, "include", nil, t.T("calendars whose closed days and holidays are closed in this one too, separated by commas; \"\" is none"))
	g.complete(cmd, "include", g.calendarNames)
	return cmd
}

func runCalendarSet(g *globals, cmd *cobra.Command, o calendarSetOptions, name string) error {
	times, err := o.change(g, cmd)
	if err != nil {
		return err
	}
	change := fleet.NamedCalendarChange{CalendarChange: times}
	if cmd.Flags().Changed("include") {
		change.Include = &o.include
	}
	if change == (fleet.NamedCalendarChange{}) {
		return usage(cmd, g.text.T("nothing to change: give at least one setting"))
	}
	request := api.SetCalendarRequest{NamedCalendarChange: change, Reason: o.Reason, DryRun: o.DryRun}
	return showPost(g, cmd, api.Path("calendars", name), request, func(v fleet.CalendarEdit) answer {
		text := g.done(o.DryRun, g.text.T("Calendar %s holds for these policies: %s.", v.Name, list(v.Policies).shown))
		return answer{data: v, table: g.calendarTable([]fleet.CalendarView{v.CalendarView}), text: text + g.wavesMovedText(v.MovedWaves)}
	})
}

func newCalendarRemoveCommand(g *globals) *cobra.Command {
	return newDeedCommand(g, deed[fleet.CalendarView]{
		use: "remove CALENDAR", short: g.text.T("Remove a calendar that no policy follows"),
		example:  "kannuki calendar remove shops --reason \"the shops follow the depot's\"",
		path:     func(args []string) string { return api.Path("calendars", args[0], "remove") },
		complete: completeArg(g.calendarNames),
		shown: func(args []string, v fleet.CalendarView) (table, string) {
			return g.calendarTable([]fleet.CalendarView{v}), g.text.T("Removed calendar %s.", args[0])
		},
	})
}

func (g *globals) calendarTable(calendars []fleet.CalendarView) table {
	t := g.text
	tab := table{columns: []column{
		{"name", t.T("Calendar")},
		{"weekdays", t.T("Update days")},
		{"hours", ""},
		{"month_end", ""},
		{"closed", ""},
		{"holidays", ""},
		{"policies", t.T("Policies")},
		{"groups", t.T("Groups")},
		{"changed_by", ""},
		{"changed_at", ""},
		{"include", t.T("Days of other calendars too")},
		{"included_by", ""},
	}}
	for _, v := range calendars {
		tab.add(plain(v.Name), cell{list(v.Weekdays).raw, g.openDays(v.OpenTimes)}, plain(v.Hours), number(v.MonthEnd), list(v.Closed), list(v.Holidays),
			list(v.Policies), list(v.Groups), plain(v.ChangedBy), instantUTC(v.ChangedAt), list(v.Include), list(v.IncludedBy))
	}
	return tab
}

func (g *globals) calendarText(v fleet.CalendarView) string {
	t := g.text
	return fields(
		[2]string{t.T("Calendar"), v.Name},
		[2]string{t.T("Update days"), g.openDays(v.OpenTimes)},
		[2]string{t.T("No-update days"), list(slices.Concat(v.Closed, v.Holidays)).shown},
		[2]string{t.T("Days of other calendars too"), list(v.Include).shown},
		[2]string{t.T("Its days are closed in"), list(v.IncludedBy).shown},
		[2]string{t.T("Policies"), list(v.Policies).shown},
		[2]string{t.T("Groups"), list(v.Groups).shown},
		[2]string{t.T("Changed"), t.Time(v.ChangedAt) + ", " + v.ChangedBy},
	)
}
