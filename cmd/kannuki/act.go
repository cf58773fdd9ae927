package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"
)

// act is what every change takes: why, and whether it is only tried. It is
// also the body of requests that take nothing else.
type act struct {
	Reason string `json:"reason"`
	DryRun bool   `json:"dry_run"`
}

func (o *act) addFlags(g *globals, f *pflag.FlagSet) {
	f.StringVar(&o.Reason, "reason", "", g.text.T("why; kept in the audit log"))
	f.BoolVar(&o.DryRun, "dry-run", false, g.text.T("say what would happen and change nothing"))
}

// done is what a change says when it is done, or was only tried.
func (g *globals) done(dryRun bool, text string) string {
	if dryRun {
		return g.text.T("Only tried; nothing was changed.") + "\n"
	}
	return text + "\n"
}

// confirm asks a person to type a word before something that cannot be undone.
// It never asks when nobody sits at a terminal: programs said what they want.
func (g *globals) confirm(cmd *cobra.Command, question, want string) error {
	if !onTerminal(cmd.InOrStdin()) || !onTerminal(cmd.ErrOrStderr()) {
		return nil
	}
	typed, err := asked(cmd.InOrStdin(), cmd.ErrOrStderr(), question)
	if err == nil && typed != want {
		err = errors.New(g.text.T("Nothing was done."))
	}
	return err
}

// asked shows a question and returns the line typed in answer, "" when there
// is none.
func asked(in io.Reader, out io.Writer, question string) (string, error) {
	if _, err := fmt.Fprintf(out, "%s ", question); err != nil {
		return "", fmt.Errorf("ask: %w", err)
	}
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read answer: %w", err)
	}
	return strings.TrimSpace(line), nil
}

func onTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
