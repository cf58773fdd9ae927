package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy/backtest"
	"github.com/kannuki-mdm/kannuki/server/api"
)

type backtestOptions struct {
	query       fleet.BacktestQuery
	installDays int
	svg         string
}

func newPolicyBacktestCommand(g *globals) *cobra.Command {
	var o backtestOptions
	t := g.text
	cmd := &cobra.Command{
		Use:   "backtest [GROUP]",
		Short: t.T("Replay the releases of the past against policies and ways of testing"),
		Long: t.T("Replay the releases of the past, day by day, against ways of testing: which would have been approved, for how long phones would have been held back, and what that would have cost. " +
			"With GROUP the server replays its catalogue with the models of the group; without, the built-in catalogue is replayed with one iPhone of each model that can run the newest iOS, and no server is needed. " +
			"--policy replays policies as they are set, with their waves, calendar and the rest, instead of ways of testing or, with --strategy, beside them. Changes nothing."),
		Example: "kannuki policy backtest --since 2024-09\n" +
			"kannuki policy backtest sales --days 10,20 --strategy finish --svg chart.svg\n" +
			"kannuki policy backtest sales --policy default --policy retail --days 14 --broken 26.1:10d",
		Args: g.optional(),
		RunE: func(cmd *cobra.Command, args []string) error { return runBacktest(g, cmd, o, args) },
	}
	f, q := cmd.Flags(), &o.query
	f.StringVar(&q.Since, "since", "", t.T("month or day to begin with, such as 2024-09 (default: two years before the end)"))
	f.StringVar(&q.Until, "until", "", t.T("month or day to end with (default: the last day the catalogue knows)"))
	f.IntSliceVar(&q.Days, "days", nil, t.T("how many days a full test takes; several to compare (default: 7,14,21,30)"))
	f.StringSliceVar(&q.Strategies, "strategy", nil, t.T("restart, finish, carry-over or emergency; several to compare (default: all)"))
	f.StringSliceVar(&q.Policies, "policy", nil, t.T("policy to replay as it is set; several to compare"))
	f.StringSliceVar(&q.Broken, "broken", nil, t.T("a time in which the business apps do not work: %s for ten days from the posting of 26.1 on, also on newer releases, %s from 14 days after it on; may be repeated", "26.1:10d", "26.1@+14d:10d"))
	f.IntVar(&q.SmokeDays, "smoke-days", 0, t.T("how many days a quick check takes (default: 3)"))
	f.IntVar(&o.installDays, "install-days", 3, t.T("how many days from the approval to the phones' deadline"))
	f.StringVar(&o.svg, "svg", "", t.T("also draw a chart into this file, which must not exist"))
	g.complete(cmd, "strategy", func(*cobra.Command) []string {
		return names(backtest.Strategies(), func(s backtest.Strategy) string { return string(s) })
	})
	g.complete(cmd, "policy", g.policyNames)
	cmd.ValidArgsFunction = completeArg(g.groupNames)
	return cmd
}

func runBacktest(g *globals, cmd *cobra.Command, o backtestOptions, args []string) error {
	o.query.InstallDays = &o.installDays
	v, err := o.ask(g, cmd, args)
	if err != nil {
		return err
	}
	if o.svg != "" {
		if err := writeNewFile(o.svg, []byte(g.backtestChart(v))); err != nil {
			return err
		}
	}
	tab := g.backtestTable(v)
	return g.show(cmd, answer{data: v, table: tab, text: g.backtestText(v, tab)})
}

// ask has the server replay its history with the phones of a group, or replays
// the built-in one here.
func (o backtestOptions) ask(g *globals, cmd *cobra.Command, args []string) (fleet.BacktestView, error) {
	var v fleet.BacktestView
	if len(args) == 0 {
		cat, err := catalog.Embedded()
		if err != nil {
			return v, err
		}
		return fleet.BacktestCatalog(cat, o.query)
	}
	client, err := g.client(cmd)
	if err != nil {
		return v, err
	}
	return v, client.Get(cmd.Context(), api.Path("groups", args[0], "backtest"), api.BacktestValues(o.query), &v)
}

func (g *globals) backtestTable(v fleet.BacktestView) table {
	t := g.text
	tab := table{columns: []column{
		{"test_days", t.T("Test, days")},
		{"strategy", t.T("Way of testing")},
		{"approved", t.T("Approved")},
		{"urgent", t.T("by two people")},
		{"missed", t.T("Missed")},
		{"held_median_days", t.T("Held, median")},
		{"held_max_days", t.T("longest")},
		{"exposure", t.T("Exposure")},
		{"exposure_testing", t.T("testing")},
		{"exposure_avoidable", t.T("after approval")},
		{"restarts_per_phone_year", t.T("Restarts a year")},
		{"dropped", t.T("Tests given up")},
		{"unused", t.T("Tested, not used")},
		{"smoke_days", ""},
		{"install_days", ""},
		{"open", ""},
		{"policy", ""},
	}}
	for _, r := range v.Runs {
		approved := cell{strconv.Itoa(r.Approved), fmt.Sprintf("%d/%d", r.Approved, v.Releases)}
		tab.add(number(r.TestDays), cell{string(r.Strategy), g.wayName(r)}, approved, number(r.Urgent), number(r.Missed), number(r.HeldMedian), number(r.HeldMax),
			decimal(r.Exposure.Total), decimal(r.Exposure.Testing), decimal(r.Exposure.Avoidable), decimal(r.Restarts), number(r.Dropped), number(r.Unused),
			number(r.SmokeDays), number(r.InstallDays), number(r.Open), plain(r.Policy))
	}
	return tab
}

// decimal is a number with one digit behind the point.
func decimal(f float64) cell { return plain(strconv.FormatFloat(f, 'f', 1, 64)) }

// wayName names what a run replays.
func (g *globals) wayName(r backtest.Run) string {
	if r.Policy != "" {
		return g.text.T("Policy %s", r.Policy)
	}
	return g.strategy(r.Strategy)
}

// strategy names a way of testing.
func (g *globals) strategy(s backtest.Strategy) string {
	t := g.text
	switch s {
	case backtest.Restart:
		return t.T("Begin anew with each release")
	case backtest.Finish:
		return t.T("Finish, then the newest")
	case backtest.CarryOver:
		return t.T("Carry over")
	case backtest.Emergency:
		return t.T("Carry over, urgent route")
	}
	return string(s)
}

func (g *globals) backtestText(v fleet.BacktestView, tab table) string {
	t := g.text
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", t.T("%d releases from %s to %s (%d days); %s of %s.",
		v.Releases, v.From, v.Until, v.Days, t.N(v.Phones, "%d phone", "%d phones"), t.N(len(v.Models), "%d model", "%d models")))
	if len(v.Runs) > 0 {
		fmt.Fprintf(&b, "%s\n", t.N(v.Runs[0].InstallDays, "Phones install %d day after the approval.", "Phones install %d days after the approval."))
	}
	if slices.ContainsFunc(v.Runs, func(r backtest.Run) bool { return r.Policy != "" }) {
		fmt.Fprintf(&b, "%s\n", t.T("Under a policy with a deadline, waves or a calendar they install when that says."))
	}
	fmt.Fprintf(&b, "\n%s\n%s\n", tab.text(), t.T("Held: days from Apple's posting to the approval of the release or a newer one. "+
		"Exposure: exploited vulnerabilities times days that a fix was out and not installed, per phone and year."))
	return b.String()
}
