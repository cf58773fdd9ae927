package main

import (
	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/server/api"
)

func newDeviceQueueCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "queue UDID",
		Short:   g.text.T("Show the commands people queued for a phone"),
		Example: "kannuki device queue 00008110-0123456789ABCDEF",
		Args:    g.args("UDID"),
		RunE:    func(cmd *cobra.Command, args []string) error { return runDeviceQueue(g, cmd, args[0]) },
	}
	cmd.ValidArgsFunction = completeArg(g.deviceNames)
	cmd.AddCommand(newDeviceQueueCancelCommand(g))
	return cmd
}

func runDeviceQueue(g *globals, cmd *cobra.Command, udid string) error {
	return showGet(g, cmd, api.Path("devices", udid, "queue"), nil, func(q api.Queue) answer {
		a := answer{data: q, table: g.queueTable(q.Commands)}
		if len(q.Commands) == 0 {
			a.text = g.text.T("Nothing is queued. What the server asks by itself has no entry here.") + "\n"
		}
		return a
	})
}

func (g *globals) queueTable(commands []fleet.QueueView) table {
	t := g.text
	tab := table{columns: []column{
		{"uuid", t.T("Command")},
		{"request_type", t.T("Type")},
		{"state", t.T("State")},
		{"created_at", t.T("Queued")},
		{"created_by", t.T("By")},
		{"sent_at", t.T("Sent")},
		{"deliveries", t.T("Times sent")},
		{"not_nows", t.T("Answered \"not now\"")},
		{"finished_at", t.T("Finished")},
		{"error", t.T("Problem")},
	}}
	for _, c := range commands {
		tab.add(plain(c.UUID), plain(c.RequestType), g.word(c.State), g.instant(c.CreatedAt), plain(c.CreatedBy), g.instant(c.SentAt),
			number(c.Deliveries), number(c.NotNows), g.instant(c.FinishedAt), plain(c.Error))
	}
	return tab
}

// deviceVerb is something done to one phone that needs nothing but a name.
type deviceVerb struct {
	name, short string
	said        func(udid string, done api.Done) string
}

func newDevicePushCommand(g *globals) *cobra.Command {
	return newDeviceVerbCommand(g, deviceVerb{
		name: "push", short: g.text.T("Wake a phone now"),
		said: func(udid string, _ api.Done) string { return g.text.T("Asked Apple to wake %s.", udid) },
	})
}

func newDeviceRefreshCommand(g *globals) *cobra.Command {
	return newDeviceVerbCommand(g, deviceVerb{
		name: "refresh", short: g.text.T("Ask a phone for its inventory now instead of within a day"),
		said: func(udid string, done api.Done) string {
			if done.Queued == 0 {
				return g.text.T("%s has been asked already.", udid)
			}
			return g.text.T("Queued for %s: %d commands.", udid, done.Queued)
		},
	})
}

func newDeviceVerbCommand(g *globals, v deviceVerb) *cobra.Command {
	return newDeedCommand(g, deed[api.Done]{
		use: v.name + " UDID", short: v.short,
		example:  "kannuki device " + v.name + " 00008110-0123456789ABCDEF",
		path:     func(args []string) string { return api.Path("devices", args[0], v.name) },
		complete: completeArg(g.deviceNames),
		shown: func(args []string, done api.Done) (table, string) {
			tab := table{columns: []column{{"udid", ""}, {"queued", ""}, {"dry_run", ""}}}
			tab.add(plain(args[0]), number(done.Queued), boolean(done.DryRun))
			return tab, v.said(args[0], done)
		},
	})
}
