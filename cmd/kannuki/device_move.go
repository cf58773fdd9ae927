package main

import (
	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/server/api"
)

type moveOptions struct {
	edit
	group, ring string
}

func newDeviceMoveCommand(g *globals) *cobra.Command {
	var o moveOptions
	t := g.text
	cmd := &cobra.Command{
		Use:   "move UDID...",
		Short: t.T("Put phones into another group or ring; their hold stays"),
		Long: t.T("Put phones into another group or ring; their hold stays. All of them move or none, and they are judged together: a move that opens a closed gate, " +
			"or takes production phones to where they could get what is closed to them, is refused (exit 3). With --propose a second person signs it."),
		Example: "kannuki device move 00008110-0123456789ABCDEF --group sales --ring production --reason \"new owner\"\n" +
			"kannuki device move 00008110-0123456789ABCDEF --reason \"in the drawer\"\n" +
			"kannuki device move 00008110-0123456789ABCDEF --group stock --ring production --propose --reason \"new job\"",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage(cmd, t.T("%s is missing", "UDID"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return runDeviceMove(g, cmd, o, args) },
	}
	f := cmd.Flags()
	o.addFlags(g, f)
	f.StringVar(&o.group, "group", "", t.T("group to put it into (default: none)"))
	f.StringVar(&o.ring, "ring", "", t.T("place in the group: verification or production"))
	g.complete(cmd, "group", g.groupNames)
	g.complete(cmd, "ring", func(*cobra.Command) []string { return []string{"verification", "production"} })
	cmd.ValidArgsFunction = func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		return g.deviceNames(cmd), cobra.ShellCompDirectiveNoFileComp
	}
	return cmd
}

func runDeviceMove(g *globals, cmd *cobra.Command, o moveOptions, udids []string) error {
	request := api.MoveRequest{Group: o.group, Ring: o.ring, Reason: o.Reason, DryRun: o.DryRun, Propose: o.propose}
	moved := func(views []fleet.DeviceView, data any) answer {
		return answer{data: data, table: g.deviceTable(views), text: g.movedPhones(views, o.DryRun)}
	}
	if len(udids) == 1 {
		return showEdit(g, cmd, api.Path("devices", udids[0], "move"), request, o.edit, func(d fleet.DeviceView) answer { return moved([]fleet.DeviceView{d}, d) })
	}
	request.Devices = udids
	return showEdit(g, cmd, api.Path("devices", "move"), request, o.edit, func(m api.Moved) answer { return moved(m.Devices, m) })
}

// movedPhones says where phones are, or would be.
func (g *globals) movedPhones(views []fleet.DeviceView, dryRun bool) string {
	t, text := g.text, ""
	if dryRun {
		text = g.done(true, "")
	}
	for _, d := range views {
		switch ring := t.Word(d.Ring); {
		case dryRun && d.Group == "":
			text += t.T("%s would be in no group; its updates stay held.", d.UDID)
		case dryRun:
			text += t.T("%s would be in %s: %s.", d.UDID, d.Group, ring)
		case d.Group == "":
			text += t.T("%s is in no group now; its updates stay held.", d.UDID)
		default:
			text += t.T("%s is in %s now: %s.", d.UDID, d.Group, ring)
		}
		text += "\n"
	}
	return text
}
