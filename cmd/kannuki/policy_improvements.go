package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kannuki-mdm/kannuki/fleet"
)

// improvementFlags are what a policy says about background security
// improvements.
type improvementFlags struct{ mode, keep string }

func (o *improvementFlags) addFlags(g *globals, f *pflag.FlagSet) {
	t := g.text
	f.StringVar(&o.mode, "improvements", "", t.T("background security improvements such as 26.3.1 (a): accept (phones take them by themselves), reverify (each has a gate of its own) or off (not offered); the last two on supervised phones with iOS 18 or later"))
	f.StringVar(&o.keep, "keep-improvements", "", t.T("on: nobody can remove an improvement from a phone; off: its user can"))
}

func (o *improvementFlags) complete(g *globals, cmd *cobra.Command) {
	g.complete(cmd, "improvements", func(*cobra.Command) []string { return []string{"accept", "reverify", "off"} })
	g.complete(cmd, "keep-improvements", func(*cobra.Command) []string { return []string{"on", "off"} })
}

// change returns what was given.
func (o *improvementFlags) change(g *globals, cmd *cobra.Command) (fleet.ImprovementChange, error) {
	var c fleet.ImprovementChange
	if cmd.Flags().Changed("improvements") {
		c.Improvements = &o.mode
	}
	var err error
	c.KeepImprovements, err = g.switched(cmd, "keep-improvements", o.keep)
	return c, err
}

// switched returns what a flag says that is on or off, nil when it was not given.
func (g *globals) switched(cmd *cobra.Command, flag, value string) (*bool, error) {
	if !cmd.Flags().Changed(flag) {
		return nil, nil
	}
	on := value == "on"
	if !on && value != "off" {
		return nil, usage(cmd, g.text.T("--%s %q: want on or off", flag, value))
	}
	return &on, nil
}

// improvements shows what a policy says about them.
func (g *globals) improvements(s fleet.ImprovementSettings) string {
	if s.KeepImprovements {
		return g.text.T("%s; nobody can remove one", g.word(s.Improvements).shown)
	}
	return g.word(s.Improvements).shown
}
