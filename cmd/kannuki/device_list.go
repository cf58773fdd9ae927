package main

import (
	"cmp"
	"context"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/server/api"
)

type deviceListOptions struct {
	group, ring, hold, reason string
	os, model, contactBefore  string
	certificate, holder       string
	removed                   bool
	sort                      string
}

func newDeviceListCommand(g *globals) *cobra.Command {
	var o deviceListOptions
	t := g.text
	cmd := &cobra.Command{
		Use:   "list",
		Short: t.T("List phones, each with one reason"),
		Example: "kannuki device list --group sales --ring production --hold pending\n" +
			"kannuki device list --contact-before 7d --sort contact -o csv",
		Args: g.args(),
		RunE: func(cmd *cobra.Command, _ []string) error { return runDeviceList(cmd.Context(), g, cmd, o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.group, "group", "", t.T("only phones of this group; - for those in none"))
	f.StringVar(&o.ring, "ring", "", t.T("only this place in the group: verification or production"))
	f.StringVar(&o.hold, "hold", "", t.T("only phones whose hold is confirmed, pending, impossible or ended"))
	f.StringVar(&o.reason, "reason", "", t.T("only phones with this reason, such as offline or gate-closed"))
	f.StringVar(&o.os, "os", "", t.T("only phones on this release"))
	f.StringVar(&o.model, "model", "", t.T("only this model, such as iPhone15,2"))
	f.StringVar(&o.contactBefore, "contact-before", "", t.T("only phones last heard of before: 7d or 12h ago, 2026-11-20, or 2026-11-20T09:00:00Z"))
	f.StringVar(&o.certificate, "certificate", "", t.T("only phones whose certificate is valid, due for renewal or ended"))
	f.StringVar(&o.holder, "holder", "", t.T("only phones that this reference is said to carry"))
	f.BoolVar(&o.removed, "removed", false, t.T("the phones that were removed or left, instead of the enrolled ones"))
	f.StringVar(&o.sort, "sort", "", t.T("order by contact, group, model, os, reason or udid (default: as they first enrolled)"))
	g.complete(cmd, "group", g.groupNames)
	g.complete(cmd, "ring", func(*cobra.Command) []string { return []string{"verification", "production"} })
	g.complete(cmd, "hold", func(*cobra.Command) []string { return []string{"confirmed", "pending", "impossible", "ended"} })
	g.complete(cmd, "certificate", func(*cobra.Command) []string {
		return []string{fleet.CertificateValid, fleet.CertificateDue, fleet.CertificateEnded}
	})
	g.complete(cmd, "os", g.releaseNames)
	g.complete(cmd, "sort", func(*cobra.Command) []string { return slices.Sorted(maps.Keys(deviceOrders())) })
	return cmd
}

// deviceOrders are the orders a list of phones can have.
func deviceOrders() map[string]func(a, b fleet.DeviceView) int {
	return map[string]func(a, b fleet.DeviceView) int{
		"contact": func(a, b fleet.DeviceView) int { return a.LastContact.Compare(b.LastContact) },
		"group": func(a, b fleet.DeviceView) int {
			return cmp.Or(strings.Compare(a.Group, b.Group), strings.Compare(a.Ring, b.Ring))
		},
		"model":  func(a, b fleet.DeviceView) int { return strings.Compare(a.Model, b.Model) },
		"os":     func(a, b fleet.DeviceView) int { return version.Order(runs(a), runs(b)) },
		"reason": func(a, b fleet.DeviceView) int { return strings.Compare(a.Reason, b.Reason) },
		"udid":   func(a, b fleet.DeviceView) int { return strings.Compare(a.UDID, b.UDID) },
	}
}

func runDeviceList(ctx context.Context, g *globals, cmd *cobra.Command, o deviceListOptions) error {
	order, known := deviceOrders()[o.sort]
	if o.sort != "" && !known {
		return usage(cmd, g.text.T("--sort %q: want contact, group, model, os, reason or udid", o.sort))
	}
	client, err := g.client(cmd)
	if err != nil {
		return err
	}
	all := devicePage{Devices: []fleet.DeviceView{}}
	query := url.Values{
		"group": {o.group}, "ring": {o.ring}, "hold": {o.hold}, "reason": {o.reason}, "os": {o.os}, "model": {o.model},
		"contact_before": {o.contactBefore}, "certificate": {o.certificate}, "holder": {o.holder}, "removed": {strconv.FormatBool(o.removed)},
	}
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
	if known {
		slices.SortStableFunc(all.Devices, order)
	}
	tab := g.deviceTable(all.Devices)
	return g.show(cmd, answer{data: all, table: tab, text: g.deviceListText(o, all.Devices, tab)})
}

// narrows reports whether the list is only of some phones.
func (o deviceListOptions) narrows() bool {
	o.sort = ""
	return o != deviceListOptions{}
}

func (g *globals) deviceListText(o deviceListOptions, devices []fleet.DeviceView, tab table) string {
	switch {
	case len(devices) == 0 && o.narrows():
		return g.text.T("No phones match.") + "\n"
	case len(devices) == 0:
		return g.text.T("No phones.") + "\n"
	case o.removed:
		return tab.text()
	}
	var counts fleet.HoldCounts
	var exposedBy []string
	for _, d := range devices {
		counts.Add(d.Hold)
		exposedBy = append(exposedBy, d.ExposedBy)
	}
	return tab.text() + "\n" + g.text.N(len(devices), "%d phone; hold: %s", "%d phones; holds: %s", g.holds(counts)) + "\n" + g.exposedText(exposedBy)
}
