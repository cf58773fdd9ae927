package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/server/api"
)

type overrideOptions struct {
	openFlags
	waveFlags
	until  string
	models []string
	rebase bool
}

func newGateOverrideCommand(g *globals) *cobra.Command {
	var o overrideOptions
	t := g.text
	cmd := &cobra.Command{
		Use:   "override RELEASE",
		Short: t.T("Propose to open a gate that is not verified; a second person signs"),
		Long: t.T("Propose to open a gate that is not verified (an exception approval). Nothing changes for phones until another person signs it " +
			"with `kannuki approval sign`; offsets count from then. What keeps the gate closed is shown and recorded. The override ends by itself. " +
			"A verified gate is refused (exit 3): use `kannuki gate approve`. In the last week of its build, which is too late for that, " +
			"it is taken, in one wave unless --wave says otherwise, as long as the build is offered."),
		Example: "kannuki gate override 26.6.1 --group sales --deadline +3d --until +14d --reason \"CVE-2026-1234 is being exploited\"\n" +
			"kannuki gate override 26.6.1 --group sales --deadline +1d --until +7d --model iPhone14,5 --reason \"field team\" --dry-run\n" +
			"kannuki gate override 26.6.1 --group sales --rebase --until +14d --reason \"26.6.1 fixes what 26.6 broke\"\n" +
			"kannuki gate override 26.6.1 --group sales --wave 10%@+0 --wave 100%@+1d --deadline +2d --until +14d --reason \"CVE-2026-1234 is being exploited\"",
		Args: g.args("RELEASE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runGateOverride(cmd.Context(), g, cmd, o, args[0])
		},
	}
	o.openFlags.addFlags(g, cmd, t.T("propose only for the gate as it was shown with this fingerprint (default: as it is now)"))
	f := cmd.Flags()
	o.waveFlags.addFlags(g, f)
	f.BoolVar(&o.rebase, "rebase", false, rebaseHelp(g))
	f.StringVar(&o.until, "until", "", t.T("when the exception ends: +14d, or 2026-12-06T18:00 in the server's time zone; at most 90 days"))
	f.StringArrayVar(&o.models, "model", nil, t.T("only phones of this model, such as iPhone14,5; may be repeated (default: the whole production ring)"))
	return cmd
}

func runGateOverride(ctx context.Context, g *globals, cmd *cobra.Command, o overrideOptions, release string) error {
	if err := g.need(cmd, "group", "until", "reason"); err != nil {
		return err
	}
	client, err := g.client(cmd)
	if err != nil {
		return err
	}
	gate, err := getGate(ctx, client, o.group, release)
	if err != nil {
		return err
	}
	r := api.OverrideRequest{
		Deadline: o.deadline, Start: o.start, Until: o.until, Models: o.models, Waves: o.waves, Soak: o.soak, Rebase: o.rebase,
		Fingerprint: o.fingerprint, Reason: o.Reason, DryRun: o.DryRun,
	}
	if r.Fingerprint == "" {
		r.Fingerprint = gate.Fingerprint
	}
	var p fleet.Proposed
	if err := client.Post(ctx, api.Path("gates", o.group, release, "override"), r, &p); err != nil {
		return err
	}
	return g.show(cmd, g.proposed(p))
}

// forAnother is where the server is, as it was typed, for a command of somebody
// else, who has a token of his own.
func (g *globals) forAnother() string {
	if g.server == "" {
		return g.where
	}
	return g.where + " --token-file …"
}

// overrideLine says that a gate was not verified and who decided so, "" when
// it is not overridden.
func (g *globals) overrideLine(o *policy.GateOverride, release string) string {
	if o == nil {
		return ""
	}
	return oneLine(g.text.Fill(g.text.Fact(string(policy.GateOverridden)), map[string]string{
		policy.ParamRelease: release, policy.ParamDate: o.Until.Format(time.RFC3339), policy.ParamBy: o.By,
		policy.ParamSecond: o.Second, policy.ParamReason: o.Reason,
	}))
}
