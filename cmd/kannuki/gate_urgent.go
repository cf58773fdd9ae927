package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/server/api"
)

// runGateUrgent proposes what gate approve would otherwise do at once: the urgent
// route takes a second person.
func runGateUrgent(ctx context.Context, g *globals, cmd *cobra.Command, o approveOptions, release string) error {
	if err := g.need(cmd, "group", "reason"); err != nil {
		return err
	}
	for _, flag := range []string{"start", "wave", "soak", "rebase"} {
		if cmd.Flags().Changed(flag) {
			return usage(cmd, g.text.T("--%s does not go with --urgent, which has waves of its own: the most exposed phones first", flag))
		}
	}
	client, err := g.client(cmd)
	if err != nil {
		return err
	}
	gate, err := getGate(ctx, client, o.group, release)
	if err != nil {
		return err
	}
	r := api.UrgentRequest{Deadline: o.deadline, Fingerprint: o.fingerprint, Reason: o.Reason, DryRun: o.DryRun}
	if r.Fingerprint == "" && gate.Urgent != nil {
		r.Fingerprint = gate.Urgent.Fingerprint
	}
	var p fleet.Proposed
	if err := client.Post(ctx, api.Path("gates", o.group, release, "urgent"), r, &p); err != nil {
		return err
	}
	text := g.proposedText(p) + g.hasteText(p.Effect.Haste) + g.effectWaves(p.Effect.Waves) + g.laneDeadline(p.Effect) + "\n" + g.proposalText(p.ProposalView)
	return g.show(cmd, answer{data: p, table: g.proposalTable([]fleet.ProposalView{p.ProposalView}), text: text})
}

// proposedText says what was proposed, who has to act next, and what would follow.
func (g *globals) proposedText(p fleet.Proposed) string {
	t := g.text
	var b strings.Builder
	if p.DryRun {
		fmt.Fprintf(&b, "%s\n", t.T("Only tried; nothing was changed."))
	} else {
		fmt.Fprintf(&b, "%s\n", t.T("Proposed: %s. Nothing changes for phones until another person signs it:", p.ID))
		fmt.Fprintf(&b, "  kannuki approval sign %s --reason …%s\n", p.ID, g.forAnother())
	}
	fmt.Fprintf(&b, "%s\n%s", t.T("If it were signed now:"), g.effectText(p.Effect))
	return b.String()
}

// hasteText says what hurrying a rollout changes for its phones, "" when that is not
// what is decided.
func (g *globals) hasteText(h *fleet.Haste) string {
	if h == nil {
		return ""
	}
	t := g.text
	return t.T("Of waves that have begun, %d install sooner and %d keep their deadline; %d that waited come by waves of the urgent route. Last deadline: %s, was %s.",
		h.Sooner, h.Kept, h.Waiting, onClock(h.LastAfter).shown, onClock(h.LastBefore).shown) + "\n"
}

// laneDeadline says by when all phones install that come by the urgent route.
func (g *globals) laneDeadline(e fleet.Effect) string {
	if len(e.Waves) == 0 {
		return ""
	}
	last := e.Waves[len(e.Waves)-1].Deadline
	if e.Haste != nil {
		last = e.Haste.LastAfter
	}
	return g.text.T("All phones install by %s on their own clocks, with %s of notice at least; the calendar of the policy does not count.",
		onClock(last).shown, e.Notice) + "\n"
}

// laneLine says that an approval came by the urgent route and who decided so, "" when
// it did not.
func (g *globals) laneLine(l *policy.GateLane, release string) string {
	if l == nil {
		return ""
	}
	code := policy.GateUrgentApproval
	if l.Hurried {
		code = policy.GateHurried
	}
	return oneLine(g.text.Fill(g.text.Fact(string(code)), map[string]string{
		policy.ParamRelease: release, policy.ParamBy: l.By, policy.ParamSecond: l.Second, policy.ParamReason: l.Reason,
		policy.ParamFlaws: strings.Join(l.CVEs, ", "),
	}))
}

// urgentText says why a gate is urgent and how far the urgent route is, "" when it
// is not.
func (g *globals) urgentText(gate policy.Gate) string {
	u := gate.Urgent
	if u == nil {
		return ""
	}
	t := g.text
	tab := table{columns: []column{
		{"version", t.T("Urgent for phones on")},
		{"phones", t.T("Phones")},
		{"cves", t.T("Known to be exploited, fixed here")},
	}}
	for _, v := range u.From {
		tab.add(plain(v.Version), number(v.Phones), list(v.CVEs))
	}
	return "\n" + tab.text() + g.laneState(gate) + "\n"
}

// laneState says whether the urgent route is open and what it lacks.
func (g *globals) laneState(gate policy.Gate) string {
	t, u := g.text, gate.Urgent
	var lacks []string
	for _, a := range u.Apps {
		if a.Why != "" {
			lacks = append(lacks, fmt.Sprintf("%s (%s)", oneLine(a.Name), g.word(string(a.State)).shown))
		}
	}
	switch {
	case u.Slow && policy.HurryOpen(gate) == nil:
		return t.T("A rollout is under way; the urgent route can hurry it: `kannuki gate approve %s --group %s --urgent`; a second person signs.", lang.ShellWord(gate.Release), gate.Group)
	case gate.Approval != "":
		return t.T("An approval stands; the phones above have not installed yet.")
	case u.Off:
		return t.T("The policy of the group has no urgent route.")
	case len(lacks) > 0:
		return t.T("Urgent route: a quick check on a verification phone is missing or failed: %s.", strings.Join(lacks, ", "))
	case policy.LaneOpen(gate) == nil:
		return t.T("Urgent route: open. `kannuki gate approve %s --group %s --urgent`; a second person signs.", lang.ShellWord(gate.Release), gate.Group)
	default:
		return t.T("Urgent route: closed.")
	}
}

// standingLines are the lines for the gates of a list that are urgent, overridden or
// were approved by the urgent route.
func (g *globals) standingLines(gates []fleet.GateLine) string {
	var b strings.Builder
	for _, v := range gates {
		for _, line := range []string{g.overrideLine(v.Override, v.Release), g.laneLine(v.Lane, v.Release)} {
			if line != "" {
				fmt.Fprintf(&b, "%s: %s\n", v.Group, line)
			}
		}
		if len(v.Urgent) > 0 {
			fmt.Fprintf(&b, "%s: %s\n", v.Group, g.text.T("%s is urgent: it fixes %s, known to be exploited.", v.Release, strings.Join(v.Urgent, ", ")))
		}
	}
	return b.String()
}
