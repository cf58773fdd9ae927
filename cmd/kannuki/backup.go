package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/server/api"
)

func newBackupCommand(g *globals) *cobra.Command {
	return g.noun("backup", g.text.T("Copies of the database"),
		newBackupCreateCommand(g), newBackupListCommand(g), newBackupVerifyCommand(g), newBackupRestoreCommand(g))
}

func newBackupCreateCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "create FILE",
		Short: g.text.T("Write a consistent copy of the database while the server runs"),
		Long: g.text.T("Write a consistent copy of the database while the server runs. FILE must not exist; it appears whole or not at all. " +
			"The copy does not hold the keys: back up the folder keys of the data directory as well."),
		Example: "kannuki backup create /backup/kannuki-2026-11-22.db",
		Args:    g.args("FILE"),
		RunE:    func(cmd *cobra.Command, args []string) error { return runBackupCreate(cmd.Context(), g, cmd, args[0]) },
	}
}

// backedUp is what a backup wrote.
type backedUp struct {
	File  string `json:"file"`
	Bytes int64  `json:"bytes"`
}

func runBackupCreate(ctx context.Context, g *globals, cmd *cobra.Command, path string) error {
	// Asked first, so that nothing is copied for nothing; the link decides.
	if _, err := os.Lstat(path); err == nil {
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	client, err := g.client(cmd)
	if err != nil {
		return err
	}
	n, err := download(ctx, client, path)
	if err != nil {
		return err
	}
	tab := table{columns: []column{{"file", ""}, {"bytes", ""}}}
	tab.add(plain(path), number(int(n)))
	text := g.text.T("Wrote %s, %d bytes.", path, n) + "\n" + g.text.T("It does not hold the keys: back up the folder keys of the data directory as well.") + "\n"
	return g.show(cmd, answer{data: backedUp{path, n}, table: tab, text: text})
}

// download writes a backup beside its place and moves it there when it is
// whole and on the disk.
func download(ctx context.Context, client *api.Client, path string) (n int64, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*") // mode 0600
	if err != nil {
		return 0, fmt.Errorf("write backup: %w", err)
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	n, err = client.Download(ctx, api.Path("backup"), f)
	if err == nil && n == 0 {
		err = errors.New("the server sent nothing")
	}
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return 0, err
	}
	// A link, unlike a rename, never takes the place of a file.
	if err := os.Link(f.Name(), path); err != nil {
		return 0, fmt.Errorf("write backup: %w", err)
	}
	return n, syncFolder(filepath.Dir(path))
}

// syncFolder brings the names in a folder to the disk.
func syncFolder(path string) error {
	d, err := os.Open(path) //nolint:gosec // the folder of the file the operator named
	if err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	return nil
}
