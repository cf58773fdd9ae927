package main

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/server/api"
)

type rolloutShowOptions struct {
	groupFlag
	phones bool
}

func newRolloutShowCommand(g *globals) *cobra.Command {
	var o rolloutShowOptions
	t := g.text
	cmd := &cobra.Command{
		Use:   "show RELEASE",
		Short: t.T("Show the waves of a rollout with their dates, and what comes next"),
		Long: t.T("Show the waves of a rollout with their dates, what the calendar moved, until when stopping helps, and what comes next. " +
			"With --phones each production phone: its wave, when it was told, by when it installs, and until when it can be stopped."),
		Example: "kannuki rollout show 26.6.1 --group sales\nkannuki rollout show 26.6.1 --group sales --phones -o csv",
		Args:    g.args("RELEASE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := g.need(cmd, "group"); err != nil {
				return err
			}
			client, err := g.client(cmd)
			if err != nil {
				return err
			}
			v, err := rolloutDetail(cmd.Context(), client, o, args[0])
			if err != nil {
				return err
			}
			tab := g.datesTable(v.Waves)
			if o.phones {
				tab = g.rolloutPhoneTable(v.Phones)
			}
			return g.show(cmd, answer{data: v, table: tab, text: g.rolloutDetailText(v, o.phones)})
		},
	}
	o.addFlags(g, cmd.Flags())
	cmd.Flags().BoolVar(&o.phones, "phones", false, t.T("list each production phone too"))
	g.complete(cmd, "group", g.groupNames)
	cmd.ValidArgsFunction = completeArg(g.releaseNames)
	return cmd
}

// rolloutDetail returns a rollout with all its phones, when they are asked for.
func rolloutDetail(ctx context.Context, client *api.Client, o rolloutShowOptions, release string) (fleet.RolloutDetail, error) {
	var whole fleet.RolloutDetail
	path, query := api.Path("rollouts", o.group, release, "waves"), url.Values{}
	if o.phones {
		query.Set("phones", "true")
	}
	err := client.Get(ctx, path, query, &whole)
	for err == nil && whole.Next != 0 {
		var page fleet.RolloutDetail
		query.Set("after", strconv.FormatUint(whole.Next, 10))
		err = client.Get(ctx, path, query, &page)
		whole.Phones = append(whole.Phones, page.Phones...)
		whole.Next = page.Next
	}
	return whole, err
}

func (g *globals) rolloutDetailText(v fleet.RolloutDetail, phones bool) string {
	if v.NoGate != nil {
		return g.noRolloutText(v.Group, v.Release, v.Approval, *v.NoGate)
	}
	t := g.text
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", t.T("iOS %s for %s: %s [%s]", v.Release, v.Group, t.Phase(v.Phase).Label, v.Phase))
	if v.Approval == "" {
		fmt.Fprintf(&b, "%s\n", t.T("Nothing rolls out: it is not approved. `kannuki rollout plan %s --group %s --deadline +3d` shows what approving would do.", lang.ShellWord(v.Release), v.Group))
	} else {
		fmt.Fprintf(&b, "%s\n%s\n", t.T("Approved by %s: %s", v.By, v.Reason), g.deadlineText(v.Promise))
		if v.Soak != "" {
			fmt.Fprintf(&b, "%s: %s\n", t.T("Watch period"), v.Soak)
		}
		b.WriteString(g.rebasedText(v.Rebased, v.Release, v.Group))
		tab := g.datesTable(v.Waves)
		b.WriteString("\n" + tab.text() + g.movedText(v.Waves))
	}
	for _, fl := range v.Floors {
		fmt.Fprintf(&b, "%s\n", t.T("Phones with %s below %s are asked once the app is updated.", fl.BundleID, fl.MinVersion))
	}
	b.WriteString(g.appsByHandText(v.AppsByHand))
	gate := policy.Gate{Group: v.Group, Release: v.Release, NextWave: v.NextWave}
	fmt.Fprintf(&b, "\n%s: %s\n", t.T("By itself"), g.step(policy.Code(v.NextAutomatic), gate))
	fmt.Fprintf(&b, "%s: %s\n", t.T("You can"), g.step(policy.Code(v.NextHuman), gate))
	if len(v.Reasons) > 0 {
		tab := table{columns: []column{{"reason", t.T("Why not yet")}, {"count", t.T("Phones")}}}
		for _, r := range v.Reasons {
			tab.add(g.reason(r.Reason), number(r.Count))
		}
		b.WriteString("\n" + tab.text())
	}
	b.WriteString(g.declinedText(v.Declined))
	if phones {
		tab := g.rolloutPhoneTable(v.Phones)
		b.WriteString("\n" + tab.text())
	}
	return b.String() + g.clockText(v.Clock)
}

func (g *globals) rolloutPhoneTable(phones []fleet.RolloutPhone) table {
	t := g.text
	tab := table{columns: []column{
		{"udid", t.T("Phone")},
		{"wave", t.T("Wave")},
		{"os", "iOS"},
		{"release", t.T("To install")},
		{"told_at", t.T("Told at")},
		{"deadline", t.T("Install deadline")},
		{"stop_until", t.T("Can be stopped until")},
		{"reason", t.T("Why not yet")},
	}}
	for _, p := range phones {
		wave := number(p.Wave)
		if p.Wave == 0 { // in none: nothing is approved, or its model is not covered
			wave.shown = none
		}
		tab.add(plain(p.UDID), wave, plain(p.OS), plain(p.Release), g.instant(p.ToldAt), onClock(p.Deadline), onClock(p.StopUntil), g.reason(p.Reason))
	}
	return tab
}

// datesTable lists waves with, for programs, what the calendar moved.
func (g *globals) datesTable(waves []fleet.WaveView) table {
	tab := g.waveTable(waves)
	tab.columns = append(tab.columns, column{"moved", ""})
	for i, w := range waves {
		var moved []string
		for _, m := range w.Moved {
			moved = append(moved, m.What+" "+m.From+" "+m.By)
		}
		tab.rows[i] = append(tab.rows[i], list(moved))
	}
	return tab
}

// movedText says what the calendar moved, "" for nothing.
func (g *globals) movedText(waves []fleet.WaveView) string {
	t := g.text
	var b strings.Builder
	for _, w := range waves {
		for _, m := range w.Moved {
			by := map[policy.Closure]string{
				policy.ClosedDays: t.T("no-update days %s", m.Days), policy.ClosedMonthEnd: t.T("end of the month"),
				policy.ClosedWeekday: t.T("no update on this weekday"), policy.ClosedHours: t.T("outside the hours for updates"),
				fleet.MovedByWave: t.T("a wave before it moved"),
			}[policy.Closure(m.By)]
			line := t.T("Wave %d: start moved from %s in the server's time zone (%s).", w.Wave, onClock(m.From).shown, by)
			if m.What == fleet.MovedDeadline {
				line = t.T("Wave %d: install deadline moved from %s on each phone's clock (%s).", w.Wave, onClock(m.From).shown, by)
			}
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

// goesOnText shows the waves of a rollout that stands still as they would be if
// it went on now, or of one that goes on; "" for one without.
func (g *globals) goesOnText(e fleet.Effect) string {
	waves := g.effectWaves(e.Waves)
	if waves != "" && (e.Phase == string(policy.PhasePaused) || e.Phase == string(policy.PhaseBlocked)) {
		return g.text.T("If it went on now:") + "\n" + waves
	}
	return waves
}
