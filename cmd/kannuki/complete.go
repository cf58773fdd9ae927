package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

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

// groupNames, releaseNames, appNames, verdictNames and deviceNames ask the server; without
// one there is nothing to offer.
func (g *globals) groupNames(cmd *cobra.Command) []string {
	var out []string
	for _, v := range ask[api.Groups](g, cmd, api.Path("groups")).Groups {
		out = append(out, v.Name)
	}
	return out
}

func (g *globals) releaseNames(cmd *cobra.Command) []string {
	var out []string
	for _, v := range ask[api.Releases](g, cmd, api.Path("releases")).Releases {
		out = append(out, v.Version)
	}
	return out
}

func (g *globals) appNames(cmd *cobra.Command) []string {
	var out []string
	for _, v := range ask[api.Apps](g, cmd, api.Path("apps")).Apps {
		out = append(out, v.BundleID)
	}
	return out
}

func (g *globals) verdictNames(cmd *cobra.Command) []string {
	var out []string
	for _, v := range ask[api.Verdicts](g, cmd, api.Path("verdicts")).Verdicts {
		out = append(out, v.ID)
	}
	return out
}

func (g *globals) deviceNames(cmd *cobra.Command) []string {
	var out []string
	for _, v := range ask[devicePage](g, cmd, api.Path("devices")).Devices {
		out = append(out, v.UDID)
	}
	return out
}

func (g *globals) proposalIDs(cmd *cobra.Command) []string {
	var out []string
	for _, v := range ask[api.Approvals](g, cmd, api.Path("approvals")).Approvals {
		out = append(out, v.ID)
	}
	return out
}

func (g *globals) tokenNames(cmd *cobra.Command) []string {
	var out []string
	for _, v := range ask[api.Tokens](g, cmd, api.Path("tokens")).Tokens {
		out = append(out, v.ID)
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
