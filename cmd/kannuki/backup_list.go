package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/server"
)

func newBackupListCommand(g *globals) *cobra.Command {
	var verify bool
	t := g.text
	cmd := &cobra.Command{
		Use:   "list [DIR]",
		Short: t.T("List the copies of databases in a folder, newest first"),
		Long: t.T("List the copies of databases in a folder, newest first; without DIR in the present one. Only the beginning of each is read, " +
			"unless --verify has each checked from end to end as `kannuki backup verify` does. The exit code is 1 if one is damaged."),
		Example: "kannuki backup list /backup\nkannuki backup list /backup --verify -o json",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return g.args("DIR")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			folder := "."
			if len(args) > 0 {
				folder = args[0]
			}
			return runBackupList(cmd.Context(), g, cmd, folder, verify)
		},
	}
	cmd.Flags().BoolVar(&verify, "verify", false, t.T("check each from end to end; needs room for a second copy of the largest"))
	return cmd
}

// backupFiles are the copies in a folder, for programs.
type backupFiles struct {
	Backups []server.BackupFile `json:"backups"`
}

func runBackupList(ctx context.Context, g *globals, cmd *cobra.Command, folder string, verify bool) error {
	files, err := server.Backups(ctx, folder)
	if err != nil {
		return err
	}
	damaged := 0
	for i := range files {
		if verify && files[i].State == server.BackupUnchecked {
			if err := g.verifyListed(ctx, &files[i], folder); err != nil {
				return err
			}
		}
		if files[i].State == server.BackupDamaged {
			damaged++
		}
	}
	if err := g.show(cmd, g.backupsAnswer(files)); err != nil {
		return err
	}
	if damaged > 0 {
		return &shownError{exit: exitError}
	}
	return nil
}

// verifyListed checks one file from end to end.
func (g *globals) verifyListed(ctx context.Context, b *server.BackupFile, folder string) error {
	stage, _, err := g.stageBackup(ctx, b.File, folder)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil {
		b.State = server.BackupWhole
		if err := os.RemoveAll(stage); err != nil { //nolint:gosec // the folder this command made
			return fmt.Errorf("remove copy: %w", err)
		}
		return nil
	}
	if _, notWhole := errors.AsType[*wordedError](err); !notWhole {
		return err // it could not be copied, which says nothing of it
	}
	b.State, b.Problem = server.BackupDamaged, err.Error()
	return nil
}

func (g *globals) backupsAnswer(files []server.BackupFile) answer {
	t := g.text
	tab := table{columns: []column{
		{"file", t.T("File")},
		{"modified_at", t.T("Written")},
		{"bytes", t.T("Bytes")},
		{"schema", t.T("Schema")},
		{"url", t.T("Installation")},
		{"organization", ""},
		{"state", t.T("State")},
		{"problem", ""},
	}}
	text := ""
	for _, b := range files {
		schema := plain("")
		if b.Schema > 0 {
			schema = plain(strconv.FormatUint(b.Schema, 10))
		}
		tab.add(plain(b.File), g.instant(b.ModifiedAt), plain(strconv.FormatInt(b.Bytes, 10)), schema, plain(b.URL),
			plain(b.Organization), cell{b.State, g.backupState(b.State)}, plain(b.Problem))
		if b.Problem != "" {
			text += oneLine(b.File+": "+b.Problem) + "\n"
		}
	}
	switch {
	case len(files) == 0:
		text = t.T("No copies of databases here.") + "\n"
	case text != "":
		text = tab.text() + "\n" + text
	}
	return answer{data: backupFiles{files}, table: tab, text: text}
}

func (g *globals) backupState(state string) string {
	switch state {
	case server.BackupWhole:
		return g.text.T("whole")
	case server.BackupDamaged:
		return g.text.T("damaged")
	default:
		return g.text.T("not checked")
	}
}
