package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/server/api"
)

func newAppShowCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show BUNDLE-ID",
		Short:   g.text.T("Show one business app and what to check of it"),
		Example: "kannuki app show com.example.pos",
		Args:    g.args("BUNDLE-ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return showGet(g, cmd, api.Path("apps", args[0]), nil, func(app api.App) answer {
				return answer{data: app, table: g.appTable([]api.App{app}), text: g.appText(app)}
			})
		},
	}
	cmd.ValidArgsFunction = completeArg(g.appNames)
	return cmd
}

func (g *globals) appText(a api.App) string {
	t := g.text
	text := fields(
		[2]string{t.T("App"), a.BundleID},
		[2]string{t.T("Name"), a.Name},
		[2]string{t.T("Importance"), g.word(a.Importance).shown},
		[2]string{t.T("Groups"), list(a.Groups).shown},
		[2]string{t.T("Owner"), plain(a.Owner).shown},
		[2]string{t.T("Vendor contact"), plain(a.Vendor).shown},
		[2]string{t.T("Updated"), g.delivery(a.Deliver)},
	)
	if len(a.Smoke) > 0 {
		text += "\n" + t.T("What to check:") + "\n"
	}
	for _, step := range a.Smoke {
		text += "- " + oneLine(step) + "\n"
	}
	return text
}

type appSetOptions struct {
	edit
	name, importance, owner, vendor, deliver string
	smoke                                    []string
}

func newAppSetCommand(g *globals) *cobra.Command {
	var o appSetOptions
	t := g.text
	cmd := &cobra.Command{
		Use:   "set BUNDLE-ID",
		Short: t.T("Change a business app; what is not given stays"),
		Long: t.T("Change a business app; what is not given stays. A lower importance that would open a closed gate is refused, with the gates named (exit 3). " +
			"Owner and vendor contact are for a team or a portal: no person's name, mail address or telephone number belongs here."),
		Example: "kannuki app set com.example.pos --owner \"retail systems\" --vendor-contact \"portal.example.com, customer 4711\"\n" +
			"kannuki app set com.example.pos --smoke \"sell one article\" --smoke \"print the receipt\"\n" +
			"kannuki app set com.example.pos --deliver licensed --reason \"licences assigned to every phone\"",
		Args: g.args("BUNDLE-ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runAppSet(g, cmd, o, args[0])
		},
	}
	f := cmd.Flags()
	o.addFlags(g, f)
	f.StringVar(&o.name, "name", "", t.T("name people know the app by"))
	f.StringVar(&o.importance, "importance", "", t.T("critical (verified on every model), important (on one) or informational (never keeps a gate closed)"))
	f.StringVar(&o.owner, "owner", "", t.T("team that answers for the app; \"\" takes it away"))
	f.StringVar(&o.vendor, "vendor-contact", "", t.T("where the app's vendor is reached; \"\" takes it away"))
	f.StringArrayVar(&o.smoke, "smoke", nil, t.T("one short check of a tester; repeated, they replace the list (\"\": none)"))
	g.complete(cmd, "importance", func(*cobra.Command) []string { return []string{"critical", "important", "informational"} })
	g.deliverFlag(cmd, &o.deliver)
	cmd.ValidArgsFunction = completeArg(g.appNames)
	return cmd
}

// change returns what was given, empty values included.
func (o *appSetOptions) change(cmd *cobra.Command) fleet.AppChange {
	var c fleet.AppChange
	for flag, set := range map[string]func(){
		"name":           func() { c.Name = &o.name },
		"importance":     func() { c.Importance = &o.importance },
		"owner":          func() { c.Owner = &o.owner },
		"vendor-contact": func() { c.Vendor = &o.vendor },
		"deliver":        func() { c.Deliver = &o.deliver },
		"smoke": func() {
			if strings.Join(o.smoke, "") == "" {
				o.smoke = []string{}
			}
			c.Smoke = &o.smoke
		},
	} {
		if cmd.Flags().Changed(flag) {
			set()
		}
	}
	return c
}

func runAppSet(g *globals, cmd *cobra.Command, o appSetOptions, bundleID string) error {
	change := o.change(cmd)
	if change == (fleet.AppChange{}) {
		return usage(cmd, g.text.T("nothing to change: give at least one setting"))
	}
	request := api.SetAppRequest{AppChange: change, Edit: o.body()}
	return showEdit(g, cmd, api.Path("apps", bundleID), request, o.edit, func(app fleet.AppEdit) answer {
		return answer{
			data: app, table: g.appTable([]api.App{app.BusinessApp}),
			text: g.done(o.DryRun, g.text.T("Changed: %s (%s), %s.", app.Name, app.BundleID, g.text.Word(app.Importance))) + g.approvedWithoutText(app.Without),
		}
	})
}

func newAppRemoveCommand(g *globals) *cobra.Command {
	return newDeedCommand(g, deed[api.App]{
		use: "remove BUNDLE-ID", short: g.text.T("Take a business app away, out of every group"),
		long: g.text.T("Take a business app away, out of every group. Refused when that would open a closed gate, with the gates named (exit 3). " +
			"Results that were recorded stay in the history."),
		proposes: true,
		example:  "kannuki app remove com.example.old --reason \"replaced by com.example.new\"",
		path:     func(args []string) string { return api.Path("apps", args[0], "remove") },
		complete: completeArg(g.appNames),
		shown: func(_ []string, app api.App) (table, string) {
			return g.appTable([]api.App{app}), g.text.T("Removed %s (%s) from these groups: %s.", app.Name, app.BundleID, list(app.Groups).shown)
		},
	})
}
