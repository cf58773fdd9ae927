package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/server/api"
)

// completeTimeout keeps a shell from hanging on the tab key.
const completeTimeout = time.Second

// complete offers values for a flag.
func (g *globals) complete(cmd *cobra.Command, flag string, values func(*cobra.Command) []string) {
	err := cmd.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		return values(cmd), cobra.ShellCompDirectiveNoFileComp
	})
	if err != nil {
		panic(err) // the flag is not the command's: a mistake of this program
	}
}

// completeArg offers values for the first argument.
func completeArg(values func(*cobra.Command) []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return values(cmd), cobra.ShellCompDirectiveNoFileComp
	}
}

// groupNames and those below ask the server; without one there is nothing to
// offer.
func (g *globals) groupNames(cmd *cobra.Command) []string {
	return names(ask[api.Groups](g, cmd, api.Path("groups")).Groups, func(v fleet.GroupView) string { return v.Name })
}

func (g *globals) releaseNames(cmd *cobra.Command) []string {
	return names(ask[api.Releases](g, cmd, api.Path("releases")).Releases, func(v fleet.ReleaseView) string { return v.Version })
}

func (g *globals) appNames(cmd *cobra.Command) []string {
	return names(ask[api.Apps](g, cmd, api.Path("apps")).Apps, func(v api.App) string { return v.BundleID })
}

func (g *globals) policyNames(cmd *cobra.Command) []string {
	return names(ask[api.Policies](g, cmd, api.Path("policies")).Policies, func(v fleet.PolicyView) string { return v.Name })
}

func (g *globals) calendarNames(cmd *cobra.Command) []string {
	return names(ask[api.Calendars](g, cmd, api.Path("calendars")).Calendars, func(v fleet.CalendarView) string { return v.Name })
}

func (g *globals) verdictNames(cmd *cobra.Command) []string {
	return names(ask[api.Verdicts](g, cmd, api.Path("verdicts")).Verdicts, func(v api.Verdict) string { return v.ID })
}

func (g *globals) problemIDs(cmd *cobra.Command) []string {
	return names(ask[api.Problems](g, cmd, api.Path("problems")).Problems, func(v fleet.ProblemView) string { return v.ID })
}

func (g *globals) deviceNames(cmd *cobra.Command) []string {
	return names(ask[devicePage](g, cmd, api.Path("devices")).Devices, func(v fleet.DeviceView) string { return v.UDID })
}

func (g *globals) proposalIDs(cmd *cobra.Command) []string {
	return names(ask[api.Approvals](g, cmd, api.Path("approvals")).Approvals, func(v fleet.ProposalView) string { return v.ID })
}

func (g *globals) tokenNames(cmd *cobra.Command) []string {
	return names(ask[api.Tokens](g, cmd, api.Path("tokens")).Tokens, func(v api.Token) string { return v.ID })
}

func (g *globals) channelNames(cmd *cobra.Command) []string {
	return ask[api.Channels](g, cmd, api.Path("channels")).Channels
}

func (g *globals) noticeIDs(cmd *cobra.Command) []string {
	return names(ask[fleet.Notices](g, cmd, api.Path("notices")).Notices, func(v fleet.NoticeView) string { return v.ID })
}

// names returns what the things of a list are called by.
func names[T any](list []T, name func(T) string) []string {
	var out []string
	for _, v := range list {
		out = append(out, name(v))
	}
	return out
}

// ask reads one answer for a completion and takes a failure for nothing.
func ask[T any](g *globals, cmd *cobra.Command, path string) (out T) {
	client, err := g.client(cmd)
	if err != nil {
		return out
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completeTimeout)
	defer cancel()
	if err := client.Get(ctx, path, nil, &out); err != nil {
		var nothing T
		return nothing
	}
	return out
}
