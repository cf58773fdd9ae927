package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
)

// deliverFlag adds the choice of how an app comes to phones.
func (g *globals) deliverFlag(cmd *cobra.Command, deliver *string) {
	cmd.Flags().StringVar(deliver, "deliver", "",
		g.text.T("how a version that a release needs comes to supervised phones first: none (the default), store (by the Apple Account on the phone) or licensed (by licences of Apps and Books)"))
	g.complete(cmd, "deliver", func(*cobra.Command) []string {
		return []string{string(policy.DeliverNone), string(policy.DeliverStore), string(policy.DeliverLicensed)}
	})
}

// delivery words how an app comes to phones.
func (g *globals) delivery(how string) string {
	switch policy.Delivery(how) {
	case policy.DeliverStore:
		return g.text.T("before a release that needs it, from the App Store by the phone's Apple Account")
	case policy.DeliverLicensed:
		return g.text.T("before a release that needs it, from the App Store by licences")
	case policy.DeliverNone:
		return g.text.T("not by Kannuki")
	default:
		return how
	}
}

// appFirstText counts the phones of which an app is brought up to date first; ""
// for none.
func (g *globals) appFirstText(n int) string {
	if n == 0 {
		return ""
	}
	return g.text.N(n, "%d phone gets an app update first.", "%d phones get an app update first.") + "\n"
}

// appsByHandText names the apps that somebody has to update on production phones, and
// what there is to do; "" for none.
func (g *globals) appsByHandText(v *fleet.AppsByHand) string {
	if v == nil {
		return ""
	}
	t := g.text
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", t.N(v.Phones, "On %d production phone somebody has to update an app first; Kannuki does not bring it there:",
		"On %d production phones somebody has to update an app first; Kannuki does not bring it there:"))
	for _, a := range v.Apps {
		fmt.Fprintf(&b, "- %s\n", t.N(a.Phones, "%d phone: %s to %s or newer (now %s)", "%d phones: %s to %s or newer (now %s)", a.BundleID, a.Floor, list(a.Installed).shown))
	}
	fmt.Fprintf(&b, "%s\n", t.T("Update it by hand, or have Kannuki bring it to supervised phones: `kannuki app set %s --deliver licensed` (or `store`).", v.Apps[0].BundleID))
	return b.String()
}

// appsFirstTable shows which phones wait for an app, and what there is to do.
func (g *globals) appsFirstTable(waits []fleet.AppFirst) table {
	t := g.text
	tab := table{columns: []column{{"", t.T("Waits for the app")}, {"", t.T("From version")}, {"", t.T("Phones")}, {"", t.T("State")}}}
	for _, a := range waits {
		state := t.T("not delivered by Kannuki")
		if a.Why != "" {
			state = t.Why(string(a.Why))
		}
		tab.add(plain(a.BundleID), plain(a.Floor), number(a.Phones), cell{string(a.Why), state})
	}
	return tab
}
