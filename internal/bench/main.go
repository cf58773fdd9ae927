// Command bench measures Kannuki against its figures: it runs the real server
// in a process of its own, fills installations of up to 100,000 phones through
// the storage interface, and speaks to them over the network as phones,
// administrators and Apple's push service would. It owns the load and the
// table; what the figures mean stands in docs/performance.md.
//
// Everything stays on loopback addresses and in a folder that it removes.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	program string
	rows    string
	scale   int
	slack   float64
	json    string
	keep    bool
	dir     string
}

func parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&o.program, "program", "bin/kannuki", "the kannuki program to measure")
	f.StringVar(&o.rows, "rows", "", "rows to measure, separated by commas (default: all): "+strings.Join(rowNames(), ", "))
	f.IntVar(&o.scale, "scale", 1, "divide phones, sessions and rounds by this")
	f.Float64Var(&o.slack, "slack", 0, "fail when a figure is this many times worse than its target (0: only report)")
	f.StringVar(&o.json, "json", "", "file to write the figures to")
	f.StringVar(&o.dir, "dir", "", "folder to work in (default: a temporary one)")
	f.BoolVar(&o.keep, "keep", false, "leave the folder with databases and logs behind")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 || o.scale < 1 || o.slack < 0 {
		return o, errors.New("want flags only, a scale of at least 1 and no negative slack")
	}
	for name := range strings.SplitSeq(o.rows, ",") {
		if o.rows != "" && !slices.Contains(rowNames(), name) {
			return o, fmt.Errorf("no row %q; there are %s", name, strings.Join(rowNames(), ", "))
		}
	}
	return o, nil
}

func run(ctx context.Context, args []string) (err error) {
	o, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	if o.program, err = filepath.Abs(o.program); err != nil {
		return fmt.Errorf("find program: %w", err)
	}
	dir, err := os.MkdirTemp(o.dir, "kannuki-bench-")
	if err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	if !o.keep {
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	b := &bench{options: o, dir: dir, sites: map[string]*site{}}
	b.report.Machine = machine(ctx)
	b.say("%s\nfolder:  %s", b.report.Machine, dir)
	if b.foundation, err = foundation(ctx, o.program, dir); err != nil {
		return err
	}
	for _, r := range rows() {
		if o.rows != "" && !slices.Contains(strings.Split(o.rows, ","), r.name) {
			continue
		}
		start := time.Now()
		if err := r.measure(ctx, b); err != nil {
			return errors.Join(fmt.Errorf("row %s: %w", r.name, err), b.finish())
		}
		b.say("# %s took %.1f s", r.name, time.Since(start).Seconds())
	}
	return b.finish()
}

// bench is one run.
type bench struct {
	options    options
	dir        string
	foundation *site
	sites      map[string]*site
	report     report
}

// say prints a line of progress.
func (b *bench) say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// site returns the installation with so many phones, made when it is first
// asked for. The name keeps apart those whose rows spoil them.
func (b *bench) site(ctx context.Context, name string, all, speaking, spare int) (*site, error) {
	if s, ok := b.sites[name]; ok {
		return s, nil
	}
	start := time.Now()
	s, err := b.foundation.copyTo(ctx, filepath.Join(b.dir, name))
	if err != nil {
		return nil, err
	}
	if err := s.fill(ctx, all, speaking, spare); err != nil {
		return nil, err
	}
	b.say("# %s: %d phones filled in %.1f s", name, all, time.Since(start).Seconds())
	b.sites[name] = s
	return s, nil
}

// scaled divides a count by the scale, but not below a least one.
func (b *bench) scaled(n, least int) int { return max(least, n/b.options.scale) }

// machine describes what the figures come from, in the words of .ci/machine.
func machine(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, ".ci/machine").Output()
	if err != nil {
		return "machine: unknown, run from the root of the repository (" + err.Error() + ")"
	}
	return strings.TrimSpace(string(out))
}

// finish prints the table, writes the figures and judges them.
func (b *bench) finish() error {
	if _, err := fmt.Fprint(os.Stdout, b.report.table()); err != nil {
		return fmt.Errorf("print table: %w", err)
	}
	if b.options.json != "" {
		text, err := json.MarshalIndent(b.report, "", "  ")
		if err != nil {
			return fmt.Errorf("write figures: %w", err)
		}
		if err := os.WriteFile(b.options.json, append(text, '\n'), 0o600); err != nil {
			return fmt.Errorf("write figures: %w", err)
		}
	}
	return b.report.judge(b.options.slack)
}
