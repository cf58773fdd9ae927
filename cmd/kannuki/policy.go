package main

import (
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/server/api"
)

func newPolicyCommand(g *globals) *cobra.Command {
	return g.noun("policy", g.text.T("What is decided beforehand about the gates of groups"),
		newPolicyListCommand(g), newPolicyShowCommand(g), newPolicySetCommand(g), newPolicyRemoveCommand(g), newPolicyLintCommand(g), newPolicyPlanCommand(g), newPolicyBacktestCommand(g), newPolicySimulateCommand(g))
}

func newPolicyListCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   g.text.T("List the policies, the built-in one first"),
		Example: "kannuki policy list",
		Args:    g.args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return showGet(g, cmd, api.Path("policies"), nil, func(out api.Policies) answer {
				return answer{data: out, table: g.policyTable(out.Policies)}
			})
		},
	}
}

func newPolicyShowCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show POLICY",
		Short:   g.text.T("Show one policy and the groups it decides about"),
		Example: "kannuki policy show default",
		Args:    g.args("POLICY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return showGet(g, cmd, api.Path("policies", args[0]), nil, func(p fleet.PolicyView) answer {
				return answer{data: p, table: g.policyTable([]fleet.PolicyView{p}), text: g.policyText(p)}
			})
		},
	}
	cmd.ValidArgsFunction = completeArg(g.policyNames)
	return cmd
}

func (g *globals) policyTable(policies []fleet.PolicyView) table {
	t := g.text
	tab := table{columns: []column{
		{"name", t.T("Policy")},
		{"carry_over", t.T("Carry-over")},
		{"verdict_days", t.T("Results count")},
		{"on_expiry", t.T("After 90 days")},
		{"groups", t.T("Groups")},
		{"built_in", ""},
		{"changed_by", ""},
		{"changed_at", ""},
		{"waves", ""},
		{"soak", ""},
		{"deadline", ""},
		{"calendar", ""},
		{"weekdays", ""},
		{"hours", ""},
		{"month_end", ""},
		{"closed", ""},
		{"holidays", ""},
		{"improvements", ""},
		{"keep_improvements", ""},
		{"breaker_sample", ""},
		{"breaker_failed", ""},
		{"breaker_silent", ""},
		{"breaker_silent_after", ""},
		{"breaker_reverted", ""},
		{"breaker_reports", ""},
		{"breaker_wave_sample", ""},
		{"majors", ""},
		{"chase", ""},
		{"chase_quiet", ""},
		{"chase_off", ""},
		{"chase_per_day", ""},
		{"chase_language", ""},
		{"urgent", ""},
		{"urgent_deadline", ""},
		{"on_leak", ""},
		{"beta", ""},
		{"beta_program", ""},
		{"chase_always", ""},
		{"chase_tests", ""},
		{"model_class", ""},
	}}
	for _, p := range policies {
		tab.add(plain(p.Name), g.onOff(p.CarryOver), cell{strconv.Itoa(p.VerdictDays), g.verdictDays(p.VerdictDays)}, g.word(p.OnExpiry),
			list(p.Groups), boolean(p.BuiltIn), plain(p.ChangedBy), instantUTC(p.ChangedAt),
			list(p.Waves), plain(p.Soak), plain(p.Deadline), plain(p.Calendar), list(p.Weekdays), plain(p.Hours), number(p.MonthEnd), list(p.Closed), list(p.Holidays),
			plain(p.Improvements), boolean(p.KeepImprovements),
			number(p.BreakerSample), number(p.BreakerFailed), number(p.BreakerSilent), plain(p.BreakerSilentAfter), number(p.BreakerReverted), number(p.BreakerReports), number(p.BreakerWaveSample),
			plain(p.Majors),
			list(p.Chase), plain(p.ChaseQuiet), list(p.ChaseOff), number(p.ChasePerDay), plain(p.ChaseLanguage),
			plain(p.Urgent), plain(p.UrgentDeadline),
			plain(p.OnLeak),
			plain(p.Beta), plain(p.BetaProgram),
			list(p.ChaseAlways), list(p.ChaseTests),
			plain(p.ModelClass))
	}
	return tab
}

func (g *globals) policyText(p fleet.PolicyView) string {
	t := g.text
	changed := t.T("built in, cannot be changed")
	if !p.BuiltIn {
		changed = t.Time(p.ChangedAt) + ", " + p.ChangedBy
	}
	return fields(slices.Concat([][2]string{
		{t.T("Policy"), p.Name},
		{t.T("Carry-over"), g.onOff(p.CarryOver).shown},
		{t.T("Results count"), g.verdictDays(p.VerdictDays)},
		{t.T("A result stands for"), g.word(p.ModelClass).shown},
		{t.T("After 90 days"), g.word(p.OnExpiry).shown},
		{t.T("Waves"), g.shares(p.Waves)},
		{t.T("Watch period"), orDash(p.Soak)},
		{t.T("Install deadline"), orDash(p.Deadline)},
	}, g.openTimes(p.RolloutDefaults), [][2]string{
		{t.T("Security improvements"), g.improvements(p.ImprovementSettings)},
		{t.T("Major versions"), g.word(p.Majors).shown},
		{t.T("Unapproved updates"), g.word(p.OnLeak).shown},
		{t.T("Beta program"), g.betaProgram(p.BetaSettings)},
		{t.T("Automatic stop"), g.breakerLimits(p.BreakerLimits)},
		{t.T("Reminders"), g.reminders(p)},
		{t.T("Reminders of tests"), g.testReminders(p)},
		{t.T("Urgent route"), g.urgentRoute(p.UrgentDefaults)},
		{t.T("Groups"), list(p.Groups).shown},
		{t.T("Changed"), changed},
	})...)
}

func (g *globals) verdictDays(days int) string {
	if days == 0 {
		return g.text.T("until the day they name")
	}
	return g.text.N(days, "%d day", "%d days")
}

// onOff is a setting that is on or off.
func (g *globals) onOff(on bool) cell {
	text := g.text.T("off")
	if on {
		text = g.text.T("on")
	}
	return cell{strconv.FormatBool(on), text}
}

// policySetOptions are the settings of a policy.
type policySetOptions struct {
	edit
	rolloutFlags
	improvementFlags
	breakerFlags
	chaseFlags
	urgentFlags
	leakFlags
	betaFlags
	carryOver, onExpiry, majors, modelClass string
	verdictDays                             int
}

func newPolicySetCommand(g *globals) *cobra.Command {
	var o policySetOptions
	t := g.text
	cmd := &cobra.Command{
		Use:   "set POLICY",
		Short: t.T("Make a policy, or change one; what is not given stays"),
		Long: t.T("Make a policy, or change one; what is not given stays, or is as in the built-in policy when it is new. A change holds at once, for results recorded before as well: " +
			"one that would open a closed gate is refused, with the gates named (exit 3). Give a group its policy with `kannuki group set --policy`."),
		Example: "kannuki policy set retail --carry-over on --verdict-days 180 --reason \"26.6.1 took 30 days\"\n" +
			"kannuki policy set retail --on-expiry enforce\n" +
			"kannuki policy set retail --waves 5%,25%,100% --soak 4d --deadline 3d --weekdays mon-thu --hours 09:00-17:00 --closed 2026-12-28..2027-01-04\n" +
			"kannuki policy set retail --calendar shops\n" +
			"kannuki policy set retail --breaker-failed 5 --breaker-sample 40 --breaker-reports 2",
		Args: g.args("POLICY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runPolicySet(g, cmd, o, args[0])
		},
	}
	f := cmd.Flags()
	o.edit.addFlags(g, f)
	o.rolloutFlags.addFlags(g, f)
	o.improvementFlags.addFlags(g, f)
	o.breakerFlags.addFlags(g, f)
	o.chaseFlags.addFlags(g, f)
	o.leakFlags.addFlags(g, f)
	o.betaFlags.addFlags(g, f)
	f.StringVar(&o.majors, "majors", "", t.T("higher major versions of iOS: hold (stay on the older one while Apple maintains it; only a person's decision brings the higher one) or allow (like any other release)"))
	f.StringVar(&o.modelClass, "model-class", "", t.T("phones that a result stands for: hardware (those of the same model), screen (those with the same screen) or any (all)"))
	o.urgentFlags.addFlags(g, cmd)
	f.StringVar(&o.carryOver, "carry-over", "", t.T("on: results of 26.6 count for 26.6.1 after a quick check there; off: every release is tested in full"))
	f.IntVar(&o.verdictDays, "verdict-days", 0, t.T("for how many days a result counts; 0: until the day it names itself"))
	f.StringVar(&o.onExpiry, "on-expiry", "", t.T("when Apple's 90 days end before an approval: extend-risk (stay closed, the risk is accepted), release-to-users (stay closed, users may install) or enforce (approve the newest verified release)"))
	o.improvementFlags.complete(g, cmd)
	o.chaseFlags.complete(g, cmd)
	o.leakFlags.complete(g, cmd)
	o.betaFlags.complete(g, cmd)
	g.complete(cmd, "calendar", g.calendarNames)
	g.complete(cmd, "majors", func(*cobra.Command) []string { return []string{"hold", "allow"} })
	g.complete(cmd, "model-class", func(*cobra.Command) []string { return fleet.ModelClasses() })
	g.complete(cmd, "carry-over", func(*cobra.Command) []string { return []string{"on", "off"} })
	g.complete(cmd, "on-expiry", func(*cobra.Command) []string { return []string{"extend-risk", "release-to-users", "enforce"} })
	cmd.ValidArgsFunction = completeArg(g.policyNames)
	return cmd
}

func runPolicySet(g *globals, cmd *cobra.Command, o policySetOptions, name string) error {
	var change fleet.PolicyChange
	given := cmd.Flags().Changed
	var err error
	if change.CarryOver, err = g.switched(cmd, "carry-over", o.carryOver); err != nil {
		return err
	}
	if given("verdict-days") {
		change.VerdictDays = &o.verdictDays
	}
	if given("majors") {
		change.Majors = &o.majors
	}
	if given("model-class") {
		change.ModelClass = &o.modelClass
	}
	if given("on-expiry") {
		change.OnExpiry = &o.onExpiry
	}
	if change.RolloutChange, err = o.rolloutFlags.change(g, cmd); err != nil {
		return err
	}
	change.UrgentChange = o.urgentFlags.change(cmd)
	if change.ImprovementChange, err = o.improvementFlags.change(g, cmd); err != nil {
		return err
	}
	change.BreakerChange = o.breakerFlags.change(cmd)
	change.ChaseChange = o.chaseFlags.change(cmd)
	change.LeakChange = o.leakFlags.change(cmd)
	change.BetaChange = o.betaFlags.change(cmd)
	if change == (fleet.PolicyChange{}) {
		return usage(cmd, g.text.T("nothing to change: give at least one setting"))
	}
	request := api.SetPolicyRequest{PolicyChange: change, Edit: o.body()}
	return showEdit(g, cmd, api.Path("policies", name), request, o.edit, func(p fleet.PolicyEdit) answer {
		return answer{
			data: p, table: g.policyTable([]fleet.PolicyView{p.PolicyView}),
			text: g.done(o.DryRun, g.text.T("Policy %s decides about these groups: %s.", p.Name, list(p.Groups).shown)) + g.wavesMovedText(p.MovedWaves),
		}
	})
}

func newPolicyRemoveCommand(g *globals) *cobra.Command {
	return newDeedCommand(g, deed[fleet.PolicyView]{
		use: "remove POLICY", short: g.text.T("Remove a policy that no group has"),
		example:  "kannuki policy remove retail --reason \"merged into strict\"",
		path:     func(args []string) string { return api.Path("policies", args[0], "remove") },
		complete: completeArg(g.policyNames),
		shown: func(args []string, p fleet.PolicyView) (table, string) {
			return g.policyTable([]fleet.PolicyView{p}), g.text.T("Removed policy %s.", args[0])
		},
	})
}
