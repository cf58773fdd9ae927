package main

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/server/api"
)

func newNotifyChannelsCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "channels",
		Short:   g.text.T("List the channels of the configuration"),
		Example: "kannuki notify channels",
		Args:    g.args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return showGet(g, cmd, api.Path("channels"), nil, func(v api.Channels) answer {
				tab := g.channelTable(v)
				return answer{data: v, table: tab, text: g.channelsText(v, tab)}
			})
		},
	}
}

func (g *globals) channelTable(v api.Channels) table {
	t := g.text
	tab := table{columns: []column{{"channel", t.T("Channel")}, {"paused_at", t.T("Paused since")}, {"paused_by", t.T("By")}, {"reason", t.T("Reason")}}}
	paused := map[string]fleet.ChannelPause{}
	for _, p := range v.Paused {
		paused[p.Channel] = p
	}
	for _, name := range v.Channels {
		p := paused[name]
		tab.add(plain(name), g.instant(p.At), plain(p.By), plain(p.Reason))
	}
	return tab
}

// channelsText says what the table of the channels leaves out.
func (g *globals) channelsText(v api.Channels, tab table) string {
	text := tab.text()
	if len(v.Channels) == 0 {
		text = g.text.T("The configuration names no channels; add the key notify. Notices are kept all the same: `kannuki notify list`.") + "\n"
	}
	if len(v.Paused)+len(v.Unmatched) > 0 {
		text += "\n"
	}
	for _, p := range v.Paused {
		message, fix := g.pausedText(p, v.Channels)
		text += message + " " + fix + "\n"
	}
	for _, u := range v.Unmatched {
		message, fix := g.unmatchedText(u)
		text += message + " " + fix + "\n"
	}
	return text
}

// pausedText says that a channel carries nothing, and what can be done about it.
func (g *globals) pausedText(p fleet.ChannelPause, configured []string) (message, fix string) {
	t := g.text
	if !slices.Contains(configured, p.Channel) {
		return t.T("Channel %s is paused since %s, by %s, and the configuration names it no more: nothing goes out by it.", p.Channel, t.Time(p.At), p.By),
			t.T("Forget the pause: `kannuki notify resume %s`.", p.Channel)
	}
	return t.T("Channel %s is paused since %s, by %s: what it is to carry waits.", p.Channel, t.Time(p.At), p.By),
		t.T("Let it go on: `kannuki notify resume %s`.", p.Channel)
}

// unmatchedText says what a channel's filter names that there is not, and what can
// be done about it.
func (g *globals) unmatchedText(u api.UnmatchedFilter) (message, fix string) {
	t := g.text
	if u.Key == "segment" {
		return t.T("Channel %s is for segment %q, which does not exist: nothing goes out by it.", u.Channel, u.Value), t.T("Correct `segment` in config.yaml and start the server anew.")
	}
	return t.T("The filter of channel %s names group %q, which does not exist: no notice matches it.", u.Channel, u.Value),
		t.T("Correct `groups` in config.yaml and start the server anew, or make the group: `kannuki group add %s`.", lang.ShellWord(u.Value))
}

func newNotifyPauseCommand(g *globals) *cobra.Command {
	t := g.text
	return newDeedCommand(g, deed[fleet.ChannelChange]{
		use: "pause CHANNEL", short: t.T("Pause a channel: what it is to carry waits"),
		long: t.T("Pause a channel. It carries nothing until it is resumed, also after a restart. What it is to carry waits, what comes meanwhile too, " +
			"and nothing of it is given up. `kannuki notify test` sends all the same."),
		example: "kannuki notify pause chat --reason \"the receiver moves\"",
		path:    channelPath("pause"), complete: completeArg(g.channelNames), shown: g.channelChange,
	})
}

func newNotifyResumeCommand(g *globals) *cobra.Command {
	t := g.text
	return newDeedCommand(g, deed[fleet.ChannelChange]{
		use: "resume CHANNEL", short: t.T("Let a paused channel go on: what waited goes out"),
		example: "kannuki notify resume chat --reason \"it answers again\"",
		path:    channelPath("resume"), complete: completeArg(g.channelNames), shown: g.channelChange,
	})
}

func channelPath(verb string) func([]string) string {
	return func(args []string) string { return api.Path("channels", args[0], verb) }
}

func (g *globals) channelChange(_ []string, c fleet.ChannelChange) (table, string) {
	t := g.text
	tab := table{columns: []column{{"channel", ""}, {"paused", ""}, {"changed", ""}, {"by", ""}, {"at", ""}, {"reason", ""}, {"dry_run", ""}}}
	tab.add(plain(c.Channel), boolean(c.Paused), boolean(c.Changed), plain(c.By), instantUTC(c.At), plain(c.Reason), boolean(c.DryRun))
	switch {
	case c.Paused && c.Changed:
		return tab, t.T("Channel %s is paused: what it is to carry waits.", c.Channel)
	case c.Paused:
		return tab, t.T("Channel %s was paused already, by %s at %s.", c.Channel, c.By, t.Time(c.At))
	case c.Changed && c.Gone:
		return tab, t.T("Channel %s is no longer paused, and the configuration names it no more: nothing goes out by it.", c.Channel)
	case c.Changed:
		return tab, t.T("Channel %s goes on: what waited goes out.", c.Channel)
	default:
		return tab, t.T("Channel %s is not paused.", c.Channel)
	}
}
