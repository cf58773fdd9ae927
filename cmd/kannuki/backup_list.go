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
			"unless --verify has each checked from end to end as `kannuki backup verify` does. The exit code is 1 if one is damaged or cannot be read, with --verify if one is not whole."),
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
	cmd.Flags().BoolVar(&verify, "verify", false, t.T("check each from end to end; needs room in the folder for a second copy of the largest"))
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
	bad := false
	for i := range files {
		if verify && files[i].State == server.BackupUnchecked {
			if err := g.verifyListed(ctx, &files[i], folder); err != nil {
				return err
			}
		}
		switch files[i].State {
		case server.BackupDamaged, server.BackupNotRead:
			bad = true
		case server.BackupNewer:
			bad = bad || verify
		}
	}
	if err := g.show(cmd, g.backupsAnswer(files)); err != nil {
		return err
	}
	if bad {
		return &shownError{exit: exitError}
	}
	return nil
}

// verifyListed checks one file from end to end. An error ends the list.
func (g *globals) verifyListed(ctx context.Context, b *server.BackupFile, folder string) error {
	stage, _, err := g.stageBackup(ctx, b.File, folder)
	if err == nil {
		if err := os.RemoveAll(stage); err != nil { //nolint:gosec // the folder this command made
			return fmt.Errorf("remove copy: %w", err)
		}
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
		b.State = server.BackupWhole
		return nil
	case errors.Is(err, server.ErrDatabaseNewer):
		b.State = server.BackupNewer
	case errors.Is(err, errNotChecked):
		b.State = server.BackupNotRead
	default:
		b.State = server.BackupDamaged
	}
	b.Problem = err.Error()
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
	case server.BackupNewer:
		return g.text.T("of a newer Kannuki")
	case server.BackupNotRead:
		return g.text.T("could not be checked")
	default:
		return g.text.T("not checked")
	}
}
