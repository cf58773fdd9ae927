package main

import (
	"context"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/server/api"
)

func newReleaseFetchCommand(g *globals) *cobra.Command {
	var o act
	cmd := &cobra.Command{
		Use:   "fetch",
		Short: g.text.T("Read the configured feeds now"),
		Long: g.text.T("Read the feeds of the configuration now, which the server does once a day by itself. " +
			"A feed that is damaged, has shrunk or is older than the newest copy changes nothing; the exit code is then 1. Apple's own list is read once a day at most."),
		Example: "kannuki release fetch --dry-run\nkannuki release fetch -o json",
		Args:    g.args(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runReleaseFetch(cmd.Context(), g, cmd, o) },
	}
	o.addFlags(g, cmd.Flags())
	return cmd
}

func runReleaseFetch(ctx context.Context, g *globals, cmd *cobra.Command, o act) error {
	g.waitFor(cmd, feedsTimeout)
	client, err := g.client(cmd)
	if err != nil {
		return err
	}
	var out api.Feeds
	if err := client.Post(ctx, api.Path("feeds", "fetch"), o, &out); err != nil {
		return err
	}
	t, failed := g.text, false
	tab := table{columns: []column{{"kind", t.T("Feed")}, {"outcome", t.T("Result")}, {"new", t.T("New releases")}, {"changed", t.T("Changed releases")}, {"problem", t.T("Problem")}}}
	for _, f := range out.Feeds {
		fresh, changed := list(nil), number(0)
		if f.Import != nil {
			fresh, changed = list(f.Import.New), number(len(f.Import.Changed))
		}
		tab.add(plain(f.Kind), g.feedOutcome(f.Outcome), fresh, changed, g.faultCell(f.Fault))
		failed = failed || f.Outcome == api.FeedFailed
	}
	a := answer{data: out, table: tab}
	if len(out.Feeds) == 0 {
		a.text = t.T("The configuration names no feeds; add the key feeds, or import files: `kannuki release import FILE`.") + "\n"
	}
	if err := g.show(cmd, a); err != nil {
		return err
	}
	if failed {
		return &shownError{exit: exitError}
	}
	return nil
}

func (g *globals) feedOutcome(o api.FeedOutcome) cell {
	t := g.text
	v := plain(string(o))
	switch o {
	case api.FeedNews:
		v.shown = t.T("news")
	case api.FeedUnchanged:
		v.shown = t.T("nothing new")
	case api.FeedNotDue:
		v.shown = t.T("read within a day already")
	case api.FeedFailed:
		v.shown = t.T("failed, nothing taken")
	}
	return v
}

// sources is where the catalogue comes from.
type sources struct {
	Feeds   []api.Feed         `json:"feeds"`
	Sources []fleet.SourceView `json:"sources"`
}

func newReleaseSourceCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "source",
		Short:   g.text.T("Show where the catalogue comes from and how fresh it is"),
		Example: "kannuki release source\nkannuki release source -o json",
		Args:    g.args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return showGet(g, cmd, api.Path("status"), nil, func(s api.Status) answer {
				return answer{data: sources{s.Server.Feeds, s.Fleet.Sources}, table: g.sourceTable(s)}
			})
		},
	}
}

// faultCell is why a feed was not read.
func (g *globals) faultCell(f api.Fault) cell {
	return cell{f.Problem, oneLine(g.text.Worded(f.Problem, f.Detail, f.Params))}
}

// sourceTable has a row for each kind that was imported or is read by itself.
func (g *globals) sourceTable(s api.Status) table {
	t := g.text
	tab := table{columns: []column{
		{"kind", t.T("Source of releases")},
		{"fetched_at", t.T("Fetched")},
		{"newest", t.T("Newest entry")},
		{"url", t.T("Read from")},
		{"good_at", t.T("Last good")},
		{"next_at", t.T("Next")},
		{"stale", t.T("State of the feed")},
		{"problem", t.T("Problem")},
	}}
	feeds := map[string]api.Feed{}
	kinds := []string{}
	for _, f := range s.Server.Feeds {
		feeds[f.Kind] = f
		kinds = append(kinds, f.Kind)
	}
	copies := map[string]fleet.SourceView{}
	for _, src := range s.Fleet.Sources {
		copies[src.Kind] = src
		kinds = append(kinds, src.Kind)
	}
	slices.Sort(kinds)
	for _, kind := range slices.Compact(kinds) {
		f, c := feeds[kind], copies[kind]
		tab.add(plain(kind), g.instant(c.FetchedAt), plain(c.Newest), plain(f.URL), g.instant(f.GoodAt), g.instant(f.NextAt), cell{strconv.FormatBool(f.Stale), g.feedState(f)}, g.faultCell(f.Fault))
	}
	return tab
}

// feedState is a word for a feed that the server reads by itself.
func (g *globals) feedState(f api.Feed) string {
	switch t := g.text; {
	case f.URL == "":
		return ""
	case f.Stale:
		return t.T("stale")
	case f.GoodAt.IsZero():
		return t.T("not read yet")
	default:
		return t.T("fresh")
	}
}
