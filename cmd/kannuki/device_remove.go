package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/server/api"
)

func newDeviceRemoveCommand(g *globals) *cobra.Command {
	var o act
	t := g.text
	cmd := &cobra.Command{
		Use:   "remove UDID",
		Short: t.T("Take a phone out that is lost, broken or given away"),
		Long: t.T("Take a phone out that is lost, broken or given away: its certificate is revoked at once, commands that wait are cancelled, and it is counted nowhere any more. " +
			"Its record stays, and it can enroll again with a new link. The profile on the phone stays as well, with the updates it holds back: erase the phone, or have its user remove the profile under Settings > General > VPN & Device Management. " +
			"A user who removes the profile takes the phone out without this command."),
		Example: "kannuki device remove 00008110-0123456789ABCDEF --reason \"lost on 20 November\"",
		Args:    g.args("UDID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runDeviceRemove(cmd.Context(), g, cmd, o, args[0])
		},
	}
	o.addFlags(g, cmd.Flags())
	cmd.ValidArgsFunction = completeArg(g.deviceNames)
	return cmd
}

func runDeviceRemove(ctx context.Context, g *globals, cmd *cobra.Command, o act, udid string) error {
	if err := g.need(cmd, "reason"); err != nil {
		return err
	}
	client, err := g.client(cmd)
	if err != nil {
		return err
	}
	if !o.DryRun {
		if err := g.confirm(ctx, cmd, g.text.T("Remove %s? It has to enroll again to come back. Type its UDID:", udid), udid); err != nil {
			return err
		}
	}
	var d api.Device
	if err := client.Post(ctx, api.Path("devices", udid, "remove"), o, &d); err != nil {
		return err
	}
	text := g.text.T("Removed %s. Its profile stays on the phone until it is erased or its user removes the profile.", udid)
	return g.show(cmd, answer{data: d, table: g.deviceTable([]fleet.DeviceView{d.DeviceView}), text: g.done(o.DryRun, text)})
}

func newDeviceQueueCancelCommand(g *globals) *cobra.Command {
	var o act
	cmd := &cobra.Command{
		Use:     "cancel UDID COMMAND",
		Short:   g.text.T("Take a command out of a phone's queue"),
		Long:    g.text.T("Take a command out of a phone's queue. One that was sent already may be carried out all the same; what the phone says of it is then ignored."),
		Example: "kannuki device queue cancel 00008110-0123456789ABCDEF 1f0c… --reason \"not needed any more\"",
		Args:    g.args("UDID", "COMMAND"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runDeviceQueueCancel(cmd.Context(), g, cmd, o, args[0], args[1])
		},
	}
	o.addFlags(g, cmd.Flags())
	cmd.ValidArgsFunction = g.completeCommand
	return cmd
}

func runDeviceQueueCancel(ctx context.Context, g *globals, cmd *cobra.Command, o act, udid, id string) error {
	client, err := g.client(cmd)
	if err != nil {
		return err
	}
	var c fleet.QueueView
	if err := client.Post(ctx, api.Path("devices", udid, "queue", id, "cancel"), o, &c); err != nil {
		return err
	}
	text := g.text.T("Cancelled %s of %s; the phone never got it.", c.RequestType, udid)
	if c.Deliveries > 0 {
		text = g.text.T("Cancelled %s of %s. It was sent before; the phone may carry it out all the same.", c.RequestType, udid)
	}
	return g.show(cmd, answer{data: c, table: g.queueTable([]fleet.QueueView{c}), text: g.done(o.DryRun, text)})
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
