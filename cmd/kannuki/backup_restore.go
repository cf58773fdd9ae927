package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/server"
	"github.com/kannuki-mdm/kannuki/server/api"
)

func newBackupVerifyCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "verify FILE",
		Short: g.text.T("Check a copy of the database from end to end"),
		Long: g.text.T("Check a copy of the database from end to end: every record's checksum, every index, and the chain of the audit log. " +
			"The file itself is not touched; a second copy beside it is made for the check and removed."),
		Example: "kannuki backup verify /backup/kannuki-2026-11-22.db",
		Args:    g.args("FILE"),
		RunE:    func(cmd *cobra.Command, args []string) error { return runBackupVerify(cmd.Context(), g, cmd, args[0]) },
	}
}

// checkedBackup is a copy that was found whole.
type checkedBackup struct {
	File   string `json:"file"`
	SHA256 string `json:"sha256"`
	server.DatabaseInfo
}

func runBackupVerify(ctx context.Context, g *globals, cmd *cobra.Command, file string) error {
	stage, found, err := g.stageBackup(ctx, file, filepath.Dir(file))
	if err != nil {
		return err
	}
	if err := os.RemoveAll(stage); err != nil { //nolint:gosec // the folder this command made
		return fmt.Errorf("remove copy: %w", err)
	}
	return g.show(cmd, g.backupAnswer(found, g.text.T("Whole: %s.", file)))
}

func (g *globals) backupAnswer(b checkedBackup, first string) answer {
	t := g.text
	tab := table{columns: []column{{"file", ""}, {"sha256", ""}, {"url", ""}, {"created_at", ""}, {"phones", ""}, {"file_bytes", ""}}}
	tab.add(plain(b.File), plain(b.SHA256), plain(b.URL), g.instant(b.CreatedAt), number(b.Phones), plain(strconv.FormatInt(b.FileBytes, 10)))
	return answer{data: b, table: tab, text: first + "\n" + fields(
		[2]string{t.T("Installation"), b.URL},
		[2]string{t.T("Phones"), strconv.Itoa(b.Phones)},
		[2]string{t.T("Bytes"), strconv.FormatInt(b.FileBytes, 10)},
		[2]string{"SHA-256", b.SHA256},
	)}
}

// stageBackup copies a file into a new folder in dir and checks it there, in a
// process of its own: a badly damaged file can end the process that reads it.
// The caller removes the folder.
func (g *globals) stageBackup(ctx context.Context, file, dir string) (stage string, found checkedBackup, err error) {
	found.File = file
	if stage, found.SHA256, err = server.StageDatabase(file, dir); err != nil {
		if cut, ok := errors.AsType[*server.CutShortError](err); ok {
			return "", found, &wordedError{g.text.T("%s is cut short: of %d bytes only %d are there", file, cut.Want, cut.Bytes), err}
		}
		return "", found, fmt.Errorf("%w: %w", errNotChecked, err)
	}
	if err = checkApart(ctx, stage, "--"+stageFlag); err == nil {
		found.DatabaseInfo, err = server.DescribeDatabase(ctx, stage)
	}
	if err != nil {
		err = errors.Join(g.stageFault(file, stage, err), os.RemoveAll(stage)) //nolint:gosec // the folder made above
	}
	return stage, found, err
}

// stageFault says what is wrong with a copy, or with looking at it: with the file that
// was named, not with what stands in the folder stage meanwhile.
func (g *globals) stageFault(file, stage string, err error) error {
	problem := strings.ReplaceAll(err.Error(), server.DatabasePath(stage), file)
	switch {
	case errors.Is(err, server.ErrDatabaseNewer):
		return &wordedError{g.text.T("%s is of a newer Kannuki: use that one", file), err}
	case errors.Is(err, errNotChecked):
		return &wordedError{g.text.T("%s could not be checked: %v", file, problem), err}
	default:
		return &wordedError{g.text.T("%s is no whole copy: %v", file, problem), err}
	}
}

func newBackupRestoreCommand(g *globals) *cobra.Command {
	var o act
	t := g.text
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: t.T("Put a checked copy of the database into a new data directory"),
		Long: t.T("Put a checked copy of the database into a new data directory. Put config.yaml and the folder keys of the installation there first; a directory that has a database is refused. " +
			"No server may run there. Phones that enrolled or renewed their certificate after the copy was made are refused and have to enroll again, the latter with `kannuki enroll link --device UDID`, and what was decided after it has to be decided again. " +
			"Links and profiles not used yet, waiting commands and API tokens of the copy are void; what phones were told is told to them again."),
		Example: "kannuki backup restore /backup/kannuki-2026-11-22.db --data /var/lib/kannuki --reason \"new machine\"",
		Args:    g.args("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runBackupRestore(cmd.Context(), g, cmd, o, args[0])
		},
	}
	o.addFlags(g, cmd.Flags())
	return cmd
}

func runBackupRestore(ctx context.Context, g *globals, cmd *cobra.Command, o act, file string) (err error) {
	if err := g.onThisMachine(cmd); err != nil {
		return err
	}
	if err := api.CheckText("reason", o.Reason); err != nil {
		return err
	}
	config, err := server.CheckRestore(g.data, g.getenv)
	if err != nil {
		return err
	}
	stage, found, err := g.stageBackup(ctx, file, g.data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(stage)) }() //nolint:gosec // the folder this command made
	if found.URL != config.URL {
		return errors.New(g.text.T("%s is of the installation at %s, but config.yaml in %s is of %s; use the copy and the files of one installation", file, found.URL, g.data, config.URL))
	}
	if !o.DryRun {
		actor := "uid:" + strconv.Itoa(os.Getuid())
		if err := server.Restore(ctx, server.Restoration{Stage: stage, Data: g.data, File: file, SHA256: found.SHA256, Actor: actor, Reason: o.Reason}, time.Now()); err != nil {
			return err
		}
	}
	return g.show(cmd, g.backupAnswer(found, g.done(o.DryRun, g.text.T("Restored into %s. Start the server, then see `kannuki doctor` and `kannuki status`. "+
		"Phones that renewed their certificate after the copy was made are refused: have each join again with `kannuki enroll link --device UDID`.", g.data))))
}
