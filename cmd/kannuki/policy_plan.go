package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/server/api"
)

type planOptions struct {
	settingsFlags
	policy string
	set    []string
}

func newPolicyPlanCommand(g *globals) *cobra.Command {
	var o planOptions
	t := g.text
	cmd := &cobra.Command{
		Use:   "plan [GROUP]",
		Short: t.T("Show what a change of policy would make which phones do"),
		Long: t.T("Show what a change of policy would make which phones do, by asking the engine about every phone as it is now: giving GROUP another policy (--policy), changing the policy of GROUP or the one of --policy (--set), or applying files (-f). " +
			"Also shown are gates that change, waves that move and results that count until another day. Nothing is changed. What would be refused is refused here too (exit 3)."),
		Example: "kannuki policy plan sales --policy retail\n" +
			"kannuki policy plan --policy retail --set verdict_days=30 --set waves=[10,100]\n" +
			"kannuki policy plan -f settings",
		Args: g.optional(),
		RunE: func(cmd *cobra.Command, args []string) error { return runPolicyPlan(cmd.Context(), g, cmd, o, args) },
	}
	o.addFlags(g, cmd)
	f := cmd.Flags()
	f.StringVar(&o.policy, "policy", "", t.T("policy that GROUP is to get, or that --set changes"))
	f.StringArrayVar(&o.set, "set", nil, t.T("a setting of the policy as files have it, such as %s; may be repeated", "deadline=3d"))
	g.complete(cmd, "policy", g.policyNames)
	cmd.ValidArgsFunction = completeArg(g.groupNames)
	return cmd
}

func runPolicyPlan(ctx context.Context, g *globals, cmd *cobra.Command, o planOptions, args []string) error {
	post, err := o.asker(ctx, g, cmd, args)
	if err != nil {
		return err
	}
	result, err := post(ctx, api.ApplyRequest{Edit: api.Edit{DryRun: true}})
	if err != nil {
		return err
	}
	return g.show(cmd, answer{data: result, table: g.effectsTable(result.Effects), text: g.effectsText(result.Effects)})
}

// asker returns what asks the server about the change that was given.
func (o planOptions) asker(ctx context.Context, g *globals, cmd *cobra.Command, args []string) (askSettings, error) {
	t := g.text
	if o.file != "" {
		if len(args) > 0 || o.policy != "" || len(o.set) > 0 {
			return nil, usage(cmd, t.T("--file says all of the change; leave the rest out"))
		}
		return g.settingsFrom(cmd, o.settingsFlags)
	}
	if len(o.set) == 0 && (len(args) == 0 || o.policy == "") || len(args) == 0 && o.policy == "" {
		return nil, usage(cmd, t.T("say what is to change: GROUP and --policy, --set with one of them, or --file"))
	}
	if o.prune {
		return nil, usage(cmd, t.T("--prune needs --file"))
	}
	changed, err := g.planned(ctx, cmd, o, args)
	if err != nil {
		return nil, err
	}
	files, err := o.settings(g, cmd, changed, args)
	if err != nil {
		return nil, err
	}
	post, err := g.ask(cmd, files, false)
	if err != nil || o.policy != "" || changed != policy.DefaultPolicy {
		return post, err
	}
	return func(ctx context.Context, request api.ApplyRequest) (fleet.ApplyResult, error) {
		result, err := post(ctx, request)
		if e, ok := errors.AsType[*api.Error](err); ok && e.Detail == "built-in-policy" {
			err = &nextError{err, t.T("Give the group a policy of your own: `kannuki policy plan %s --policy POLICY` with the same --set.", args[0])}
		}
		return result, err
	}, nil
}

// planned returns the name of the policy that is to change, or that the group
// is to get. The group and the policy must exist: files may make new ones, but
// here a name that nothing has is mistyped.
func (g *globals) planned(ctx context.Context, cmd *cobra.Command, o planOptions, args []string) (string, error) {
	client, err := g.client(cmd)
	if err != nil {
		return "", err
	}
	name := o.policy
	if len(args) > 0 {
		var settings fleet.Settings
		if err := client.Get(ctx, api.Path("settings"), nil, &settings); err != nil {
			return "", err
		}
		i := slices.IndexFunc(settings.Groups, func(s fleet.GroupSettings) bool { return s.Name == args[0] })
		if i < 0 {
			return "", &api.Error{Code: api.CodeNotFound, What: "group", Name: args[0]}
		}
		name = cmp.Or(name, *settings.Groups[i].Policy)
	}
	var known fleet.PolicyView
	return name, client.Get(ctx, api.Path("policies", name), nil, &known)
}

func (g *globals) effectsTable(e fleet.Effects) table {
	t := g.text
	tab := table{columns: []column{
		{"device", t.T("Phone")},
		{"group", t.T("Group")},
		{"ring", t.T("Ring")},
		{"model", t.T("Model")},
		{"os", t.T("Runs")},
		{"effect", t.T("What happens")},
		{"before", t.T("Before")},
		{"after", t.T("After")},
		{"deadline", t.T("Install deadline")},
		{"source", ""},
		{"why", t.T("Why")},
	}}
	for _, p := range e.Phones {
		before, after := orNothing(p.Before), orNothing(p.After)
		why := cell{string(p.Why.Code), ""}
		if p.Why.Code != "" {
			why.shown = t.Reason(string(p.Why.Code)).Label
		} else if after.Source != "" {
			why.shown = g.source(after.Source)
		}
		tab.add(plain(p.Device), plain(p.Group), g.word(p.Ring), plain(p.Model), plain(p.OS), cell{p.Effect, g.effect(p.Effect)},
			plain(before.Release), plain(after.Release), onClock(string(after.Deadline)), plain(string(after.Source)), why)
	}
	return tab
}

func orNothing(r *fleet.Request) fleet.Request {
	if r == nil {
		return fleet.Request{}
	}
	return *r
}

// source says what a request rests on.
func (g *globals) source(s policy.Source) string {
	if s == policy.SourceCandidate {
		return g.text.T("to be tested")
	}
	return g.text.T("approved")
}

// effect says what becomes of a phone.
func (g *globals) effect(code string) string {
	t := g.text
	switch code {
	case fleet.EffectInstall:
		return t.T("asked to install")
	case fleet.EffectWithdraw:
		return t.T("request taken back")
	case fleet.EffectTooLate:
		return t.T("can no longer be stopped")
	case fleet.EffectDeadline:
		return t.T("another deadline")
	case fleet.EffectApp:
		return t.T("app updated first")
	case fleet.EffectSettings:
		return t.T("other settings")
	case fleet.EffectNone:
		return t.T("nothing for now")
	}
	return code
}

// effectsText says first what most want to know: whether any phone installs
// anything.
func (g *globals) effectsText(e fleet.Effects) string {
	t := g.text
	var b strings.Builder
	switch e.Install {
	case 0:
		fmt.Fprintln(&b, t.T("0 phones install anything because of it."))
	default:
		fmt.Fprintln(&b, t.N(e.Install, "%d phone is asked to install something because of it.", "%d phones are asked to install something because of it."))
	}
	b.WriteString(g.appFirstText(e.AppFirst))
	if e.Withdraw+e.TooLate > 0 {
		fmt.Fprintln(&b, t.T("Requests taken back: %d. Phones that can no longer be stopped: %d.", e.Withdraw, e.TooLate))
	}
	if len(e.Phones) > 0 {
		tab := g.effectsTable(e)
		fmt.Fprintf(&b, "\n%s", tab.text())
	}
	if e.LeftOff > 0 {
		fmt.Fprintln(&b, t.N(e.LeftOff, "and %d phone more", "and %d phones more"))
	}
	for _, tab := range []table{g.gateEffects(e.Gates), g.waveEffects(e.Waves), g.resultEffects(e.Results)} {
		if len(tab.rows) > 0 {
			fmt.Fprintf(&b, "\n%s", tab.text())
		}
	}
	if text := g.approvedWithoutText(e.Without); text != "" {
		fmt.Fprintf(&b, "\n%s", text)
	}
	return b.String()
}

func (g *globals) gateEffects(gates []fleet.GateEffect) table {
	t := g.text
	tab := table{columns: []column{{"", t.T("Group")}, {"", t.T("Release")}, {"", t.T("Gate before")}, {"", t.T("Gate after")}, {"", t.T("Missing after")}}}
	phase := func(p policy.Phase) cell { return plain(t.Phase(string(p)).Label) }
	for _, v := range gates {
		tab.add(plain(v.Group), plain(v.Release), phase(v.PhaseBefore), phase(v.PhaseAfter), list(v.MissingAfter))
	}
	return tab
}

func (g *globals) waveEffects(waves []fleet.WaveEffect) table {
	t := g.text
	tab := table{columns: []column{
		{"", t.T("Group")}, {"", t.T("Release")}, {"", t.T("Wave")}, {"", t.T("Start before")}, {"", t.T("Start after")}, {"", t.T("Deadline before")}, {"", t.T("Deadline after")},
	}}
	for _, v := range waves {
		tab.add(plain(v.Group), plain(v.Release), number(v.Wave), g.instant(v.StartBefore), g.instant(v.StartAfter),
			onClock(string(v.DeadlineBefore)), onClock(string(v.DeadlineAfter)))
	}
	return tab
}

func (g *globals) resultEffects(results []fleet.ResultEffect) table {
	t := g.text
	tab := table{columns: []column{{"", t.T("Group")}, {"", t.T("Release")}, {"", t.T("App")}, {"", t.T("Result counts until, before")}, {"", t.T("After")}}}
	until := func(at time.Time) cell {
		if at.IsZero() {
			return plain(t.T("for ever"))
		}
		return g.instant(at)
	}
	for _, v := range results {
		tab.add(plain(v.Group), plain(v.Release), plain(v.BundleID), until(v.UntilBefore), until(v.UntilAfter))
	}
	return tab
}
