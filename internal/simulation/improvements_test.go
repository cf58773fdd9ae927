package simulation

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/memory"
)

// drawImprovements draws which releases Apple improves in the background, once or twice,
// and what each group has decided about that. Some of what they fix is exploited.
func drawImprovements(r *rand.Rand, l *life) {
	for _, base := range slices.Clone(l.releases) {
		if base.isFor(modelOld) || base.pulled != never || r.IntN(4) == 0 {
			continue
		}
		posted := max(base.posted, 0)
		for _, letter := range []string{"a", "b"}[:1+r.IntN(2)] {
			posted += 2 + r.IntN(8)
			if posted >= l.days-quiet {
				break
			}
			if r.IntN(3) == 0 {
				l.flaws = append(l.flaws, flaw{fmt.Sprintf("CVE-2028-%d", 1000+len(l.flaws)), len(l.releases), posted})
			}
			l.releases = append(l.releases, release{
				version: version.WithExtra(base.version, letter), build: base.build + letter, on: base.build, posted: posted, models: base.models, pulled: never,
			})
		}
	}
	slices.SortStableFunc(l.flaws, func(a, b flaw) int { return cmp.Compare(a.known, b.known) })
	for i := range l.teams {
		d := &l.teams[i].rules
		if d.name == "" {
			*d = rules{name: "rules-" + l.teams[i].name, onExpiry: extendRisk}
		}
		d.improvements = pick(r, policy.ImprovementsReverify, policy.ImprovementsReverify, policy.ImprovementsReverify, policy.ImprovementsOff, policy.ImprovementsAccept)
	}
}

// drawImproving draws that people give each improvement to testers, test and approve it
// soon, and that they hurry when it fixes what is exploited.
func drawImproving(r *rand.Rand, l *life, add func(time.Duration, kind, int, int)) {
	for i, rel := range l.releases {
		if !rel.improves() {
			continue
		}
		hurried := slices.ContainsFunc(l.flaws, func(f flaw) bool { return f.release == i })
		for team := range l.teams {
			at := time.Duration(rel.posted)*day + time.Duration(3+r.IntN(9))*time.Hour
			add(at, kindOffer, team, i)
			for range 3 {
				at += time.Duration(12+r.IntN(24)) * time.Hour
				add(at, kindTest, team, i)
				for n, k := range []kind{kindHurry, kindSign, kindSign} {
					if hurried {
						add(at+time.Duration(10+30*n)*time.Minute, k, team, i)
					}
				}
				add(at+time.Duration(2+r.IntN(8))*time.Hour, kindApprove, team, i)
			}
		}
	}
}

// drawLettingIn draws when somebody has phones of a group take improvements by themselves,
// or test them again, when users take one off, that somebody approves each before it is
// tested, and that a group declines some before it would take them.
func drawLettingIn(r *rand.Rand, l *life, add func(time.Duration, kind, int, int)) {
	between := func() time.Duration { return time.Duration(r.Int64N(int64(l.days-quiet) * int64(day))) }
	for range l.days / 8 {
		at := between()
		add(at, pick(r, kindLetIn, kindLetIn, kindShutOut), r.IntN(len(l.teams)), 0)
		add(at+time.Duration(1+r.IntN(4))*time.Hour, kindCountersign, 0, 0)
		add(at+time.Duration(5+r.IntN(20))*time.Hour, kindCountersign, 0, 0)
	}
	for range l.days / 2 {
		add(between(), kindTakeBack, 0, r.IntN(len(l.phones)))
	}
	for i, rel := range l.releases {
		if !rel.improves() {
			continue
		}
		posted, team := time.Duration(rel.posted)*day, r.IntN(len(l.teams))
		add(posted+time.Duration(10+r.IntN(20))*time.Hour, kindApprove, r.IntN(len(l.teams)), i)
		if at := posted + time.Duration(1+r.IntN(90))*time.Hour; r.IntN(3) == 0 {
			add(at, kindDecline, team, i)
			add(at+time.Duration(1+r.IntN(20))*time.Hour, kindLetIn, team, 0)
		}
	}
}

// letsIn has somebody let phones of a group take improvements by themselves, or propose it:
// while nobody tested one that they would, that is for two.
func (w *world) letsIn(e event) {
	t := w.life.teams[e.team]
	untested := w.untestedImprovement(t.name)
	if w.decideImprovements(e, policy.ImprovementsAccept) && untested != "" && !w.halted() {
		w.violated("P5", nil, "one person let %s into %s, which is declined or not tested", untested, t.name)
	}
}

// shutsOut has somebody say that improvements are tested before phones of a group get them.
func (w *world) shutsOut(e event) { w.decideImprovements(e, policy.ImprovementsReverify) }

// decideImprovements has somebody decide what a group does about improvements, or propose it, and
// reports whether one person could.
func (w *world) decideImprovements(e event, mode policy.ImprovementMode) bool {
	was := w.settledAt(w.serverNow())
	to := settled{importance: was.importance, teams: slices.Clone(was.teams)}
	t := &to.teams[e.team]
	if w.improvementsOf(t.name) == mode {
		return false
	}
	t.rules.improvements = mode
	return w.change(e, edit{"have " + t.name + " " + string(mode) + " improvements", to, func(ctx context.Context, a fleet.Act) error {
		_, err := w.fleet.SetPolicy(ctx, seg, a, t.rules.name, fleet.PolicyChange{
			ImprovementChange: fleet.ImprovementChange{Improvements: new(string(mode))},
		})
		return err
	}})
}

// untestedImprovement returns one that production phones of a group could get and that is
// declined or not known to work there, "" for none.
func (w *world) untestedImprovement(group string) string {
	for _, p := range w.phones {
		stored, err := w.disk.Phone(w.ctx, seg, p.udid)
		if err != nil || stored.State != storage.PhoneEnrolled || stored.Group != group || stored.Ring != storage.RingProduction {
			continue
		}
		for _, r := range w.newestFirst {
			if !r.improves() || !newer(r.version, full(stored)) || !w.signed(r.version, stored.Model) {
				continue
			}
			if w.declined(group, r.version) || w.closes(group, r.version) != "" || w.unpaid(group, r.version, models()) != "" {
				return r.version
			}
		}
	}
	return ""
}

// improves reports whether a release is an improvement of another.
func (r release) improves() bool { return r.on != "" }

// improvement returns the newest improvement of what a phone runs that Apple has on a
// day, if any.
func (a apple) improvement(runs, model string, day int) (release, bool) {
	var best release
	for _, r := range a.releases {
		_, signed := a.signs(r.version, model, day)
		if r.improves() && signed && version.Base(r.version) == version.Base(runs) && newer(r.version, runs) && (best.version == "" || newer(r.version, best.version)) {
			best = r
		}
	}
	return best, best.version != ""
}

// improved is Apple's list of improvements on a day.
func (a apple) improved(day int) string {
	var rows []string
	for _, r := range a.releases {
		if !r.improves() {
			continue
		}
		for _, model := range r.models {
			if last, ok := a.signs(r.version, model, day); ok {
				rows = append(rows, fmt.Sprintf(`{"ProductVersion":%q,"ProductVersionExtra":"(%s)","Build":%q,"PrerequisiteBuild":%q,"PostingDate":%q,"ExpirationDate":%q,"SupportedDevices":[%q]}`,
					version.Base(r.version), version.Extra(r.version), r.build, r.on, a.date(r.posted), a.date(last), model))
			}
		}
	}
	return strings.Join(rows, ",")
}

// takesBack has a user take the improvement off the phone again, and want none back.
func (w *world) takesBack(e event) {
	p := w.phone(e.about)
	if p == nil || version.Extra(p.os) == "" || p.state == stateInstalling {
		return
	}
	p.os, p.tookBack = version.Base(p.os), true
	w.trace("%s has its improvement no more", p.udid)
	p.report(w)
}

// hidesImprovements reports whether neither the phone nor its user takes improvements.
func (p *phone) hidesImprovements() bool {
	for _, d := range p.held {
		if s := d.payload.RapidSecurityResponse; p.supervised && s != nil && s.Enable != nil && !*s.Enable {
			return true
		}
	}
	return false
}

// takesImprovement has a phone take, in the evening, what it does not hide.
func (p *phone) takesImprovement(w *world) {
	if !w.life.improves || !p.declarative() || p.hidesImprovements() || p.tookBack || p.state != stateNone {
		return
	}
	if r, ok := w.apple.improvement(p.os, p.model, w.day(w.now)); ok {
		w.trace("%s takes %s by itself", p.udid, r.version)
		p.os = r.version
		p.report(w)
	}
}

// brings returns what a phone runs after it installed a release: with the improvements
// of that, unless it hides them or was told a build.
func (p *phone) brings(w *world, r release) string {
	if p.by == "declaration" && p.buildTold() != "" || p.hidesImprovements() || !w.life.improves {
		return r.version
	}
	if with, ok := w.apple.improvement(r.version, p.model, w.day(w.now)); ok {
		return with.version
	}
	return r.version
}

// improvementsOf returns what a group decided about improvements.
func (w *world) improvementsOf(group string) policy.ImprovementMode {
	if group == "" {
		return policy.ImprovementsOff
	}
	return cmp.Or(w.team(group).rules.improvements, policy.ImprovementsAccept)
}

// isOn reports whether a phone counts as one on a release: its improvements tell only where
// its group tests them.
func (w *world) isOn(p *phone, release string) bool {
	if w.improvementsOf(p.group) == policy.ImprovementsReverify {
		return p.os == release
	}
	return version.Base(p.os) == release
}

// hasGate reports whether a release has a gate of its own for a group.
func (w *world) hasGate(group, release string) bool {
	return version.Extra(release) == "" || w.improvementsOf(group) == policy.ImprovementsReverify
}

// checkImprovements holds that a phone which hides releases hides improvements too, where
// its group does not let them in.
func (w *world) checkImprovements(p, after *phone) {
	hides := w.improvementsOf(p.group) != policy.ImprovementsAccept
	if w.life.improves && after.supervised && after.deferral() > 0 && after.hidesImprovements() != hides {
		w.violated("P18", p, "it hides improvements: %t", !hides)
	}
}

// unimproved are plants about background improvements.
func unimproved() []plant {
	modes := func(from, to policy.ImprovementMode) func(*world, *memory.Store) fleet.Store {
		return reading(func(w *storage.World) {
			for i := range w.Policies {
				if m := &w.Policies[i].Improvements; m.Mode == string(from) {
					m.Mode = string(to)
				}
			}
		})
	}
	return []plant{
		{
			name: "improvements are let in that were to be tested", property: "P18", seed: 24,
			store: modes(policy.ImprovementsReverify, policy.ImprovementsAccept),
		},
		{
			name: "improvements that nobody wants are given out", property: "P1", seed: 376,
			store: modes(policy.ImprovementsOff, policy.ImprovementsReverify),
		},
		{
			name: "what was found on a release holds for its improvements", property: "P5", seed: 824,
			store: reading(func(w *storage.World) {
				for _, v := range slices.Clone(w.Verdicts) {
					for _, o := range w.Offers {
						if o.Group == v.Group && version.Base(o.Release) == v.Release && o.Release != v.Release {
							v.ID, v.Release, v.PhoneExtra = v.ID+o.Release, o.Release, version.Extra(o.Release)
							w.Verdicts = append(w.Verdicts, v)
						}
					}
				}
			}),
		},
		{
			name: "nobody reads what improvements fix", property: "P16", seed: 56,
			pages: func(page map[string]any) { delete(page, "BackgroundSecurityImprovements") },
		},
	}
}

// improvementRows are the security pages of improvements, as SOFA publishes them.
func (w *world) improvementRows(today int, known []flaw) []map[string]any {
	var rows []map[string]any
	for i, r := range w.life.releases {
		if !r.improves() || r.posted > today {
			continue
		}
		all, exploited := fixes(i, known)
		rows = append(rows, map[string]any{
			"Version": version.Base(r.version), "VersionExtra": "(" + version.Extra(r.version) + ")", "Build": r.build, "PrerequisiteBuild": r.on,
			"PostingDate": w.apple.date(r.posted), "SupportedDevices": r.models, "CVEs": slices.Sorted(maps.Keys(all)), "ActivelyExploitedCVEs": exploited,
		})
	}
	return rows
}

// full is what a phone told that it runs, with its improvement.
func full(p storage.Phone) string { return version.WithExtra(p.OS.Version, p.OS.SupplementalExtra) }
