package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The command library has English texts of its own. Its errors are told apart
// by their types, and its commands and flags are given our texts.

// flagFault words what is wrong with the flags of a command.
func (g *globals) flagFault(cmd *cobra.Command, err error) error {
	t, message := g.text, err.Error()
	if g.forProgram {
		g.output = formJSON // perhaps not parsed yet
	}
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok {
		message = t.T("unknown flag: %s", flagAsTyped(e.GetSpecifiedName(), e.GetSpecifiedShortnames()))
	}
	if e, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		message = t.T("flag needs a value: %s", flagAsTyped(e.GetSpecifiedName(), e.GetSpecifiedShortnames()))
	}
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		message = t.T("--%s %q: want %s", e.GetFlag().Name, e.GetValue(), g.wanted(e.GetFlag().Value.Type()))
	}
	if e, ok := errors.AsType[*pflag.InvalidSyntaxError](err); ok {
		message = t.T("bad flag syntax: %s", e.GetSpecifiedFlag())
	}
	return usage(cmd, message)
}

func flagAsTyped(name, shorthands string) string {
	if shorthands != "" {
		return "-" + name
	}
	return "--" + name
}

// wanted says what values a kind of flag takes.
func (g *globals) wanted(kind string) string {
	switch kind {
	case "bool":
		return g.text.T("true or false")
	case "duration":
		return g.text.T("a duration such as 24h or 30m")
	case "int", "int64", "uint", "uint64":
		return g.text.T("a whole number")
	case "float64":
		return g.text.T("a number")
	default:
		return kind
	}
}

// flagList shows flags with what they do.
func (g *globals) flagList(f *pflag.FlagSet) string {
	return strings.ReplaceAll(f.FlagUsages(), "(default ", "("+g.text.T("default")+" ")
}

// helpTopics is the help command, which the library adds when the program runs.
func (g *globals) helpTopics() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]...",
		Short:   g.text.T("Show what a command is for and how to use it"),
		Example: "kannuki help gate approve",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			found, rest, err := cmd.Root().Find(args)
			if err != nil {
				return err
			}
			if len(rest) > 0 {
				return g.runNoun(found, rest)
			}
			return found.Help()
		},
	}
}

// addCompletion adds the library's commands for the completion of what is typed
// in a shell, with texts and checks of ours.
func (g *globals) addCompletion(root *cobra.Command) {
	t := g.text
	root.InitDefaultCompletionCmd()
	completion, _, err := root.Find([]string{"completion"})
	if err != nil || completion == root {
		return // the library was told to have none
	}
	completion.Short, completion.Long = t.T("Write a script that completes commands in a shell"), ""
	completion.Args, completion.RunE = cobra.ArbitraryArgs, g.runNoun
	load := map[string]string{
		"bash":       "kannuki completion bash > /etc/bash_completion.d/kannuki",
		"zsh":        "kannuki completion zsh > \"${fpath[1]}/_kannuki\"",
		"fish":       "kannuki completion fish > ~/.config/fish/completions/kannuki.fish",
		"powershell": "kannuki completion powershell | Out-String | Invoke-Expression",
	}
	for _, shell := range completion.Commands() {
		shell.Short = t.T("Write the completion script for %s", shell.Name())
		shell.Long = t.T("Write the completion script for %s. Load it as in the example, then start a new shell.", shell.Name())
		shell.Example, shell.Args = load[shell.Name()], g.args()
		if f := shell.Flags().Lookup("no-descriptions"); f != nil {
			f.Usage = t.T("leave out what each completion is for")
		}
	}
}
