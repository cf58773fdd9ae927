package simulation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/memory"
)

// firstOlder is the release that phones come with where Apple keeps their major
// version beside a new one.
const firstOlder = "18.6"

const majorsAllow = "allow"

// drawMajors has phones come with an older major version that Apple goes on fixing
// beside the new one, in some lives until a day.
func drawMajors(r *rand.Rand, l *life) {
	l.releases[0] = release{version: firstOlder, build: "22G1", posted: -40, models: []string{modelA, modelB}, pulled: never}
	fixes := 1
	for at := 3 + r.IntN(12); at < l.days-quiet; at += 10 + r.IntN(20) {
		fix := release{version: fmt.Sprintf("%s.%d", firstOlder, fixes), build: fmt.Sprintf("22G%d0", fixes), posted: at, models: []string{modelA, modelB}, pulled: never}
		l.releases = append(l.releases, fix)
		fixes++
	}
	if r.IntN(3) == 0 {
		l.stops = l.days/3 + r.IntN(l.days/2)
	}
	for i := range l.phones {
		if l.phones[i].model != modelOld {
			l.phones[i].born = firstOlder
		}
	}
	for i := range l.teams {
		if rules := &l.teams[i].rules; rules.name != "" {
			rules.majors = pick(r, "", "", "hold", majorsAllow)
		}
	}
}

// lives reports whether Apple still maintains, on a day, the major version of a
// release for a model: the newest is for ever, an older one until it stops.
func (a apple) lives(major int, model string, day int) bool {
	return day < a.stops || !slices.ContainsFunc(a.releases, func(r release) bool {
		return r.isFor(model) && r.listed(day) && version.Major(r.version) > major
	})
}

// newestOf returns the newest release of a major version for a model on a day.
func (a apple) newestOf(major int, model string, day int) string {
	newest := ""
	for _, r := range a.releases {
		if version.Major(r.version) == major && !r.improves() && r.isFor(model) && r.listed(day) && (newest == "" || newer(r.version, newest)) {
			newest = r.version
		}
	}
	return newest
}

// oldest reports whether the phone shows its user the older of two major versions
// alone.
func (p *phone) oldest() bool {
	for _, d := range p.held {
		if p.supervised && d.payload.RecommendedCadence == mdm.CadenceOldest {
			return true
		}
	}
	return false
}

// offer is what the phone shows its user.
func (p *phone) offer(a apple, today int) (release, bool) {
	major := version.Major(p.os)
	if p.oldest() && a.lives(major, p.model, today) {
		return a.find(a.newestOf(major, p.model, today))
	}
	return a.offered(p.model, today)
}

// holdsMajors reports whether a group keeps phones on an older major version while
// Apple maintains it.
func (w *world) holdsMajors(group string) bool {
	return group == "" || w.team(group).rules.majors != majorsAllow
}

// keptOff reports whether a phone that runs a version is kept off a release because
// it is of a higher major version: nobody offered it, no release of it is approved
// for the group, and Apple maintains the one it is on.
func (w *world) keptOff(group, model, runs, release string) bool {
	from, to := version.Major(runs), version.Major(release)
	if to <= from || !w.holdsMajors(group) || !w.apple.lives(from, model, w.copyDay) {
		return false
	}
	for _, o := range w.records.Offers {
		if o.Group == group && o.Release == release && passed(o.At, w.decided()) && !passed(o.Withdrawn, w.decided()) {
			return false
		}
	}
	for _, r := range w.life.releases {
		a, ok := w.approval(group, r.version, w.decided())
		ended := passed(a.WithdrawnAt, w.decided()) || a.Override != nil && !w.decided().Before(a.Override.Until)
		if ok && !ended && r.isFor(model) && version.Major(r.version) >= to {
			return false
		}
	}
	return true
}

// holdsOff reports whether a group has production phones, as far as the server
// knows, that are kept off a release, so that no policy approves it by itself.
func (w *world) holdsOff(group, release string) bool {
	r, _ := w.apple.find(release)
	return w.holdsMajors(group) && slices.ContainsFunc(w.phones, func(p *phone) bool {
		stored, err := w.disk.Phone(w.ctx, seg, p.udid)
		from := version.Major(stored.OS.Version)
		return err == nil && p.group == group && p.ring == storage.RingProduction && r.isFor(p.model) &&
			from > 0 && from < version.Major(release) && w.apple.lives(from, p.model, w.copyDay)
	})
}

// checkCadence holds that a phone which hides releases shows its user the older of
// two major versions, unless its group lets the newer in.
func (w *world) checkCadence(p, after *phone) {
	if w.life.majors && after.supervised && after.deferral() > 0 && !after.oldest() && w.holdsMajors(p.group) {
		w.violated("P2", p, "its user is shown the higher major version")
	}
}

// upward are plants about higher major versions.
func upward() []plant {
	return []plant{
		{
			name: "users are shown the higher major version", property: "P2", seed: 6,
			store: reading(func(w *storage.World) {
				for i := range w.Policies {
					w.Policies[i].Majors = majorsAllow
				}
			}),
		},
		{
			name: "testers who take what comes take the higher major version", property: "P1", seed: 22,
			store: func(w *world, s *memory.Store) fleet.Store {
				return liar{Store: s, world: func(records *storage.World) {
					for _, t := range w.life.teams {
						for _, r := range w.life.releases {
							if t.auto && strings.HasPrefix(r.version, "26.") {
								records.Offers = append(records.Offers, storage.Offer{Group: t.name, Release: r.version, At: w.life.start})
							}
						}
					}
				}}
			},
		},
	}
}
