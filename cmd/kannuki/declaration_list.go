package main

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/server/api"
)

// placeOptions narrow a report to phones of one place.
type placeOptions struct{ group, ring string }

func (o *placeOptions) addFlags(g *globals, cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.group, "group", "", g.text.T("only phones of this group; - for those in none"))
	f.StringVar(&o.ring, "ring", "", g.text.T("only this place in the group: verification or production"))
	g.complete(cmd, "group", g.groupNames)
	g.complete(cmd, "ring", func(*cobra.Command) []string { return []string{"verification", "production"} })
}

func (o *placeOptions) query() url.Values { return url.Values{"group": {o.group}, "ring": {o.ring}} }

func newDeclarationListCommand(g *globals) *cobra.Command {
	var o placeOptions
	t := g.text
	cmd := &cobra.Command{
		Use:   "list",
		Short: t.T("List what phones were told, and how many of them hold it"),
		Long: t.T("List what phones were told, and how many of them hold it. Phones of a group and ring that were told the same share a line. " +
			"Confirmed are those that report just that, pending those that have not reported on it yet, invalid those that report something else: `kannuki declaration check`."),
		Example: "kannuki declaration list\nkannuki declaration list --group sales --ring production",
		Args:    g.args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return showGet(g, cmd, api.Path("declarations"), o.query(), g.declaredAnswer)
		},
	}
	o.addFlags(g, cmd)
	return cmd
}

func (g *globals) declaredAnswer(l fleet.DeclaredList) answer {
	t := g.text
	tab := table{columns: []column{
		{"group", t.T("Group")},
		{"ring", t.T("Ring")},
		{"phones", t.T("Phones")},
		{"confirmed", t.T("Confirmed")},
		{"pending", t.T("Pending")},
		{"invalid", t.T("Invalid")},
		{"token", ""},
		{"declarations", t.T("Declarations")},
	}}
	for _, s := range l.Sets {
		names := make([]string, len(s.Declarations))
		for i, d := range s.Declarations {
			names[i] = d.Identifier
		}
		tab.add(plain(s.Group), g.word(s.Ring), number(s.Phones), number(s.Confirmed), number(s.Pending), number(s.Invalid), plain(s.Token), list(names))
	}
	text := tab.text()
	if len(l.Sets) == 0 {
		text = t.T("No phone was told anything by declarations.") + "\n"
	}
	if l.Untold > 0 {
		text += "\n" + t.N(l.Untold, "%d phone was told nothing by declarations.", "%d phones were told nothing by declarations.") + "\n"
	}
	return answer{data: l, table: tab, text: text}
}

func newDeclarationCheckCommand(g *globals) *cobra.Command {
	var o placeOptions
	t := g.text
	cmd := &cobra.Command{
		Use:   "check",
		Short: t.T("Find phones that hold something else than they were told"),
		Long: t.T("Find phones that hold something else than they were told, by their own reports. What a phone is only taking up counts an hour after it fetched it; " +
			"a phone that has not reported yet is only counted. The exit code is 1 if there are such phones."),
		Example: "kannuki declaration check\nkannuki declaration check --group sales -o csv",
		Args:    g.args(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runDeclarationCheck(cmd.Context(), g, cmd, o) },
	}
	o.addFlags(g, cmd)
	return cmd
}

func runDeclarationCheck(ctx context.Context, g *globals, cmd *cobra.Command, o placeOptions) error {
	client, err := g.client(cmd)
	if err != nil {
		return err
	}
	found := fleet.DeclaredCheck{Devices: []fleet.DeclaredDevice{}}
	for query := o.query(); ; {
		var page fleet.DeclaredCheck
		if err := client.Get(ctx, api.Path("declarations", "check"), query, &page); err != nil {
			return err
		}
		devices := append(found.Devices, page.Devices...)
		found, found.Devices, found.Next = page, devices, 0
		if page.Next == 0 {
			break
		}
		query.Set("after", strconv.FormatUint(page.Next, 10))
	}
	if err := g.show(cmd, g.declaredCheckAnswer(found)); err != nil {
		return err
	}
	if found.Faulty > 0 {
		return &shownError{exit: exitError}
	}
	return nil
}

func (g *globals) declaredCheckAnswer(c fleet.DeclaredCheck) answer {
	t := g.text
	tab := table{columns: []column{
		{"udid", t.T("Phone")},
		{"group", t.T("Group")},
		{"ring", t.T("Ring")},
		{"os", "iOS"},
		{"identifier", t.T("Declaration")},
		{"problem", t.T("Problem")},
		{"reasons", t.T("In the phone's words")},
	}}
	next := map[string]string{}
	var order []string // of the steps, as they first come up
	for _, d := range c.Devices {
		for _, f := range d.Problems {
			label, step := g.declarationProblem(f.Problem)
			tab.add(plain(d.UDID), plain(d.Group), g.word(d.Ring), plain(d.OS), plain(f.Identifier), cell{f.Problem, label}, list(f.Reasons))
			if next[label] == "" {
				next[label], order = step, append(order, label)
			}
		}
	}
	var b strings.Builder
	if c.Faulty > 0 {
		b.WriteString(tab.text() + "\n")
		for _, label := range order {
			fmt.Fprintf(&b, "%s: %s\n", label, next[label])
		}
		b.WriteString("\n" + t.N(c.Faulty, "%d phone holds something else than it was told.", "%d phones hold something else than they were told.") + "\n")
	} else {
		b.WriteString(t.T("Every phone that has reported holds what it was told.") + "\n")
	}
	b.WriteString(t.T("Told: %d. Not reported yet: %d.", c.Checked, c.Pending) + "\n")
	return answer{data: c, table: tab, text: b.String()}
}

// declarationProblem words a problem, and what a person can do about it.
func (g *globals) declarationProblem(code string) (label, next string) {
	t := g.text
	again := t.T("Restart the phone and check again after it has reported; if it stays so, enroll it again.")
	switch code {
	case fleet.FaultInvalid:
		return t.T("refused by the phone"), t.T("See what it refuses with `kannuki declaration show UDID`, and what follows from it with `kannuki device explain UDID`.")
	case fleet.FaultUndecided:
		return t.T("not judged by the phone"), again
	case fleet.FaultInactive:
		return t.T("not in force"), again
	case fleet.FaultOutdated:
		return t.T("an older or other revision"), again
	case fleet.FaultAbsent:
		return t.T("missing on the phone"), again
	case fleet.FaultForeign:
		return t.T("not of this server"), t.T("Restart the phone and check again; if it stays so, find out who else manages it, and enroll it again.")
	default:
		return code, again
	}
}
