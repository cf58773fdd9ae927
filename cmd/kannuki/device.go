package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/server/api"
)

func newDeviceCommand(g *globals) *cobra.Command {
	return g.noun("device", g.text.T("Enrolled phones"),
		newDeviceListCommand(g), newDeviceShowCommand(g), newDeviceExplainCommand(g), newDeviceQueueCommand(g),
		newDevicePushCommand(g), newDeviceRefreshCommand(g), newDeviceMoveCommand(g), newDeviceSetCommand(g), newDeviceHoldersCommand(g), newDeviceRemoveCommand(g))
}

// devicePage is a list of phones, as the server pages it.
type devicePage = fleet.DevicePage

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
		{"certificate_state", ""},
		{"hold_by", ""},
		{"update_by", ""},
		{"holder", ""},
		{"exposed_by", ""},
	}}
	for _, d := range devices {
		tab.add(plain(d.UDID), plain(d.Serial), plain(d.Model), osCell(runs(d), d.ExposedBy), plain(d.Group), g.word(d.Ring), g.word(d.Hold), plain(d.Target),
			onClock(d.Deadline), g.word(d.InstallState), g.reason(d.Reason), g.instant(d.LastContact), plain(d.Leak),
			plain(d.CertificateState), plain(d.HoldBy), plain(d.UpdateBy), plain(d.Holder), plain(d.ExposedBy))
	}
	return tab
}

// runs is the release on a phone, with the letter of its background improvement.
func runs(d fleet.DeviceView) string { return version.WithExtra(d.OS, d.Supplemental) }

// by adds the mechanism to what it brings about.
func (g *globals) by(what, mechanism string) string {
	if mechanism == "" {
		return what
	}
	return fmt.Sprintf("%s (%s)", what, g.text.Word(mechanism))
}

func newDeviceExplainCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "explain UDID",
		Short:   g.text.T("Say why a phone is where it is, and what comes next"),
		Example: "kannuki device explain 00008110-0123456789ABCDEF",
		Args:    g.args("UDID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return showGet(g, cmd, api.Path("devices", args[0], "explain"), nil, func(v fleet.ExplainView) answer {
				return answer{data: v, table: g.deviceTable([]fleet.DeviceView{v.Device}), text: g.explainText(v)}
			})
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
	hold = g.by(hold, string(x.HoldBy))
	if x.Hold != "" { // nobody knows of one on a phone that left
		fmt.Fprintf(&b, "\n%s\n", t.T("Hold: %s", hold))
	}
	b.WriteString(g.chainText(x.Facts, v.Device.Group))
	b.WriteString(g.declinedOnText(v.Declined))
	params, automatic := x.Reason.Params, x.Reason.Params
	for _, fact := range x.Facts {
		if fact.Code == x.NextAutomatic { // what the policy approves
			automatic = fact.Params
		}
	}
	pairs := [][2]string{
		{t.T("By itself"), t.Fill(t.Step(string(x.NextAutomatic)), automatic)},
		{t.T("You can"), t.Fill(t.Step(string(x.NextHuman)), params)},
	}
	pairs = append(pairs, g.chaseLines(v.Chase)...)
	if kept := g.keptPlaceText(v.KeptPlace); kept != "" {
		pairs = append(pairs, [2]string{t.T("Its link named"), kept})
	}
	if v.Device.Target != "" {
		pairs = append([][2]string{{t.T("To install"), g.by(v.Device.Target, v.Device.UpdateBy)}}, pairs...)
	}
	b.WriteString("\n" + fields(pairs...) + g.clockText(v.Clock))
	return b.String()
}
