package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/lang"
)

// chaseFlags are what a policy says about reminders.
type chaseFlags struct {
	steps, tests    []string
	off, always     []string
	quiet, language string
	perDay          int
}

func (o *chaseFlags) addFlags(g *globals, f *pflag.FlagSet) {
	t := g.text
	f.StringSliceVar(&o.steps, "chase", nil, t.T("reminders while a phone has not installed: notice, push, message, escalate or ticket, each with when, counted from when the phone was told or from its deadline: %s; \"\" is none", "push@+6h,message@deadline-24h,escalate@deadline+1d"))
	f.StringSliceVar(&o.tests, "chase-tests", nil, t.T("reminders while a candidate lacks results: as for --chase, counted from when the candidate was given to the verification phones or from the day to verify by: %s; \"\" is none", "message@+3d,escalate@verify-by-30d"))
	f.StringVar(&o.quiet, "chase-quiet", "", t.T("hours without a reminder, by each phone's own clock, such as 19:00-08:00; \"\" is none"))
	f.StringSliceVar(&o.off, "chase-off", nil, t.T("weekdays without a reminder, such as sat,sun; \"\" is none"))
	f.IntVar(&o.perDay, "chase-per-day", 0, t.T("reminders about one phone a day; 0: as many as are due"))
	f.StringSliceVar(&o.always, "chase-always", nil, t.T("reminders that may arrive late in quiet hours too, such as escalate,ticket; \"\" is none"))
	f.StringVar(&o.language, "chase-language", "", t.T("language of reminders to those who carry phones: en or ja; \"\" is that of the channel"))
}

func (o *chaseFlags) complete(g *globals, cmd *cobra.Command) {
	g.complete(cmd, "chase-language", func(*cobra.Command) []string { return []string{lang.English, lang.Japanese} })
}

// change returns what was given.
func (o *chaseFlags) change(cmd *cobra.Command) fleet.ChaseChange {
	var c fleet.ChaseChange
	given := cmd.Flags().Changed
	if given("chase") {
		c.Chase = &o.steps
	}
	if given("chase-tests") {
		c.ChaseTests = &o.tests
	}
	if given("chase-quiet") {
		c.ChaseQuiet = &o.quiet
	}
	if given("chase-off") {
		c.ChaseOff = &o.off
	}
	if given("chase-per-day") {
		c.ChasePerDay = &o.perDay
	}
	if given("chase-always") {
		c.ChaseAlways = &o.always
	}
	if given("chase-language") {
		c.ChaseLanguage = &o.language
	}
	return c
}

// testReminders shows what a policy says about reminders of tests.
func (g *globals) testReminders(p fleet.PolicyView) string {
	if len(p.ChaseTests) == 0 {
		return g.text.T("none")
	}
	return strings.Join(p.ChaseTests, ", ")
}

// reminders shows what a policy says about them.
func (g *globals) reminders(p fleet.PolicyView) string {
	t, s := g.text, p.ChaseSettings
	if len(s.Chase) == 0 {
		return t.T("none")
	}
	parts := []string{strings.Join(s.Chase, ", ")}
	if quiet := present(s.ChaseQuiet, strings.Join(s.ChaseOff, ", ")); len(quiet) > 0 {
		parts = append(parts, t.T("not %s", strings.Join(quiet, ", ")))
	}
	if len(s.ChaseAlways) > 0 {
		parts = append(parts, t.T("late at any hour: %s", strings.Join(s.ChaseAlways, ", ")))
	}
	if p.Calendar != "" || len(p.Weekdays) > 0 || p.MonthEnd > 0 || len(p.Closed) > 0 || len(p.Holidays) > 0 {
		parts = append(parts, t.T("not on days that the calendar closes"))
	}
	if s.ChasePerDay > 0 {
		parts = append(parts, t.T("at most %d a day", s.ChasePerDay))
	}
	return strings.Join(append(parts, present(s.ChaseLanguage)...), "; ")
}
