package main

import (
	"bufio"
	"context"
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
func (g *globals) confirm(ctx context.Context, cmd *cobra.Command, question, want string) error {
	if !onTerminal(cmd.InOrStdin()) || !onTerminal(cmd.ErrOrStderr()) {
		return nil
	}
	typed, err := asked(ctx, cmd.InOrStdin(), cmd.ErrOrStderr(), question)
	if err == nil && typed != want {
		err = errors.New(g.text.T("Nothing was done."))
	}
	return err
}

// asked shows a question and returns the line typed in answer, "" when there
// is none.
func asked(ctx context.Context, in io.Reader, out io.Writer, question string) (string, error) {
	if _, err := fmt.Fprintf(out, "%s ", question); err != nil {
		return "", fmt.Errorf("ask: %w", err)
	}
	type answer struct {
		line string
		err  error
	}
	// A terminal cannot be told to stop reading; the program ends soon after
	// Ctrl-C, and the reader with it.
	answers := make(chan answer, 1)
	go func() {
		line, err := bufio.NewReader(in).ReadString('\n')
		answers <- answer{line, err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case a := <-answers:
		if a.err != nil && !errors.Is(a.err, io.EOF) {
			return "", fmt.Errorf("read answer: %w", a.err)
		}
		return strings.TrimSpace(a.line), nil
	}
}

func onTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
