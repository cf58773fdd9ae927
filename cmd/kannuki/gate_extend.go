package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/server/api"
)

type extendOptions struct {
	act
	groupFlag
	models      []string
	fingerprint string
	yes         bool
}

func newGateExtendCommand(g *globals) *cobra.Command {
	var o extendOptions
	t := g.text
	cmd := &cobra.Command{
		Use:   "extend RELEASE",
		Short: t.T("Add a model that joined later to the approval that stands"),
		Long: t.T("Add models that joined after the approval, or were not verified then, to the approval that stands. " +
			"Each has to be verified on the release as the gate asks, or it is refused with every missing app named (exit 3). " +
			"Phones fall into the waves of the rollout, each with the notice of its group. An exception is not extended: its models are chosen by two people."),
		Example: "kannuki gate extend 26.6.1 --group sales --reason \"the new phones are tested\" --dry-run\n" +
			"kannuki gate extend 26.6.1 --group sales --model iPhone18,1 --reason \"the new phones are tested\"",
		Args: g.args("RELEASE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runGateExtend(cmd.Context(), g, cmd, o, args[0])
		},
	}
	f := cmd.Flags()
	o.act.addFlags(g, f)
	o.groupFlag.addFlags(g, f)
	f.StringArrayVar(&o.models, "model", nil, t.T("only this model, such as iPhone14,5; may be repeated (default: all that wait because they are not covered)"))
	f.StringVar(&o.fingerprint, "fingerprint", "", t.T("extend only the gate as it was shown with this fingerprint (default: as it is now)"))
	f.BoolVar(&o.yes, "yes", false, t.T("do not ask"))
	g.complete(cmd, "group", g.groupNames)
	cmd.ValidArgsFunction = completeArg(g.releaseNames)
	return cmd
}

// runGateExtend tries it, asks a person who sits at a terminal, and only then adds
// the models: at exactly the gate that was shown.
func runGateExtend(ctx context.Context, g *globals, cmd *cobra.Command, o extendOptions, release string) error {
	if err := g.need(cmd, "group", "reason"); err != nil {
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
	r := api.ExtendRequest{Models: o.models, Fingerprint: o.fingerprint, Reason: o.Reason, DryRun: true}
	if r.Fingerprint == "" {
		r.Fingerprint = gate.Fingerprint
	}
	path := api.Path("gates", o.group, release, "extend")
	var done fleet.Extended
	if err := client.Post(ctx, path, r, &done); err != nil {
		return err
	}
	if !o.DryRun && !o.yes && onTerminal(cmd.InOrStdin()) && onTerminal(cmd.ErrOrStderr()) {
		if err := write(cmd.ErrOrStderr(), g.extendText(done)+"\n"); err != nil {
			return err
		}
		if err := g.confirm(ctx, cmd, g.text.T("Add %s to the approval of iOS %s for %s? iOS cannot go back. Type the group name:",
			strings.Join(done.Models, ", "), release, o.group), o.group); err != nil {
			return err
		}
	}
	if !o.DryRun {
		r.DryRun, done = false, fleet.Extended{}
		if err := client.Post(ctx, path, r, &done); err != nil {
			return err
		}
	}
	return g.show(cmd, answer{data: done, table: g.waveTable(done.Added), text: g.extendText(done)})
}

// extendText says which models were added and what their phones do.
func (g *globals) extendText(e fleet.Extended) string {
	models := strings.Join(e.Models, ", ")
	head := g.done(e.DryRun, g.text.T("Added to the approval of iOS %s for %s: %s.", e.Release, e.Group, models))
	tab := g.waveTable(e.Added)
	return head + g.effectText(e.Effect) + "\n" + tab.text()
}

// uncoveredText lists the models that the approval at a gate does not cover, with
// what keeps each out; "" when there is none.
func (g *globals) uncoveredText(gate policy.Gate) string {
	if len(gate.Uncovered) == 0 {
		return ""
	}
	t := g.text
	tab := table{columns: []column{
		{"model", t.T("Model not covered by the approval")},
		{"phones", t.T("Phones")},
		{"missing", t.T("Missing")},
	}}
	for _, u := range gate.Uncovered {
		var missing []string
		for _, a := range u.Missing {
			missing = append(missing, fmt.Sprintf("%s (%s)", oneLine(a.Name), g.word(string(a.State)).shown))
		}
		lacks := list(missing)
		if len(missing) == 0 {
			lacks = plain(t.T("nothing"))
		}
		tab.add(plain(u.Model), number(u.Phones), lacks)
	}
	return "\n" + tab.text()
}
