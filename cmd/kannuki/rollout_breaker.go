package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
)

// breakerText says what stopped a rollout or, while nothing did, how far it is
// from that, and which phones show it; "" when nothing could.
func (g *globals) breakerText(v fleet.RolloutView) string {
	b := v.Breaker
	switch {
	case b == nil:
		return ""
	case len(b.Stopped) > 0:
		return g.stoppedText(v) + g.meanwhileText(b) + g.breakerPhonesText(b)
	case b.Paused:
		return g.meanwhileText(b) + g.breakerPhonesText(b)
	case len(b.Signals) == 0 || v.Phase != string(policy.PhaseRollingOut):
		return ""
	}
	t := g.text
	tab := table{columns: []column{{"signal", t.T("Automatic stop")}, {"seen", t.T("Phones so far")}, {"stops_at", t.T("Stops at")}}}
	for _, r := range b.Signals {
		if r.Wave > 0 && r.Count == 0 {
			continue // nothing was seen there
		}
		signal := cell{string(r.Signal), t.Why(string(r.Signal))}
		if r.Wave > 0 {
			signal.shown = t.T("%s, wave %d", signal.shown, r.Wave)
		}
		limit := number(r.StopsAt)
		if r.StopsAt == 0 {
			limit.shown = t.T("too few phones to tell")
		}
		tab.add(signal, plain(g.seen(r)), limit)
	}
	return "\n" + tab.text() + t.T("Counted since %s.", t.Time(b.Since)) + "\n" + g.breakerPhonesText(b) + "\n"
}

// meanwhileText says what phones of a rollout show that stands still, "" for nothing.
func (g *globals) meanwhileText(b *fleet.BreakerView) string {
	var lines []string
	for _, r := range b.Signals {
		if r.Wave == 0 && r.Count > 0 {
			lines = append(lines, "- "+g.signalLine(r)+"\n")
		}
	}
	if lines == nil {
		return ""
	}
	return g.text.T("What phones show since %s; a resume leaves it behind:", g.text.Time(b.Since)) + "\n" + strings.Join(lines, "")
}

// signalLine is one signal and on how many phones it shows.
func (g *globals) signalLine(r policy.Reading) string {
	if r.Of == 0 {
		return g.text.N(r.Count, "%[2]s: %[1]d phone", "%[2]s: %[1]d phones", g.text.Why(string(r.Signal)))
	}
	return g.text.T("%s: %d of %d phones", g.text.Why(string(r.Signal)), r.Count, r.Of)
}

// leftBehindText says what a resume leaves behind, "" for nothing.
func (g *globals) leftBehindText(list []policy.Reading) string {
	if len(list) == 0 {
		return ""
	}
	var lines []string
	for _, r := range list {
		lines = append(lines, "- "+g.signalLine(r)+"\n")
	}
	return g.text.T("What phones showed until now stops it no more:") + "\n" + strings.Join(lines, "")
}

// breakerPhonesText lists the phones that show what the circuit breaker counts.
func (g *globals) breakerPhonesText(b *fleet.BreakerView) string {
	if len(b.Phones) == 0 {
		return ""
	}
	t := g.text
	tab := table{columns: []column{{"udid", t.T("Phone")}, {"holder", t.T("Carried by")}, {"shows", t.T("What it shows")}}}
	for _, p := range b.Phones {
		tab.add(plain(p.UDID), plain(p.Holder), plain(g.showsText(p)))
	}
	text := "\n" + tab.text()
	if more := b.PhonesCount - len(b.Phones); more > 0 {
		text += t.N(more, "and %d more phone", "and %d more phones") + "\n"
	}
	return text
}

// showsText says what a phone shows, or showed when the rollout stopped.
func (g *globals) showsText(p fleet.BreakerPhone) string {
	t := g.text
	var said []string
	if f := p.Failed; f != nil {
		said = append(said, t.Why(string(policy.WhyInstallsFailed))+" ("+strings.Join(present("iOS "+f.Release, f.Reason, t.Time(f.At)), ", ")+")")
	}
	for _, r := range p.Reverted {
		said = append(said, t.Why(string(policy.WhyAppsReverted))+" ("+strings.Join([]string{r.BundleID, t.T("was %s", r.From), t.Time(r.At)}, ", ")+")")
	}
	if slices.Contains(p.Signals, policy.WhyPhonesSilent) || len(said) == 0 {
		said = append(said, t.T("last heard of %s", t.Time(p.LastContact)))
	}
	return strings.Join(said, "; ")
}

// seen is a count of phones, with the number that it is a part of.
func (g *globals) seen(r policy.Reading) string {
	if r.Of == 0 && r.Signal == policy.WhyAppsReported {
		return number(r.Count).shown
	}
	return g.text.T("%d of %d", r.Count, r.Of)
}

// stoppedText says what stopped a rollout, and what a person does then.
func (g *globals) stoppedText(v fleet.RolloutView) string {
	t := g.text
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", t.T("This rollout stopped itself at %s:", t.Time(v.Breaker.StoppedAt)))
	for _, r := range v.Breaker.Stopped {
		reason := r.Reason("")
		fmt.Fprintf(&b, "- %s\n", t.Fill(t.Fact(string(reason.Code)), reason.Params))
	}
	fmt.Fprintf(&b, "%s: %s\n", t.T("You can"), t.Step(string(policy.StepLookAndResume)))
	return b.String()
}
