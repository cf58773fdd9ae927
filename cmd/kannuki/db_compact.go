package main

import (
	"context"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/server"
	"github.com/kannuki-mdm/kannuki/server/api"
)

func newDBCompactCommand(g *globals) *cobra.Command {
	var o act
	t := g.text
	cmd := &cobra.Command{
		Use:   "compact",
		Short: t.T("Write the database anew without its empty part"),
		Long: t.T("Write the database anew without its empty part, check the new file and put it in the place of the old one, which stays beside it as kannuki.db.before-compact: " +
			"remove that once the server has started. The server must be stopped, and the disk needs room for a second copy. " +
			"With --dry-run the new file is written, checked and removed, to say how much it would free."),
		Example: "kannuki db compact --data /var/lib/kannuki --reason \"disk is short\"",
		Args:    g.args(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runDBCompact(cmd.Context(), g, cmd, o) },
	}
	o.addFlags(g, cmd.Flags())
	return cmd
}

func runDBCompact(ctx context.Context, g *globals, cmd *cobra.Command, o act) error {
	if err := g.onThisMachine(cmd); err != nil {
		return err
	}
	if err := api.CheckText("reason", o.Reason); err != nil {
		return err
	}
	// Checked first, in a process of its own: reading a damaged file can end
	// the process.
	if err := g.checkDatabase(ctx); err != nil {
		return g.offline(err)
	}
	done, err := server.Compact(ctx, server.Compaction{
		Data: g.data, Actor: "uid:" + strconv.Itoa(os.Getuid()), Reason: o.Reason, DryRun: o.DryRun,
		Check: func(ctx context.Context, folder string) error { return checkApart(ctx, folder) },
	}, time.Now())
	if err != nil {
		return g.offline(err)
	}
	tab := table{columns: []column{{"bytes_before", ""}, {"bytes_after", ""}, {"bytes_freed", ""}, {"kept", ""}, {"left", ""}}}
	bytes := func(n int64) cell { return plain(strconv.FormatInt(n, 10)) }
	tab.add(bytes(done.Before), bytes(done.After), bytes(done.Freed), plain(done.Kept), boolean(done.Left))
	return g.show(cmd, answer{data: done, table: tab, text: g.compactedText(done)})
}

// compactedText says what a compaction came to.
func (g *globals) compactedText(done server.Compacted) string {
	t := g.text
	if done.Left {
		return t.T("There is nothing to gain: the database takes %d bytes, a new file %d. It stays as it is.", done.Before, done.After) + "\n"
	}
	text := t.T("Before: %d bytes. After: %d bytes. Freed: %d bytes.", done.Before, done.After, done.Freed) + "\n"
	if done.DryRun {
		return text + g.done(true, "")
	}
	return text + t.T("The old file is kept as %s. Remove it once the server has started.", done.Kept) + "\n"
}
