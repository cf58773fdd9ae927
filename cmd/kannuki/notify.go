package main

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/server/api"
	"github.com/kannuki-mdm/kannuki/storage"
)

func newNotifyCommand(g *globals) *cobra.Command {
	return g.noun("notify", g.text.T("What people were told, and by which channels"),
		newNotifyListCommand(g), newNotifyShowCommand(g), newNotifyChannelsCommand(g), newNotifyTestCommand(g), newNotifyRetryCommand(g),
		newNotifyPauseCommand(g), newNotifyResumeCommand(g))
}

type notifyListOptions struct {
	pending, dead bool
	limit         int
}

func newNotifyListCommand(g *globals) *cobra.Command {
	var o notifyListOptions
	t := g.text
	cmd := &cobra.Command{
		Use:   "list",
		Short: t.T("List the notices, newest first"),
		Long: t.T("List the notices, newest first: alarms about holds, unapproved updates, rollouts that stopped by themselves, acts that wait for a second " +
			"person. They are kept for 90 days, also when no channel carries them."),
		Example: "kannuki notify list\nkannuki notify list --dead -o json",
		Args:    g.args(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runNotifyList(cmd.Context(), g, cmd, o) },
	}
	f := cmd.Flags()
	f.BoolVar(&o.pending, "pending", false, t.T("only those that a channel is still to carry"))
	f.BoolVar(&o.dead, "dead", false, t.T("only those that a channel gave up"))
	f.IntVar(&o.limit, "limit", 50, t.T("at most so many; 0 for all"))
	return cmd
}

func runNotifyList(ctx context.Context, g *globals, cmd *cobra.Command, o notifyListOptions) error {
	if o.limit < 0 {
		return usage(cmd, g.text.T("--limit %d: want 0 or more", o.limit))
	}
	client, err := g.client(cmd)
	if err != nil {
		return err
	}
	query := url.Values{}
	switch {
	case o.pending && o.dead:
		return usage(cmd, g.text.T("want --pending or --dead, not both"))
	case o.pending:
		query.Set("state", string(storage.DeliveryPending))
	case o.dead:
		query.Set("state", string(storage.DeliveryDead))
	}
	all := fleet.Notices{Notices: []fleet.NoticeView{}}
	for {
		if o.limit > 0 {
			query.Set("limit", strconv.Itoa(min(o.limit-len(all.Notices), listPage)))
		}
		var page fleet.Notices
		if err := client.Get(ctx, api.Path("notices"), query, &page); err != nil {
			return err
		}
		all.Notices, all.Next = append(all.Notices, page.Notices...), page.Next
		if page.Next == 0 || o.limit > 0 && len(all.Notices) >= o.limit {
			break
		}
		query.Set("before", strconv.FormatUint(page.Next, 10))
	}
	a := answer{data: all, table: g.noticeTable(all.Notices)}
	if len(all.Notices) == 0 {
		a.text = g.text.T("There is no such notice.") + "\n"
	}
	return g.show(cmd, a)
}

func (g *globals) noticeTable(notices []fleet.NoticeView) table {
	t := g.text
	tab := table{columns: []column{
		{"id", t.T("Id")},
		{"at", t.T("When")},
		{"kind", ""},
		{"group", ""},
		{"release", ""},
		{"device", ""},
		{"holder", ""},
		{"deliveries", t.T("Channels")},
		{"text", t.T("What it says")},
	}}
	for _, n := range notices {
		deliveries := cell{shown: "-"}
		for i, d := range n.Deliveries {
			if i == 0 {
				deliveries.shown = ""
			}
			deliveries.raw = strings.TrimPrefix(deliveries.raw+","+d.Channel+":"+d.State, ",")
			deliveries.shown = strings.TrimPrefix(deliveries.shown+", "+d.Channel+": "+g.deliveryState(d), ", ")
		}
		tab.add(plain(n.ID), g.instant(n.At), plain(n.Kind), plain(n.Group), plain(n.Release), plain(n.Device), plain(n.Holder), deliveries, plain(g.noticeText(n)))
	}
	return tab
}

func (g *globals) noticeText(n fleet.NoticeView) string {
	return g.text.Notice(n.Kind, n.Group, n.Release, n.Device, n.Params)
}

func (g *globals) deliveryState(d fleet.DeliveryView) string {
	switch t := g.text; storage.DeliveryState(d.State) {
	case storage.DeliveryPending:
		if d.Paused {
			return t.T("waits: the channel is paused")
		}
		return t.T("on its way")
	case storage.DeliverySent:
		return t.T("sent")
	case storage.DeliveryDead:
		return t.T("given up")
	}
	return d.State
}

func newNotifyShowCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show ID",
		Short:   g.text.T("Show one notice and what became of it on each channel"),
		Example: "kannuki notify show 4f0c1b…",
		Args:    g.args("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return showGet(g, cmd, api.Path("notices", args[0]), nil, func(n fleet.NoticeView) answer {
				return answer{data: n, table: g.noticeTable([]fleet.NoticeView{n}), text: g.noticeDetail(n)}
			})
		},
	}
	cmd.ValidArgsFunction = completeArg(g.noticeIDs)
	return cmd
}

func (g *globals) noticeDetail(n fleet.NoticeView) string {
	t := g.text
	rows := [][2]string{
		{t.T("Id"), n.ID},
		{t.T("When"), t.Time(n.At)},
		{t.T("Kind of notice"), n.Kind},
		{t.T("Group"), orDash(n.Group)},
		{t.T("Release"), orDash(n.Release)},
		{t.T("Phone"), orDash(n.Device)},
		{t.T("What it says"), g.noticeText(n)},
	}
	for _, name := range slices.Sorted(maps.Keys(n.Params)) {
		rows = append(rows, [2]string{name, oneLine(orDash(n.Params[name]))})
	}
	text := fields(rows...)
	if len(n.Deliveries) == 0 {
		return text + "\n" + t.T("No channel carries it.") + "\n"
	}
	tab := table{columns: []column{
		{"channel", t.T("Channel")}, {"state", t.T("State")}, {"attempts", t.T("Attempts")}, {"at", t.T("Last attempt")}, {"next_at", t.T("Next")}, {"error", t.T("Problem")},
	}}
	for _, d := range n.Deliveries {
		tab.add(plain(d.Channel), cell{d.State, g.deliveryState(d)}, number(d.Attempts), g.instant(d.At), g.instant(d.NextAt), cell{d.Error, g.channelFault(d.Error, d.Detail, d.Params)})
	}
	return text + "\n" + tab.text()
}

// channelFault words why a channel did not carry a message; said is that in English, for
// a server that names no code.
func (g *globals) channelFault(said, code string, params map[string]string) string {
	text, worded := g.text.ChannelFault(code)
	if !worded {
		return said
	}
	return g.text.Fill(text, params)
}

func newNotifyTestCommand(g *globals) *cobra.Command {
	var o act
	t := g.text
	cmd := &cobra.Command{
		Use:   "test CHANNEL",
		Short: t.T("Send a message that tells of nothing, and show what was answered"),
		Long: t.T("Send a message of the kind test by a channel, and show what was answered. The exit code is 1 when the channel did not take it. " +
			"With --dry-run nothing is sent: the settings are looked at, the secret and the roots."),
		Example: "kannuki notify test chat --reason \"new secret\"",
		Args:    g.args("CHANNEL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runNotifyTest(cmd.Context(), g, cmd, o, args[0])
		},
	}
	o.addFlags(g, cmd.Flags())
	cmd.ValidArgsFunction = completeArg(g.channelNames)
	return cmd
}

func runNotifyTest(ctx context.Context, g *globals, cmd *cobra.Command, o act, channel string) error {
	client, err := g.client(cmd)
	if err != nil {
		return err
	}
	var out api.ChannelTest
	if err := client.Post(ctx, api.Path("channels", channel, "test"), o, &out); err != nil {
		return err
	}
	t, problem := g.text, g.channelFault(out.Problem, out.Detail, out.Params)
	tab := table{columns: []column{
		{"channel", t.T("Channel")}, {"id", ""}, {"sent", t.T("sent")}, {"answer", t.T("Answer")}, {"problem", t.T("Problem")},
	}}
	tab.add(plain(out.Channel), plain(out.ID), cell{strconv.FormatBool(out.Sent), strconv.FormatBool(out.Sent)}, plain(out.Answer), cell{out.Problem, problem})
	var text string
	switch {
	case out.Problem != "" && out.DryRun:
		text = t.T("Channel %s cannot send: %v", channel, oneLine(problem)) + "\n"
	case out.Problem != "":
		text = t.T("Channel %s did not take it: %s", channel, oneLine(problem)) + "\n"
	case out.DryRun:
		text = g.done(true, "")
	default:
		text = t.T("Channel %s took it: %s", channel, oneLine(out.Answer)) + "\n"
	}
	if err := g.show(cmd, answer{data: out, table: tab, text: text}); err != nil {
		return err
	}
	if out.Problem != "" {
		return &shownError{exit: exitError}
	}
	return nil
}

type notifyRetryOptions struct {
	act
	allDead bool
}

func newNotifyRetryCommand(g *globals) *cobra.Command {
	var o notifyRetryOptions
	t := g.text
	cmd := &cobra.Command{
		Use:   "retry [ID]",
		Short: t.T("Give the channels again what they gave up"),
		Long: t.T("Give the channels again what they gave up: one notice, or with --all-dead every one. A channel that the configuration no longer " +
			"names gets nothing."),
		Example: "kannuki notify retry --all-dead --reason \"the receiver is back\"",
		Args: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 1) == o.allDead || len(args) > 1 {
				return usage(cmd, t.T("want the id of a notice, or --all-dead"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			path := api.Path("notices", "retry")
			if !o.allDead {
				path = api.Path("notices", args[0], "retry")
			}
			return showPost(g, cmd, path, o.act, func(v fleet.Retried) answer {
				tab := table{columns: []column{{"notices", ""}, {"deliveries", ""}, {"unconfigured", ""}}}
				tab.add(number(v.Notices), number(v.Deliveries), number(v.Unconfigured))
				text := t.T("%d deliveries of %d notices will be tried again.", v.Deliveries, v.Notices)
				if v.Unconfigured > 0 {
					text += "\n" + t.T("%d are left: the configuration no longer names their channel.", v.Unconfigured)
				}
				return answer{data: v, table: tab, text: g.done(v.DryRun, text)}
			})
		},
	}
	o.addFlags(g, cmd.Flags())
	cmd.Flags().BoolVar(&o.allDead, "all-dead", false, t.T("every notice that a channel gave up"))
	cmd.ValidArgsFunction = completeArg(g.noticeIDs)
	return cmd
}
