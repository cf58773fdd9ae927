package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/server/api"
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

// openOfGate is what a gate's release leaves open once its group declined it.
func openOfGate(gate api.Gate) []policy.LeftOpen {
	if gate.Declined == nil {
		return nil
	}
	return []policy.LeftOpen{*gate.Declined}
}

// openOf counts what a release leaves open, for programs: its fixes, those of flaws
// known to be exploited, and the production phones without one of these. Empty for
// one that was not declined or leaves nothing open.
func openOf(declined []policy.LeftOpen, group, release string) [3]cell {
	i := slices.IndexFunc(declined, func(o policy.LeftOpen) bool { return o.Group == group && o.Release == release })
	if i < 0 {
		return [3]cell{}
	}
	o := declined[i]
	return [3]cell{number(o.CVEs), number(len(o.Exploited)), number(o.Exposed)}
}

func (g *globals) leftOpenText(list []policy.LeftOpen, line func(policy.LeftOpen) string) string {
	t := g.text
	var b strings.Builder
	for _, o := range list {
		text := line(o)
		if len(o.Exploited) > 0 {
			text += t.T(", known to be exploited %d (%s; phones %d)", len(o.Exploited), strings.Join(o.Exploited, ", "), o.Exposed)
		}
		if o.Verification > 0 {
			text += t.T("; verification phones with a flaw left %d", o.Verification)
		}
		fmt.Fprintf(&b, "- %s\n    %s: kannuki exposure show --release %s --group %s\n", text, t.T("Waiting has cost"), lang.ShellWord(o.Release), o.Group)
	}
	if b.Len() == 0 {
		return ""
	}
	return "\n" + b.String()
}

// osCell is what a phone runs, marked where a flaw known to be exploited stays open
// on it because its group declined the release exposedBy.
func osCell(runs, exposedBy string) cell {
	os := plain(runs)
	if exposedBy != "" {
		os.shown += " !"
	}
	return os
}

// exposedText says what the mark of osCell means, given what exposes each phone;
// "" where no phone has it.
func (g *globals) exposedText(exposedBy []string) string {
	by := slices.DeleteFunc(exposedBy, func(release string) bool { return release == "" })
	phones := len(by)
	if phones == 0 {
		return ""
	}
	slices.SortFunc(by, version.Order)
	by = slices.Compact(by)
	return g.text.N(phones, "! %d phone keeps a flaw known to be exploited, because its group declined the release with the fix: iOS %s",
		"! %d phones keep a flaw known to be exploited, because their group declined the release with the fix: iOS %s", strings.Join(by, ", ")) + "\n"
}
