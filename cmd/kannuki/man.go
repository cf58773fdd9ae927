package main

import (
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func newManCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "man DIR",
		Short:   g.text.T("Write the manual pages, one for each command"),
		Long:    g.text.T("Write the manual pages, one for each command, into the folder DIR, which is made when it is missing. Pages of the same names are replaced."),
		Example: "kannuki man /usr/local/share/man/man1",
		Args:    g.args("DIR"),
		RunE:    func(cmd *cobra.Command, args []string) error { return runMan(g, cmd, args[0]) },
	}
}

// writtenPages is what the command wrote.
type writtenPages struct {
	Folder string `json:"folder"`
	Pages  int    `json:"pages"`
}

func runMan(g *globals, cmd *cobra.Command, folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // manual pages are for everybody
		return err
	}
	root := cmd.Root()
	root.DisableAutoGenTag = true
	header := &doc.GenManHeader{Section: "1", Source: "Kannuki", Manual: g.text.T("Kannuki's manual")}
	// A release writes the same pages on every day; elsewhere the library takes today.
	if made, err := time.Parse(time.RFC3339, thisBuild().Time); err == nil {
		header.Date = &made
	}
	if err := doc.GenManTreeFromOpts(root, doc.GenManTreeOptions{Header: header, Path: folder, CommandSeparator: "-"}); err != nil {
		return err
	}
	n := pages(root)
	tab := table{columns: []column{{"folder", ""}, {"pages", ""}}}
	tab.add(plain(folder), number(n))
	return g.show(cmd, answer{data: writtenPages{folder, n}, table: tab, text: g.text.T("Wrote %d pages into %s.", n, folder) + "\n"})
}

// pages counts the commands that have a page.
func pages(cmd *cobra.Command) int {
	n := 1
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() && !c.IsAdditionalHelpTopicCommand() {
			n += pages(c)
		}
	}
	return n
}
