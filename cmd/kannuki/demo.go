package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kannuki-mdm/kannuki/internal/demo"
)

type demoOptions struct {
	phones int
	speed  string
	exit   bool
	plant  string
}

func (o *demoOptions) addFlags(g *globals, f *pflag.FlagSet) {
	t := g.text
	f.IntVar(&o.phones, "phones", 200, t.T("number of simulated iPhones besides 24 older ones, 20 to 1000"))
	f.StringVar(&o.speed, "speed", "1day=1s", t.T("how fast days pass at most; a machine that cannot follow takes longer"))
	f.BoolVar(&o.exit, "exit", false, t.T("end by itself instead of leaving server and phones running"))
	// Spoils the story to show that the check at its end has teeth: the exit
	// code must be 1. See demo.Options.
	f.StringVar(&o.plant, "plant", "", "")
	if err := f.MarkHidden("plant"); err != nil {
		panic(err) // the flag was added above
	}
}

func newDemoCommand(g *globals) *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: g.text.T("Play a whole story with the real server and simulated iPhones"),
		Long: g.text.T("Play the main job as a story: a release is posted, tested, found broken, fixed, approved and installed. " +
			"The server is the real one, in a process of its own; the iPhones are simulated and speak to it over TLS; the release facts are Apple's. " +
			"At the end the phones' own logs are checked: no production phone may have been told to install anything before its gate was verified and approved. " +
			"Without --data everything is made in a temporary directory and removed afterwards."),
		Example: "kannuki demo\nkannuki demo --phones 50 --exit\nkannuki demo --data ./demo",
		Args:    g.args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDemo(cmd.Context(), g, cmd, o)
		},
	}
	o.addFlags(g, cmd.Flags())
	return cmd
}

func runDemo(ctx context.Context, g *globals, cmd *cobra.Command, o demoOptions) error {
	perDay, err := parseSpeed(o.speed)
	if err != nil {
		return o.wrong(g, cmd, "speed")
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find own program: %w", err)
	}
	options := demo.Options{
		Phones: o.phones, Day: perDay, Exit: o.exit, Plant: o.plant, Program: program,
		Text: g.text, Out: cmd.OutOrStdout(), Terminal: onTerminal(cmd.OutOrStdout()),
	}
	// The data directory of a real installation, the default of every other
	// command, is not for a demo: it must be named on the command line.
	if cmd.Flags().Changed("data") {
		options.Data = g.data
	}
	err = demo.Run(ctx, options)
	if invalid, ok := errors.AsType[*demo.InvalidError](err); ok {
		return o.wrong(g, cmd, invalid.Option)
	}
	if _, ok := errors.AsType[*demo.UnsafeError](err); ok {
		return &shownError{exit: exitError} // the findings are on the screen
	}
	return err
}

// wrong says what an option should have been.
func (o *demoOptions) wrong(g *globals, cmd *cobra.Command, option string) error {
	switch option {
	case "phones":
		return usage(cmd, g.text.T("--phones %d: want 20 to 1000", o.phones))
	case "speed":
		return usage(cmd, g.text.T("--speed %q: want how long a day lasts, 100ms to 24h, such as 1day=1s", o.speed))
	default:
		return usage(cmd, g.text.T("--%s: this value cannot be used", option))
	}
}

// parseSpeed reads how long a day lasts: "1day=2s".
func parseSpeed(text string) (time.Duration, error) {
	duration, ok := strings.CutPrefix(text, "1day=")
	if !ok {
		return 0, fmt.Errorf("%q does not start with 1day=", text)
	}
	return time.ParseDuration(duration)
}
