package simulation

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// builtInReports is on how many phones an app has to be reported broken where a
// policy says nothing.
const builtInReports = 3

// drawReports draws when users report that an app does not work, in lives in which
// some do, and that somebody lets the rollouts go on that were stopped by it.
func drawReports(r *rand.Rand, l *life, add func(time.Duration, kind, int, int)) {
	for i := range l.teams {
		l.teams[i].reports = 1 + r.IntN(2)
	}
	for range l.days {
		at := time.Duration(r.Int64N(int64(l.days-quiet))) * day
		add(at+time.Duration(r.IntN(24))*time.Hour, kindReport, 0, r.IntN(len(l.phones)))
	}
	for team := range l.teams {
		for i, rel := range l.releases {
			if rel.posted >= 0 {
				add(time.Duration(rel.posted+8+r.IntN(8))*day, kindResume, team, i)
			}
		}
	}
}

// reportsOf returns on how many phones of a team an app has to be reported broken
// to stop a rollout.
func (t team) reportsOf() int {
	if t.rules.name == "" || t.reports == 0 {
		return builtInReports
	}
	return t.reports
}

// onlyReports has a policy stop rollouts for reports alone.
func onlyReports(n int) fleet.BreakerChange {
	return fleet.BreakerChange{BreakerFailed: new(0), BreakerSilent: new(0), BreakerReverted: new(0), BreakerReports: &n}
}

// report has the user of a phone say that an app does not work.
func (w *world) report(e event) {
	p := w.phone(e.about)
	if p == nil || p.group == "" || len(w.team(p.group).apps) == 0 {
		return
	}
	apps := w.team(p.group).apps
	bundleID := businessApps()[apps[e.dice>>8%uint64(len(apps))]].bundleID
	w.decide("report "+bundleID+" broken on "+p.udid, func() error {
		_, err := w.fleet.ReportProblem(w.ctx, seg, w.as(e.dice), fleet.ProblemRequest{BundleID: bundleID, Device: p.udid, Note: "it does not start"})
		return err
	})
}

// reported returns on how many phones an app that can keep a gate closed was
// reported broken since a rollout was approved, or resumed.
func (w *world) reported(a storage.Approval) int {
	since := later(a.At, w.book.resumed[a.Group+"/"+a.Release])
	phones := map[string]bool{}
	for _, p := range w.records.Problems {
		closing := slices.ContainsFunc(w.closing(a.Group), func(app app) bool { return app.bundleID == p.BundleID })
		if p.Group == a.Group && p.Release == a.Release && p.ClosedAt.IsZero() && p.At.After(since) && closing {
			phones[p.Phone] = true
		}
	}
	return len(phones)
}

// builtInSample is how many phones a share of failures has to be of where a policy
// says nothing, and builtInFailed that share, as one of so many.
const (
	builtInSample = 20
	builtInFailed = 10
)

// failsOn remembers that a release could not be installed on a phone, for no lack
// of space.
func (b *book) failsOn(release, udid string) {
	if b.failed[release] == nil {
		b.failed[release] = map[string]bool{}
	}
	b.failed[release][udid] = true
}

// healthy returns why the phones do not show what a rollout was stopped for, ""
// when they do. Of silence and of apps that went back only the share is looked at.
func (w *world) healthy(a storage.Approval, signal, reading string) string {
	if w.life.troubled {
		return w.untold(a, signal, reading)
	}
	if signal == "apps-reported" {
		if n := w.reported(a); n < w.team(a.Group).reportsOf() {
			return fmt.Sprintf("%d phones are reported", n)
		}
		return ""
	}
	var n, of int
	if _, err := fmt.Sscanf(reading, "%d of %d", &n, &of); err != nil || of < builtInSample || n*builtInFailed < of {
		return "that is too few"
	}
	if failed := len(w.book.failed[a.Release]); strings.HasPrefix(signal, "installs-failed") && n > failed {
		return fmt.Sprintf("%d phones failed", failed)
	}
	return ""
}

// checkStops holds what the audit log tells of rollouts that stopped by themselves:
// none whose phones are well.
func (w *world) checkStops(e storage.AuditEntry) {
	switch e.Action {
	case "rollout.resume":
		w.book.resumed[e.Target] = e.At
	case "rollout.breaker":
		group, release, _ := strings.Cut(e.Target, "/")
		a, ok := w.approval(group, release, e.At)
		for _, signal := range slices.Sorted(maps.Keys(e.Detail)) {
			if slices.Contains([]string{"approval", "phase_before", "phones"}, signal) {
				continue
			}
			if why := w.healthy(a, signal, e.Detail[signal]); !ok || why != "" {
				w.violated("P4", nil, "%s is stopped for %s, %s, but %s", e.Target, signal, e.Detail[signal], why)
			}
		}
	}
}

// checkStopped holds, after the server has looked, that no rollout goes on of which
// enough is reported.
func (w *world) checkStopped() {
	if w.book.doubt.cause != "" || w.skew != 0 || w.off() {
		return
	}
	for _, a := range w.records.Approvals {
		newest, ok := w.approval(a.Group, a.Release, w.now)
		if !ok || newest.ID != a.ID || !a.PausedAt.IsZero() || !a.WithdrawnAt.IsZero() || w.stopped(a, w.now) != "" || w.reported(a) < w.team(a.Group).reportsOf() {
			continue
		}
		for _, p := range w.phones {
			if release, _ := p.told(); release == a.Release && p.group == a.Group && p.ring == storage.RingProduction && newer(release, p.os) {
				w.violated("P4", p, "%s goes on although it was reported broken on %d phones", a.Release, w.reported(a))
			}
		}
	}
}

// careless are plants about the automatic stop.
func careless() []plant {
	return []plant{
		{
			name: "nobody reads what users report", property: "P4", seed: 373,
			store: reading(func(w *storage.World) { w.Problems = nil }),
		},
		{
			name: "one report stops every rollout", property: "P4", seed: 69,
			store: reading(func(w *storage.World) {
				for i := range w.Policies {
					if b := w.Policies[i].Breaker; b != nil {
						less := *b
						less.Reports = min(less.Reports, 1)
						w.Policies[i].Breaker = &less
					}
				}
			}),
		},
	}
}
