package main

import (
	"context"
	"errors"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/server"
)

func newDBCommand(g *globals) *cobra.Command {
	return g.noun("db", g.text.T("The database of a stopped server"), newDBCheckCommand(g), newDBStatsCommand(g), newDBCompactCommand(g))
}

// offline says what to do about a database that a server has open or has to
// migrate first, or that only a newer Kannuki can read.
func (g *globals) offline(err error) error {
	switch {
	case errors.Is(err, server.ErrDatabaseLocked):
		return &nextError{err, g.text.T("Stop the server first, or look at a copy: `kannuki backup create FILE`, `kannuki backup verify FILE`.")}
	case errors.Is(err, server.ErrDatabaseOlder):
		return &nextError{err, g.text.T("`kannuki serve` migrates it and keeps a copy.")}
	case errors.Is(err, server.ErrDatabaseNewer):
		return &nextError{
			&wordedError{g.text.T("The database is of a newer Kannuki."), err},
			g.text.T("Run the newer Kannuki, or restore the copy that it made before it changed the database."),
		}
	}
	return err
}

func (g *globals) onThisMachine(cmd *cobra.Command) error {
	if g.server != "" {
		return usage(cmd, g.text.T("this works on the data directory on this machine; it cannot use --server"))
	}
	return nil
}

func newDBCheckCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "check",
		Short:   g.text.T("Check the database from end to end"),
		Long:    g.text.T("Check the database from end to end: every record's checksum, every index, and the chain of the audit log. The server must be stopped."),
		Example: "kannuki db check --data /var/lib/kannuki",
		Args:    g.args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := g.onThisMachine(cmd); err != nil {
				return err
			}
			if err := g.checkDatabase(cmd.Context()); err != nil {
				return g.offline(err)
			}
			tab := table{columns: []column{{"data", ""}, {"whole", ""}}}
			tab.add(plain(g.data), boolean(true))
			return g.show(cmd, answer{data: struct {
				Data  string `json:"data"`
				Whole bool   `json:"whole"`
			}{g.data, true}, table: tab, text: g.text.T("The database is whole.") + "\n"})
		},
	}
}

func newDBStatsCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "stats",
		Short:   g.text.T("Show what the database holds and how large it is"),
		Long:    g.text.T("Show what the database holds and how large it is. The server must be stopped; `kannuki status -o json` has the size while it runs."),
		Example: "kannuki db stats --data /var/lib/kannuki",
		Args:    g.args(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runDBStats(cmd.Context(), g, cmd) },
	}
}

func runDBStats(ctx context.Context, g *globals, cmd *cobra.Command) error {
	if err := g.onThisMachine(cmd); err != nil {
		return err
	}
	// Checked first, in a process of its own: reading a damaged file can end
	// the process.
	if err := g.checkDatabase(ctx); err != nil {
		return g.offline(err)
	}
	info, err := server.DescribeDatabase(ctx, g.data)
	if err != nil {
		return g.offline(err)
	}
	t := g.text
	tab := table{columns: []column{{"kind", t.T("Kind")}, {"records", t.T("Records")}, {"bytes", t.T("Bytes")}}}
	for _, k := range info.Kinds {
		tab.add(plain(k.Kind), number(k.Records), plain(strconv.FormatInt(k.Bytes, 10)))
	}
	text := fields(
		[2]string{t.T("Size of the file"), strconv.FormatInt(info.FileBytes, 10)},
		[2]string{t.T("Used"), strconv.FormatInt(info.UsedBytes, 10)},
		[2]string{t.T("Phones"), strconv.Itoa(info.Phones)},
		[2]string{t.T("Bytes per phone"), strconv.FormatInt(info.PhoneBytes, 10)},
	) + "\n" + tab.text()
	return g.show(cmd, answer{data: info, table: tab, text: text})
}
