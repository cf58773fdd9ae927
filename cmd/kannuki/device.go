package main

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/server/api"
)

func newDeviceCommand(g *globals) *cobra.Command {
	return g.noun("device", g.text.T("Enrolled phones"),
		newDeviceListCommand(g), newDeviceShowCommand(g), newDeviceExplainCommand(g), newDeviceQueueCommand(g),
		newDevicePushCommand(g), newDeviceRefreshCommand(g), newDeviceMoveCommand(g))
}

// devicePage is a list of phones, as the server pages it.
type devicePage = fleet.DevicePage

type deviceListOptions struct {
	group  string
	ring   string
	reason string
}

func newDeviceListCommand(g *globals) *cobra.Command {
	var o deviceListOptions
	t := g.text
	cmd := &cobra.Command{
		Use:     "list",
		Short:   t.T("List phones, each with one reason"),
		Example: "kannuki device list --group sales\nkannuki device list --reason offline -o csv",
		Args:    g.args(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runDeviceList(cmd.Context(), g, cmd, o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.group, "group", "", t.T("only phones of this group; - for those in none"))
	f.StringVar(&o.ring, "ring", "", t.T("only this place in the group: verification or production"))
	f.StringVar(&o.reason, "reason", "", t.T("only phones with this reason, such as offline or gate-closed"))
	g.complete(cmd, "group", g.groupNames)
	g.complete(cmd, "ring", func(*cobra.Command) []string { return []string{"verification", "production"} })
	return cmd
}

func runDeviceList(ctx context.Context, g *globals, cmd *cobra.Command, o deviceListOptions) error {
	client, err := g.client(cmd)
	if err != nil {
		return err
	}
	all := devicePage{Devices: []fleet.DeviceView{}}
	query := url.Values{"group": {o.group}, "ring": {o.ring}, "reason": {o.reason}}
	for {
		var page devicePage
		if err := client.Get(ctx, api.Path("devices"), query, &page); err != nil {
			return err
		}
		all.Devices = append(all.Devices, page.Devices...)
		if page.Next == 0 {
			break
		}
		query.Set("after", strconv.FormatUint(page.Next, 10))
	}
	tab := g.deviceTable(all.Devices)
	text := g.text.T("No phones.") + "\n"
	if len(all.Devices) > 0 {
		counts := map[string]int{}
		for _, d := range all.Devices {
			counts[d.Hold]++
		}
		text = tab.text() + "\n" + g.text.N(len(all.Devices), "%d phone; hold: %s", "%d phones; holds: %s",
			g.holds(counts[string(policy.HoldConfirmed)], counts[string(policy.HoldPending)], counts[string(policy.HoldImpossible)])) + "\n"
	}
	return g.show(cmd, answer{data: all, table: tab, text: text})
}

func (g *globals) deviceTable(devices []fleet.DeviceView) table {
	t := g.text
	tab := table{columns: []column{
		{"udid", t.T("Phone")},
		{"serial", ""},
		{"model", t.T("Model")},
		{"os", "iOS"},
		{"group", t.T("Group")},
		{"ring", t.T("Ring")},
		{"hold", t.T("Hold")},
		{"target", t.T("To install")},
		{"deadline", ""},
		{"install_state", ""},
		{"reason", t.T("Why not yet")},
		{"last_contact", t.T("Last contact")},
		{"leak", ""},
	}}
	for _, d := range devices {
		tab.add(plain(d.UDID), plain(d.Serial), plain(d.Model), plain(d.OS), plain(d.Group), g.word(d.Ring), g.word(d.Hold), plain(d.Target),
			onClock(d.Deadline), g.word(d.InstallState), g.reason(d.Reason), g.instant(d.LastContact), plain(d.Leak))
	}
	return tab
}

func newDeviceShowCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show UDID",
		Short:   g.text.T("Show what is known of one phone"),
		Example: "kannuki device show 00008110-0123456789ABCDEF",
		Args:    g.args("UDID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := g.client(cmd)
			if err != nil {
				return err
			}
			var d fleet.DeviceView
			if err := client.Get(cmd.Context(), api.Path("devices", args[0]), nil, &d); err != nil {
				return err
			}
			return g.show(cmd, answer{data: d, table: g.deviceTable([]fleet.DeviceView{d}), text: g.deviceText(d)})
		},
	}
	cmd.ValidArgsFunction = completeArg(g.deviceNames)
	return cmd
}

func (g *globals) deviceText(d fleet.DeviceView) string {
	t := g.text
	model := d.Model
	if d.ModelName != "" {
		model = d.ModelName + " (" + d.Model + ")"
	}
	hold := g.word(d.Hold).shown
	if d.HoldWhy != "" {
		hold += ": " + t.Why(d.HoldWhy)
	}
	var apps []string
	for _, a := range d.Apps {
		apps = append(apps, a.BundleID+" "+a.Version)
	}
	return fields(
		[2]string{t.T("Phone"), d.UDID},
		[2]string{t.T("Serial number"), plain(d.Serial).shown},
		[2]string{t.T("Model"), plain(model).shown},
		[2]string{"iOS", plain(strings.TrimSpace(d.OS + " " + d.Build)).shown},
		[2]string{t.T("Group"), plain(d.Group).shown},
		[2]string{t.T("Ring"), g.word(d.Ring).shown},
		[2]string{t.T("Enrollment"), d.State + ", " + g.instant(d.EnrolledAt).shown},
		[2]string{t.T("Supervised"), plain(d.Supervised).shown},
		[2]string{t.T("Hold"), hold},
		[2]string{t.T("To install"), plain(d.Target).shown},
		[2]string{t.T("Deadline, phone's clock"), onClock(d.Deadline).shown},
		[2]string{t.T("Installing"), g.word(d.InstallState).shown},
		[2]string{t.T("Why not yet"), g.reason(d.Reason).shown + " [" + d.Reason + "]"},
		[2]string{t.T("Last contact"), g.instant(d.LastContact).shown},
		[2]string{t.T("Business apps"), list(apps).shown},
		[2]string{t.T("Updated unapproved"), plain(d.Leak).shown},
	)
}

func newDeviceExplainCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "explain UDID",
		Short:   g.text.T("Say why a phone is where it is, and what comes next"),
		Example: "kannuki device explain 00008110-0123456789ABCDEF",
		Args:    g.args("UDID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := g.client(cmd)
			if err != nil {
				return err
			}
			var v fleet.ExplainView
			if err := client.Get(cmd.Context(), api.Path("devices", args[0], "explain"), nil, &v); err != nil {
				return err
			}
			return g.show(cmd, answer{data: v, table: g.deviceTable([]fleet.DeviceView{v.Device}), text: g.explainText(v)})
		},
	}
	cmd.ValidArgsFunction = completeArg(g.deviceNames)
	return cmd
}

// explainText is one line first: what is so, with the code that people search
// for. Then what supports it, and what comes next.
func (g *globals) explainText(v fleet.ExplainView) string {
	t, x := g.text, v.Explanation
	reason := t.Reason(string(x.Reason.Code))
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s [%s]\n", reason.Label, oneLine(t.Fill(reason.Sentence, x.Reason.Params)), x.Reason.Code)
	hold := t.Word(string(x.Hold))
	if x.HoldWhy != "" {
		hold += ": " + t.Why(string(x.HoldWhy))
	}
	fmt.Fprintf(&b, "\n%s\n", t.T("Hold: %s", hold))
	for _, f := range x.Facts {
		fmt.Fprintf(&b, "- %s\n", oneLine(t.Fill(t.Fact(string(f.Code)), f.Params)))
	}
	params := x.Reason.Params
	b.WriteString("\n" + fields(
		[2]string{t.T("By itself"), t.Fill(t.Step(string(x.NextAutomatic)), params)},
		[2]string{t.T("You can"), t.Fill(t.Step(string(x.NextHuman)), params)},
	))
	return b.String()
}
