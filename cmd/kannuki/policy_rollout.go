package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// rolloutFlags are what a policy says about rollouts.
type rolloutFlags struct {
	calendarFlags
	waves                    []string
	soak, deadline, calendar string
}

func (o *rolloutFlags) addFlags(g *globals, f *pflag.FlagSet) {
	t := g.text
	f.StringSliceVar(&o.waves, "waves", nil, t.T("waves of a rollout, shares or numbers of phones, each counting those before it: %s; \"\" is all phones at once", "20,25%,100%"))
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
		c.Waves = (*storage.WaveShares)(&o.waves)
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

func (g *globals) shares(shares storage.WaveShares) string {
	if len(shares) == 0 {
		return g.text.T("all phones at once")
	}
	return strings.Join(shares, ", ")
}

func orDash(text string) string {
	if text == "" {
		return list(nil).shown
	}
	return text
}
