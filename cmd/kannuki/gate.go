package main

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/server/api"
)

func newGateCommand(g *globals) *cobra.Command {
	t := g.text
	return g.noun("gate", t.T("May a group take a release? See it, and decide"),
		newGateListCommand(g),
		newGateShowCommand(g),
		newGateVerbCommand(g, gateVerb{
			name: "offer", short: t.T("Give a release to the group's verification phones"),
			example: "kannuki gate offer 26.6.1 --group sales --reason \"monthly test\"",
			said: func(release, group string) string {
				return t.T("Offered: %s to the verification phones of %s.", release, group)
			},
		}),
		newGateApproveCommand(g),
		newGateExtendCommand(g),
		newGateOverrideCommand(g),
		newGateVerbCommand(g, gateVerb{
			name: "decline", short: t.T("Close a gate: the release is not for this group; only two people can open it again"),
			example: "kannuki gate decline 26.6 --group sales --reason \"26.6.1 replaces it\"\nkannuki gate decline 26.6 --all-groups --dry-run --reason \"26.6.1 replaces it\"",
			said:    func(release, group string) string { return t.T("Declined: %s is not for %s.", release, group) },
			all:     runDeclineAll,
			ask: func(release, group string) string {
				return t.T("Decline iOS %s for %s? Only two people can open it again. Type the group name:", release, group)
			},
		}),
		newGateVerbCommand(g, gateVerb{
			name: "withdraw", short: t.T("Take an approval back before its first wave, or a release from the verification phones"),
			example: "kannuki gate withdraw 26.6.1 --group sales --reason \"approved by mistake\"",
			said:    func(release, group string) string { return t.T("Withdrawn: %s from %s.", release, group) },
		}),
	)
}

// groupFlag is the group that a decision is about.
type groupFlag struct{ group string }

func (o *groupFlag) addFlags(g *globals, f *pflag.FlagSet) {
	f.StringVar(&o.group, "group", "", g.text.T("group of phones"))
}

func newGateListCommand(g *globals) *cobra.Command {
	var o groupFlag
	cmd := &cobra.Command{
		Use:     "list",
		Short:   g.text.T("List the gates, newest release first within a group"),
		Example: "kannuki gate list\nkannuki gate list --group sales -o json",
		Args:    g.args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return showGet(g, cmd, api.Path("gates"), url.Values{"group": {o.group}}, g.gatesAnswer)
		},
	}
	o.addFlags(g, cmd.Flags())
	g.complete(cmd, "group", g.groupNames)
	return cmd
}

func (g *globals) gatesAnswer(out api.Gates) answer {
	a := answer{data: out, table: g.gateTable(out.Gates, out.Declined)}
	if len(out.Gates) == 0 {
		a.text = g.text.T("No gates: no group has a release to decide about.") + "\n"
	} else {
		a.text = a.table.text()
		if lines := g.branchLines(out.Gates) + g.standingLines(fleet.LinesOf(out.Gates)); lines != "" {
			a.text += "\n" + lines
		}
		a.text += g.declinedText(out.Declined)
	}
	return a
}

// gateTable is a table of gates, with what declined releases among them leave open.
func (g *globals) gateTable(gates []policy.Gate, declined []policy.LeftOpen) table {
	t := g.text
	tab := table{columns: []column{
		{"group", t.T("Group")},
		{"release", t.T("Release")},
		{"phase", t.T("Gate")},
		{"missing", t.T("Waits for")},
		{"verify_by", t.T("Verify by")},
		{"cves", t.T("Fixes")},
		{"exploited", t.T("Known to be exploited")},
		{"production", t.T("Production phones")},
		{"done", t.T("Done")},
		{"override_until", ""},
		{"fixes_since", ""},
		{"verify_by_passed", ""},
		{"branch", ""},
		{"branch_state", ""},
		{"urgent", ""},
		{"urgent_approval_by", ""},
		{"declined_open_cves", ""},
		{"declined_open_exploited", ""},
		{"declined_exposed", ""},
	}}
	for _, v := range gates {
		branch, state := branchCells(v.Branch)
		open := openOf(declined, v.Group, v.Release)
		tab.add(plain(v.Group), plain(v.Release), g.phase(string(v.Phase)), list(v.WaitsFor()), g.verifyBy(v.Clocks),
			g.fixes(v), number(len(v.Exploited)), number(v.Counts.Production), number(v.Counts.Done), overrideUntil(v.Override),
			plain(v.FixesSince), boolean(v.Clocks.Passed), branch, state, boolean(v.Urgent != nil), laneBy(v.Lane),
			open[0], open[1], open[2])
	}
	return tab
}

// laneBy names the two people of an approval by the urgent route.
func laneBy(l *policy.GateLane) cell {
	if l == nil {
		return plain("")
	}
	return list([]string{l.By, l.Second})
}

// verifyBy is the day by which a gate should have been verified, marked once it
// has passed.
func (g *globals) verifyBy(c policy.Clocks) cell {
	by := day(c.VerifyBy)
	if c.Passed {
		by.shown = g.text.T("%s (passed)", by.shown)
	}
	return by
}

// fixes counts what the release fixes for production, with the release it is
// counted from: that differs between groups.
func (g *globals) fixes(gate policy.Gate) cell {
	n := number(gate.CVEs)
	if gate.CVEs > 0 && gate.FixesSince != "" {
		n.shown = g.text.T("%d since %s", gate.CVEs, gate.FixesSince)
	}
	return n
}

func overrideUntil(o *policy.GateOverride) cell {
	if o == nil {
		return plain("")
	}
	return instantUTC(o.Until)
}

// instantUTC is a moment that only programs see.
func instantUTC(t time.Time) cell {
	if t.IsZero() {
		return plain("")
	}
	return plain(t.UTC().Format(time.RFC3339))
}

func newGateShowCommand(g *globals) *cobra.Command {
	var o groupFlag
	cmd := &cobra.Command{
		Use:     "show RELEASE",
		Short:   g.text.T("Show one gate: its state, why, and what comes next"),
		Example: "kannuki gate show 26.6.1 --group sales\nkannuki gate show 26.6.1 --group sales -o json",
		Args:    g.args("RELEASE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := g.need(cmd, "group"); err != nil {
				return err
			}
			client, err := g.client(cmd)
			if err != nil {
				return err
			}
			gate, err := getGate(cmd.Context(), client, o.group, args[0])
			if err != nil {
				return err
			}
			return g.show(cmd, answer{data: gate, table: g.gateTable([]policy.Gate{gate.Gate}, openOfGate(gate)), text: g.gateText(gate)})
		},
	}
	o.addFlags(g, cmd.Flags())
	g.complete(cmd, "group", g.groupNames)
	cmd.ValidArgsFunction = completeArg(g.releaseNames)
	return cmd
}

func getGate(ctx context.Context, client *api.Client, group, release string) (api.Gate, error) {
	var gate api.Gate
	return gate, client.Get(ctx, api.Path("gates", group, release), nil, &gate)
}

// gateText shows everything a person deciding should see.
func (g *globals) gateText(gate api.Gate) string {
	t := g.text
	phase := t.Phase(string(gate.Phase))
	var b strings.Builder
	if _, none := policy.NoGate(gate.Gate); none {
		return g.noGateText(gate.Group, gate.Release, gate.Reasons)
	}
	fmt.Fprintf(&b, "%s\n", t.T("iOS %s for %s: %s [%s]", gate.Release, gate.Group, phase.Label, gate.Phase))
	fmt.Fprintf(&b, "%s\n", phase.Line)
	b.WriteString(g.chainText(gate.Reasons, gate.Group))
	if len(gate.Apps) > 0 {
		tab := g.appStateTable(gate.Apps, classNamer{g.text, gate.Classes, gate.ModelNames})
		b.WriteString("\n" + tab.text())
	}
	b.WriteString("\n" + fields(g.gateFacts(gate)...))
	b.WriteString(g.declinedText(openOfGate(gate)))
	if tab := g.appsFirstTable(gate.AppsFirst); len(tab.rows) > 0 {
		b.WriteString("\n" + tab.text())
	}
	if gate.AppsByHand != nil {
		b.WriteString("\n" + g.appsByHandText(gate.AppsByHand))
	}
	b.WriteString(g.modelClocksText(gate.Gate))
	b.WriteString(g.urgentText(gate.Gate))
	b.WriteString(g.uncoveredText(gate.Gate))
	b.WriteString(g.testRemindersText(gate.Tests))
	b.WriteString("\n" + fields(
		[2]string{t.T("By itself"), g.step(gate.NextAutomatic, gate.Gate)},
		[2]string{t.T("You can"), g.step(gate.NextHuman, gate.Gate)},
		[2]string{t.T("Fingerprint"), gate.Fingerprint},
	))
	return b.String()
}

// noGateText says why a group has no gate for a release.
func (g *globals) noGateText(group, release string, because []policy.Reason) string {
	return g.text.T("iOS %s for %s: no gate", release, group) + "\n" + g.chainText(because, group)
}

// noRolloutText says of a release without a gate that nothing rolls out, whatever was
// approved while it had one.
func (g *globals) noRolloutText(group, release, approval string, because policy.Reason) string {
	text := g.noGateText(group, release, []policy.Reason{because})
	if approval != "" {
		text += g.text.T("Its approval lies idle, and counts once there is a gate again.") + "\n"
	}
	return text
}

func (g *globals) appStateTable(apps []policy.AppState, classes classNamer) table {
	t := g.text
	tab := table{columns: []column{
		{"bundle_id", t.T("App")},
		{"name", t.T("Name")},
		{"importance", t.T("Importance")},
		{"state", t.T("Result")},
		{"why", t.T("Why")},
		{"floor", t.T("From version")},
		{"models", t.T("Verified for")},
		{"missing", t.T("Missing models")},
	}}
	for _, a := range apps {
		why := plain("")
		if a.Why != "" {
			why = cell{string(a.Why), t.Why(string(a.Why))}
		}
		if len(a.BrokenModels) > 0 { // those that are missing have a column
			why.shown = classes.on(why.shown, a.BrokenModels)
		} else if len(untried(a)) > 0 {
			why.shown = classes.on(why.shown, a.Alone)
		}
		why.shown = strings.Join(slices.DeleteFunc([]string{why.shown, classes.quickChecks(a)}, func(part string) bool { return part == "" }), "; ")
		state := g.word(string(a.State))
		if a.Noted && a.State == policy.StatusCarried {
			state.shown = t.T("%s, with a note", state.shown)
		}
		if a.External {
			state.shown = t.T("%s (from outside)", state.shown)
		}
		tab.add(plain(a.BundleID), plain(a.Name), g.word(string(a.Importance)), state, why, plain(a.Floor), classes.list(a.Models), classes.list(a.MissingModels))
	}
	return tab
}

// modelClocksText shows the clocks of each model where they differ, those that
// have the same ones together.
func (g *globals) modelClocksText(gate policy.Gate) string {
	t := g.text
	models := map[policy.Clocks][]string{}
	var order []policy.Clocks
	for _, m := range gate.ModelClocks {
		if models[m.Clocks] == nil {
			order = append(order, m.Clocks)
		}
		models[m.Clocks] = append(models[m.Clocks], m.Model)
	}
	if len(order) < 2 {
		return ""
	}
	tab := table{columns: []column{
		{"models", t.T("Models")},
		{"hidden_until", t.T("Users can see it from")},
		{"shelf_life", t.T("Can be installed until")},
		{"branch", t.T("No fixes since")},
		{"verify_by", t.T("Verify by")},
	}}
	for _, c := range order {
		tab.add(list(models[c]), day(c.HiddenUntil), day(c.ShelfLife), day(c.Branch), g.verifyBy(c))
	}
	return "\n" + tab.text()
}

func (g *globals) gateFacts(gate api.Gate) [][2]string {
	t := g.text
	c := gate.Counts
	production := t.T("%d; on it or newer %d, cannot run it %d", c.Production, c.Done, c.CannotRun)
	if c.NotCovered > 0 {
		production += t.T(", of a model not covered by the approval %d", c.NotCovered)
	}
	if c.Silent > 0 {
		production += t.T(", out of contact %d", c.Silent)
	}
	return [][2]string{
		{t.T("Users can see it from"), day(gate.Clocks.HiddenUntil).shown},
		{t.T("Can be installed until"), day(gate.Clocks.ShelfLife).shown},
		{t.T("The older branch gets no fixes since"), day(gate.Clocks.Branch).shown},
		{t.T("Verify by"), g.verifyBy(gate.Clocks).shown},
		{t.T("Security"), g.fixesText(gate.Gate)},
		{t.T("Waiting has cost"), g.costText(gate.Waiting, lackedExploited(gate.Gate))},
		{t.T("Production phones"), production},
		{t.T("Verification phones"), t.T("%d; on exactly this release %d", c.Verification, c.OnRelease)},
	}
}

func (g *globals) fixesText(gate policy.Gate) string {
	t, text := g.text, ""
	switch {
	case gate.FixesSince == "":
		text = t.N(gate.CVEs, "%d fix in the release itself", "%d fixes in the release itself")
	case gate.CVEs == 0:
		return t.T("no fixes that production lacks")
	default:
		text = t.N(gate.CVEs, "%d fix since iOS %s, the oldest in production", "%d fixes since iOS %s, the oldest in production", gate.FixesSince)
	}
	if len(gate.Exploited) > 0 {
		text += t.T(", known to be exploited: %s", strings.Join(gate.Exploited, ", "))
	}
	return text
}

// lackedExploited returns how many flaws known to be exploited the release fixes that
// production lacks the fix of.
func lackedExploited(gate policy.Gate) int {
	if gate.FixesSince == "" {
		return 0 // what the release itself fixes; no phone waits for it
	}
	return len(gate.Exploited)
}

// step words what comes next at a gate.
func (g *globals) step(code policy.Code, gate policy.Gate) string {
	params := map[string]string{policy.ParamRelease: gate.Release, policy.ParamGroup: gate.Group}
	if code == policy.StepHoldEnds && !gate.Clocks.HiddenUntil.IsZero() {
		params[policy.ParamDate] = gate.Clocks.HiddenUntil.Format(time.RFC3339)
	}
	if (code == policy.StepWaveStarts || code == policy.StepPhonesInstall) && !gate.NextWave.IsZero() {
		params[policy.ParamDate] = gate.NextWave.Format(time.RFC3339)
	}
	for _, r := range gate.Reasons {
		if r.Code == code { // what the policy approves
			maps.Copy(params, r.Params)
		}
	}
	return g.text.Fill(g.text.Step(string(code)), params)
}
