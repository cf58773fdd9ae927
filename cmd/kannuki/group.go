package main

import (
	"net/url"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/server/api"
)

func newGroupCommand(g *globals) *cobra.Command {
	return g.noun("group", g.text.T("Groups of phones that do the same work"),
		newGroupAddCommand(g), newGroupListCommand(g), newGroupShowCommand(g), newGroupRemoveCommand(g))
}

type groupAddOptions struct {
	act
	apps      []string
	candidate string
	rights    string
	notice    string
}

func newGroupAddCommand(g *globals) *cobra.Command {
	var o groupAddOptions
	t := g.text
	cmd := &cobra.Command{
		Use:   "add GROUP",
		Short: t.T("Add a group, or add apps to one and change the settings that are given"),
		Example: "kannuki group add sales --app com.example.pos --app com.example.scanner\n" +
			"kannuki group add warehouse --app com.example.scanner --candidate auto --rights full",
		Args: g.args("GROUP"),
		RunE: func(cmd *cobra.Command, args []string) error { return runGroupAdd(g, cmd, o, args[0]) },
	}
	f := cmd.Flags()
	o.addFlags(g, f)
	f.StringArrayVar(&o.apps, "app", nil, t.T("bundle identifier of a business app; may be repeated"))
	f.StringVar(&o.candidate, "candidate", "", t.T("how verification phones get a new release: manual (gate offer; the default of a new group) or auto"))
	f.StringVar(&o.rights, "rights", "", t.T("what the server may do to phones that enroll from now on: updates, managed (the default of a new group) or full; can only shrink on an enrolled phone"))
	f.StringVar(&o.notice, "minimum-notice", "", t.T("least time between telling a phone and its deadline, such as 24h"))
	g.complete(cmd, "app", g.appNames)
	g.complete(cmd, "candidate", func(*cobra.Command) []string { return []string{"manual", "auto"} })
	g.complete(cmd, "rights", func(*cobra.Command) []string { return []string{"updates", "managed", "full"} })
	return cmd
}

func runGroupAdd(g *globals, cmd *cobra.Command, o groupAddOptions, name string) error {
	client, err := g.client(cmd)
	if err != nil {
		return err
	}
	var group fleet.GroupView
	err = client.Post(cmd.Context(), api.Path("groups"), api.AddGroupRequest{
		Name: name, Apps: o.apps, Candidate: o.candidate, Rights: o.rights, MinimumNotice: o.notice, Reason: o.Reason, DryRun: o.DryRun,
	}, &group)
	if err != nil {
		return err
	}
	text := g.text.T("Group %s has these business apps: %s.", group.Name, list(group.Apps).shown)
	if len(group.Apps) == 0 {
		text = g.text.T("Group %s has no business apps, so its gates stay closed. Add the apps this work depends on.", group.Name)
	}
	return g.show(cmd, answer{data: group, table: g.groupTable([]fleet.GroupView{group}), text: g.done(o.DryRun, text)})
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
	}}
	for _, v := range groups {
		tab.add(plain(v.Name), list(v.Apps), g.word(v.Candidate), g.word(v.Rights), number(v.Verification), number(v.Production))
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
			client, err := g.client(cmd)
			if err != nil {
				return err
			}
			var out api.Groups
			if err := client.Get(cmd.Context(), api.Path("groups"), nil, &out); err != nil {
				return err
			}
			a := answer{data: out, table: g.groupTable(out.Groups)}
			if len(out.Groups) == 0 {
				a.text = g.text.T("No groups. Make one with `kannuki group add`.") + "\n"
			}
			return g.show(cmd, a)
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
	text := tab.text()
	if len(out.Gates.Gates) > 0 {
		gates := g.gateTable(out.Gates.Gates)
		text += "\n" + gates.text()
	}
	return g.show(cmd, answer{data: out, table: tab, text: text})
}

func newGroupRemoveCommand(g *globals) *cobra.Command {
	var o act
	cmd := &cobra.Command{
		Use:     "remove GROUP",
		Short:   g.text.T("Remove a group that has no phones"),
		Example: "kannuki group remove sales --reason \"merged into retail\"",
		Args:    g.args("GROUP"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := g.client(cmd)
			if err != nil {
				return err
			}
			var done api.Done
			if err := client.Post(cmd.Context(), api.Path("groups", args[0], "remove"), o, &done); err != nil {
				return err
			}
			tab := table{columns: []column{{"group", ""}, {"dry_run", ""}}}
			tab.add(plain(args[0]), boolean(done.DryRun))
			return g.show(cmd, answer{data: done, table: tab, text: g.done(o.DryRun, g.text.T("Removed group %s.", args[0]))})
		},
	}
	o.addFlags(g, cmd.Flags())
	cmd.ValidArgsFunction = completeArg(g.groupNames)
	return cmd
}
