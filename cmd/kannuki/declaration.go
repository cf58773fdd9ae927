package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/server/api"
)

func newDeclarationCommand(g *globals) *cobra.Command {
	return g.noun("declaration", g.text.T("What phones were told"),
		newDeclarationListCommand(g), newDeclarationCheckCommand(g), newDeclarationShowCommand(g), newDeclarationDiffCommand(g))
}

func newDeclarationShowCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show UDID",
		Short:   g.text.T("Show what a phone was told, exactly as sent, and what it says it holds"),
		Example: "kannuki declaration show 00008110-0123456789ABCDEF",
		Args:    g.args("UDID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runDeclarationShow(cmd.Context(), g, cmd, args[0])
		},
	}
	cmd.ValidArgsFunction = completeArg(g.deviceNames)
	return cmd
}

func runDeclarationShow(ctx context.Context, g *globals, cmd *cobra.Command, udid string) error {
	client, err := g.client(cmd)
	if err != nil {
		return err
	}
	var v fleet.DeclarationsView
	if err := client.Get(ctx, api.Path("devices", udid, "declarations"), nil, &v); err != nil {
		return err
	}
	t := g.text
	tab := table{columns: []column{
		{"identifier", t.T("Declaration")}, {"server_token", t.T("Token")}, {"active", t.T("Active")}, {"valid", t.T("Valid")}, {"reasons", t.T("Problem")},
	}}
	for _, r := range v.Reported {
		tab.add(plain(r.Identifier), plain(r.ServerToken), boolean(r.Active), plain(r.Valid), list(r.Reasons))
	}
	text, err := g.declarationText(v)
	if err != nil {
		return err
	}
	if len(v.Reported) > 0 {
		text += "\n" + t.T("The phone says it holds:") + "\n" + tab.text()
	}
	return g.show(cmd, answer{data: v, table: tab, text: text})
}

func (g *globals) declarationText(v fleet.DeclarationsView) (string, error) {
	t := g.text
	if v.Token == "" {
		return t.T("The phone has not been told anything yet.") + "\n", nil
	}
	var b strings.Builder
	state := t.T("The phone has not reported back on it yet.")
	if v.Synchronised {
		state = t.T("The phone fetched it and has reported back.")
	}
	fmt.Fprintf(&b, "%s %s\n", t.T("Told at %s, token %s.", t.Time(v.Timestamp), v.Token), state)
	for _, d := range v.Declarations {
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, d, "", "  "); err != nil {
			return "", fmt.Errorf("show declaration: %w", err)
		}
		fmt.Fprintf(&b, "\n%s\n", pretty.String())
	}
	return b.String(), nil
}

func newDeclarationDiffCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "diff UDID",
		Short:   g.text.T("Compare what a phone was told with what it would be told now"),
		Long:    g.text.T("Compare what a phone was told with what it would be told now. Looking tells it nothing; it hears of a difference at its next contact."),
		Example: "kannuki declaration diff 00008110-0123456789ABCDEF",
		Args:    g.args("UDID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runDeclarationDiff(g, cmd, args[0])
		},
	}
	cmd.ValidArgsFunction = completeArg(g.deviceNames)
	return cmd
}

func runDeclarationDiff(g *globals, cmd *cobra.Command, udid string) error {
	return showGet(g, cmd, api.Path("devices", udid, "declarations", "diff"), nil, g.diffAnswer)
}

func (g *globals) diffAnswer(d fleet.DeclarationDiff) answer {
	t := g.text
	tab := table{columns: []column{{"identifier", ""}, {"change", ""}, {"before", ""}, {"after", ""}}}
	var b strings.Builder
	for _, c := range d.Changes {
		tab.add(plain(c.Identifier), plain(c.Change), plain(string(c.Before)), plain(string(c.After)))
		fmt.Fprintf(&b, "%s: %s\n", c.Identifier, t.Word(c.Change))
		if len(c.Before) > 0 {
			fmt.Fprintf(&b, "  - %s\n", c.Before)
		}
		if len(c.After) > 0 {
			fmt.Fprintf(&b, "  + %s\n", c.After)
		}
	}
	if len(d.Changes) == 0 {
		b.WriteString(t.T("No difference: the phone was told what it would be told now.") + "\n")
	}
	return answer{data: d, table: tab, text: b.String()}
}
