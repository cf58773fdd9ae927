package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/server/api"
)

// runDeclineAll declines a release for every group that has a gate for it.
func runDeclineAll(ctx context.Context, g *globals, cmd *cobra.Command, o verbOptions, release string) error {
	if err := g.need(cmd, "reason"); err != nil {
		return err
	}
	if !o.yes && !o.DryRun {
		question := g.text.T("Decline iOS %s for every group? Only two people can open a gate again. Type the release:", release)
		if err := g.confirm(ctx, cmd, question, release); err != nil {
			return err
		}
	}
	return showPost(g, cmd, api.Path("releases", release, "decline"), o.act, g.declinedAllAnswer)
}

func (g *globals) declinedAllAnswer(done fleet.DeclinedAll) answer {
	t := g.text
	tab := table{columns: []column{
		{"group", t.T("Group")},
		{"release", t.T("Release")},
		{"phase", t.T("Gate")},
		{"withdraw", t.T("Asked no longer")},
		{"too_late", t.T("Cannot be stopped")},
		{"install", t.T("Asked to install")},
		{"dry_run", ""},
		{"left_out", ""},
	}}
	var names []string
	for _, e := range done.Groups {
		names = append(names, e.Group)
		tab.add(plain(e.Group), plain(e.Release), g.phase(e.Phase), number(e.Withdraw), number(e.TooLate), number(e.Install), boolean(e.DryRun), plain(""))
	}
	text := g.done(done.DryRun, t.T("Declined: %s is not for %s.", done.Release, list(names).shown)) + "\n" + tab.text()
	if len(done.LeftOut) > 0 {
		text += "\n" + t.T("Left out:") + "\n"
	}
	for _, l := range done.LeftOut {
		text += "- " + l.Group + ": " + oneLine(t.Fill(t.Fact(string(l.Why.Code)), l.Why.Params)) + "\n"
		tab.add(plain(l.Group), plain(done.Release), plain(""), plain(""), plain(""), plain(""), boolean(done.DryRun), plain(string(l.Why.Code)))
	}
	return answer{data: done, table: tab, text: text}
}
