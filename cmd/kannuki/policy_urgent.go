package main

import (
	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
)

// urgentFlags are what a policy says about releases that fix a flaw known to be
// exploited.
type urgentFlags struct{ mode, deadline string }

func (o *urgentFlags) addFlags(g *globals, cmd *cobra.Command) {
	t, f := g.text, cmd.Flags()
	f.StringVar(&o.mode, "urgent", "", t.T("when a release fixes a flaw known to be exploited: lane (two people may approve it after quick checks) or off"))
	f.StringVar(&o.deadline, "urgent-deadline", "", t.T("by when all phones install then, from the signature: 24h to 48h"))
	g.complete(cmd, "urgent", func(*cobra.Command) []string { return []string{fleet.UrgentLane, fleet.UrgentOff} })
}

// change returns what was given.
func (o *urgentFlags) change(cmd *cobra.Command) fleet.UrgentChange {
	var c fleet.UrgentChange
	if cmd.Flags().Changed("urgent") {
		c.Urgent = &o.mode
	}
	if cmd.Flags().Changed("urgent-deadline") {
		c.UrgentDeadline = &o.deadline
	}
	return c
}

// urgentRoute shows what a policy says about them.
func (g *globals) urgentRoute(d fleet.UrgentDefaults) string {
	if d.Urgent == fleet.UrgentOff {
		return g.text.T("off")
	}
	return g.text.T("two people after quick checks, within %s", d.UrgentDeadline)
}
