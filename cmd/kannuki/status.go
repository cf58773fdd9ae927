package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/server"
	"github.com/kannuki-mdm/kannuki/server/api"
)

func newStatusCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Short:   g.text.T("Show the installation at a glance"),
		Example: "kannuki status\nkannuki status -o json",
		Args:    g.args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runStatus(cmd.Context(), g, cmd)
		},
	}
}

func runStatus(ctx context.Context, g *globals, cmd *cobra.Command) error {
	client, err := g.client(cmd)
	if err != nil {
		return err
	}
	var s api.Status
	if err := client.Get(ctx, api.Path("status"), nil, &s); err != nil {
		return err
	}
	return g.show(cmd, answer{data: s, table: g.statusTable(s), text: g.statusText(s)})
}

// statusTable is the status for a spreadsheet: one row of figures.
func (g *globals) statusTable(s api.Status) table {
	tab := table{columns: []column{
		{"version", ""},
		{"url", ""},
		{"as_of", ""},
		{"phones", ""},
		{"holds_confirmed", ""},
		{"holds_pending", ""},
		{"holds_impossible", ""},
		{"certificates_due", ""},
		{"certificates_ended", ""},
		{"newest_release", ""},
		{"push_not_after", ""},
		{"holds_ended", ""},
		{"halt", ""},
	}}
	h := s.Fleet.Holds
	tab.add(plain(s.Server.Version), plain(s.Server.URL), g.instant(s.Fleet.AsOf), number(s.Fleet.Phones), number(h.Confirmed),
		number(h.Pending), number(h.Impossible), number(s.Fleet.Certificates.Due), number(s.Fleet.Certificates.Ended), plain(s.Fleet.Newest), g.instant(s.Server.Push.NotAfter), number(h.Ended), plain(haltCause(s.Fleet.Halt)))
	return tab
}

// pushProblem says what was last in the way of a push, when, and whether one was taken
// since. An older server does not tell when.
func (g *globals) pushProblem(h api.Health) string {
	t := g.text
	switch {
	case h.ProblemAt.IsZero():
		return h.PushProblem
	case h.PushSentAt.After(h.ProblemAt):
		return t.T("%s (at %s; a push was sent since, at %s)", h.PushProblem, t.Time(h.ProblemAt), t.Time(h.PushSentAt))
	default:
		return t.T("%s (at %s)", h.PushProblem, t.Time(h.ProblemAt))
	}
}

func (g *globals) statusText(s api.Status) string {
	t := g.text
	var b strings.Builder
	rows := [][2]string{
		{t.T("Server"), s.Server.Version + "  " + s.Server.URL},
		{t.T("As of"), t.Time(s.Fleet.AsOf)},
		{t.T("Phones"), strconv.Itoa(s.Fleet.Phones)},
		{t.T("Holds"), g.holds(s.Fleet.Holds)},
		{t.T("Newest release"), plain(s.Fleet.Newest).shown},
		{t.T("Push certificate"), g.pushText(s.Server.Push)},
	}
	if text := g.diskText(s.Server.Disk); text != "" {
		rows = append(rows, [2]string{t.T("Disk"), text})
	}
	if s.Server.PushProblem != "" {
		rows = append(rows, [2]string{t.T("Last push problem"), g.pushProblem(s.Server)})
	}
	if c := s.Fleet.Certificates; c.Due+c.Ended > 0 {
		rows = append(rows, [2]string{t.T("Phones' certificates"), t.T("%d due for renewal, %d ended", c.Due, c.Ended)})
	}
	if s.Server.LegacyCrypto {
		rows = append(rows, [2]string{t.T("Cryptography"), t.T("legacy_crypto is on: SHA-1 signatures and DES certificate requests are accepted.")})
	}
	b.WriteString(fields(rows...))
	if message, fix := g.haltText(s.Fleet.Halt); message != "" {
		fmt.Fprintf(&b, "\n%s\n%s\n", message, g.repeat(fix))
	}
	for _, m := range s.Server.Missing {
		fmt.Fprintf(&b, "\n%s %s\n", t.T("Not set up yet:"), m)
	}
	if len(s.Fleet.Reasons) > 0 {
		tab := table{columns: []column{{"reason", t.T("Why not yet")}, {"phones", t.T("Phones")}}}
		for _, r := range s.Fleet.Reasons {
			tab.add(g.reason(r.Reason), number(r.Count))
		}
		b.WriteString("\n" + tab.text())
	}
	if len(s.Fleet.Gates) > 0 {
		tab := table{columns: []column{{"group", t.T("Group")}, {"release", t.T("Release")}, {"phase", t.T("Gate")}, {"missing", t.T("Waits for")}}}
		for _, gate := range s.Fleet.Gates {
			tab.add(plain(gate.Group), plain(gate.Release), g.phase(gate.Phase), list(gate.Missing))
		}
		b.WriteString("\n" + tab.text() + g.standingLines(s.Fleet.Gates))
	}
	if s.Fleet.Waiting > 0 {
		fmt.Fprintf(&b, "\n%s\n", t.N(s.Fleet.Waiting, "%d proposal waits for a second person: `kannuki approval list`.", "%d proposals wait for a second person: `kannuki approval list`."))
	}
	b.WriteString(g.sourcesText(s) + g.clockText(s.Fleet.Clock))
	return b.String()
}

// sourcesText says how old the catalogue is. Configured feeds that are stale
// stand with what is not set up.
func (g *globals) sourcesText(s api.Status) string {
	t := g.text
	tab := table{columns: []column{{"kind", t.T("Source of releases")}, {"fetched_at", t.T("Fetched")}, {"newest", t.T("Newest entry")}}}
	for _, src := range s.Fleet.Sources {
		tab.add(plain(src.Kind), g.instant(src.FetchedAt), plain(src.Newest))
	}
	text := "\n" + tab.text()
	if age := g.feedAge(s.Fleet); len(s.Server.Feeds) == 0 && age.Grade != server.GradeOK {
		text += "\n" + age.Message + "\n" + age.Fix + "\n"
	}
	return text
}

// holds counts phones by what they reported of their hold. One that has ended
// is worth a word only when there is one.
func (g *globals) holds(h fleet.HoldCounts) string {
	text := g.text.T("%d confirmed, %d not confirmed yet, %d not possible", h.Confirmed, h.Pending, h.Impossible)
	if h.Ended > 0 {
		text += g.text.T(", %d ended (users can see a release)", h.Ended)
	}
	return text
}

// diskText is "" for a disk there is nothing to say of.
func (g *globals) diskText(d api.Disk) string {
	t := g.text
	switch d.State {
	case api.DiskReadOnly:
		return t.T("%d MiB free: read-only until there is room; only looking, pausing and revoking work", d.FreeBytes>>20)
	case api.DiskLow:
		return t.T("%d MiB free: make room", d.FreeBytes>>20)
	case api.DiskUnknown:
		return t.T("free space unknown")
	case api.DiskOK:
	}
	return ""
}

func (g *globals) pushText(p api.PushCertificate) string {
	t := g.text
	switch {
	case !p.Installed && p.Topic == "":
		return t.T("none")
	case !p.Installed:
		return t.T("expired; topic %s", p.Topic)
	default:
		return t.T("until %s (%d days), topic %s", t.Time(p.NotAfter), p.DaysLeft, p.Topic)
	}
}
