package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/server/api"
)

func newTokenCommand(g *globals) *cobra.Command {
	return g.noun("token", g.text.T("Who may use the server from elsewhere"),
		newTokenCreateCommand(g), newTokenListCommand(g), newTokenRevokeCommand(g))
}

type tokenOptions struct {
	request api.TokenRequest
	output  string
}

func newTokenCreateCommand(g *globals) *cobra.Command {
	var o tokenOptions
	t := g.text
	cmd := &cobra.Command{
		Use:   "create",
		Short: t.T("Make an API token for a person"),
		Long: t.T("Make an API token for a person. The token is a secret: it is shown, or written to a new file that only you can read, " +
			"this once. Who made it is kept: whoever makes a token for somebody cannot act together with that person where two people are needed."),
		Example: "kannuki token create --person sato -o sato.token\nkannuki token create --person tanaka --expires +30d --reason \"holiday cover\"",
		Args:    g.args(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runTokenCreate(cmd.Context(), g, cmd, o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.request.Person, "person", "", t.T("whom it is for"))
	f.StringVar(&o.request.Name, "name", "", t.T("name of the token (default: the person's name, with a number when it is taken)"))
	f.StringVar(&o.request.Expires, "expires", "", t.T("when it ends: +90d (the default), at most +365d"))
	f.StringVar(&o.request.Reason, "reason", "", t.T("why; kept in the audit log"))
	f.BoolVar(&o.request.DryRun, "dry-run", false, t.T("say what would happen and change nothing"))
	// In this command -o may be a file, as in other programs that write one.
	f.StringVarP(&o.output, "output", "o", "", t.T("file to write the token to, which must not exist; or table, json or csv to show it"))
	return cmd
}

func runTokenCreate(ctx context.Context, g *globals, cmd *cobra.Command, o tokenOptions) error {
	if err := g.need(cmd, "person"); err != nil {
		return err
	}
	toFile := o.output != ""
	if slices.Contains([]string{formTable, formJSON, formCSV}, o.output) {
		g.output, toFile = o.output, false
	}
	if toFile {
		// Asked before the token exists, not after.
		if _, err := os.Lstat(o.output); !errors.Is(err, fs.ErrNotExist) {
			return &fs.PathError{Op: "create", Path: o.output, Err: fs.ErrExist}
		}
	}
	client, err := g.client(cmd)
	if err != nil {
		return err
	}
	var made api.NewToken
	if err := client.Post(ctx, api.Path("tokens"), o.request, &made); err != nil {
		return err
	}
	text := made.Secret + "\n" + g.text.T("Token %s of %s, until %s. It is shown nowhere else.", made.ID, made.Person, g.text.Time(made.ExpiresAt))
	if toFile && !made.DryRun {
		if err := writeNewFile(o.output, []byte(made.Secret+"\n")); err != nil {
			return &wordedError{g.text.T("token %s was made and its secret is lost, revoke it: %v", made.ID, err), err}
		}
		text = g.text.T("Wrote %s. Token %s of %s, until %s.", o.output, made.ID, made.Person, g.text.Time(made.ExpiresAt))
	}
	tab := g.tokenTable([]api.Token{made.Token})
	tab.columns = append(tab.columns, column{"secret", ""})
	tab.rows[0] = append(tab.rows[0], plain(made.Secret))
	return g.show(cmd, answer{data: made, table: tab, text: g.done(made.DryRun, text)})
}

func newTokenListCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   g.text.T("List the API tokens, never their secrets"),
		Example: "kannuki token list\nkannuki token list -o json",
		Args:    g.args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return showGet(g, cmd, api.Path("tokens"), nil, func(out api.Tokens) answer {
				return answer{data: out, table: g.tokenTable(out.Tokens)}
			})
		},
	}
}

func (g *globals) tokenTable(tokens []api.Token) table {
	t := g.text
	tab := table{columns: []column{
		{"id", t.T("Id")},
		{"person", t.T("Person")},
		{"state", t.T("State")},
		{"made_by", t.T("Made by")},
		{"created_by", ""},
		{"created_at", t.T("Made")},
		{"expires_at", t.T("Ends")},
		{"revoked_at", ""},
		{"revoked_by", ""},
	}}
	for _, v := range tokens {
		tab.add(plain(v.ID), plain(v.Person), g.word(v.State), list(v.MadeBy), plain(v.CreatedBy), g.instant(v.CreatedAt),
			g.instant(v.ExpiresAt), g.instant(v.RevokedAt), plain(v.RevokedBy))
	}
	return tab
}

func (g *globals) revokedText(v api.RevokedToken) string {
	t := g.text
	text := t.T("Revoked: token %s of %s.", v.ID, plain(v.Person).shown)
	if v.Before {
		text = t.T("Nothing done: token %s of %s was revoked already, %s by %s.", v.ID, plain(v.Person).shown, t.Time(v.RevokedAt), plain(v.RevokedBy).shown)
	}
	if len(v.Others) > 0 {
		text += "\n" + t.T("%s still has: %s. Each is revoked by itself.", v.Person, list(v.Others).shown)
	}
	return text
}

func newTokenRevokeCommand(g *globals) *cobra.Command {
	return newDeedCommand(g, deed[api.RevokedToken]{
		use: "revoke ID", short: g.text.T("End an API token at once"),
		long:     g.text.T("End an API token at once. A person can have several; those that still work are named."),
		example:  "kannuki token revoke sato --reason \"left the company\"",
		path:     func(args []string) string { return api.Path("tokens", args[0], "revoke") },
		complete: completeArg(g.tokenNames),
		shown: func(_ []string, v api.RevokedToken) (table, string) {
			return g.tokenTable([]api.Token{v.Token}), g.revokedText(v)
		},
	})
}
