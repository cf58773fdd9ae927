package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kannuki-mdm/kannuki/fleet"
)

// breakerFlags are what a policy stops a rollout for.
type breakerFlags struct {
	sample, waveSample, failed, silent, reverted, reports int

	silentAfter string
}

func (o *breakerFlags) addFlags(g *globals, f *pflag.FlagSet) {
	t := g.text
	f.IntVar(&o.failed, "breaker-failed", 0, t.T("percent of the phones asked to install on which it failed, at which a rollout stops itself; 0: never"))
	f.IntVar(&o.silent, "breaker-silent", 0, t.T("percent of the phones that installed and fell silent with it, at which a rollout stops itself; 0: never"))
	f.StringVar(&o.silentAfter, "breaker-silent-after", "", t.T("for how long such a phone was not heard of, such as 72h"))
	f.IntVar(&o.reverted, "breaker-reverted", 0, t.T("percent of the phones that installed on which a business app went back to a lower version or was taken off, at which a rollout stops itself; 0: never"))
	f.IntVar(&o.reports, "breaker-reports", 0, t.T("number of phones with an open problem report (kannuki problem report), at which a rollout stops itself; 0: never"))
	f.IntVar(&o.sample, "breaker-sample", 0, t.T("least number of phones for these percentages; with fewer they say nothing"))
	f.IntVar(&o.waveSample, "breaker-wave-sample", 0, t.T("the same for the phones of one wave, which are judged by themselves too; 0: as --breaker-sample"))
}

// change returns what was given.
func (o *breakerFlags) change(cmd *cobra.Command) fleet.BreakerChange {
	var c fleet.BreakerChange
	for name, set := range map[string]func(){
		"breaker-sample":       func() { c.BreakerSample = &o.sample },
		"breaker-wave-sample":  func() { c.BreakerWaveSample = &o.waveSample },
		"breaker-failed":       func() { c.BreakerFailed = &o.failed },
		"breaker-silent":       func() { c.BreakerSilent = &o.silent },
		"breaker-silent-after": func() { c.BreakerSilentAfter = &o.silentAfter },
		"breaker-reverted":     func() { c.BreakerReverted = &o.reverted },
		"breaker-reports":      func() { c.BreakerReports = &o.reports },
	} {
		if cmd.Flags().Changed(name) {
			set()
		}
	}
	return c
}

// breakerLimits says what stops a rollout.
func (g *globals) breakerLimits(l fleet.BreakerLimits) string {
	t := g.text
	var parts []string
	add := func(on int, text string) {
		if on > 0 {
			parts = append(parts, text)
		}
	}
	add(l.BreakerFailed, t.T("failed %d %%", l.BreakerFailed))
	add(l.BreakerSilent, t.T("silent for %s %d %%", l.BreakerSilentAfter, l.BreakerSilent))
	add(l.BreakerReverted, t.T("app went back or gone %d %%", l.BreakerReverted))
	if len(parts) > 0 {
		sample := t.T("(of at least %d)", l.BreakerSample)
		if l.BreakerWaveSample > 0 && l.BreakerWaveSample != l.BreakerSample {
			sample = t.T("(of at least %d, of one wave %d)", l.BreakerSample, l.BreakerWaveSample)
		}
		parts[len(parts)-1] += " " + sample
	}
	add(l.BreakerReports, t.N(l.BreakerReports, "%d report", "%d reports"))
	if len(parts) == 0 {
		return t.T("off")
	}
	return strings.Join(parts, ", ")
}
