package main

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/server/api"
)

type rolloutPlanOptions struct {
	groupFlag
	waveFlags
	deadline, start string
	rebase          bool
}

func newRolloutPlanCommand(g *globals) *cobra.Command {
	var o rolloutPlanOptions
	t := g.text
	cmd := &cobra.Command{
		Use:   "plan RELEASE",
		Short: t.T("Show what approving a gate now would do, wave by wave"),
		Long: t.T("Show what approving a gate now would do, wave by wave with dates, and what the calendar moves. It works before the gate is verified; " +
			"every production model then counts as verified. Nothing changes."),
		Example: "kannuki rollout plan 26.6.1 --group sales --deadline +3d\n" +
			"kannuki rollout plan 26.6.1 --group sales --wave 5%@+0 --wave 25%@+2d --wave 100%@+4d --soak 1d --deadline +3d",
		Args: g.args("RELEASE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := g.need(cmd, "group"); err != nil {
				return err
			}
			query := url.Values{"wave": o.waves, "rebase": {strconv.FormatBool(o.rebase)}}
			for name, value := range map[string]string{"soak": o.soak, "deadline": o.deadline, "start": o.start} {
				if value != "" {
					query.Set(name, value)
				}
			}
			return showGet(g, cmd, api.Path("rollouts", o.group, args[0], "plan"), query, func(v fleet.RolloutPlan) answer {
				return answer{data: v, table: g.datesTable(v.Waves), text: g.rolloutPlanText(v)}
			})
		},
	}
	f := cmd.Flags()
	o.groupFlag.addFlags(g, f)
	o.waveFlags.addFlags(g, f)
	f.StringVar(&o.deadline, "deadline", "", t.T("when phones install by themselves: +3d, +12h, or 2026-11-27T18:30 on each phone's clock (default: that of the policy)"))
	f.StringVar(&o.start, "start", "", t.T("when phones begin to be asked: an offset such as +2h (default: at once)"))
	f.BoolVar(&o.rebase, "rebase", false, t.T("as with gate approve: with the waves of the older rollout under way"))
	g.complete(cmd, "group", g.groupNames)
	cmd.ValidArgsFunction = completeArg(g.releaseNames)
	return cmd
}

// lanePromisesText says which deadlines phones keep from the urgent route, "" for none.
func (g *globals) lanePromisesText(list []fleet.LanePromise) string {
	var b strings.Builder
	for _, l := range list {
		fmt.Fprintf(&b, "%s\n", g.text.N(l.Phones, "%d phone keeps the deadline that the urgent route of iOS %s promised: %s, by its own clock.",
			"%d phones keep the deadline that the urgent route of iOS %s promised: %s, by each phone's clock.", l.Release, onClock(l.Deadline).shown))
	}
	return b.String()
}

func (g *globals) rolloutPlanText(v fleet.RolloutPlan) string {
	t := g.text
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", t.T("iOS %s for %s: %s [%s]", v.Release, v.Group, t.Phase(v.Phase).Label, v.Phase))
	switch {
	case v.Approvable:
	case len(v.Missing) == 0:
		fmt.Fprintf(&b, "%s\n", t.T("It cannot be approved yet: `kannuki gate show %s --group %s` says why. The plan takes every production model to be verified.", lang.ShellWord(v.Release), v.Group))
	default:
		fmt.Fprintf(&b, "%s\n", t.T("It cannot be approved yet; not verified: %s. The plan takes every production model to be verified.", list(v.Missing).shown))
	}
	if v.Production == 0 {
		return b.String() + t.T("Group %s has no production phones; nobody is asked to install.", v.Group) + "\n" + g.clockText(v.Clock)
	}
	fmt.Fprintf(&b, "%s\n", t.N(v.Install, "%d production phone would be asked to install at once.", "%d production phones would be asked to install at once."))
	b.WriteString(g.appFirstText(v.AppFirst) + g.appsByHandText(v.AppsByHand))
	if v.InstallVerification > 0 {
		fmt.Fprintf(&b, "%s\n", t.N(v.InstallVerification, "%d verification phone too.", "%d verification phones too."))
	}
	fmt.Fprintf(&b, "%s\n", g.deadlineText(v.Promise))
	b.WriteString(g.rebasedText(v.Rebased, v.Release, v.Group))
	tab := g.datesTable(v.Waves)
	b.WriteString("\n" + tab.text() + g.movedText(v.Waves) + g.lanePromisesText(v.LanePromises) + g.plannedReminders(v.Reminders))
	switch {
	case v.Outlives:
		fmt.Fprintf(&b, "%s\n", t.T("The last deadline that phones would be told comes too late: the build may be gone on %s. Latest possible: %s.", t.Time(v.ShelfLife), onClock(v.Latest).shown))
	case v.Latest != "":
		fmt.Fprintf(&b, "%s\n", t.T("Ends before the build may be gone (%s).", t.Time(v.ShelfLife)))
	}
	return b.String() + g.clockText(v.Clock)
}
