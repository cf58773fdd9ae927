package main

import (
	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/server/api"
)

func newAppCommand(g *globals) *cobra.Command {
	return g.noun("app", g.text.T("The business apps the work depends on"),
		newAppAddCommand(g), newAppListCommand(g), newAppShowCommand(g), newAppSetCommand(g), newAppRemoveCommand(g))
}

type appAddOptions struct {
	act
	name       string
	importance string
	deliver    string
}

func newAppAddCommand(g *globals) *cobra.Command {
	var o appAddOptions
	t := g.text
	cmd := &cobra.Command{
		Use:     "add BUNDLE-ID",
		Short:   t.T("Add a business app"),
		Example: "kannuki app add com.example.pos --name POS --importance critical",
		Args:    g.args("BUNDLE-ID"),
		RunE:    func(cmd *cobra.Command, args []string) error { return runAppAdd(g, cmd, o, args[0]) },
	}
	f := cmd.Flags()
	o.addFlags(g, f)
	f.StringVar(&o.name, "name", "", t.T("name people know the app by (default: the bundle identifier)"))
	f.StringVar(&o.importance, "importance", "", t.T("critical (verified on every model), important (on one) or informational (never keeps a gate closed)"))
	g.complete(cmd, "importance", func(*cobra.Command) []string { return []string{"critical", "important", "informational"} })
	g.deliverFlag(cmd, &o.deliver)
	return cmd
}

func runAppAdd(g *globals, cmd *cobra.Command, o appAddOptions, bundleID string) error {
	if err := g.need(cmd, "importance"); err != nil {
		return err
	}
	request := api.AddAppRequest{
		AppRequest: fleet.AppRequest{BundleID: bundleID, Name: o.name, Importance: o.importance, Deliver: o.deliver},
		Reason:     o.Reason, DryRun: o.DryRun,
	}
	return showPost(g, cmd, api.Path("apps"), request, func(app api.App) answer {
		return answer{
			data: app, table: g.appTable([]api.App{app}),
			text: g.done(o.DryRun, g.text.T("Added: %s (%s), %s.", app.Name, app.BundleID, g.text.Word(app.Importance))),
		}
	})
}

func newAppListCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   g.text.T("List the business apps"),
		Example: "kannuki app list",
		Args:    g.args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return showGet(g, cmd, api.Path("apps"), nil, func(out api.Apps) answer {
				a := answer{data: out, table: g.appTable(out.Apps)}
				if len(out.Apps) == 0 {
					a.text = g.text.T("No business apps. Add those the work depends on with `kannuki app add`.") + "\n"
				}
				return a
			})
		},
	}
}

func (g *globals) appTable(apps []api.App) table {
	t := g.text
	tab := table{columns: []column{{"bundle_id", t.T("App")}, {"name", t.T("Name")}, {"importance", t.T("Importance")}, {"owner", ""}, {"groups", t.T("Groups")}, {"deliver", ""}}}
	for _, a := range apps {
		tab.add(plain(a.BundleID), plain(a.Name), g.word(a.Importance), plain(a.Owner), list(a.Groups), plain(a.Deliver))
	}
	return tab
}
