package main

import (
	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/server/api"
)

func newDeviceRemoveCommand(g *globals) *cobra.Command {
	t := g.text
	return newDeedCommand(g, deed[api.Device]{
		use: "remove UDID", short: t.T("Take a phone out that is lost, broken or given away"),
		long: t.T("Take a phone out that is lost, broken or given away: its certificate is revoked at once, commands that wait are cancelled, and it is counted nowhere any more. " +
			"Its record stays, and it can enroll again with a new link. The profile on the phone stays as well, with the updates it holds back: erase the phone, or have its user remove the profile under Settings > General > VPN & Device Management. " +
			"A user who removes the profile takes the phone out without this command."),
		example:     "kannuki device remove 00008110-0123456789ABCDEF --reason \"lost on 20 November\"",
		needsReason: true,
		path:        func(args []string) string { return api.Path("devices", args[0], "remove") },
		complete:    completeArg(g.deviceNames),
		ask: func(udid string) string {
			return t.T("Remove %s? It has to enroll again to come back. Type its UDID:", udid)
		},
		shown: func(args []string, d api.Device) (table, string) {
			return g.deviceTable([]fleet.DeviceView{d.DeviceView}),
				t.T("Removed %s. Its profile stays on the phone until it is erased or its user removes the profile.", args[0])
		},
	})
}

func newDeviceQueueCancelCommand(g *globals) *cobra.Command {
	t := g.text
	return newDeedCommand(g, deed[fleet.QueueView]{
		use: "cancel UDID COMMAND", short: t.T("Take a command out of a phone's queue"),
		long:     t.T("Take a command out of a phone's queue. One that was sent already may be carried out all the same; what the phone says of it is then ignored."),
		example:  "kannuki device queue cancel 00008110-0123456789ABCDEF 1f0c… --reason \"not needed any more\"",
		path:     func(args []string) string { return api.Path("devices", args[0], "queue", args[1], "cancel") },
		complete: g.completeCommand,
		shown: func(args []string, c fleet.QueueView) (table, string) {
			text := t.T("Cancelled %s of %s; the phone never got it.", c.RequestType, args[0])
			if c.Deliveries > 0 {
				text = t.T("Cancelled %s of %s. It was sent before; the phone may carry it out all the same.", c.RequestType, args[0])
			}
			return g.queueTable([]fleet.QueueView{c}), text
		},
	})
}

// completeCommand offers a phone, then the commands in its queue.
func (g *globals) completeCommand(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) != 1 {
		return completeArg(g.deviceNames)(cmd, args, typed)
	}
	var out []string
	for _, c := range ask[api.Queue](g, cmd, api.Path("devices", args[0], "queue")).Commands {
		if c.FinishedAt.IsZero() {
			out = append(out, c.UUID)
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}
