package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/server/api"
)

func newReleaseCommand(g *globals) *cobra.Command {
	return g.noun("release", g.text.T("The catalogue of iOS releases"),
		newReleaseListCommand(g), newReleaseShowCommand(g), newReleaseImportCommand(g), newReleaseFetchCommand(g), newReleaseSourceCommand(g))
}

func newReleaseListCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   g.text.T("List the releases, newest first"),
		Example: "kannuki release list\nkannuki release list -o csv",
		Args:    g.args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return showGet(g, cmd, api.Path("releases"), nil, func(out api.Releases) answer {
				return answer{data: out, table: g.releaseTable(out.Releases)}
			})
		},
	}
}

func (g *globals) releaseTable(releases []fleet.ReleaseView) table {
	t := g.text
	tab := table{columns: []column{
		{"version", t.T("Release")},
		{"class", t.T("Class")},
		{"posted", t.T("Posted")},
		{"cves", t.T("Fixes")},
		{"exploited", t.T("Known to be exploited")},
		{"models", t.T("Models")},
		{"applies", t.T("Phones to update")},
	}}
	for _, r := range releases {
		version := plain(r.Version)
		if r.Synthetic {
			version.shown += " " + t.T("(synthetic)")
		}
		tab.add(version, g.word(r.Class), plain(r.Posted), number(r.CVEs), number(len(r.Exploited)), number(len(r.Models)), number(r.Applies))
	}
	return tab
}

func newReleaseShowCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show RELEASE",
		Short:   g.text.T("Show one release"),
		Example: "kannuki release show 26.6.1\nkannuki release show 26.6.1 -o json",
		Args:    g.args("RELEASE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return showGet(g, cmd, api.Path("releases", args[0]), nil, func(r fleet.ReleaseDetail) answer {
				return answer{data: r, table: g.releaseTable([]fleet.ReleaseView{r.ReleaseView}), text: g.releaseText(r)}
			})
		},
	}
	cmd.ValidArgsFunction = completeArg(g.releaseNames)
	return cmd
}

func (g *globals) releaseText(r fleet.ReleaseDetail) string {
	t := g.text
	offered, until := 0, ""
	for _, w := range r.Windows {
		if w.Offered {
			offered++
		}
		if w.Installable != "" && (until == "" || w.Installable < until) {
			until = w.Installable
		}
	}
	text := fields(
		[2]string{t.T("Release"), "iOS " + r.Version},
		[2]string{t.T("Class"), g.word(r.Class).shown},
		[2]string{t.T("Posted"), r.Posted},
		[2]string{t.T("Builds"), list(r.Builds).shown},
		[2]string{t.T("Fixes"), strconv.Itoa(r.CVEs)},
		[2]string{t.T("Known to be exploited"), list(r.Exploited).shown},
		[2]string{t.T("Security page"), plain(r.URL).shown},
		[2]string{t.T("Models"), list(r.Models).shown},
		[2]string{t.T("Offered by Apple"), t.T("to %d of %d models", offered, len(r.Windows))},
		[2]string{t.T("Ends first on"), plain(until).shown},
		[2]string{t.T("Phones to update"), strconv.Itoa(r.Applies)},
	)
	if len(r.Groups) == 0 {
		return text + "\n" + t.T("No group has a gate for it.") + "\n"
	}
	tab := table{columns: []column{{"group", t.T("Group")}, {"phase", t.T("Gate")}, {"missing", t.T("Waits for")}, {"next_human", t.T("You can")}}}
	for _, group := range r.Groups {
		next := cell{group.Next, t.Fill(t.Step(group.Next), nil)}
		tab.add(plain(group.Group), g.phase(group.Phase), list(group.Missing), next)
	}
	return text + "\n" + tab.text()
}

type importOptions struct {
	act
	extraRoots string
}

func newReleaseImportCommand(g *globals) *cobra.Command {
	var o importOptions
	cmd := &cobra.Command{
		Use:   "import FILE|URL...",
		Short: g.text.T("Take release feeds into the catalogue"),
		Long: g.text.T("Take release feeds into the catalogue: SOFA v2, Apple's GDMF, CISA's KEV, or a bundle of ours. " +
			"The kind is told by the content. A feed that is damaged or has shrunk is refused and changes nothing."),
		Example: "kannuki release import ios_data_feed.json\n" +
			"kannuki release import --dry-run " + catalog.SOFAURL,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage(cmd, g.text.T("%s is missing", "FILE"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return runReleaseImport(cmd.Context(), g, cmd, o, args)
		},
	}
	o.addFlags(g, cmd.Flags())
	cmd.Flags().StringVar(&o.extraRoots, "roots", "", g.text.T("PEM file of further roots to trust for a URL; Apple's GDMF needs \"Apple Root CA\""))
	return cmd
}

// imported is what became of one feed.
type imported struct {
	Source string `json:"source"`
	fleet.ImportView
}

func runReleaseImport(ctx context.Context, g *globals, cmd *cobra.Command, o importOptions, sources []string) error {
	client, err := g.client(cmd)
	if err != nil {
		return err
	}
	var done []imported
	for _, source := range sources {
		data, err := o.read(ctx, g, source)
		if err != nil {
			return err
		}
		query := url.Values{"dry_run": {strconv.FormatBool(o.DryRun)}, "reason": {o.Reason}}
		one := imported{Source: source}
		if err := client.Upload(ctx, api.Path("catalog"), query, data, &one.ImportView); err != nil {
			// What came before it is in the catalogue, and must be said to be.
			err = fmt.Errorf("%s: %w", source, err)
			if len(done) > 0 {
				err = errors.Join(err, g.showImports(cmd, done))
			}
			return err
		}
		done = append(done, one)
	}
	return g.showImports(cmd, done)
}

// showImports says what became of the feeds that were taken.
func (g *globals) showImports(cmd *cobra.Command, done []imported) error {
	tab := table{columns: []column{{"source", ""}, {"kind", ""}, {"new", ""}, {"changed", ""}, {"skipped", ""}, {"warnings", ""}}}
	var text strings.Builder
	for _, one := range done {
		tab.add(plain(one.Source), plain(string(one.Kind)), list(one.New), number(len(one.Changed)), number(len(one.Skipped)), number(len(one.Warnings)))
		text.WriteString(g.importText(one))
	}
	return g.show(cmd, answer{data: struct {
		Imports []imported `json:"imports"`
	}{done}, table: tab, text: text.String()})
}

// read returns a feed from a file, from standard input ("-") or over HTTPS.
func (o *importOptions) read(ctx context.Context, g *globals, source string) ([]byte, error) {
	if strings.HasPrefix(source, "https://") || strings.HasPrefix(source, "http://") {
		var roots []byte
		if o.extraRoots != "" {
			var err error
			if roots, err = os.ReadFile(o.extraRoots); err != nil {
				return nil, fmt.Errorf("read roots: %w", err)
			}
		}
		client, err := catalog.NewClient(roots)
		if err != nil {
			return nil, &wordedError{g.text.T("%s holds no PEM certificate", o.extraRoots), err}
		}
		data, err := catalog.Fetch(ctx, client, source, 0)
		if err != nil {
			return nil, &wordedError{g.text.T("cannot fetch %s: %v", source, g.text.Cause(err)), err}
		}
		return data, nil
	}
	if source == "-" {
		return g.readLimited(os.Stdin, source)
	}
	f, err := os.Open(source) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("read feed: %w", err)
	}
	defer f.Close() //nolint:errcheck // read only
	return g.readLimited(f, source)
}

func (g *globals) readLimited(r io.Reader, name string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, catalog.MaxInput+1))
	if err != nil {
		return nil, fmt.Errorf("read feed: %w", err)
	}
	if len(data) > catalog.MaxInput {
		return nil, errors.New(g.text.T("%s is larger than %d bytes", name, catalog.MaxInput))
	}
	return data, nil
}

// changeTexts word what is different about a release, in English where the server names no
// codes.
func (g *globals) changeTexts(c fleet.ChangeView) []string {
	texts := slices.Clone(c.What)
	for i, d := range c.WhatCodes {
		if text, known := g.text.ImportChange(d.Code); known && i < len(texts) {
			texts[i] = g.text.Fill(text, d.Params)
		}
	}
	return texts
}

func (g *globals) importText(one imported) string {
	t := g.text
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", one.Source, t.T("%s; %d new, %d changed, %d as they were", one.Kind, len(one.New), len(one.Changed), one.Unchanged))
	if len(one.New) > 0 {
		fmt.Fprintf(&b, "  %s %s\n", t.T("New:"), strings.Join(one.New, ", "))
	}
	for _, c := range one.Changed {
		fmt.Fprintf(&b, "  %s: %s\n", c.Version, oneLine(strings.Join(g.changeTexts(c), ", ")))
	}
	for i, said := range one.Warnings {
		if i < len(one.WarningCodes) {
			w := one.WarningCodes[i]
			if text, known := t.ImportWarning(w.Code); known {
				said = t.Fill(text, w.Params)
			}
		}
		fmt.Fprintf(&b, "  %s %s\n", t.T("Note:"), oneLine(said))
	}
	if len(one.Skipped) > 0 {
		fmt.Fprintf(&b, "  %s\n", t.T("Rows that are not for the catalogue: %d", len(one.Skipped)))
	}
	if one.DryRun {
		fmt.Fprintf(&b, "  %s\n", t.T("Only tried; nothing was changed."))
	}
	return b.String()
}
