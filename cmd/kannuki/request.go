package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/server/api"
)

// showGet asks the server for one thing and shows it.
func showGet[T any](g *globals, cmd *cobra.Command, path string, query url.Values, shown func(T) answer) error {
	client, err := g.client(cmd)
	if err != nil {
		return err
	}
	var found T
	if err := client.Get(cmd.Context(), path, query, &found); err != nil {
		return err
	}
	return g.show(cmd, shown(found))
}

// showPost sends a change to the server and shows what came of it.
func showPost[T any](g *globals, cmd *cobra.Command, path string, body any, shown func(T) answer) error {
	client, err := g.client(cmd)
	if err != nil {
		return err
	}
	var data json.RawMessage
	if err := client.Post(cmd.Context(), path, body, &data); err != nil {
		return err
	}
	var done T
	if err := json.Unmarshal(data, &done); err != nil {
		return fmt.Errorf("read answer of %s: %w", path, err)
	}
	a := shown(done)
	if api.OnlyTried(data) {
		a.data = api.Tried(a.data)
	}
	return g.show(cmd, a)
}

// deed is a change of one thing that needs nothing but the thing's name and a
// reason. T is what the server answers.
type deed[T any] struct {
	use         string // the verb and the names of its arguments: "revoke ID"
	short       string
	long        string // "" when the short one says it all
	example     string
	proposes    bool // it is an edit, which a second person can sign
	needsReason bool // before the server is asked; else the server decides
	path        func(args []string) string
	complete    cobra.CompletionFunc
	ask         func(name string) string // before it cannot be undone, answered with the name; nil does not ask
	shown       func(args []string, done T) (table, string)
	effect      func(done T) string // what it does, also when only tried; nil says nothing
}

func newDeedCommand[T any](g *globals, d deed[T]) *cobra.Command {
	var o edit
	cmd := &cobra.Command{
		Use:               d.use,
		Short:             d.short,
		Long:              d.long,
		Example:           d.example,
		Args:              g.args(strings.Fields(d.use)[1:]...),
		ValidArgsFunction: d.complete,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runDeed(g, cmd, d, o, args)
		},
	}
	if d.proposes {
		o.addFlags(g, cmd.Flags())
	} else {
		o.act.addFlags(g, cmd.Flags())
	}
	return cmd
}

func runDeed[T any](g *globals, cmd *cobra.Command, d deed[T], o edit, args []string) error {
	if d.needsReason {
		if err := g.need(cmd, "reason"); err != nil {
			return err
		}
	}
	if d.ask != nil && !o.DryRun {
		if err := g.confirm(cmd.Context(), cmd, d.ask(args[0]), args[0]); err != nil {
			return err
		}
	}
	var body any = o.act
	if d.proposes {
		body = o.body()
	}
	return showEdit(g, cmd, d.path(args), body, o, func(done T) answer {
		tab, said := d.shown(args, done)
		text := g.done(o.DryRun, said)
		if d.effect != nil {
			text += d.effect(done)
		}
		return answer{data: done, table: tab, text: text}
	})
}
