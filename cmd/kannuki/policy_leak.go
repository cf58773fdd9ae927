package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kannuki-mdm/kannuki/fleet"
)

// leakFlags are what a policy does about unapproved updates.
type leakFlags struct{ onLeak string }

func (o *leakFlags) addFlags(g *globals, f *pflag.FlagSet) {
	f.StringVar(&o.onLeak, "on-leak", "", g.text.T("when a production phone is updated unapproved: record (in the audit log), tell (by a notice as well) or retest (also offer the release to the verification phones, once, for a quick result)"))
}

func (o *leakFlags) complete(g *globals, cmd *cobra.Command) {
	g.complete(cmd, "on-leak", func(*cobra.Command) []string { return fleet.LeakModes() })
}

// change returns what was given.
func (o *leakFlags) change(cmd *cobra.Command) fleet.LeakChange {
	if !cmd.Flags().Changed("on-leak") {
		return fleet.LeakChange{}
	}
	return fleet.LeakChange{OnLeak: &o.onLeak}
}
