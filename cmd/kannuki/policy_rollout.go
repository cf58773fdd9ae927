package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kannuki-mdm/kannuki/fleet"
)

// rolloutFlags are what a policy says about rollouts.
type rolloutFlags struct {
	waves, weekdays, closed []string
	soak, deadline          string
	hours, holidays         string
	monthEnd                int
}

func (o *rolloutFlags) addFlags(g *globals, f *pflag.FlagSet) {
	t := g.text
	f.StringSliceVar(&o.waves, "waves", nil, t.T("waves of a rollout, each counting those before it: %s; \"\" is all phones at once", "5%,25%,100%"))
	f.StringVar(&o.soak, "soak", "", t.T("least time between the starts of two waves, such as 2d; it begins anew when a stopped rollout goes on"))
	f.StringVar(&o.deadline, "deadline", "", t.T("install deadline from the start of a wave, such as 3d, for approvals that name none (0d: they must)"))
	f.StringSliceVar(&o.weekdays, "weekdays", nil, t.T("days on which waves start and deadlines lie: mon,tue,…; \"\" is all"))
	f.StringVar(&o.hours, "hours", "", t.T("hours of those days, such as 09:00-17:00; \"\" is all"))
	f.StringSliceVar(&o.closed, "closed", nil, t.T("days without updates: 2026-11-23 or 2026-12-28..2027-01-04, separated by commas; \"\" is none"))
	f.IntVar(&o.monthEnd, "month-end", 0, t.T("so many last days of each month are without updates"))
	f.StringVar(&o.holidays, "holidays", "", t.T("file with days without updates, one such as 2026-11-23 a line, # begins a comment; \"\" is none"))
}

// change returns what was given.
func (o *rolloutFlags) change(g *globals, cmd *cobra.Command) (fleet.RolloutChange, error) {
	var c fleet.RolloutChange
	given := cmd.Flags().Changed
	if given("waves") {
		shares := []int{}
		for _, text := range o.waves {
			number, ok := strings.CutSuffix(text, "%")
			n, err := strconv.Atoi(number)
			if !ok || err != nil {
				return c, usage(cmd, g.text.T("--waves %q: want percentages such as %s", text, "5%,25%,100%"))
			}
			shares = append(shares, n)
		}
		c.Waves = &shares
	}
	if given("soak") {
		c.Soak = &o.soak
	}
	if given("deadline") {
		c.Deadline = &o.deadline
	}
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
	days := []string{}
	if name == "" {
		return days, nil
	}
	text, err := os.ReadFile(name) //nolint:gosec // the user names it
	if err != nil {
		return nil, fmt.Errorf("read holidays: %w", err)
	}
	for i, line := range strings.Split(string(text), "\n") {
		day, _, _ := strings.Cut(line, "#")
		day = strings.TrimSpace(day)
		if day == "" {
			continue
		}
		if _, err := time.Parse(time.DateOnly, day); err != nil {
			return nil, usage(cmd, g.text.T("%s, line %d: %q is not a day such as 2026-11-23", name, i+1, day))
		}
		days = append(days, day)
	}
	return days, nil
}

func percents(shares []int) []string {
	out := make([]string, len(shares))
	for i, s := range shares {
		out[i] = strconv.Itoa(s) + "%"
	}
	return out
}

func (g *globals) shares(shares []int) string {
	if len(shares) == 0 {
		return g.text.T("all phones at once")
	}
	return strings.Join(percents(shares), ", ")
}

func orDash(text string) string {
	if text == "" {
		return list(nil).shown
	}
	return text
}

// openDays says when waves may start.
func (g *globals) openDays(d fleet.RolloutDefaults) string {
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
