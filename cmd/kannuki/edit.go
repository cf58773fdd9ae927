package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/server/api"
)

// edit is what a change of apps, policies, groups and the places of phones takes: what any change
// does, and whether a second person is to sign it.
type edit struct {
	act
	propose bool
}

func (o *edit) addFlags(g *globals, f *pflag.FlagSet) {
	o.act.addFlags(g, f)
	g.proposeFlag(f, &o.propose)
}

func (g *globals) proposeFlag(f *pflag.FlagSet, propose *bool) {
	f.BoolVar(propose, "propose", false, g.text.T("when it would open closed gates: propose it for a second person to sign"))
}

// body is what the server is told of it.
func (o edit) body() api.Edit {
	return api.Edit{Reason: o.Reason, DryRun: o.DryRun, Propose: o.propose}
}

// showEdit sends an edit to the server and shows what came of it: the change, or
// its proposal.
func showEdit[T any](g *globals, cmd *cobra.Command, path string, body any, o edit, shown func(T) answer) error {
	if o.propose {
		return showPost(g, cmd, path, body, g.proposed)
	}
	return showPost(g, cmd, path, body, shown)
}

// wavesMovedText lists the waves that a change of settings moves.
func (g *globals) wavesMovedText(waves []fleet.WaveEffect) string {
	if len(waves) == 0 {
		return ""
	}
	tab := g.waveEffects(waves)
	return g.text.T("Waves that move:") + "\n" + tab.text()
}

// approvedWithoutText names the approvals that a change of settings leaves without a
// test of what their gates depend on from then on; "" for none.
func (g *globals) approvedWithoutText(list []fleet.ApprovedWithout) string {
	if len(list) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintln(&b, g.text.T("These approvals were given without a test of the app, and go on all the same; pause them to test first:"))
	for _, v := range list {
		fmt.Fprintf(&b, "- %s\n", g.text.T("iOS %s for %s, without %s: `kannuki rollout pause %s --group %s --reason …`", v.Release, v.Group, strings.Join(v.Apps, ", "), lang.ShellWord(v.Release), v.Group))
	}
	return b.String()
}

// proposed shows an act that waits for a second person.
func (g *globals) proposed(p fleet.Proposed) answer {
	text := g.proposedText(p) + g.proposedDeadline(p.Effect) + g.effectRebased(p.Effect) + g.effectWaves(p.Effect.Waves) + g.lanePromisesText(p.Effect.LanePromises) + "\n" + g.proposalText(p.ProposalView)
	return answer{data: p, table: g.proposalTable([]fleet.ProposalView{p.ProposalView}), text: text}
}

// proposedDeadline says what phones would be told if it were signed now, "" of what
// tells them no deadline.
func (g *globals) proposedDeadline(e fleet.Effect) string {
	if e.Deadline == "" || e.Haste != nil {
		return ""
	}
	return g.deadlineText(e.Promise) + "\n"
}

// effectRebased says what an approval by two people has to do with other rollouts.
// That it could take over the waves of one beside it is for one person to do.
func (g *globals) effectRebased(e fleet.Effect) string {
	e.UnderWay = ""
	return g.rebasedText(e.Rebased, e.Release, e.Group)
}

// editText shows what a proposed edit changes, and which gates that opens.
func (g *globals) editText(e fleet.EditView) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", g.text.T("It changes:"))
	if len(e.Changes) > 0 {
		tab := g.changesTable(e.Changes)
		fmt.Fprint(&b, tab.text())
	} else {
		for _, a := range e.Acts {
			fmt.Fprintf(&b, "  %s %s: %s\n", a.Action, oneLine(a.Target), oneLine(detail(a.Detail).shown))
		}
		if len(e.Acts) > 0 && e.Acts[0].Action != actionMove {
			fmt.Fprintf(&b, "  %s\n", g.text.T("(The settings before and after it are not recorded.)"))
		}
	}
	if len(e.Gates) > 0 {
		opens := g.text.T("It opens these gates, now or later, as they were shown:")
		if len(e.Into) > 0 {
			opens = g.text.T("It opens these gates, or gets phones past them, as they were shown:")
		}
		fmt.Fprintln(&b, opens)
		g.shownGates(&b, e.Gates)
	}
	for _, d := range e.ToTest {
		fmt.Fprintln(&b, g.text.T("It makes %d production phones of %s verification phones within %d days; one person may say so of %d.", d.Phones, d.Group, policy.HoldDays, d.Most))
	}
	if len(e.Into) > 0 {
		fmt.Fprintf(&b, "%s\n", g.text.T("Phones get there what is closed to them where they are:"))
		g.shownGates(&b, e.Into)
	}
	if e.Effects != nil {
		fmt.Fprintf(&b, "%s\n%s", g.text.T("What the phones would be told, once their apps there are recent enough:"), g.effectsText(*e.Effects))
	}
	return b.String()
}

func (g *globals) shownGates(b *strings.Builder, gates []fleet.GateView) {
	for _, v := range gates {
		fmt.Fprintf(b, "  %s/%s: %s [%s]\n", v.Group, v.Release, g.text.Phase(v.Phase).Label, v.Phase)
	}
}

// changedText says why a proposed edit cannot be signed any more.
func (g *globals) changedText(why string) string {
	t := g.text
	switch why {
	case "settings":
		return t.T("settings are not as they were shown")
	case "gates":
		return t.T("the gates are not as they were shown")
	case "phones":
		return t.T("a phone is not where it was, or has left")
	}
	return why
}
