package main

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kannuki-mdm/kannuki/fleet"
)

// rolloutFlags are what a policy says about rollouts.
type rolloutFlags struct {
	calendarFlags
	waves                    []string
	soak, deadline, calendar string
}

func (o *rolloutFlags) addFlags(g *globals, f *pflag.FlagSet) {
	t := g.text
	f.StringSliceVar(&o.waves, "waves", nil, t.T("waves of a rollout, each counting those before it: %s; \"\" is all phones at once", "5%,25%,100%"))
	f.StringVar(&o.soak, "soak", "", t.T("least time between the starts of two waves, such as 2d; it begins anew when a stopped rollout goes on"))
	f.StringVar(&o.deadline, "deadline", "", t.T("install deadline from the start of a wave, such as 3d, for approvals that name none (0d: they must)"))
	f.StringVar(&o.calendar, "calendar", "", t.T("calendar that its waves follow (kannuki calendar set); \"\" is none, for weekdays, hours and days given here"))
	o.calendarFlags.addFlags(g, f)
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
	if given("calendar") {
		c.Calendar = &o.calendar
	}
	var err error
	c.CalendarChange, err = o.calendarFlags.change(g, cmd)
	return c, err
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
