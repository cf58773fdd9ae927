package main

import (
	"fmt"
	"strings"

	"github.com/kannuki-mdm/kannuki/policy"
)

// declinedText says what declined releases leave open on production phones, each
// with the command that shows what that cost so far; "" for none.
func (g *globals) declinedText(list []policy.LeftOpen) string {
	return g.leftOpenText(list, func(o policy.LeftOpen) string {
		return g.text.T("iOS %s, declined for %s: production phones without it %d; fixes that nothing approved brings %d", o.Release, o.Group, o.Phones, o.CVEs)
	})
}

// declinedOnText is like declinedText for one phone.
func (g *globals) declinedOnText(list []policy.LeftOpen) string {
	return g.leftOpenText(list, func(o policy.LeftOpen) string {
		return g.text.T("iOS %s, declined for %s: production phones without it %d; fixes that this one lacks and nothing approved brings %d", o.Release, o.Group, o.Phones, o.CVEs)
	})
}

func (g *globals) leftOpenText(list []policy.LeftOpen, line func(policy.LeftOpen) string) string {
	t := g.text
	var b strings.Builder
	for _, o := range list {
		text := line(o)
		if len(o.Exploited) > 0 {
			text += t.T(", known to be exploited %d (%s; phones %d)", len(o.Exploited), strings.Join(o.Exploited, ", "), o.Exposed)
		}
		fmt.Fprintf(&b, "- %s\n    %s: kannuki exposure show --release %s --group %s\n", text, t.T("Waiting has cost"), o.Release, o.Group)
	}
	if b.Len() == 0 {
		return ""
	}
	return "\n" + b.String()
}
