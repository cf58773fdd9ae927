package main

import (
	"context"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/server/api"
)

func newLeakCommand(g *globals) *cobra.Command {
	return g.noun("leak", g.text.T("Phones that were updated unapproved"), newLeakListCommand(g))
}

func newLeakListCommand(g *globals) *cobra.Command {
	var o groupFlag
	t := g.text
	cmd := &cobra.Command{
		Use:   "list",
		Short: t.T("List production phones on a release that nobody approved, and how they came to it"),
		Long: t.T("List production phones on a release that nobody approved for their group, how they came to it, and which apps nobody verified there. " +
			"A phone leaves the list when the release is approved, or when it moves on. Until then a newer release that was approved for it is named beside it. What was done about it is what the group's policy says (`kannuki policy set --on-leak`)."),
		Example: "kannuki leak list\nkannuki leak list --group sales -o csv",
		Args:    g.args(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runLeakList(cmd.Context(), g, cmd, o) },
	}
	o.addFlags(g, cmd.Flags())
	g.complete(cmd, "group", g.groupNames)
	return cmd
}

func runLeakList(ctx context.Context, g *globals, cmd *cobra.Command, o groupFlag) error {
	client, err := g.client(cmd)
	if err != nil {
		return err
	}
	all := fleet.Leaks{Leaks: []fleet.LeakView{}}
	for query := (url.Values{"group": {o.group}}); ; {
		var page fleet.Leaks
		if err := client.Get(ctx, api.Path("leaks"), query, &page); err != nil {
			return err
		}
		all.AsOf, all.Leaks = page.AsOf, append(all.Leaks, page.Leaks...)
		if page.Next == 0 {
			return g.show(cmd, g.leakAnswer(all))
		}
		query.Set("after", strconv.FormatUint(page.Next, 10))
	}
}

func (g *globals) leakAnswer(v fleet.Leaks) answer {
	t := g.text
	tab := table{columns: []column{
		{"udid", t.T("Phone")},
		{"group", t.T("Group")},
		{"model", t.T("Model")},
		{"release", t.T("Release")},
		{"from", t.T("Before")},
		{"since", t.T("Since")},
		{"cause", t.T("Why")},
		{"install_reasons", t.T("Installed by")},
		{"phase", t.T("Gate")},
		{"unverified", t.T("Not verified there")},
		{"reaction", t.T("Done about it")},
		{"answered", t.T("Approved since")},
	}}
	for _, l := range v.Leaks {
		cause := plain("")
		if l.Cause != "" {
			cause = cell{l.Cause, t.Why(l.Cause)}
		}
		tab.add(plain(l.UDID), plain(l.Group), plain(l.Model), plain(l.Release), plain(l.From), g.instant(l.Since), cause, list(l.Reasons),
			g.phase(l.Phase), list(l.Unverified), g.word(l.Reaction), plain(l.Answered))
	}
	if len(v.Leaks) == 0 {
		return answer{data: v, table: tab, text: t.T("No production phone is on a release that it came to unapproved.") + "\n"}
	}
	return answer{data: v, table: tab}
}
