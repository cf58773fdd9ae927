package main

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/server/api"
)

type rolloutChaseOptions struct {
	groupFlag
	phones bool
}

func newRolloutChaseCommand(g *globals) *cobra.Command {
	var o rolloutChaseOptions
	t := g.text
	cmd := &cobra.Command{
		Use:   "chase RELEASE",
		Short: t.T("Show which reminders moved people, and which phones are reminded next"),
		Long: t.T("Show what each reminder of a rollout did: for how many phones it was sent, how many of them had the release within a day and before any other reminder, and how many still wait after it. " +
			"Reminders are a setting of the group's policy: `kannuki policy set --chase`."),
		Example: "kannuki rollout chase 26.6.1 --group sales\nkannuki rollout chase 26.6.1 --group sales --phones",
		Args:    g.args("RELEASE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runRolloutChase(cmd.Context(), g, cmd, o, args[0])
		},
	}
	f := cmd.Flags()
	o.addFlags(g, f)
	f.BoolVar(&o.phones, "phones", false, t.T("each phone without the release, with its last and its next reminder"))
	g.complete(cmd, "group", g.groupNames)
	cmd.ValidArgsFunction = completeArg(g.releaseNames)
	return cmd
}

func runRolloutChase(ctx context.Context, g *globals, cmd *cobra.Command, o rolloutChaseOptions, release string) error {
	if err := g.need(cmd, "group"); err != nil {
		return err
	}
	client, err := g.client(cmd)
	if err != nil {
		return err
	}
	v, err := wholeChase(ctx, client, o.group, release, o.phones)
	if err != nil {
		return err
	}
	if o.phones {
		tab := g.chasedTable(v.Devices)
		return g.show(cmd, answer{data: v, table: tab, text: g.chaseText(v) + "\n" + tab.text()})
	}
	return g.show(cmd, answer{data: v, table: g.chaseTable(v), text: g.chaseText(v)})
}

// wholeChase returns the reminders of a rollout, with all phones it lists where
// they are wanted. The counts are those of the first page.
func wholeChase(ctx context.Context, client *api.Client, group, release string, phones bool) (fleet.ChaseView, error) {
	var whole fleet.ChaseView
	path := api.Path("rollouts", group, release, "chase")
	err := client.Get(ctx, path, nil, &whole)
	for err == nil && phones && whole.Next != 0 {
		var page fleet.ChaseView
		err = client.Get(ctx, path, url.Values{"after": {strconv.FormatUint(whole.Next, 10)}}, &page)
		whole.Devices = append(whole.Devices, page.Devices...)
		whole.Next = page.Next
	}
	return whole, err
}

func (g *globals) chaseText(v fleet.ChaseView) string {
	t := g.text
	var b strings.Builder
	switch {
	case v.Approval == "":
		return t.T("iOS %s is not approved for %s; nobody is reminded.", v.Release, v.Group) + "\n"
	case len(v.Steps) == 0:
		return t.T("The policy of %s has no reminders. Set them with `kannuki policy set --chase`.", v.Group) + "\n"
	case v.Running:
		fmt.Fprintf(&b, "%s\n\n", t.T("Reminders of iOS %s in %s, as of %s:", v.Release, v.Group, t.Time(v.AsOf)))
	default:
		fmt.Fprintf(&b, "%s\n\n", t.T("Reminders of iOS %s in %s, as of %s. None is sent now: the rollout does not go on, or its policy has none.", v.Release, v.Group, t.Time(v.AsOf)))
	}
	tab := g.chaseTable(v)
	b.WriteString(tab.text() + g.clockText(v.Clock))
	return b.String()
}

// chaseTable has a line for each step and, where there are several waves, one for
// each step of each wave.
func (g *globals) chaseTable(v fleet.ChaseView) table {
	t := g.text
	tab := table{columns: []column{
		{"step", t.T("Reminder")},
		{"wave", t.T("Wave")},
		{"sent", t.T("Sent to")},
		{"moved", t.T("Installed within a day")},
		{"waiting", t.T("Still waiting")},
	}}
	add := func(wave cell, steps []fleet.ChaseLine) {
		for _, s := range steps {
			tab.add(plain(s.Step), wave, number(s.Sent), number(s.Moved), number(s.Waiting))
		}
	}
	add(cell{"", t.T("all")}, v.Steps)
	if len(v.Waves) > 1 {
		for _, wave := range v.Waves {
			add(number(wave.Wave), wave.Steps)
		}
	}
	return tab
}

func (g *globals) chasedTable(phones []fleet.ChasedPhone) table {
	t := g.text
	tab := table{columns: []column{
		{"udid", t.T("Phone")},
		{"holder", t.T("Carried by")},
		{"wave", t.T("Wave")},
		{"reason", t.T("Why not yet")},
		{"last", t.T("Last reminder")},
		{"last_at", t.T("Sent")},
		{"next", t.T("Next reminder")},
		{"next_at", t.T("Due")},
	}}
	for _, p := range phones {
		tab.add(plain(p.UDID), plain(p.Holder), number(p.Wave), g.reason(p.Reason), plain(p.Last), g.instant(p.LastAt), plain(p.Next), g.instant(p.NextAt))
	}
	return tab
}

// chaseLines are the lines about reminders in what explains a phone.
func (g *globals) chaseLines(s *fleet.ChaseState) [][2]string {
	var lines [][2]string
	if s == nil {
		return lines
	}
	if s.Last != "" {
		lines = append(lines, [2]string{g.text.T("Last reminder"), s.Last + ", " + g.text.Time(s.LastAt)})
	}
	if s.Next != "" {
		next := s.Next + ", " + g.text.Time(s.NextAt)
		if s.Untold {
			next += "; " + g.text.Word("not-told")
		}
		lines = append(lines, [2]string{g.text.T("Next reminder"), next})
	}
	return lines
}

// plannedReminders says what follows for a phone that does nothing; nothing when
// the policy has no reminders.
func (g *globals) plannedReminders(list []fleet.PlannedReminder) string {
	t := g.text
	if len(list) == 0 {
		return ""
	}
	tab := table{columns: []column{
		{"wave", t.T("Wave")},
		{"step", t.T("Reminder")},
		{"at", t.T("Due")},
		{"meant", t.T("Instead of")},
	}}
	for _, r := range list {
		tab.add(number(r.Wave), plain(r.Step), g.instant(r.At), g.instant(r.Meant))
	}
	return "\n" + t.T("Reminders of a phone that is told when its wave begins and does nothing:") + "\n\n" + tab.text()
}
