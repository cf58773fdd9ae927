package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/internal/lang"
)

// showHelp prints what a command is for, and how to use it.
func (g *globals) showHelp(cmd *cobra.Command, _ []string) {
	about := cmd.Long
	if about == "" {
		about = cmd.Short
	}
	// A closed pipe is all that can go wrong, and nobody is left to be told.
	_, _ = io.WriteString(cmd.OutOrStdout(), about+"\n\n"+g.usageOf(cmd))
}

func (g *globals) showUsage(cmd *cobra.Command) error {
	_, err := io.WriteString(cmd.OutOrStderr(), g.usageOf(cmd))
	return err
}

func (g *globals) usageOf(cmd *cobra.Command) string {
	t := g.text
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", t.T("Usage:"))
	if takesArguments := strings.Contains(cmd.Use, " "); takesArguments || !cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "  %s\n", cmd.UseLine())
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "  %s COMMAND\n", cmd.CommandPath())
	}
	if cmd.HasExample() {
		fmt.Fprintf(&b, "\n%s\n%s\n", t.T("Examples:"), indent(cmd.Example))
	}
	for _, group := range cmd.Groups() {
		commandList(&b, group.Title, cmd, group.ID)
	}
	if cmd.HasAvailableSubCommands() {
		title := t.T("Commands:")
		if len(cmd.Groups()) > 0 {
			title = t.T("More:")
		}
		commandList(&b, title, cmd, "")
	}
	if f := cmd.LocalNonPersistentFlags(); f.HasAvailableFlags() {
		fmt.Fprintf(&b, "\n%s\n%s", t.T("Flags:"), g.flagList(f))
	}
	if f := cmd.InheritedFlags(); f.HasAvailableFlags() {
		fmt.Fprintf(&b, "\n%s\n%s", t.T("Flags of every command:"), g.flagList(f))
	} else if f := cmd.PersistentFlags(); f.HasAvailableFlags() {
		fmt.Fprintf(&b, "\n%s\n%s", t.T("Flags of every command:"), g.flagList(f))
	}
	fmt.Fprintf(&b, "\n%s\n", t.T("EXIT STATUS"))
	for _, line := range []string{
		t.T("0  done"),
		t.T("1  an error, such as no connection to the server"),
		t.T("2  wrong use: an unknown flag, or a value that cannot be used"),
		t.T("3  refused by policy: a closed gate, for instance"),
		t.T("4  something named does not exist"),
		t.T("5  changed since it was shown; nothing was done"),
	} {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	return b.String()
}

// commandList prints the subcommands of one group, aligned by what a terminal
// shows.
func commandList(b *strings.Builder, title string, cmd *cobra.Command, group string) {
	var found []*cobra.Command
	width := 0
	for _, c := range cmd.Commands() {
		if c.GroupID == group && (c.IsAvailableCommand() || c.Name() == "help") {
			found = append(found, c)
			width = max(width, lang.Width(c.Name()))
		}
	}
	if len(found) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", title)
	for _, c := range found {
		fmt.Fprintf(b, "  %s  %s\n", lang.Pad(c.Name(), width), c.Short)
	}
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ")
}
