package main

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/server/api"
)

func newRolloutCommand(g *globals) *cobra.Command {
	t := g.text
	return g.noun("rollout", t.T("How far an approved release is, and stopping it"),
		newRolloutStatusCommand(g),
		newRolloutShowCommand(g),
		newRolloutPlanCommand(g),
		newRolloutChaseCommand(g),
		newGateVerbCommand(g, gateVerb{
			noun: "rollouts", name: "pause", short: t.T("Stop a rollout: no further phone starts"),
			example: "kannuki rollout pause 26.6.1 --group sales --reason \"POS prints nothing\"",
			said:    func(release, group string) string { return t.T("Paused: the rollout of %s in %s.", release, group) },
		}),
		newRolloutResumeCommand(g),
	)
}

type rolloutOptions struct {
	groupFlag
	watch    bool
	interval time.Duration
}

func newRolloutStatusCommand(g *globals) *cobra.Command {
	var o rolloutOptions
	cmd := &cobra.Command{
		Use:     "status RELEASE",
		Short:   g.text.T("Show how far a release is in a group, each phone with one reason"),
		Example: "kannuki rollout status 26.6.1 --group sales\nkannuki rollout status 26.6.1 --group sales --watch",
		Args:    g.args("RELEASE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runRolloutStatus(cmd.Context(), g, cmd, o, args[0])
		},
	}
	f := cmd.Flags()
	o.addFlags(g, f)
	f.BoolVar(&o.watch, "watch", false, g.text.T("go on until the rollout is done or Ctrl-C is pressed"))
	f.DurationVar(&o.interval, "interval", 2*time.Second, g.text.T("with --watch: how often to look"))
	g.complete(cmd, "group", g.groupNames)
	cmd.ValidArgsFunction = completeArg(g.releaseNames)
	return cmd
}

func runRolloutStatus(ctx context.Context, g *globals, cmd *cobra.Command, o rolloutOptions, release string) error {
	if err := g.need(cmd, "group"); err != nil {
		return err
	}
	if o.interval <= 0 {
		return usage(cmd, g.text.T("--interval must be more than nothing"))
	}
	client, err := g.client(cmd)
	if err != nil {
		return err
	}
	get := func() (fleet.RolloutView, error) { return wholeRollout(ctx, client, o.group, release) }
	if o.watch {
		return g.watch(ctx, cmd, o.interval, get)
	}
	v, err := get()
	if err != nil {
		return err
	}
	return g.show(cmd, g.rolloutAnswer(v))
}

// wholeRollout returns a rollout with all the phones it lists. The counts are
// those of the first page.
func wholeRollout(ctx context.Context, client *api.Client, group, release string) (fleet.RolloutView, error) {
	var whole fleet.RolloutView
	path := api.Path("rollouts", group, release)
	err := client.Get(ctx, path, nil, &whole)
	for err == nil && whole.Next != 0 {
		var page fleet.RolloutView
		err = client.Get(ctx, path, url.Values{"after": {strconv.FormatUint(whole.Next, 10)}}, &page)
		whole.Verification = append(whole.Verification, page.Verification...)
		whole.Devices = append(whole.Devices, page.Devices...)
		whole.Next = page.Next
	}
	return whole, err
}

func (g *globals) rolloutAnswer(v fleet.RolloutView) answer {
	phones := append(append([]fleet.DeviceView{}, v.Verification...), v.Devices...)
	return answer{data: v, table: g.deviceTable(phones), text: g.rolloutText(v)}
}

// watch shows a rollout until it is done, or has no gate any more: drawn anew on a terminal, a line per
// change otherwise, whole answers with -o json.
func (g *globals) watch(ctx context.Context, cmd *cobra.Command, interval time.Duration, get func() (fleet.RolloutView, error)) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	last := ""
	for {
		v, err := get()
		if ctx.Err() != nil {
			return nil // Ctrl-C is how a watch ends
		}
		if err != nil {
			return err
		}
		if line := g.rolloutLine(v); line != last {
			last = line
			if err := g.redraw(cmd, v, line); err != nil {
				return err
			}
		}
		if v.Phase == string(policy.PhaseDone) || v.NoGate != nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// clearScreen moves a terminal's cursor to its first line and clears it.
const clearScreen = "\x1b[H\x1b[2J"

func (g *globals) redraw(cmd *cobra.Command, v fleet.RolloutView, line string) error {
	switch {
	case g.output != formTable:
		return g.show(cmd, g.rolloutAnswer(v))
	case onTerminal(cmd.OutOrStdout()):
		return write(cmd.OutOrStdout(), clearScreen+g.rolloutText(v))
	default:
		return write(cmd.OutOrStdout(), g.text.Time(v.AsOf)+"  "+line+"\n")
	}
}

// rolloutLine is the state of a rollout in one line. It changes when anything
// worth seeing does.
func (g *globals) rolloutLine(v fleet.RolloutView) string {
	if v.NoGate != nil {
		return g.text.T("iOS %s for %s: no gate", v.Release, v.Group)
	}
	var reasons []string
	for _, r := range v.Reasons {
		reasons = append(reasons, fmt.Sprintf("%s %d", g.text.Reason(r.Reason).Label, r.Count))
	}
	return g.text.T("%s: %d of %d done", g.text.Phase(v.Phase).Label, v.Done, v.Production) + " [" + strings.Join(reasons, ", ") + "]"
}

func (g *globals) rolloutText(v fleet.RolloutView) string {
	if v.NoGate != nil {
		return g.noRolloutText(v.Group, v.Release, v.Approval, *v.NoGate)
	}
	t := g.text
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", t.T("iOS %s for %s: %s [%s]", v.Release, v.Group, t.Phase(v.Phase).Label, v.Phase))
	fmt.Fprintf(&b, "%s\n", t.T("%d of %d production phones are done, as of %s.", v.Done, v.Production, t.Time(v.AsOf)))
	if line := g.overrideLine(v.Override, v.Release); line != "" {
		fmt.Fprintf(&b, "%s\n", line)
	}
	if line := g.laneLine(v.Lane, v.Release); line != "" {
		fmt.Fprintf(&b, "%s\n", line)
	}
	if v.Deadline != "" {
		fmt.Fprintf(&b, "%s\n", g.deadlineText(v.Promise))
	}
	b.WriteString(g.rebasedText(v.Rebased, v.Release, v.Group))
	b.WriteString(g.wavesText(v.Waves) + g.stillText(v))
	b.WriteString(g.breakerText(v))
	if len(v.Reasons) > 0 {
		tab := table{columns: []column{{"reason", t.T("Why not yet")}, {"count", t.T("Phones")}}}
		for _, r := range v.Reasons {
			tab.add(g.reason(r.Reason), number(r.Count))
		}
		b.WriteString("\n" + tab.text())
	}
	b.WriteString(g.declinedText(v.Declined))
	if len(v.Devices) > 0 {
		tab := g.deviceTable(v.Devices)
		fmt.Fprintf(&b, "\n%s\n%s", t.T("Production phones that are not done:"), tab.text())
	}
	if len(v.Verification) > 0 {
		tab := g.deviceTable(v.Verification)
		fmt.Fprintf(&b, "\n%s\n%s", t.T("Verification phones:"), tab.text())
	}
	b.WriteString(g.clockText(v.Clock))
	return b.String()
}

// rebasedText says what a rollout has to do with that of another release, "" for
// nothing.
func (g *globals) rebasedText(r fleet.Rebased, release, group string) string {
	t := g.text
	var b strings.Builder
	if r.RebasedFrom != "" {
		b.WriteString(t.T("Its waves are those of the rollout of %s, which ended by that.", r.RebasedFrom) + "\n")
	}
	if r.SupersededBy != "" {
		b.WriteString(t.T("The rollout of %s took its waves over: those that wait never start; phones that cannot take %s yet keep what they were told.", r.SupersededBy, r.SupersededBy) + "\n")
	}
	if r.UnderWay != "" {
		b.WriteString(t.T("A rollout of %s is under way beside it. `kannuki gate approve %s --group %s --rebase` takes its waves over instead of starting new ones.", r.UnderWay, lang.ShellWord(release), group) + "\n")
	}
	if r.Newer != "" {
		b.WriteString(t.T("A newer release, iOS %s, is approved for the same phones: those that it lets start install that and not %s. To have %s installed, stop it first: `kannuki rollout pause %s --group %s --reason …`.",
			r.Newer, release, release, lang.ShellWord(r.Newer), group) + "\n")
	}
	return b.String()
}

// wavesText is a table of waves, "" when all phones start together.
func (g *globals) wavesText(waves []fleet.WaveView) string {
	if len(waves) < 2 {
		return ""
	}
	tab := g.waveTable(waves)
	return "\n" + tab.text() + "\n"
}

// stillText says that the dates of waves are not what comes while a rollout stands still,
// "" for one that goes on.
func (g *globals) stillText(v fleet.RolloutView) string {
	waits := func(w fleet.WaveView) bool { return w.Why == fleet.WaitStopped }
	if v.Breaker == nil || !v.Breaker.Paused || !slices.ContainsFunc(v.Waves, waits) {
		return ""
	}
	return g.text.T("These dates are as they were planned. What they would be if it went on now: `kannuki rollout resume %s --group %s --reason WHY --dry-run`.", lang.ShellWord(v.Release), v.Group) + "\n"
}

// effectWaves lists the waves of a decision, with what the calendar did to their dates.
func (g *globals) effectWaves(waves []fleet.WaveView) string {
	text := g.wavesText(waves)
	if moved := g.movedText(waves); text != "" && moved != "" {
		text += moved + "\n"
	}
	return text
}

// waveTable lists waves, also when there is only one. Whom each is for stands there
// when it is not for all phones.
func (g *globals) waveTable(waves []fleet.WaveView) table {
	t := g.text
	tab := table{columns: []column{
		{"wave", t.T("Wave")},
		{"state", t.T("State")},
		{"phones", t.T("Phones")},
		{"done", t.T("Done")},
		{"start", t.T("Start")},
		{"deadline", t.T("Install deadline")},
		{"stop_until", t.T("Can be stopped until")},
	}}
	exposed := slices.ContainsFunc(waves, func(w fleet.WaveView) bool { return len(w.UpTo) > 0 })
	if exposed {
		tab.columns = append(tab.columns, column{"up_to", t.T("For phones up to")})
	}
	for _, w := range waves {
		row := []cell{number(w.Wave), g.waveState(w), number(w.Phones), number(w.Done), g.instant(w.Start), onClock(w.Deadline), onClock(w.StopUntil)}
		if exposed {
			row = append(row, g.upTo(w))
		}
		tab.add(row...)
	}
	return tab
}

// upTo is which phones a wave of the urgent route is for.
func (g *globals) upTo(w fleet.WaveView) cell {
	if len(w.UpTo) == 0 {
		return plain(g.text.T("all others"))
	}
	return list(w.UpTo)
}

// waveState is how far a wave is and, while it waits, what for.
func (g *globals) waveState(w fleet.WaveView) cell {
	t := g.text
	shown := map[fleet.WaveState]string{
		fleet.WaveWaiting: t.T("Not started"), fleet.WaveAtOnce: t.T("At once"), fleet.WaveSoaking: t.T("Being watched"), fleet.WaveStarted: t.T("Started"), fleet.WaveDone: t.T("Done"),
	}[w.State]
	switch w.Why {
	case fleet.WaitSoak:
		shown = t.T("Waits for the wave before")
	case fleet.WaitCalendar:
		shown = t.T("Outside update times")
	case fleet.WaitKept:
		shown = t.T("Too late for this build")
	case fleet.WaitStopped:
		shown = t.T("Stopped")
	case fleet.WaitNothing:
		shown = t.T("Taken over")
	case fleet.WaitStart:
	}
	return cell{string(w.State), shown}
}
