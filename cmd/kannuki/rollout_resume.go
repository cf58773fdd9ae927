package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/server/api"
	"github.com/kannuki-mdm/kannuki/storage"
)

// haltFlags let go on what stands still as a whole.
type haltFlags struct{ clock, restore bool }

// newRolloutResumeCommand is the verb of one rollout, and of all of them after the
// engine stood still.
func newRolloutResumeCommand(g *globals) *cobra.Command {
	t := g.text
	v := gateVerb{
		noun: "rollouts", name: "resume", short: t.T("Let a paused rollout go on, or everything after a halt"),
		example: "kannuki rollout resume 26.6.1 --group sales --reason \"POS 4.3 prints again\"\n" +
			"kannuki rollout resume --after-clock-jump --reason \"NTP works again\"",
		said: func(release, group string) string { return t.T("Resumed: the rollout of %s in %s.", release, group) },
	}
	var h haltFlags
	cmd := newGateVerbCommand(g, v)
	one := cmd.RunE
	cmd.Use = "resume [RELEASE]"
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		switch {
		case !h.clock && !h.restore:
			return g.args("RELEASE")(cmd, args)
		case h.clock && h.restore || len(args) > 0 || cmd.Flags().Changed("group"):
			return usage(cmd, t.T("--after-clock-jump or --after-restore stands alone, without a release and --group"))
		default:
			return nil
		}
	}
	f := cmd.Flags()
	f.BoolVar(&h.clock, "after-clock-jump", false, t.T("the server's clock was seen to be right; in place of a release and group"))
	f.BoolVar(&h.restore, "after-restore", false, t.T("what happened since the copy was made was done again; in place of a release and group"))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !h.clock && !h.restore {
			return one(cmd, args)
		}
		return runEndHalt(cmd.Context(), g, cmd, h)
	}
	return cmd
}

func runEndHalt(ctx context.Context, g *globals, cmd *cobra.Command, h haltFlags) error {
	if err := g.need(cmd, "reason"); err != nil {
		return err
	}
	reason, err := cmd.Flags().GetString("reason")
	if err != nil {
		return err
	}
	dry, err := cmd.Flags().GetBool("dry-run")
	if err != nil {
		return err
	}
	client, err := g.client(cmd)
	if err != nil {
		return err
	}
	r := api.HaltRequest{Cause: storage.HaltRestore, Reason: reason, DryRun: dry}
	if h.clock {
		r.Cause = storage.HaltClock
	}
	var ended fleet.HaltView
	if err := client.Post(ctx, api.Path("halt", "end"), r, &ended); err != nil {
		return err
	}
	t := g.text
	tab := table{columns: []column{{"cause", ""}, {"since", ""}, {"now", ""}, {"dry_run", ""}}}
	tab.add(plain(ended.Cause), instantUTC(ended.Since), instantUTC(ended.Now), boolean(ended.DryRun))
	text := g.done(ended.DryRun, t.T("The engine goes on. The server's clock shows %s.", t.Time(ended.Now)))
	return g.show(cmd, answer{data: ended, table: tab, text: text})
}

// haltText says that nothing begins, and how that ends; "" when nothing stands
// still.
func (g *globals) haltText(h *fleet.HaltView) (message, fix string) {
	t := g.text
	switch {
	case h == nil:
		return "", ""
	case h.Cause == storage.HaltRestore:
		return t.T("Nothing begins: the records are those of a copy that was restored %s.", t.Time(h.ShouldBe)),
			t.T("Pause, withdraw and revoke again what was since the copy was made, then `kannuki rollout resume --after-restore`.")
	default:
		return t.T("Nothing begins: the server's clock jumped. It showed %s where %s was expected, and shows %s now.", t.Time(h.Since), t.Time(h.ShouldBe), t.Time(h.Now)),
			t.T("See that the server's clock is right, then `kannuki rollout resume --after-clock-jump`.")
	}
}

// haltCause is "" when nothing stands still.
func haltCause(h *fleet.HaltView) string {
	if h == nil {
		return ""
	}
	return h.Cause
}
