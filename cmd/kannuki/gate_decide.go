package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/server/api"
)

// gateVerb is a decision about a gate, or about its rollout, that needs
// nothing but a reason.
type gateVerb struct {
	noun    string // in the path; "" means gates
	name    string
	short   string
	example string
	said    func(release, group string) string // when it is done
	ask     func(release, group string) string // before it cannot be undone; nil does not ask
	// all makes the decision for every group, with --all-groups; nil: each is decided alone.
	all func(ctx context.Context, g *globals, cmd *cobra.Command, o verbOptions, release string) error
}

type verbOptions struct {
	act
	groupFlag
	yes       bool
	allGroups bool
}

func newGateVerbCommand(g *globals, v gateVerb) *cobra.Command {
	var o verbOptions
	cmd := &cobra.Command{
		Use:     v.name + " RELEASE",
		Short:   v.short,
		Example: v.example,
		Args:    g.args("RELEASE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runGateVerb(cmd.Context(), g, cmd, v, o, args[0])
		},
	}
	f := cmd.Flags()
	o.act.addFlags(g, f)
	o.groupFlag.addFlags(g, f)
	if v.ask != nil {
		f.BoolVar(&o.yes, "yes", false, g.text.T("do not ask"))
	}
	if v.all != nil {
		f.BoolVar(&o.allGroups, "all-groups", false, g.text.T("every group that has a gate for the release, all or none of them"))
	}
	g.complete(cmd, "group", g.groupNames)
	cmd.ValidArgsFunction = completeArg(g.releaseNames)
	return cmd
}

func runGateVerb(ctx context.Context, g *globals, cmd *cobra.Command, v gateVerb, o verbOptions, release string) error {
	if o.allGroups {
		if o.group != "" {
			return usage(cmd, g.text.T("want --group or --all-groups, not both"))
		}
		return v.all(ctx, g, cmd, o, release)
	}
	if o.group == "" && v.all != nil {
		return usage(cmd, g.text.T("--group or --all-groups is needed"))
	}
	if err := g.need(cmd, "group", "reason"); err != nil {
		return err
	}
	if v.ask != nil && !o.yes && !o.DryRun {
		if err := g.confirm(ctx, cmd, v.ask(release, o.group), o.group); err != nil {
			return err
		}
	}
	client, err := g.client(cmd)
	if err != nil {
		return err
	}
	noun := v.noun
	if noun == "" {
		noun = "gates"
	}
	var effect fleet.Effect
	if err := client.Post(ctx, api.Path(noun, o.group, release, v.name), o.act, &effect); err != nil {
		return err
	}
	text := g.done(effect.DryRun, v.said(release, o.group)) + g.effectText(effect) + g.leftBehindText(effect.LeftBehind) + g.goesOnText(effect)
	return g.show(cmd, answer{data: effect, table: effectTable(effect), text: text})
}

func effectTable(e fleet.Effect) table {
	tab := table{columns: []column{
		{"group", ""},
		{"release", ""},
		{"phase", ""},
		{"install", ""},
		{"withdraw", ""},
		{"too_late", ""},
		{"deadline", ""},
		{"dry_run", ""},
		{"until", ""},
		{"not_before", ""},
		{"notice", ""},
		{"rebased_from", ""},
		{"under_way", ""},
		{"app_first", ""},
		{"sooner", ""},
		{"waiting", ""},
		{"kept", ""},
		{"newer", ""},
		{"apps_by_hand", ""},
	}}
	cells := []cell{
		plain(e.Group), plain(e.Release), plain(e.Phase), number(e.Install), number(e.Withdraw), number(e.TooLate), onClock(e.Deadline), boolean(e.DryRun), instantUTC(e.Until),
		onClock(e.NotBefore), plain(e.Notice), plain(e.RebasedFrom), plain(e.UnderWay), number(e.AppFirst),
	}
	tab.add(append(append(cells, hasteCells(e.Haste)...), plain(e.Newer), byHandCell(e.AppsByHand))...)
	return tab
}

// byHandCell counts the phones of which an app is to be updated by hand.
func byHandCell(v *fleet.AppsByHand) cell {
	if v == nil {
		return number(0)
	}
	return number(v.Phones)
}

// hasteCells count the phones of a hurried rollout as its JSON does.
func hasteCells(h *fleet.Haste) []cell {
	if h == nil {
		return []cell{plain(""), plain(""), plain("")}
	}
	return []cell{number(h.Sooner), number(h.Waiting), number(h.Kept)}
}

// effectText says what a decision makes phones do; nothing is said of what it
// does not touch.
func (g *globals) effectText(e fleet.Effect) string {
	lines := g.effectLines(e)
	if len(lines) == 0 {
		lines = append(lines, g.text.T("No phone has to do anything because of it."))
	}
	return strings.Join(lines, "\n") + "\n"
}

// effectLines are those of effectText, none where no phone has to do anything.
func (g *globals) effectLines(e fleet.Effect) []string {
	t := g.text
	var lines []string
	switch {
	case e.Phase == "": // it is about no one gate
	case e.DryRun:
		lines = append(lines, t.T("The gate would be: %s.", t.Phase(e.Phase).Label))
	default:
		lines = append(lines, t.T("The gate is now: %s.", t.Phase(e.Phase).Label))
	}
	if e.Install > 0 {
		lines = append(lines, t.N(e.Install, "%d phone is asked to install.", "%d phones are asked to install."))
	}
	if e.AppFirst > 0 {
		lines = append(lines, strings.TrimSuffix(g.appFirstText(e.AppFirst), "\n"))
	}
	if e.AppsByHand != nil {
		lines = append(lines, strings.TrimSuffix(g.appsByHandText(e.AppsByHand), "\n"))
	}
	if e.Withdraw > 0 {
		lines = append(lines, t.N(e.Withdraw, "%d phone is asked no longer.", "%d phones are asked no longer."))
	}
	if e.TooLate > 0 {
		lines = append(lines, t.N(e.TooLate, "%d phone can no longer be stopped.", "%d phones can no longer be stopped."))
	}
	if e.Uncovered > 0 {
		lines = append(lines, t.N(e.Uncovered, "No verification phone is left then on the iOS line of %d production phone, and none can go back: leave one on it (`kannuki verdict coverage`).",
			"No verification phone is left then on the iOS line of %d production phones, and none can go back: leave one on it (`kannuki verdict coverage`)."))
	}
	return lines
}

// deadlineText says by when phones install: not what was asked for when their
// notice ends later.
func (g *globals) deadlineText(p fleet.Promise) string {
	return g.text.T("Install deadline: %s.", g.deadlineWords(p))
}

func (g *globals) deadlineWords(p fleet.Promise) string {
	if p.NotBefore == "" || p.NotBefore == p.Deadline {
		return g.text.T("%s on each phone's clock", onClock(p.Deadline).shown)
	}
	return g.text.T("not before %s on each phone's clock (notice of %s; %s was asked for)",
		onClock(p.NotBefore).shown, p.Notice, onClock(p.Deadline).shown)
}

// openFlags are what opening a gate takes, be it verified or not.
type openFlags struct {
	act
	groupFlag
	deadline    string
	start       string
	fingerprint string
}

func (o *openFlags) addFlags(g *globals, cmd *cobra.Command, fingerprint string) {
	t, f := g.text, cmd.Flags()
	o.act.addFlags(g, f)
	o.groupFlag.addFlags(g, f)
	f.StringVar(&o.deadline, "deadline", "", t.T("when phones install by themselves: +3d, +12h, or 2026-11-27T18:30 on each phone's clock; no phone gets less than its group's notice (--minimum-notice)"))
	f.StringVar(&o.start, "start", "", t.T("when phones begin to be asked: an offset such as +2h; until then the approval can be withdrawn (default: at once)"))
	f.StringVar(&o.fingerprint, "fingerprint", "", fingerprint)
	g.complete(cmd, "group", g.groupNames)
	cmd.ValidArgsFunction = completeArg(g.releaseNames)
}

// waveFlags are how phones start one after another.
type waveFlags struct {
	waves []string
	soak  string
}

func (o *waveFlags) addFlags(g *globals, f *pflag.FlagSet) {
	t := g.text
	f.StringArrayVar(&o.waves, "wave", nil, t.T("a share of the phones and when it starts, repeated: %s, %s (with a deadline of its own) or %s (phones); a share counts those before it, "+
		"--deadline +3d counts from each wave's start (default: those of the policy, else all at once)", "5%@+0", "100%@+4d:+7d", "20@+12h"))
	f.StringVar(&o.soak, "soak", "", t.T("least time between the starts of two waves, such as 2d; it begins anew when a stopped rollout goes on"))
}

// rebaseHelp says what --rebase does, of approvals of both kinds.
func rebaseHelp(g *globals) string {
	return g.text.T("take over the waves of the rollout of an older release that is under way: no phone changes its wave, those of waves that began start at once")
}

type approveOptions struct {
	openFlags
	waveFlags
	rebase bool
	urgent bool
	yes    bool
}

func newGateApproveCommand(g *globals) *cobra.Command {
	var o approveOptions
	t := g.text
	cmd := &cobra.Command{
		Use:   "approve RELEASE",
		Short: t.T("Open a verified gate: production phones install it by the deadline"),
		Long: t.T("Open a verified gate: production phones install the release by the deadline, each by its own clock. " +
			"The gate is shown first; if it changes before the approval arrives, nothing is done (exit 5). " +
			"A gate that is not verified is refused with every missing app named (exit 3). " +
			"With --urgent, for a release that fixes a flaw known to be exploited, quick checks are enough, and a rollout under way is hurried: it is proposed, and a second person signs."),
		Example: "kannuki gate approve 26.6.1 --group sales --deadline +3d --reason \"tested\" --dry-run\n" +
			"kannuki gate approve 26.6.1 --group sales --deadline 2026-11-27T18:30 --reason \"tested\"\n" +
			"kannuki gate approve 26.6.1 --group sales --rebase --reason \"26.6.1 took its place\"\n" +
			"kannuki gate approve 26.6.1 --group sales --wave 5%@+0 --wave 25%@+2d --wave 100%@+4d --deadline +3d --reason \"tested\"\n" +
			"kannuki gate approve 26.6.1 --group sales --urgent --reason \"CVE-2026-1234 is being exploited\"",
		Args: g.args("RELEASE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.urgent {
				return runGateUrgent(cmd.Context(), g, cmd, o, args[0])
			}
			return runGateApprove(cmd.Context(), g, cmd, o, args[0])
		},
	}
	o.openFlags.addFlags(g, cmd, t.T("approve only the gate as it was shown with this fingerprint (default: as it is now)"))
	f := cmd.Flags()
	o.waveFlags.addFlags(g, f)
	f.BoolVar(&o.rebase, "rebase", false, rebaseHelp(g))
	f.BoolVar(&o.urgent, "urgent", false, t.T("propose the urgent route: quick checks only, a second person signs, the most exposed phones first, --deadline +24h to +48h from the signature (default: that of the policy)"))
	f.BoolVar(&o.yes, "yes", false, t.T("do not ask"))
	return cmd
}

// runGateApprove shows the gate, tries the approval, asks a person who sits at
// a terminal, and only then approves: exactly the gate that was shown.
func runGateApprove(ctx context.Context, g *globals, cmd *cobra.Command, o approveOptions, release string) error {
	if err := g.need(cmd, "group", "reason"); err != nil {
		return err
	}
	client, err := g.client(cmd)
	if err != nil {
		return err
	}
	gate, err := getGate(ctx, client, o.group, release)
	if err != nil {
		return err
	}
	request := api.ApproveRequest{Deadline: o.deadline, Start: o.start, Waves: o.waves, Soak: o.soak, Rebase: o.rebase, Fingerprint: o.fingerprint, Reason: o.Reason, DryRun: true}
	if request.Fingerprint == "" {
		request.Fingerprint = gate.Fingerprint
	}
	effect, err := postApproval(ctx, g, client, gate.Gate, request)
	if err != nil {
		return err
	}
	asksPerson := !o.DryRun && !o.yes && onTerminal(cmd.InOrStdin()) && onTerminal(cmd.ErrOrStderr())
	if asksPerson {
		if err := write(cmd.ErrOrStderr(), g.gateText(gate)+"\n"); err != nil {
			return err
		}
		if err := g.confirm(ctx, cmd, g.approveQuestion(gate.Gate, effect), o.group); err != nil {
			return err
		}
	}
	if !o.DryRun {
		request.DryRun = false
		if effect, err = postApproval(ctx, g, client, gate.Gate, request); err != nil {
			return err
		}
	}
	return g.show(cmd, answer{data: effect, table: effectTable(effect), text: g.approveText(gate.Gate, effect)})
}

// postApproval adds to a refusal what the gate waits for.
func postApproval(ctx context.Context, g *globals, client *api.Client, gate policy.Gate, r api.ApproveRequest) (fleet.Effect, error) {
	var effect fleet.Effect
	err := client.Post(ctx, api.Path("gates", gate.Group, gate.Release, "approve"), r, &effect)
	if isRefusal(err) {
		err = &nextError{err: err, next: g.step(gate.NextHuman, gate) + " " + seeGate(g.text, gate.Release, gate.Group)}
	}
	return effect, err
}

func (g *globals) approveQuestion(gate policy.Gate, e fleet.Effect) string {
	return g.text.T("Approve iOS %s for %s? %d phones will be asked to restart; deadline %s. "+
		"%d production phones cannot take it. iOS cannot go back. Type the group name:",
		gate.Release, gate.Group, e.Install, g.deadlineWords(e.Promise), gate.Counts.CannotRun)
}

func (g *globals) approveText(gate policy.Gate, e fleet.Effect) string {
	t := g.text
	var b strings.Builder
	head := t.T("Approved: iOS %s for %s.", gate.Release, gate.Group)
	asked := t.N(e.Install, "%d phone is asked to install; %d of %d production phones cannot.", "%d phones are asked to install; %d of %d production phones cannot.", gate.Counts.CannotRun, gate.Counts.Production+gate.Counts.CannotRun)
	if e.DryRun {
		head = t.T("Only tried; nothing was changed.")
		asked = t.N(e.Install, "%d phone would be asked to install; %d of %d production phones cannot.", "%d phones would be asked to install; %d of %d production phones cannot.", gate.Counts.CannotRun, gate.Counts.Production+gate.Counts.CannotRun)
	}
	if gate.Counts.Production+gate.Counts.CannotRun == 0 {
		fmt.Fprintf(&b, "%s\n%s\n", head, t.T("Group %s has no production phones; nobody is asked to install.", gate.Group))
	} else {
		fmt.Fprintf(&b, "%s\n%s\n%s", head, asked, g.appFirstText(e.AppFirst)+g.appsByHandText(e.AppsByHand))
		fmt.Fprintf(&b, "%s\n", g.deadlineText(e.Promise))
		b.WriteString(g.rebasedText(e.Rebased, gate.Release, gate.Group))
		b.WriteString(g.effectWaves(e.Waves) + g.lanePromisesText(e.LanePromises))
	}
	if !e.DryRun {
		fmt.Fprintf(&b, "%s\n", t.T("`kannuki rollout pause` stops phones that have not started."))
	}
	return b.String()
}
