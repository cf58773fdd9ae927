package main

import (
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/server/api"
)

func newProblemCommand(g *globals) *cobra.Command {
	return g.noun("problem", g.text.T("Reports of apps that do not work on production phones"),
		newProblemReportCommand(g), newProblemListCommand(g), newProblemCloseCommand(g))
}

type problemOptions struct {
	act
	request fleet.ProblemRequest
}

func newProblemReportCommand(g *globals) *cobra.Command {
	var o problemOptions
	t := g.text
	cmd := &cobra.Command{
		Use:   "report BUNDLE-ID",
		Short: t.T("Report that an app does not work on a production phone"),
		Long: t.T("Report that an app does not work on a production phone. Release, model and app version come from the phone's own report. " +
			"A report changes no gate; reports from as many phones as the group's policy names stop the rollout of that release until somebody looks at it. " +
			"What a verification phone shows is a result: `kannuki verdict record`."),
		Example: "kannuki problem report com.example.pos --device 00008110-0123456789ABCDEF --note \"prints nothing\"",
		Args:    g.args("BUNDLE-ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runProblemReport(g, cmd, o, args[0])
		},
	}
	f := cmd.Flags()
	o.addFlags(g, f)
	f.StringVar(&o.request.Device, "device", "", t.T("UDID of the phone on which it was seen"))
	f.StringVar(&o.request.Note, "note", "", t.T("what was seen; name no persons"))
	g.complete(cmd, "device", g.deviceNames)
	cmd.ValidArgsFunction = completeArg(g.appNames)
	return cmd
}

func runProblemReport(g *globals, cmd *cobra.Command, o problemOptions, bundleID string) error {
	if err := g.need(cmd, "device", "note"); err != nil {
		return err
	}
	o.request.BundleID = bundleID
	request := api.ProblemRequest{ProblemRequest: o.request, Reason: o.Reason, DryRun: o.DryRun}
	return showPost(g, cmd, api.Path("problems"), request, func(p fleet.ProblemView) answer {
		text := g.text.T("Reported: %s does not work on iOS %s in %s [%s].", p.BundleID, p.Release, p.Group, p.ID)
		next := g.text.T("What it does to a rollout: `kannuki rollout status %s --group %s`. It changes no gate; a test on a verification phone does: `kannuki verdict record %s --release %s`.",
			lang.ShellWord(p.Release), p.Group, p.BundleID, lang.ShellWord(p.Release))
		return answer{data: p, table: g.problemTable([]fleet.ProblemView{p}), text: g.done(o.DryRun, text) + next + "\n"}
	})
}

func newProblemListCommand(g *globals) *cobra.Command {
	var o groupFlag
	var release string
	var open bool
	t := g.text
	cmd := &cobra.Command{
		Use:     "list",
		Short:   t.T("List the reports, oldest first"),
		Example: "kannuki problem list --release 26.6.1 --group sales --open",
		Args:    g.args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			query := url.Values{"release": {release}, "group": {o.group}, "open": {strconv.FormatBool(open)}}
			return showGet(g, cmd, api.Path("problems"), query, func(out api.Problems) answer {
				a := answer{data: out, table: g.problemTable(out.Problems)}
				if len(out.Problems) == 0 {
					a.text = t.T("Nothing was reported.") + "\n"
				}
				return a
			})
		},
	}
	f := cmd.Flags()
	o.addFlags(g, f)
	f.StringVar(&release, "release", "", t.T("only reports about this release"))
	f.BoolVar(&open, "open", false, t.T("only reports that nobody has closed"))
	g.complete(cmd, "group", g.groupNames)
	g.complete(cmd, "release", g.releaseNames)
	return cmd
}

func (g *globals) problemTable(problems []fleet.ProblemView) table {
	t := g.text
	tab := table{columns: []column{
		{"id", t.T("Id")},
		{"at", t.T("When")},
		{"bundle_id", t.T("App")},
		{"app_version", t.T("Version")},
		{"release", t.T("Release")},
		{"group", t.T("Group")},
		{"device", t.T("Phone")},
		{"model", t.T("Model")},
		{"note", t.T("Note")},
		{"by", t.T("By")},
		{"open", ""},
		{"closed_at", t.T("Closed")},
		{"closed_by", ""},
		{"closed_for", t.T("Closed because")},
	}}
	for _, p := range problems {
		tab.add(plain(p.ID), g.instant(p.At), plain(p.BundleID), plain(p.AppVersion), plain(p.Release), plain(p.Group), plain(p.Device), plain(p.Model),
			plain(p.Note), plain(p.By), boolean(p.Open), g.instant(p.ClosedAt), plain(p.ClosedBy), plain(p.ClosedFor))
	}
	return tab
}

func newProblemCloseCommand(g *globals) *cobra.Command {
	return newDeedCommand(g, deed[fleet.ProblemView]{
		use: "close ID", short: g.text.T("Close a report, so that it stops nothing any more"),
		example:     "kannuki problem close 0b6f1f0e-… --reason \"the printer was off\"",
		needsReason: true,
		path:        func(args []string) string { return api.Path("problems", args[0], "close") },
		complete:    completeArg(g.problemIDs),
		shown: func(_ []string, p fleet.ProblemView) (table, string) {
			return g.problemTable([]fleet.ProblemView{p}), g.text.T("Closed: the report about %s on iOS %s. It stays on record.", p.BundleID, p.Release)
		},
	})
}
