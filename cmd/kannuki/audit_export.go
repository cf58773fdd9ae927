package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/server/api"
	"github.com/kannuki-mdm/kannuki/storage"
)

func newAuditExportCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export FILE",
		Short: g.text.T("Write the whole audit log to a file, one JSON object a line"),
		Long: g.text.T("Write the whole audit log to a file, one JSON object a line, checked on the way. FILE must not exist; - is standard output. " +
			"Each entry holds its hash and that of the entry before, so that anybody can check the file without Kannuki."),
		Example: "kannuki audit export audit-2026-11.jsonl",
		Args:    g.args("FILE"),
		RunE:    func(cmd *cobra.Command, args []string) error { return runAuditExport(cmd.Context(), g, cmd, args[0]) },
	}
	return cmd
}

func runAuditExport(ctx context.Context, g *globals, cmd *cobra.Command, path string) error {
	client, err := g.client(cmd)
	if err != nil {
		return err
	}
	var lines bytes.Buffer
	enc := json.NewEncoder(&lines)
	enc.SetEscapeHTML(false)
	var before storage.AuditEntry
	var fault error
	err = eachAuditPage(ctx, client, 0, func(page []api.AuditEntry) bool {
		for _, e := range page {
			if fault = storage.VerifyAudit(before, []storage.AuditEntry{stored(e)}); fault == nil {
				fault = enc.Encode(e)
			}
			if fault != nil {
				return false
			}
			before = stored(e)
		}
		return true
	})
	if err == nil {
		err = fault
	}
	if err != nil {
		return fmt.Errorf("export audit log: %w", err)
	}
	if path == "-" {
		return write(cmd.OutOrStdout(), lines.String())
	}
	if err := writeNewFile(path, lines.Bytes()); err != nil {
		return err
	}
	v := verified{Entries: before.Seq, Head: strconv.FormatUint(before.Seq, 10) + ":" + before.Hash}
	tab := table{columns: []column{{"file", ""}, {"entries", ""}, {"head", ""}}}
	tab.add(plain(path), plain(strconv.FormatUint(v.Entries, 10)), plain(v.Head))
	return g.show(cmd, answer{data: v, table: tab, text: g.text.T("Wrote %s: %d entries, the chain is whole. Its end: %s", path, v.Entries, v.Head) + "\n"})
}
