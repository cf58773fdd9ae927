package main

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/server/api"
)

// maxShownReleases is how many releases fit beside each other on a screen.
const maxShownReleases = 5

func newVerdictMatrixCommand(g *globals) *cobra.Command {
	var o groupFlag
	t := g.text
	cmd := &cobra.Command{
		Use:   "matrix",
		Short: t.T("Show how far every app is on every release, and by whose result"),
		Long: t.T("Show how far every app is on every release, and by whose result. The releases are those with a gate and those with a result, newest first, " +
			"also betas of those to come; a screen shows the newest ones, -o json and -o csv all of them."),
		Example: "kannuki verdict matrix --group sales\nkannuki verdict matrix -o csv",
		Args:    g.args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return showGet(g, cmd, api.Path("verdicts", "matrix"), url.Values{"group": {o.group}}, func(out api.Matrices) answer {
				a := answer{data: out, table: g.cellTable(out.Matrices)}
				for _, m := range out.Matrices {
					a.text += g.matrixText(m)
				}
				if a.text == "" {
					a.text = t.T("No groups. Make one with `kannuki group add`.") + "\n"
				}
				return a
			})
		},
	}
	o.addFlags(g, cmd.Flags())
	g.complete(cmd, "group", g.groupNames)
	return cmd
}

// matrixText shows one group: a line for each app, a column for each release.
func (g *globals) matrixText(m fleet.Matrix) string {
	t := g.text
	shown := m.Releases[:min(len(m.Releases), maxShownReleases)]
	tab := table{columns: []column{{"name", t.T("App")}, {"importance", t.T("Importance")}}}
	for _, release := range shown {
		title := release
		if slices.Contains(m.Betas, release) {
			title = t.T("%s (beta)", release)
		}
		tab.columns = append(tab.columns, column{release, title})
	}
	for _, app := range m.Apps {
		row := []cell{plain(app.Name), g.word(app.Importance)}
		for _, c := range app.Cells[:len(shown)] {
			state := t.Mark(c.State)
			if c.By != "" {
				state += " " + c.By
			}
			row = append(row, cell{c.State, state})
		}
		tab.add(row...)
	}
	text := t.T("Group %s", m.Group) + "\n" + tab.text()
	if hidden := len(m.Releases) - len(shown); hidden > 0 {
		text += t.N(hidden, "%d older release is in -o json and -o csv.", "%d older releases are in -o json and -o csv.") + "\n"
	}
	return text + "\n"
}

// cellTable is every cell of every group, for programs.
func (g *globals) cellTable(matrices []fleet.Matrix) table {
	tab := table{columns: []column{
		{"group", ""},
		{"bundle_id", ""},
		{"name", ""},
		{"importance", ""},
		{"release", ""},
		{"state", ""},
		{"why", ""},
		{"by", ""},
		{"at", ""},
		{"method", ""},
		{"verdict", ""},
	}}
	for _, m := range matrices {
		for _, app := range m.Apps {
			for _, c := range app.Cells {
				tab.add(plain(m.Group), plain(app.BundleID), plain(app.Name), plain(app.Importance), plain(c.Release), plain(c.State),
					plain(c.Why), plain(c.By), instantUTC(c.At), plain(c.Method), plain(c.Verdict))
			}
		}
	}
	return tab
}

func newVerdictCoverageCommand(g *globals) *cobra.Command {
	var o groupFlag
	t := g.text
	cmd := &cobra.Command{
		Use:   "coverage",
		Short: t.T("Show which models and iOS lines of production no verification phone stands for"),
		Long: t.T("Show which models and iOS lines of production no verification phone stands for, and the smallest set of verification phones that would bring the share to %d %%. "+
			"A phone stands for those that the group's policy lets its results stand for (its own model, or those with the same screen, or any) on its own line of iOS: none can go back to one that it left.",
			policy.CoverageGoal),
		Example: "kannuki verdict coverage --group sales\nkannuki verdict coverage -o csv",
		Args:    g.args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return showGet(g, cmd, api.Path("verdicts", "coverage"), url.Values{"group": {o.group}}, func(out api.Coverages) answer {
				a := answer{data: out, table: g.shareTable(out.Coverage, out.ModelNames)}
				for _, c := range out.Coverage {
					a.text += g.coverageText(c, out.ModelNames)
				}
				if a.text == "" {
					a.text = t.T("No groups. Make one with `kannuki group add`.") + "\n"
				}
				return a
			})
		},
	}
	o.addFlags(g, cmd.Flags())
	g.complete(cmd, "group", g.groupNames)
	return cmd
}

// shareTable is every model and every line of every group.
func (g *globals) shareTable(list []policy.Coverage, models map[string]string) table {
	t := g.text
	tab := table{columns: []column{
		{"group", t.T("Group")},
		{"kind", ""},
		{"name", t.T("Model or iOS line")},
		{"production", t.T("Production phones")},
		{"percent", "%"},
		{"covered", t.T("Stood for")},
		{"verification", t.T("Verification phones")},
		{"suggested", t.T("Suggested")},
	}}
	add := func(c policy.Coverage, kind string, s policy.Share, name cell, missing []policy.Suggestion) {
		mark := cell{strconv.Itoa(len(missing)), ""}
		if len(missing) > 0 {
			mark.shown = t.T("add %s", g.suggested(missing, classNamer{g.text, c.Classes, models}))
		}
		tab.add(plain(c.Group), plain(kind), name, number(s.Production), share(s.Percent), number(s.Covered), number(s.Verification), mark)
	}
	for _, c := range list {
		for _, m := range c.Models {
			add(c, "model", m, classNamer{g.text, c.Classes, models}.list([]string{m.Name}), without(c.Suggested, func(s policy.Suggestion) bool { return s.Model != m.Name }))
		}
		for _, l := range c.Lines {
			add(c, "line", l, cell{l.Name, t.T("iOS %s", plain(l.Name).shown)}, without(c.Suggested, func(s policy.Suggestion) bool { return s.Line != l.Name }))
		}
	}
	return tab
}

func without(list []policy.Suggestion, other func(policy.Suggestion) bool) []policy.Suggestion {
	return slices.DeleteFunc(slices.Clone(list), other)
}

// suggested names verification phones that a group lacks.
func (g *globals) suggested(list []policy.Suggestion, classes classNamer) string {
	names := make([]string, len(list))
	for i, s := range list {
		if names[i] = classes.name(s.Model); s.Line != "" {
			names[i] = g.text.T("%s on iOS %s", names[i], s.Line)
		}
	}
	return strings.Join(names, ", ")
}

func share(percent float64) cell { return plain(strconv.FormatFloat(percent, 'f', 1, 64)) }

func (g *globals) coverageText(c policy.Coverage, models map[string]string) string {
	t := g.text
	tab := g.shareTable([]policy.Coverage{c}, models)
	lines := []string{tab.text()}
	switch {
	case c.Production == 0:
		lines = []string{t.T("Group %s has no production phone whose model is known.", c.Group) + "\n"}
	case len(c.Suggested) == 0:
		lines = append(lines, t.T("The verification phones of %s stand for %s %% of its production phones.", c.Group, share(c.Percent).shown)+"\n")
	default:
		lines = append(lines, t.T("The verification phones of %s stand for %s %% of its production phones; with one each of %s they would for %s %%.",
			c.Group, share(c.Percent).shown, g.suggested(c.Suggested, classNamer{g.text, c.Classes, models}), share(c.Reached).shown)+"\n")
	}
	if len(c.OwnScreen) > 0 {
		lines = append(lines, t.T("The screens of these models are not known here, so that each stands for itself alone: %s.", list(c.OwnScreen).shown)+"\n")
	}
	return strings.Join(append(lines, ""), "\n")
}
