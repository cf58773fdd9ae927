package main

import (
	"fmt"
	"strings"

	"github.com/kannuki-mdm/kannuki/policy"
)

// branchLines says below a list of gates how the older branch stands on which
// production phones are: a line for each group, of its newest such gate.
func (g *globals) branchLines(gates []policy.Gate) string {
	var b strings.Builder
	said := map[string]bool{}
	for _, gate := range gates {
		if gate.Branch == nil || said[gate.Group] {
			continue
		}
		said[gate.Group] = true
		for _, r := range gate.Reasons {
			if r.Code == policy.GateBranchLives || r.Code == policy.GateBranchQuiet || r.Code == policy.GateBranchStopped {
				fmt.Fprintf(&b, "%s %s: %s\n", gate.Group, gate.Release, oneLine(g.text.Fill(g.text.Fact(string(r.Code)), r.Params)))
			}
		}
	}
	return b.String()
}

// branchCells are the older branch and its state, for programs.
func branchCells(b *policy.Branch) (line, state cell) {
	if b == nil {
		return plain(""), plain("")
	}
	return plain(b.Line), plain(string(b.State))
}
