package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kannuki-mdm/kannuki/fleet"
)

// betaFlags are what a policy says about beta programs on verification phones.
type betaFlags struct{ mode, program string }

func (o *betaFlags) addFlags(g *globals, f *pflag.FlagSet) {
	t := g.text
	f.StringVar(&o.mode, "beta", "", t.T("Apple's beta program on verification phones with iOS 18 or later: off (none), offer (testers may choose it in the settings of the phone) or require (supervised phones take part by themselves); production phones never take part"))
	f.StringVar(&o.program, "beta-program", "", t.T("name of the beta program, one of beta_programs in config.yaml"))
}

func (o *betaFlags) complete(g *globals, cmd *cobra.Command) {
	g.complete(cmd, "beta", func(*cobra.Command) []string { return []string{"off", "offer", "require"} })
}

// change returns what was given.
func (o *betaFlags) change(cmd *cobra.Command) fleet.BetaChange {
	var c fleet.BetaChange
	if cmd.Flags().Changed("beta") {
		c.Beta = &o.mode
	}
	if cmd.Flags().Changed("beta-program") {
		c.BetaProgram = &o.program
	}
	return c
}

// betaProgram shows what a policy says about beta programs.
func (g *globals) betaProgram(s fleet.BetaSettings) string {
	switch {
	case s.BetaProgram == "" || s.Beta == "off":
		return g.text.T("none")
	case s.BetaMissing:
		return g.text.T("%s is not in config.yaml: no phone takes part", s.BetaProgram)
	case s.Beta == "require":
		return g.text.T("%s; verification phones take part by themselves", s.BetaProgram)
	default:
		return g.text.T("%s; offered to testers", s.BetaProgram)
	}
}
