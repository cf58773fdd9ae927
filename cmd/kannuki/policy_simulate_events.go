package main

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/policy/backtest"
)

// addEvents adds the flags of what happens to a group that is played on.
func (o *simulateOptions) addEvents(f *pflag.FlagSet, t *lang.Printer) {
	q := &o.query
	f.StringSliceVar(&q.Exploited, "exploited", nil, t.T("a flaw that becomes known to be exploited: %s in six days, by the release that fixes it, %s from its posting on; may be repeated", "26.7=+6d", "26.7"))
	f.IntVar(&q.SignHours, "sign-hours", 4, t.T("hours from the first to the second signature on the urgent route, at most 168"))
	f.StringSliceVar(&q.Fails, "fails", nil, t.T("share of the phones on which an installation fails: %s; may be repeated", "26.7:15%"))
	f.StringSliceVar(&q.FallsSilent, "falls-silent", nil, t.T("share of the phones that install a release and fall silent: %s; may be repeated", "26.7:15%"))
	f.IntVar(&q.ResumeDays, "resume-days", 3, t.T("days until a person lets a rollout go on that stopped by itself"))
	f.StringSliceVar(&q.TakenBack, "taken-back", nil, t.T("a release that Apple takes back, and in how many days: %s; may be repeated", "26.7=+12d"))
	f.StringSliceVar(&q.Away, "away", nil, t.T("share of the production phones that are off for a while: %s from the tenth day on for 14 days; may be repeated", "20%@+10d:14d"))
}

// forecastMoment says what happens on a day, with the time of day where that is
// not when people act.
func (g *globals) forecastMoment(e backtest.Event, date string) string {
	text := g.forecastEvent(e)
	if e.At == "" {
		return text
	}
	day, clock, _ := strings.Cut(string(e.At), "T")
	at := clock[:len("15:04")]
	if day != date {
		at = day + " " + at
	}
	return g.text.T("%s, at %s", text, at)
}

// simulatedEvent says what happens on a day that was given, or follows from that.
func (g *globals) simulatedEvent(e backtest.Event) string {
	t := g.text
	count := t.N(e.Phones, "%d phone", "%d phones")
	switch e.Kind {
	case backtest.EventExploited:
		return t.T("a flaw that it fixes is known to be exploited")
	case backtest.EventUrgent:
		return t.T("two people approve it by the urgent route")
	case backtest.EventFailed:
		return t.T("the installation fails on %s", count)
	case backtest.EventStopped:
		return t.T("the rollout stops by itself: %s on %s of %d", t.Why(string(e.Why)), count, e.Of)
	case backtest.EventResumed:
		return t.T("a person lets the rollout go on")
	case backtest.EventGivenBack:
		return t.T("has its waves back, as %s is gone", e.From)
	case backtest.EventShortened:
		return t.T("approved for all phones at once, by %s: the build may be gone later", string(e.Latest))
	case backtest.EventPosted, backtest.EventPhase, backtest.EventOffered, backtest.EventWave, backtest.EventInstalled, backtest.EventUsers, backtest.EventAlarm,
		backtest.EventHoldEnded, backtest.EventRebased, backtest.EventRefused, backtest.EventEnforced, backtest.EventExpired:
	}
	return ""
}

// assumedEvents words what was given to happen, and who acts on it.
func (g *globals) assumedEvents(code string, v fleet.SimulationView) string {
	t := g.text
	given := func(lists ...[]string) string { return plain(strings.Join(slices.Concat(lists...), ", ")).shown }
	switch code {
	case fleet.AssumeLane:
		return t.T("Two people take the urgent route as soon as quick checks allow it; the second signs %d hours after the first.", v.SignHours)
	case fleet.AssumeNoLane:
		return t.T("The policy has no urgent route.")
	case fleet.AssumeExploited:
		return t.T("Flaws become known to be exploited as given (%s).", given(v.Exploited))
	case fleet.AssumeFaults:
		return t.T("Installations fail (%s) and phones fall silent (%s) as given. A person lets a stopped rollout go on after %d days; what went wrong on its phones is put right then.",
			given(v.Fails), given(v.FallsSilent), v.ResumeDays)
	case fleet.AssumeTakenBack:
		return t.T("Apple takes releases back as given (%s).", given(v.TakenBack))
	case fleet.AssumeAway:
		return t.T("Phones are off for a while as given (%s), each share of phones of its own.", given(v.Away))
	case fleet.AssumeClock:
		return t.T("People act at midnight UTC; deadlines and hours are of the time zone %s.", v.Zone)
	}
	return code
}
