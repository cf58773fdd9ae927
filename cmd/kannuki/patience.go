package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/server"
	"github.com/kannuki-mdm/kannuki/server/api"
)

const (
	// defaultTimeout is longer than a server takes to say the first word of what it was
	// asked for, but for feeds.
	defaultTimeout = 2 * time.Minute
	// feedsTimeout is enough for a server to read its feeds one after the other, each for
	// up to a minute, while it reads them by itself as well.
	feedsTimeout = 10 * time.Minute
	// remarkAfter is when a person begins to wonder.
	remarkAfter = 5 * time.Second
	// lookTimeout is for looking whether a server answers at all.
	lookTimeout = 5 * time.Second
)

// waitFor has a command wait so long for the server, unless its user says how long.
func (g *globals) waitFor(cmd *cobra.Command, d time.Duration) {
	if f := cmd.Flags().Lookup("timeout"); !f.Changed && g.getenv("KANNUKI_TIMEOUT") == "" {
		g.timeout = d
	}
}

// setTimeout takes how long to wait for a server from the flag or the environment.
func (g *globals) setTimeout(cmd *cobra.Command) error {
	text, name := g.getenv("KANNUKI_TIMEOUT"), "--timeout"
	if f := cmd.Flags().Lookup("timeout"); text != "" && f != nil && !f.Changed {
		d, err := time.ParseDuration(text)
		if err != nil {
			return usage(cmd, g.text.T("KANNUKI_TIMEOUT %q: want a time such as 30s, or 0", text))
		}
		g.timeout, name = d, "KANNUKI_TIMEOUT"
	}
	if g.timeout < 0 {
		return usage(cmd, g.text.T("%s must not be negative", name))
	}
	return nil
}

// patience waits for the server at a place, and says so where a person reads.
func (g *globals) patience(cmd *cobra.Command, place string) api.Patience {
	p := api.Patience{Limit: g.timeout}
	if g.forProgram { // it reads errors from there, and nothing else
		return p
	}
	p.Remark, p.Silent = remarkAfter, func() {
		_, _ = fmt.Fprintln(cmd.ErrOrStderr(), "kannuki: "+g.text.T("The server at %s does not answer yet; waiting. Ctrl-C ends that.", place)) // it is only a remark
	}
	return p
}

// look asks the server on this machine something, not for long, whatever --timeout says.
func (g *globals) look(ctx context.Context, path string, out any) error {
	err := api.NewSocketClient(server.SocketPath(g.data)).With(api.Patience{Limit: lookTimeout}).Get(ctx, path, nil, out)
	if _, silent := errors.AsType[*api.SilentError](err); silent {
		return &nextError{err, sayWhy(g.text)}
	}
	return err
}

// noAnswer says that a server said nothing for too long, and how to find out what
// became of a change.
func noAnswer(t *lang.Printer, e *api.UnreachableError, waited time.Duration) (message, next string) {
	place, after := e.URL+e.Socket, waitedText(t, waited)
	why := t.T("%s --timeout waits longer; 0 is without end.", sayWhy(t))
	switch {
	case e.Unknown:
		return t.T("The server at %s was asked and did not answer within %s. What it was asked for may have been done, or may still be done.", place, after),
			t.T("Once it answers again, see whether it was done, with the command that shows it or `kannuki audit log`, before you do it again. --timeout waits longer.")
	case e.Tried:
		return t.T("The server at %s was asked and did not answer within %s. It was only tried: nothing was changed.", place, after), why
	default:
		return t.T("The server at %s did not answer within %s.", place, after), why
	}
}

// waitedText shows for how long a server was waited for.
func waitedText(t *lang.Printer, d time.Duration) string {
	switch {
	case d > 0 && d%time.Minute == 0:
		return t.N(int(d/time.Minute), "%d minute", "%d minutes")
	case d > 0 && d%time.Second == 0:
		return t.N(int(d/time.Second), "%d second", "%d seconds")
	default:
		return d.String()
	}
}

// sayWhy is where to look when a server does not answer.
func sayWhy(t *lang.Printer) string {
	return t.T("Look on its machine whether it runs and what it logs last, and at the load and the disk there.")
}
