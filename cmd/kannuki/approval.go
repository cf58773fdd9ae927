package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/server/api"
)

func newApprovalCommand(g *globals) *cobra.Command {
	t := g.text
	return g.noun("approval", t.T("Acts that take two people"),
		newApprovalListCommand(g),
		newApprovalShowCommand(g),
		newApprovalSignCommand(g),
		newApprovalEndCommand(g, "refuse", t.T("Refuse what another person proposed"),
			"kannuki approval refuse 0b6f1f0e-… --reason \"the vendor's fix comes tomorrow\"",
			func(p fleet.ProposalView) string { return t.T("Refused: %s.", g.proposalTitle(p)) }),
		newApprovalEndCommand(g, "withdraw", t.T("Withdraw what you proposed"),
			"kannuki approval withdraw 0b6f1f0e-… --reason \"proposed for the wrong group\"",
			func(p fleet.ProposalView) string { return t.T("Withdrawn: %s.", g.proposalTitle(p)) }),
	)
}

func newApprovalListCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   g.text.T("List the acts that take two people, newest first"),
		Example: "kannuki approval list\nkannuki approval list -o json",
		Args:    g.args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return showGet(g, cmd, api.Path("approvals"), nil, func(out api.Approvals) answer {
				a := answer{data: out, table: g.proposalTable(out.Approvals)}
				if len(out.Approvals) == 0 {
					a.text = g.text.T("Nothing was ever proposed that takes two people.") + "\n"
				}
				return a
			})
		},
	}
}

func (g *globals) proposalTable(proposals []fleet.ProposalView) table {
	t := g.text
	tab := table{columns: []column{
		{"id", t.T("Id")},
		{"at", t.T("When")},
		{"kind", t.T("What")},
		{"state", t.T("State")},
		{"group", t.T("Group")},
		{"release", t.T("Release")},
		{"person", t.T("Proposed by")},
		{"ended_person", t.T("Ended by")},
		{"lapses_at", t.T("Lapses")},
		{"models", ""},
		{"deadline", ""},
		{"until", ""},
		{"waves", ""},
		{"soak", ""},
		{"missing", ""},
		{"approval", ""},
		{"reason", t.T("Reason")},
	}}
	for _, p := range proposals {
		terms := fleet.TermsView{}
		if p.Override != nil {
			terms = *p.Override
		}
		if p.Urgent != nil {
			terms.Deadline = p.Urgent.Deadline
		}
		var missing []string
		for _, app := range p.Shown.Missing {
			missing = append(missing, app.BundleID)
		}
		tab.add(plain(p.ID), g.instant(p.At), g.proposalKind(p), g.word(p.State), plain(p.Group), plain(p.Release), plain(p.Person),
			plain(p.EndedPerson), g.instant(p.LapsesAt), list(terms.Models), plain(terms.Deadline), plain(terms.Until), list(terms.Waves), plain(terms.Soak), list(missing),
			plain(p.Approval), plain(p.Reason))
	}
	return tab
}

func newApprovalShowCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show ID",
		Short:   g.text.T("Show one of them: who wants what, why, and what was shown"),
		Example: "kannuki approval show 0b6f1f0e-…",
		Args:    g.args("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return showGet(g, cmd, api.Path("approvals", args[0]), nil, func(p fleet.ProposalView) answer {
				return answer{data: p, table: g.proposalTable([]fleet.ProposalView{p}), text: g.proposalText(p)}
			})
		},
	}
	cmd.ValidArgsFunction = completeArg(g.proposalIDs)
	return cmd
}

// proposalText shows everything the second person should see.
func (g *globals) proposalText(p fleet.ProposalView) string {
	t := g.text
	var rows [][2]string
	if p.ID != "" { // it was not only tried
		rows = append(rows, [2]string{t.T("Id"), p.ID})
	}
	rows = append(rows, [][2]string{
		{t.T("What"), g.proposalTitle(p)},
		{t.T("State"), fmt.Sprintf("%s [%s]", t.Word(p.State), p.State)},
		{t.T("Proposed by"), fmt.Sprintf("%s (%s), %s", p.Person, p.By, t.Time(p.At))},
		{t.T("Reason"), p.Reason},
	}...)
	if p.ID != "" {
		rows = append(rows, [2]string{t.T("Lapses"), t.Time(p.LapsesAt)})
	}
	if o := p.Override; o != nil {
		waves := orDash(strings.Join(o.Waves, ", "))
		if o.Rebase {
			waves = t.T("those of the older rollout that is under way")
		}
		rows = append(rows, [2]string{t.T("Models"), list(o.Models).shown},
			[2]string{t.T("Deadline, counted from the signature"), orDash(o.Deadline)},
			[2]string{t.T("Start, counted from the signature"), plain(o.Start).shown},
			[2]string{t.T("Waves"), waves},
			[2]string{t.T("Watch period"), orDash(o.Soak)},
			[2]string{t.T("Ends, counted from the signature"), o.Until})
		if len(o.Broken) > 0 {
			rows = append(rows, [2]string{t.T("Results that say it does not work, accepted"), list(o.Broken).shown})
		}
	}
	if u := p.Urgent; u != nil {
		if u.Hurries != "" {
			rows = append(rows, [2]string{t.T("Hurries"), t.T("the rollout that is under way (approval %s)", u.Hurries)})
		}
		rows = append(rows, [2]string{t.T("Deadline, counted from the signature"), u.Deadline},
			[2]string{t.T("Fixes, known to be exploited"), list(u.CVEs).shown},
			[2]string{t.T("Quick checks"), seenText(classNamer{t: g.text, classes: p.Shown.Classes}, u.Apps)})
	}
	if p.Edit != nil && p.Edit.Changed != "" {
		rows = append(rows, [2]string{t.T("Cannot be signed"), g.changedText(p.Edit.Changed)})
	}
	if !p.EndedAt.IsZero() {
		rows = append(rows, [2]string{t.T("Ended by"), fmt.Sprintf("%s (%s), %s: %s", p.EndedPerson, p.EndedBy, t.Time(p.EndedAt), p.EndedReason)})
	}
	text := fields(rows...)
	if p.Edit != nil {
		return text + "\n" + g.editText(*p.Edit)
	}
	text += "\n" + t.T("The gate as it was shown: %s [%s]", t.Phase(p.Shown.Phase).Label, p.Shown.Phase) + "\n"
	for _, app := range p.Shown.Missing {
		text += "  " + (classNamer{t: g.text, classes: p.Shown.Classes}).seenLine(app) + "\n"
	}
	return text
}

func seenText(classes classNamer, apps []fleet.SeenView) string {
	return strings.Join(names(apps, classes.seenLine), "; ")
}

// proposalTitle says in a few words what a proposal is about.
func (g *globals) proposalTitle(p fleet.ProposalView) string {
	if p.Edit != nil {
		return g.proposalKind(p).shown
	}
	return g.text.T("%s: iOS %s for %s", g.text.Word(p.Kind), p.Release, p.Group)
}

// actionMove is the act of an edit that moves phones.
const actionMove = "device.move"

// proposalKind names what a proposal is about, without release and group.
func (g *globals) proposalKind(p fleet.ProposalView) cell {
	kind := g.word(p.Kind)
	switch {
	case p.Edit == nil || len(p.Edit.Acts) == 0 || p.Edit.Acts[0].Action != actionMove:
	case onlyToTest(p.Edit):
		kind.shown = g.text.Word("to-test")
	default:
		kind.shown = g.text.Word("past-gates")
	}
	return kind
}

// onlyToTest reports whether an edit takes two people for nothing but the number of
// phones that come to test.
func onlyToTest(e *fleet.EditView) bool {
	return len(e.ToTest) > 0 && len(e.Gates) == 0 && len(e.Into) == 0
}

type signOptions struct {
	act
	yes bool
}

func newApprovalSignCommand(g *globals) *cobra.Command {
	var o signOptions
	t := g.text
	cmd := &cobra.Command{
		Use:   "sign ID",
		Short: t.T("Sign what another person proposed: it is carried out at once"),
		Long: t.T("Sign what another person proposed: it is carried out at once. The person who proposed it is refused, and so is one whose token was " +
			"made by that person (exit 3). When the gate is no longer the one that was shown to the proposer, nothing is done (exit 5)."),
		Example: "kannuki approval sign 0b6f1f0e-… --reason \"agreed with the shop managers\"",
		Args:    g.args("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runApprovalSign(cmd.Context(), g, cmd, o, args[0])
		},
	}
	o.addFlags(g, cmd.Flags())
	cmd.Flags().BoolVar(&o.yes, "yes", false, t.T("do not ask"))
	cmd.ValidArgsFunction = completeArg(g.proposalIDs)
	return cmd
}

func runApprovalSign(ctx context.Context, g *globals, cmd *cobra.Command, o signOptions, id string) error {
	if err := g.need(cmd, "reason"); err != nil {
		return err
	}
	client, err := g.client(cmd)
	if err != nil {
		return err
	}
	var p fleet.ProposalView
	if err := client.Get(ctx, api.Path("approvals", id), nil, &p); err != nil {
		return err
	}
	t := g.text
	if !o.DryRun && !o.yes && onTerminal(cmd.InOrStdin()) && onTerminal(cmd.ErrOrStderr()) {
		if err := write(cmd.ErrOrStderr(), g.proposalText(p)+"\n"); err != nil {
			return err
		}
		question, word := g.signQuestion(p)
		if err := g.confirm(ctx, cmd, question, word); err != nil {
			return err
		}
	}
	var effect fleet.Effect
	if err := client.Post(ctx, api.Path("approvals", id, "sign"), o.act, &effect); err != nil {
		if e, ok := errors.AsType[*api.Error](err); ok && e.Code == api.CodeConflict {
			next := t.T("What was shown to the proposer is no longer so. Withdraw or refuse it, look at `kannuki gate show %s --group %s`, and propose again.", lang.ShellWord(p.Release), p.Group)
			if p.Edit != nil {
				next = t.T("Settings, gates or phones are no longer as they were shown to the proposer. Withdraw or refuse it, and propose again.")
			}
			err = &nextError{err: err, next: next}
		}
		return err
	}
	if p.Edit != nil {
		text := g.done(effect.DryRun, t.T("Signed: %s.", g.proposalTitle(p))) + g.effectText(effect) + g.editText(*p.Edit)
		return g.show(cmd, answer{data: effect, table: effectTable(effect), text: text})
	}
	text := g.done(effect.DryRun, t.T("Signed: iOS %s for %s.", effect.Release, effect.Group)) + g.effectText(effect) +
		g.signedDeadline(effect) + g.effectRebased(effect) + g.effectWaves(effect.Waves) + g.lanePromisesText(effect.LanePromises) +
		g.endText(effect)
	return g.show(cmd, answer{data: effect, table: effectTable(effect), text: text})
}

// signQuestion asks whether the signature is meant, and returns what is to be typed.
func (g *globals) signQuestion(p fleet.ProposalView) (question, word string) {
	t := g.text
	switch {
	case p.Urgent != nil && p.Urgent.Hurries != "":
		return t.T("Sign it? Phones will install sooner than they were told; iOS cannot go back. Type the group name:"), p.Group
	case p.Urgent != nil:
		return t.T("Sign it? Phones will be asked to install what only quick checks have seen; iOS cannot go back. Type the group name:"), p.Group
	case p.Edit != nil && onlyToTest(p.Edit):
		return t.T("Sign it? These phones will be asked to install what nobody has verified, in order to test it; iOS cannot go back. Type sign:"), "sign"
	case p.Edit != nil:
		return t.T("Sign it? The gates above open without a test, now or later. Type sign:"), "sign"
	default:
		return t.T("Sign it? Phones will be asked to install what nobody has verified; iOS cannot go back. Type the group name:"), p.Group
	}
}

// signedDeadline says by when phones install; of a hurried rollout that is what
// changes for them.
func (g *globals) signedDeadline(e fleet.Effect) string {
	if e.Haste != nil {
		return g.hasteText(e.Haste)
	}
	return g.deadlineText(e.Promise) + "\n"
}

// endText says when an exception ends, or by when phones install that come by the
// urgent route.
func (g *globals) endText(e fleet.Effect) string {
	if e.Until.IsZero() {
		return g.laneDeadline(e)
	}
	return g.text.T("The exception ends at %s.", g.text.Time(e.Until)) + "\n"
}

func newApprovalEndCommand(g *globals, name, short, example string, said func(fleet.ProposalView) string) *cobra.Command {
	return newDeedCommand(g, deed[fleet.ProposalView]{
		use: name + " ID", short: short, example: example,
		needsReason: true,
		path:        func(args []string) string { return api.Path("approvals", args[0], name) },
		complete:    completeArg(g.proposalIDs),
		shown: func(_ []string, p fleet.ProposalView) (table, string) {
			return g.proposalTable([]fleet.ProposalView{p}), said(p)
		},
	})
}
