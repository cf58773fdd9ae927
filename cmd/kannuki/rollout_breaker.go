package main

import (
	"fmt"
	"strings"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
)

// breakerText says what stopped a rollout or, while nothing did, how far it is
// from that; "" when nothing could.
func (g *globals) breakerText(v fleet.RolloutView) string {
	b := v.Breaker
	switch {
	case b == nil:
		return ""
	case len(b.Stopped) > 0:
		return g.stoppedText(v)
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
	return "\n" + tab.text() + t.T("Counted since %s.", t.Time(b.Since)) + "\n\n"
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
