package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy/backtest"
	"github.com/kannuki-mdm/kannuki/server/api"
)

type simulateOptions struct {
	query fleet.SimulateQuery
	svg   string
}

func newPolicySimulateCommand(g *globals) *cobra.Command {
	var o simulateOptions
	t := g.text
	cmd := &cobra.Command{
		Use:   "simulate GROUP",
		Short: t.T("Play a group's own phones forward from today"),
		Long: t.T("Play a group's own phones forward from today, day by day, under its policy or another: gates, waves, what phones run, and when Apple's hold ends. " +
			"It begins with the results, offers and approvals on record. Releases to come are those of --release, else those of the year before once more, with numbers that follow (shown as assumed). Changes nothing."),
		Example: "kannuki policy simulate sales\n" +
			"kannuki policy simulate sales --days 60 --release 26.7=+5d --test-days 21 --policy retail\n" +
			"kannuki policy simulate sales --silent 10% --broken 26.7@+20d:5d --release 26.7=+5d\n" +
			"kannuki policy simulate sales --release 26.7=+5d --exploited 26.7=+6d --away 20%@+10d:14d\n" +
			"kannuki policy simulate sales --release 26.7=+5d --fails 26.7:15% --resume-days 2\n" +
			"kannuki policy simulate sales --svg chart.svg",
		Args: g.args("GROUP"),
		RunE: func(cmd *cobra.Command, args []string) error { return runSimulate(g, cmd, o, args[0]) },
	}
	f, q := cmd.Flags(), &o.query
	f.IntVar(&q.Days, "days", 90, t.T("how many days to play, at most 365"))
	f.StringSliceVar(&q.Releases, "release", nil, t.T("a release that is expected, and in how many days: %s; may be repeated (default: the releases of the year before)", "26.7=+5d"))
	f.IntVar(&q.TestDays, "test-days", 14, t.T("how many days a full test takes"))
	f.IntVar(&q.SmokeDays, "smoke-days", 0, t.T("how many days a quick check takes (default: 3)"))
	f.StringSliceVar(&q.Broken, "broken", nil, t.T("a time in which the business apps do not work: %s for ten days from the posting of 26.1 on, also on newer releases, %s from 14 days after it on; may be repeated", "26.1:10d", "26.1@+14d:10d"))
	f.StringVar(&q.Silent, "silent", "", t.T("share of the production phones that nobody switches on, such as %s", "20%"))
	o.addEvents(f, t)
	f.StringVar(&q.Policy, "policy", "", t.T("policy to play under (default: the group's own)"))
	f.StringVar(&o.svg, "svg", "", t.T("also draw a chart into this file, which must not exist"))
	g.complete(cmd, "policy", g.policyNames)
	cmd.ValidArgsFunction = completeArg(g.groupNames)
	return cmd
}

func runSimulate(g *globals, cmd *cobra.Command, o simulateOptions, group string) error {
	for name, n := range map[string]int{"days": o.query.Days, "test-days": o.query.TestDays, "resume-days": o.query.ResumeDays} {
		if n < 1 {
			return usage(cmd, g.text.T("--%s: want a number of days from 1 on", name))
		}
	}
	if o.query.SignHours < 1 {
		return usage(cmd, g.text.T("--%s: want a number of hours from 1 on", "sign-hours"))
	}
	client, err := g.client(cmd)
	if err != nil {
		return err
	}
	var v fleet.SimulationView
	if err := client.Get(cmd.Context(), api.Path("groups", group, "simulate"), api.SimulateValues(o.query), &v); err != nil {
		return err
	}
	if o.svg != "" {
		if err := writeNewFile(o.svg, []byte(g.simulationChart(v))); err != nil {
			return err
		}
	}
	tab := g.simulationTable(v)
	return g.show(cmd, answer{data: v, table: tab, text: g.simulationText(v, tab)})
}

func (g *globals) simulationTable(v fleet.SimulationView) table {
	t := g.text
	tab := table{columns: []column{
		{"day", t.T("Day")},
		{"date", t.T("Date")},
		{"release", t.T("Release")},
		{"event", t.T("What happens")},
		{"versions", t.T("Production phones")},
		{"exposure", t.T("Open flaws x phones")},
		{"assumed", ""},
		{"phase", ""},
		{"wave", ""},
		{"hold_day", ""},
		{"phones", ""},
		{"from", ""},
		{"latest", ""},
		{"at", ""},
		{"why", ""},
	}}
	for _, d := range v.Days {
		events := d.Events
		if len(events) == 0 { // the last day
			events = []backtest.Event{{}}
		}
		for i, e := range events {
			versions, open := plain(""), plain("")
			if i == len(events)-1 { // what is so once all of it happened
				versions, open = versionCounts(d.Phones), number(d.Open)
			}
			assumed := v.Assumed(e.Release)
			shown := plain(e.Release)
			if assumed {
				shown.shown = t.T("%s (assumed)", e.Release)
			}
			tab.add(number(d.Day), plain(d.Date), shown, cell{string(e.Kind), plain(g.forecastMoment(e, d.Date)).shown}, versions, open,
				boolean(assumed), plain(string(e.Phase)), number(e.Wave), number(e.HoldDay), number(e.Phones), plain(e.From), plain(string(e.Latest)), plain(string(e.At)), plain(string(e.Why)))
		}
	}
	return tab
}

// versionCounts lists how many phones run what: "26.7: 12".
func versionCounts(phones []backtest.VersionPhones) cell {
	counts := make([]string, len(phones))
	for i, p := range phones {
		counts[i] = p.Version + ":" + strconv.Itoa(p.Phones)
	}
	return list(counts)
}

// forecastEvent says what happens on a day.
func (g *globals) forecastEvent(e backtest.Event) string {
	t := g.text
	phase := t.Phase(string(e.Phase)).Label
	switch e.Kind {
	case backtest.EventPosted:
		return t.T("Apple posts it")
	case backtest.EventPhase:
		return t.T("Gate: %s", phase)
	case backtest.EventOffered:
		return t.T("goes to the testers")
	case backtest.EventWave:
		return t.T("wave %d starts (%s)", e.Wave, t.N(e.Phones, "%d phone", "%d phones"))
	case backtest.EventInstalled:
		return t.T("%s installed it", t.N(e.Phones, "%d phone", "%d phones"))
	case backtest.EventUsers:
		return t.T("users install it on %s", t.N(e.Phones, "%d phone", "%d phones"))
	case backtest.EventAlarm:
		return t.T("alarm: day %d of 90, gate: %s", e.HoldDay, phase)
	case backtest.EventHoldEnded:
		return t.T("Apple's 90 days are over: %s", g.word(string(e.OnExpiry)).shown)
	case backtest.EventRebased:
		return t.T("takes over the waves of %s", e.From)
	case backtest.EventEnforced:
		return t.T("the policy approves it, as the hold of %s is over", e.From)
	case backtest.EventRefused:
		return t.T("cannot be approved like this: the last deadline must not be later than %s, or the build may be gone", string(e.Latest))
	case backtest.EventExpired:
		return t.T("can no longer be installed")
	default:
		return g.simulatedEvent(e)
	}
}

func (g *globals) simulationText(v fleet.SimulationView, tab table) string {
	t := g.text
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s\n", t.T("%s under policy %s, %s to %s: %s in production, %s for verification.", v.Group, v.Policy, v.From, v.Until,
		t.N(v.Production, "%d phone", "%d phones"), t.N(v.Verification, "%d phone", "%d phones")), t.T("What this rests on:"))
	for _, code := range v.Assumptions {
		fmt.Fprintf(&b, "- %s\n", g.assumption(code, v))
	}
	run := v.Run
	fmt.Fprintf(&b, "\n%s\n%s\n", tab.text(), t.T("Releases: %d, of them approved %d, missed %d, open %d. Held: %d days in the middle, %d at most.",
		len(run.History), run.Approved, run.Missed, run.Open, run.HeldMedian, run.HeldMax))
	fmt.Fprintln(&b, t.T("A phone and year: exposure %.1f (testing %.1f, after approval %.1f), restarts %.1f.",
		run.Exposure.Total, run.Exposure.Testing, run.Exposure.Avoidable, run.Restarts))
	return b.String()
}

// assumption words what a forecast rests on.
func (g *globals) assumption(code string, v fleet.SimulationView) string {
	t := g.text
	switch code {
	case fleet.AssumePace:
		if len(v.Expected) == 0 {
			return t.T("Apple posts what it posted 364 days before: nothing in these days.")
		}
		return t.T("Apple posts what it posted 364 days before, with the numbers that follow. These releases are made up: %s", g.expected(v))
	case fleet.AssumeGiven:
		return t.T("Apple posts %s and nothing else. What they fix is not known and does not count.", g.expected(v))
	case fleet.AssumeTests:
		return t.T("A full test takes %d days, a quick check %d, from today for what is under way; everything works. One phone of each model of the verification phones is tested with.", v.TestDays, v.SmokeDays)
	case fleet.AssumeBroken:
		return t.T("A full test takes %d days, a quick check %d, from today for what is under way. The business apps do not work as given (%s); everything else works. One phone of each model of the verification phones is tested with.",
			v.TestDays, v.SmokeDays, plain(strings.Join(v.Broken, ", ")).shown)
	case fleet.AssumeSilent:
		return t.T("%s stay switched off and install nothing. The others are supervised and on, have the newest app versions on record, and install on their deadline.", t.N(v.Silent, "%d phone", "%d phones"))
	case fleet.AssumeRebase:
		return t.T("A patch of the same x.y takes over the waves that wait when it is approved.")
	case fleet.AssumeApproval:
		return t.T("Somebody approves on the day after the gate could be approved, and offers a release as soon as the testers are free.")
	case fleet.AssumePhones:
		return t.T("Phones are supervised and switched on, have the newest app versions on record, and install on their deadline.")
	case fleet.AssumeMajors:
		return t.T("Nobody takes up a major upgrade while Apple maintains the older branch.")
	case fleet.AssumeWaves:
		return t.T("Like phones are played in up to twenty parts, so that waves are good to a twentieth.")
	case fleet.AssumeShelfLife:
		return t.T("A build can be installed for as long as the catalogue knows today.")
	default:
		return g.assumedEvents(code, v)
	}
}

func (g *globals) expected(v fleet.SimulationView) string {
	return plain(strings.Join(names(v.Expected, func(r fleet.ExpectedRelease) string { return r.Release + " (" + r.Posted + ")" }), ", ")).shown
}

// simulationChart draws what phones run, and what that leaves open, as an SVG
// file.
func (g *globals) simulationChart(v fleet.SimulationView) string {
	t := g.text
	const points = 12 // between the first and the last
	last := v.Days[len(v.Days)-1].Day
	var days []int
	for i := range points + 1 {
		if d := last * i / points; !slices.Contains(days, d) {
			days = append(days, d)
		}
	}
	var versions []string // in the order in which phones come to them
	for _, d := range v.Days {
		for _, p := range slices.Backward(d.Phones) {
			if !slices.Contains(versions, p.Version) {
				versions = append(versions, p.Version)
			}
		}
	}
	looks := seriesLooks()
	lines := make([]series, len(versions))
	open := series{name: t.T("Open flaws x phones"), colour: looks[0][0], dash: looks[0][1]}
	for i, name := range versions {
		look := looks[i%len(looks)]
		lines[i] = series{name: name, colour: look[0], dash: look[1]}
		if v.Assumed(name) {
			lines[i].name = t.T("%s (assumed)", name)
		}
		for _, day := range days {
			lines[i].first = append(lines[i].first, float64(v.On(day).On(name)))
		}
	}
	for _, day := range days {
		open.first = append(open.first, float64(v.On(day).Open))
	}
	values := func(s series) []float64 { return s.first }
	return drawChart(t.T("%s under policy %s, %s to %s", v.Group, v.Policy, v.From, v.Until), t.T("Day"), days, lines,
		panel{t.T("Production phones"), 1, lines, values}, panel{open.name, 1, []series{open}, values})
}
