package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/server"
	"github.com/kannuki-mdm/kannuki/server/api"
)

func newServeCommand(g *globals) *cobra.Command {
	var level string
	cmd := &cobra.Command{
		Use:     "serve",
		Short:   g.text.T("Run the server until it is told to stop"),
		Long:    g.text.T("Run the server until SIGINT or SIGTERM. The log goes to standard error: text on a terminal, JSON otherwise."),
		Example: "kannuki serve --data /var/lib/kannuki",
		Args:    g.args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runServe(cmd.Context(), g, cmd, level)
		},
	}
	cmd.Flags().StringVar(&level, "log-level", "info", g.text.T("least level to log: debug, info, warn or error"))
	return cmd
}

func runServe(ctx context.Context, g *globals, cmd *cobra.Command, level string) error {
	var least slog.Level
	if err := least.UnmarshalText([]byte(level)); err != nil {
		return usage(cmd, g.text.T("--log-level %q: want debug, info, warn or error", level))
	}
	logger := newLogger(cmd.ErrOrStderr(), least)
	if os.Geteuid() == 0 {
		logger.WarnContext(ctx, "running as root: give the server a user of its own, which needs no right but to its data directory")
	}
	err := server.Run(ctx, server.Options{
		Data: g.data, Version: thisBuild().Version, Logger: logger, Getenv: g.getenv, Wall: time.Now,
	})
	if errors.Is(err, server.ErrDatabaseLocked) {
		return g.databaseInUse(ctx, err)
	}
	return err
}

// databaseInUse says who has the database open: a server, if one answers.
func (g *globals) databaseInUse(ctx context.Context, err error) error {
	var s api.Status
	if g.look(ctx, api.Path("status"), &s) != nil {
		return &nextError{
			&wordedError{g.text.T("the database in %s is in use by another kannuki: a server that does not answer, or `kannuki doctor` or `kannuki db`", g.data), err},
			g.text.T("Wait until it has ended, then start again."),
		}
	}
	return &nextError{
		&wordedError{g.text.T("a server is already running on %s", g.data), err},
		g.text.T("See `kannuki status --data %s`.", lang.ShellWord(g.data)),
	}
}

// newLogger writes lines for people on a terminal and JSON for everything
// else.
func newLogger(w io.Writer, least slog.Level) *slog.Logger {
	o := &slog.HandlerOptions{Level: least}
	if onTerminal(w) {
		return slog.New(slog.NewTextHandler(w, o))
	}
	return slog.New(slog.NewJSONHandler(w, o))
}
