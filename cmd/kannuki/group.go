package main

import (
	"net/url"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/server/api"
)

func newGroupCommand(g *globals) *cobra.Command {
	return g.noun("group", g.text.T("Groups of phones that do the same work"),
		newGroupAddCommand(g), newGroupListCommand(g), newGroupShowCommand(g), newGroupSetCommand(g), newGroupRemoveCommand(g))
}

// groupFlags are the settings of a group.
type groupFlags struct {
	act
	settings api.GroupSettings
}

func (o *groupFlags) addFlags(g *globals, cmd *cobra.Command) {
	t, f, s := g.text, cmd.Flags(), &o.settings
	o.act.addFlags(g, f)
	f.StringArrayVar(&s.Apps, "app", nil, t.T("bundle identifier of a business app to add; may be repeated"))
	f.StringVar(&s.Candidate, "candidate", "", t.T("how verification phones get a new release: manual (gate offer; the default of a new group) or auto"))
	f.StringVar(&s.Rights, "rights", "", t.T("what the server may do to phones that enroll from now on: updates, managed (the default of a new group) or full; can only shrink on an enrolled phone"))
	f.StringVar(&s.Policy, "policy", "", t.T("policy that decides about the group's gates; a new group has the built-in one, default"))
	f.StringVar(&s.MinimumNotice, "minimum-notice", "", t.T("least time between telling a phone and its deadline, such as 24h"))
	f.StringVar(&s.CandidateNotice, "candidate-notice", "", t.T("the same for a candidate on verification phones, such as 4h"))
	g.complete(cmd, "app", g.appNames)
	g.complete(cmd, "policy", g.policyNames)
	g.complete(cmd, "candidate", func(*cobra.Command) []string { return []string{"manual", "auto"} })
	g.complete(cmd, "rights", func(*cobra.Command) []string { return []string{"updates", "managed", "full"} })
}

func newGroupAddCommand(g *globals) *cobra.Command {
	var o groupFlags
	cmd := &cobra.Command{
		Use:   "add GROUP",
		Short: g.text.T("Add a group"),
		Example: "kannuki group add sales --app com.example.pos --app com.example.scanner\n" +
			"kannuki group add warehouse --app com.example.scanner --candidate auto --rights full",
		Args: g.args("GROUP"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.settings.Reason, o.settings.DryRun = o.Reason, o.DryRun
			return showPost(g, cmd, api.Path("groups"), api.AddGroupRequest{Name: args[0], GroupSettings: o.settings}, func(v fleet.GroupView) answer {
				return answer{data: v, table: g.groupTable([]fleet.GroupView{v}), text: g.done(o.DryRun, g.groupApps(v))}
			})
		},
	}
	o.addFlags(g, cmd)
	return cmd
}

func newGroupSetCommand(g *globals) *cobra.Command {
	var o groupFlags
	var without []string
	var propose bool
	t := g.text
	cmd := &cobra.Command{
		Use:   "set GROUP",
		Short: t.T("Change the settings of a group that exists, or take apps away"),
		Long: t.T("Change the settings of a group that exists, or take apps away; what is not given stays. Taking an app away that would open a closed gate is refused, with the gates named (exit 3). " +
			"How long releases are hidden is not a setting: it is always the 90 days that Apple allows."),
		Example: "kannuki group set sales --minimum-notice 48h --candidate auto\n" +
			"kannuki group set sales --remove-app com.example.old --reason \"not used there any more\"",
		Args: g.args("GROUP"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s := o.settings
			if len(s.Apps)+len(without) == 0 && s.Candidate+s.Rights+s.Policy+s.MinimumNotice+s.CandidateNotice == "" {
				return usage(cmd, g.text.T("nothing to change: give at least one setting"))
			}
			s.Reason, s.DryRun = o.Reason, o.DryRun
			request := api.SetGroupRequest{GroupSettings: s, RemoveApps: without, Propose: propose}
			return showEdit(g, cmd, api.Path("groups", args[0]), request, edit{o.act, propose}, func(v fleet.GroupEdit) answer {
				text := g.done(o.DryRun, g.groupApps(v.GroupView)) + g.wavesMovedText(v.MovedWaves) + g.approvedWithoutText(v.Without)
				return answer{data: v, table: g.groupTable([]fleet.GroupView{v.GroupView}), text: text}
			})
		},
	}
	o.addFlags(g, cmd)
	g.proposeFlag(cmd.Flags(), &propose)
	cmd.Flags().StringArrayVar(&without, "remove-app", nil, t.T("bundle identifier of a business app to take away; may be repeated"))
	g.complete(cmd, "remove-app", g.appNames)
	cmd.ValidArgsFunction = completeArg(g.groupNames)
	return cmd
}

// groupApps says which business apps a group has now.
func (g *globals) groupApps(v fleet.GroupView) string {
	if len(v.Apps) == 0 {
		return g.text.T("Group %s has no business apps, so its gates stay closed. Add the apps this work depends on.", v.Name)
	}
	return g.text.T("Group %s has these business apps: %s.", v.Name, list(v.Apps).shown)
}

func (g *globals) groupTable(groups []fleet.GroupView) table {
	t := g.text
	tab := table{columns: []column{
		{"name", t.T("Group")},
		{"apps", t.T("Business apps")},
		{"candidate", t.T("To verification phones")},
		{"rights", t.T("Rights")},
		{"verification", t.T("Verification phones")},
		{"production", t.T("Production phones")},
		{"minimum_notice", ""},
		{"candidate_notice", ""},
		{"hold_days", ""},
		{"policy", t.T("Policy")},
	}}
	for _, v := range groups {
		tab.add(plain(v.Name), list(v.Apps), g.word(v.Candidate), g.word(v.Rights), number(v.Verification), number(v.Production),
			plain(v.MinimumNotice), plain(v.CandidateNotice), number(v.HoldDays), plain(v.Policy))
	}
	return tab
}

func newGroupListCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   g.text.T("List the groups"),
		Example: "kannuki group list",
		Args:    g.args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return showGet(g, cmd, api.Path("groups"), nil, func(out api.Groups) answer {
				a := answer{data: out, table: g.groupTable(out.Groups)}
				if len(out.Groups) == 0 {
					a.text = g.text.T("No groups. Make one with `kannuki group add`.") + "\n"
				}
				return a
			})
		},
	}
}

func newGroupShowCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show GROUP",
		Short:   g.text.T("Show one group and its gates"),
		Example: "kannuki group show sales",
		Args:    g.args("GROUP"),
		RunE:    func(cmd *cobra.Command, args []string) error { return runGroupShow(g, cmd, args[0]) },
	}
	cmd.ValidArgsFunction = completeArg(g.groupNames)
	return cmd
}

// groupAndGates is one group with its gates.
type groupAndGates struct {
	Group fleet.GroupView `json:"group"`
	api.Gates
}

func runGroupShow(g *globals, cmd *cobra.Command, name string) error {
	client, err := g.client(cmd)
	if err != nil {
		return err
	}
	var groups api.Groups
	if err := client.Get(cmd.Context(), api.Path("groups"), nil, &groups); err != nil {
		return err
	}
	var out groupAndGates
	// Asked for second, so that a group that does not exist is the server's
	// error, with names that come near.
	if err := client.Get(cmd.Context(), api.Path("gates"), url.Values{"group": {name}}, &out.Gates); err != nil {
		return err
	}
	if i := slices.IndexFunc(groups.Groups, func(v fleet.GroupView) bool { return v.Name == name }); i >= 0 {
		out.Group = groups.Groups[i]
	}
	tab := g.groupTable([]fleet.GroupView{out.Group})
	text := g.groupText(out.Group)
	if len(out.Gates.Gates) > 0 {
		gates := g.gateTable(out.Gates.Gates, out.Declined)
		text += "\n" + gates.text() + g.declinedText(out.Declined)
	}
	return g.show(cmd, answer{data: out, table: tab, text: text})
}

func (g *globals) groupText(v fleet.GroupView) string {
	t := g.text
	return fields(
		[2]string{t.T("Group"), v.Name},
		[2]string{t.T("Business apps"), list(v.Apps).shown},
		[2]string{t.T("To verification phones"), g.word(v.Candidate).shown},
		[2]string{t.T("Notice to them"), v.CandidateNotice},
		[2]string{t.T("Notice to production phones"), v.MinimumNotice},
		[2]string{t.T("Hidden after Apple posts it"), t.N(v.HoldDays, "%d day", "%d days")},
		[2]string{t.T("Policy"), v.Policy},
		[2]string{t.T("Rights"), t.T("%s (of phones that enroll from now on)", g.word(v.Rights).shown)},
		[2]string{t.T("Verification phones"), strconv.Itoa(v.Verification)},
		[2]string{t.T("Production phones"), strconv.Itoa(v.Production)},
	)
}

func newGroupRemoveCommand(g *globals) *cobra.Command {
	return newDeedCommand(g, deed[api.Done]{
		use: "remove GROUP", short: g.text.T("Remove a group that has no phones"),
		example:  "kannuki group remove sales --reason \"merged into retail\"",
		path:     func(args []string) string { return api.Path("groups", args[0], "remove") },
		complete: completeArg(g.groupNames),
		shown: func(args []string, done api.Done) (table, string) {
			tab := table{columns: []column{{"group", ""}, {"dry_run", ""}}}
			tab.add(plain(args[0]), boolean(done.DryRun))
			return tab, g.text.T("Removed group %s.", args[0])
		},
	})
}
