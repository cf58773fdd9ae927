package main

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/server/api"
)

func newExposureCommand(g *globals) *cobra.Command {
	return g.noun("exposure", g.text.T("What waiting for fixes costs"), newExposureShowCommand(g), newExposureReportCommand(g))
}

// exposureOptions narrow what is counted.
type exposureOptions struct{ group, since, release, cve string }

func (o *exposureOptions) addFlags(g *globals, cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.group, "group", "", g.text.T("only phones of this group; - for those in none"))
	f.StringVar(&o.since, "since", "", g.text.T("month or day from which days count, such as 2026-04 (default: all that is known of the phones)"))
	g.complete(cmd, "group", g.groupNames)
}

func (o *exposureOptions) query() url.Values {
	// People type CVE numbers as they come; the catalogue has them in upper case.
	return url.Values{"group": {o.group}, "since": {o.since}, "release": {o.release}, "cve": {strings.ToUpper(o.cve)}}
}

func newExposureReportCommand(g *globals) *cobra.Command {
	var o exposureOptions
	t := g.text
	cmd := &cobra.Command{
		Use:   "report",
		Short: t.T("Report what waiting for fixes cost, a line for each group"),
		Long: t.T("Report what waiting for fixes cost, a line for each group. A CVE-day is a day on which a production phone lacked the fix of a flaw known to be exploited, although Apple offered it for the phone's model. " +
			"Days in which a release with the fix was being tested are told from those after verification, when its gate could have been opened. A day counts for the group that the phone was in then, also of phones that were moved or have left management since."),
		Example: "kannuki exposure report\nkannuki exposure report --since 2026-04 --group sales -o csv",
		Args:    g.args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return showGet(g, cmd, api.Path("exposure"), o.query(), g.exposureReport)
		},
	}
	o.addFlags(g, cmd)
	return cmd
}

func (g *globals) exposureReport(v fleet.Exposure) answer {
	tab := table{columns: append([]column{
		{"group", g.text.T("Group")},
		{"phones", g.text.T("Phones")},
		{"gone_phones", g.goneTitle(v)},
		{"exposed", g.text.T("Open to exploited flaws")},
		{"open_exploited", g.text.T("Known to be exploited")},
		{"open_cves", g.text.T("Fixes they lack")},
		{"per_phone", g.text.T("Per phone")},
	}, append(g.costColumns(), column{"declined_exposed", g.text.T("Fix declined")})...)}
	for _, l := range v.Groups {
		cells := []cell{plain(l.Group), number(l.Phones), number(l.Gone), number(l.Exposed), number(l.Exploited), number(l.CVEs), plain(perPhone(l))}
		tab.add(append(append(cells, costCells(l.Cost)...), number(l.Declined))...)
	}
	if len(v.Groups) == 0 {
		return answer{data: v, table: tab, text: g.text.T("No production phones.") + "\n"}
	}
	return answer{data: v, table: tab, text: tab.text() + "\n" + g.costText(v.Total.Cost, v.Total.Exploited) + "\n" + g.declinedText(v.Declined)}
}

// goneTitle is that of a column that people see only where phones are gone.
func (g *globals) goneTitle(v fleet.Exposure) string {
	if slices.ContainsFunc(v.Groups, func(l fleet.ExposureLine) bool { return l.Gone > 0 }) {
		return g.text.T("Gone since")
	}
	return ""
}

// perPhone is how many CVE-days a phone had on average, those that are gone included.
func perPhone(l fleet.ExposureLine) string {
	phones := l.Phones + l.Gone
	if phones == 0 {
		return "0.0"
	}
	return strconv.FormatFloat(float64(l.Days)/float64(phones), 'f', 1, 64)
}

// costColumns are those of costCells.
func (g *globals) costColumns() []column {
	t := g.text
	return []column{
		{"exploited_cve_days", t.T("CVE-days")},
		{"testing", t.T("testing")},
		{"avoidable", t.T("after verification")},
		{"rollout", t.T("of that, approved")},
	}
}

func costCells(c policy.Cost) []cell {
	return []cell{number(c.Days), number(c.Testing), number(c.Avoidable), number(c.Rollout)}
}

// costText is what waiting cost, in one line; lacking is how many flaws known to be
// exploited have fixes that are missing now. Only whole days are counted.
func (g *globals) costText(c policy.Cost, lacking int) string {
	switch {
	case c.Days > 0:
	case lacking > 0:
		return g.text.T("no CVE-days so far, but fixes of flaws known to be exploited are missing: %d; whole days are counted", lacking)
	default:
		return g.text.T("no CVE-days: no fix of a flaw known to be exploited was missing on any day that was counted")
	}
	return g.text.T("%d CVE-days of flaws known to be exploited; %d of them after the gate could have been opened", c.Days, c.Avoidable)
}

func newExposureShowCommand(g *globals) *cobra.Command {
	var o exposureOptions
	t := g.text
	cmd := &cobra.Command{
		Use:   "show [UDID]",
		Short: t.T("Show what waiting for fixes cost: one phone, a group, a release or a flaw"),
		Long: t.T("Show what waiting for fixes cost. With UDID: what the phone ran from when on, and what each release cost it. Without: by release, by flaw, and the phones it cost most. " +
			"What waiting for different releases cost overlaps."),
		Example: "kannuki exposure show 00008110-0123456789ABCDEF\nkannuki exposure show --group sales\n" +
			"kannuki exposure show --release 26.6.1\nkannuki exposure show --cve CVE-2026-20700 -o json",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage(cmd, t.T("%q is too much", args[1]))
			}
			if len(args) == 1 && o != (exposureOptions{}) {
				return usage(cmd, t.T("a phone is shown whole: leave out the flags"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return showGet(g, cmd, api.Path("devices", args[0], "exposure"), nil, g.deviceExposure)
			}
			return showGet(g, cmd, api.Path("exposure"), o.query(), func(v fleet.Exposure) answer { return g.exposureDetail(v, strings.ToUpper(o.cve)) })
		},
	}
	o.addFlags(g, cmd)
	cmd.Flags().StringVar(&o.release, "release", "", t.T("only what waiting for this release cost"))
	cmd.Flags().StringVar(&o.cve, "cve", "", t.T("only this flaw, such as CVE-2026-20700, known to be exploited or not"))
	g.complete(cmd, "release", g.releaseNames)
	cmd.ValidArgsFunction = completeArg(g.deviceNames)
	return cmd
}

// exposureDetail shows a report, on one flaw alone unless that is "".
func (g *globals) exposureDetail(v fleet.Exposure, cve string) answer {
	t := g.text
	phones := t.T("%d; today open to flaws known to be exploited: %d", v.Total.Phones, v.Total.Exposed)
	if cve != "" {
		phones = t.T("%d; today open to this flaw: %d", v.Total.Phones, v.Total.Exposed)
	}
	if v.Total.Gone > 0 {
		phones += t.T("; gone since, with their days counted: %d", v.Total.Gone)
	}
	flaws := g.flawTable(v.CVEs)
	text := fields(
		[2]string{t.T("Production phones"), phones},
		[2]string{t.T("Fixes they lack"), t.T("%d, of flaws known to be exploited: %d", v.Total.CVEs, v.Total.Exploited)},
		[2]string{t.T("Waiting has cost"), g.costText(v.Total.Cost, v.Total.Exploited)},
		[2]string{t.T("Per phone"), t.T("%s CVE-days", perPhone(v.Total))},
	)
	if len(v.Releases) > 0 {
		tab := table{columns: append([]column{{"release", t.T("Release")}}, g.costColumns()...)}
		for _, r := range v.Releases {
			tab.add(append([]cell{plain(r.Release)}, costCells(r.Cost)...)...)
		}
		text += "\n" + tab.text()
	}
	if len(v.CVEs) > 0 {
		text += "\n" + flaws.text()
	}
	if len(v.Devices) > 0 {
		tab := table{columns: append([]column{{"udid", t.T("Phone")}, {"group", t.T("Group")}, {"os", "iOS"}}, g.costColumns()...)}
		var by []string
		for _, d := range v.Devices {
			by = append(by, d.ExposedBy)
			tab.add(append([]cell{plain(d.UDID), plain(d.Group), osCell(d.OS, d.ExposedBy)}, costCells(d.Cost)...)...)
		}
		text += "\n" + tab.text() + g.exposedText(by)
	}
	return answer{data: v, table: flaws, text: text + g.declinedText(v.Declined)}
}

func (g *globals) flawTable(flaws []fleet.FlawExposure) table {
	t := g.text
	tab := table{columns: append([]column{
		{"cve", t.T("Flaw")},
		{"exploited", t.T("Known to be exploited")},
		{"release", t.T("First fixed by")},
		{"phones", t.T("Lack the fix")},
	}, g.costColumns()...)}
	for _, f := range flaws {
		cells := []cell{plain(f.CVE), {strconv.FormatBool(f.Exploited), g.yesNo(f.Exploited)}, plain(f.Release), number(f.Phones)}
		tab.add(append(cells, costCells(f.Cost)...)...)
	}
	return tab
}

func (g *globals) yesNo(yes bool) string {
	if yes {
		return g.text.T("yes")
	}
	return g.text.T("no")
}

func (g *globals) deviceExposure(v fleet.DeviceHistory) answer {
	t := g.text
	place := "" // people see it only of a phone that was elsewhere
	if len(v.Past) > 0 {
		place = t.T("Group")
	}
	tab := table{columns: append([]column{
		{"release", "iOS"},
		{"group", place},
		{"since", t.T("Since")},
		{"until", t.T("Until")},
		{"install_reasons", t.T("Installed by")},
	}, g.costColumns()...)}
	for _, p := range v.Past {
		cells := []cell{plain(p.Release), plain(p.Group), g.instant(p.Since), g.instant(p.Until), list(nil)}
		tab.add(append(cells, costCells(p.Cost)...)...)
	}
	for _, r := range v.Ran {
		cells := []cell{plain(r.Release), plain(v.Group), g.instant(r.Since), g.instant(r.Until), list(r.Reasons)}
		tab.add(append(cells, costCells(r.Cost)...)...)
	}
	var b strings.Builder
	b.WriteString(fields(
		[2]string{t.T("Phone"), v.UDID},
		[2]string{t.T("Group"), plain(v.Group).shown},
		[2]string{t.T("Fixes it lacks"), t.T("%d, of flaws known to be exploited: %d", v.Open, v.Exploited)},
		[2]string{t.T("Waiting has cost"), g.costText(v.Cost, v.Exploited)},
	))
	fmt.Fprintf(&b, "\n%s", tab.text())
	if v.Forgotten > 0 {
		fmt.Fprintf(&b, "%s\n", t.N(v.Forgotten, "%d release before that is no longer kept.", "%d releases before that are no longer kept."))
	}
	if len(v.CVEs) > 0 {
		flaws := g.flawTable(v.CVEs)
		fmt.Fprintf(&b, "\n%s", flaws.text())
	}
	return answer{data: v, table: tab, text: b.String()}
}
