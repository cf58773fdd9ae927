package simulation

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/memory"
)

// flaw is one that a release fixes and that is known to be exploited from a day
// on.
type flaw struct {
	id      string
	release int
	known   int
}

// listed reports whether it is CISA that says so of a flaw, and not Apple.
func (f flaw) listed() bool { return (f.known+f.release)%2 == 1 }

// hurry is what a team decides beforehand about such releases.
type hurry struct {
	off      bool
	deadline string // "": the least there is
}

// drawFlaws draws which releases fix exploited flaws, and what people do about it:
// they hand the release out, check it quickly, and two of them ask for the
// emergency lane.
func drawFlaws(r *rand.Rand, l *life, add func(time.Duration, kind, int, int)) {
	for i := range l.teams {
		l.teams[i].hurry = hurry{off: r.IntN(12) == 0, deadline: pick(r, "", "", "30h", "48h")}
	}
	hours := func(from, to int) time.Duration { return time.Duration(from+r.IntN(to-from)) * time.Hour }
	for i, rel := range l.releases {
		if rel.posted < 0 || r.IntN(2) == 0 {
			continue
		}
		known := rel.posted + pick(r, 0, 0, 0, 4)
		for n := range 1 + r.IntN(2) {
			l.flaws = append(l.flaws, flaw{fmt.Sprintf("CVE-2025-%d", 1000+10*i+n), i, known})
		}
		for team := range l.teams {
			at := time.Duration(known)*day + hours(1, 5)
			add(at, kindOffer, team, i)
			for range 2 {
				at += hours(13, 20)
				add(at, kindTest, team, i)
				for _, k := range []kind{kindHurry, kindSign, kindSign} {
					add(at+time.Duration(10+r.IntN(200))*time.Minute, k, team, i)
				}
			}
		}
	}
	slices.SortStableFunc(l.flaws, func(a, b flaw) int { return cmp.Compare(a.known, b.known) })
}

// known returns the flaws known to be exploited on a day.
func (w *world) known(day int) []flaw {
	n := 0
	for n < len(w.life.flaws) && w.life.flaws[n].known <= day {
		n++
	}
	return w.life.flaws[:n]
}

// readNews has the server read what Apple's security pages say, as SOFA publishes
// it, and CISA's list, when there is more than it has read.
func (w *world) readNews(today int) {
	known, fixed := w.known(today), 0
	for _, f := range known {
		if w.life.releases[f.release].posted <= today { // a flaw can be known before its fix
			fixed++
		}
	}
	if len(known) == w.book.flaws && fixed == w.book.fixed {
		return
	}
	err := w.try(func() error {
		_, _, err := w.fleet.TakeFeed(w.ctx, w.as(0), catalog.SOFA, w.securityPages(today, known))
		return err
	})
	if list := w.listedFlaws(known); err == nil && list != nil {
		err = w.try(func() error {
			_, _, err := w.fleet.TakeFeed(w.ctx, w.as(0), catalog.KEV, list)
			return err
		})
	}
	switch {
	case err == nil:
		w.book.flaws, w.book.fixed, w.marked = len(known), fixed, true
		w.trace("%d flaws are known to be exploited", len(known))
	case refusal(err) != "feed-stale": // as it is to a clock that went back
		w.violated("P0", nil, "what is known of flaws: %v", err)
	}
}

// fixes returns the flaws that a release fixes, and those of them that Apple calls exploited.
func fixes(release int, known []flaw) (all map[string]any, exploited []string) {
	all, exploited = map[string]any{}, []string{}
	for _, f := range known {
		if f.release != release {
			continue
		}
		if all[f.id] = struct{}{}; !f.listed() {
			exploited = append(exploited, f.id)
		}
	}
	return all, exploited
}

// listedFlaws is CISA's list, nil while it is empty.
func (w *world) listedFlaws(known []flaw) []byte {
	var rows []map[string]string
	for _, f := range known {
		if f.listed() {
			rows = append(rows, map[string]string{"cveID": f.id, "dateAdded": w.apple.date(f.known)})
		}
	}
	if rows == nil {
		return nil
	}
	return encoded(map[string]any{"title": "Known Exploited Vulnerabilities", "catalogVersion": "1", "vulnerabilities": rows})
}

func encoded(page map[string]any) []byte {
	data, err := json.Marshal(page)
	if err != nil {
		panic(err) // made of texts alone
	}
	return data
}

// securityPages are Apple's security pages as SOFA publishes them.
func (w *world) securityPages(today int, known []flaw) []byte {
	type row struct {
		ProductVersion, ProductName, ReleaseDate string
		AllBuilds                                []string
		CVEs                                     map[string]any
		ActivelyExploitedCVEs                    []string
	}
	var rows []row
	for i, r := range w.life.releases {
		if r.posted > today || r.improves() {
			continue
		}
		all, exploited := fixes(i, known)
		rows = append(rows, row{r.version, "iOS and iPadOS", w.apple.date(r.posted), []string{r.build}, all, exploited})
	}
	page := map[string]any{"Version": "2.0", "SchemaVersion": "1.0", "OSVersions": []any{map[string]any{"SecurityReleases": rows}}}
	if w.life.improves {
		page["BackgroundSecurityImprovements"] = map[string]any{"26": w.improvementRows(today, known)}
	}
	if w.plant.pages != nil {
		w.plant.pages(page)
	}
	return encoded(page)
}

// hasten proposes to approve a release by the emergency lane.
func (w *world) hasten(e event) {
	group, release := w.about(e)
	r := fleet.UrgentRequest{Group: group, Release: release, Deadline: w.wishes(group, release)}
	lacking := w.lackingFor(group, release)
	w.decide("propose the emergency lane for "+release+" to "+group, func() error {
		_, err := w.fleet.ProposeUrgent(w.ctx, seg, w.as(e.dice), r)
		if refusal(err) == string(policy.LaneNotUrgent) && lacking != nil {
			w.violated("P16", lacking, "the emergency lane for %s is refused as nobody needed it, but it lacks the fix of an exploited flaw", release)
		}
		return err
	})
}

// lackingFor returns a production phone of a group that lacks the fix of an exploited
// flaw which a release of its own branch brings it, nil for none or while the server may
// not see it so.
func (w *world) lackingFor(group, release string) *phone {
	if w.skew != 0 || w.halted() || !w.hasGate(group, release) {
		return nil
	}
	i := slices.IndexFunc(w.phones, func(p *phone) bool {
		stored, err := w.disk.Phone(w.ctx, seg, p.udid)
		runs := full(stored)
		return err == nil && stored.State == storage.PhoneEnrolled && stored.Group == group && stored.Ring == storage.RingProduction &&
			newer(release, runs) && version.Major(release) == version.Major(runs) && w.signed(release, stored.Model) && w.lacks(runs, stored.Model, release) > 0
	})
	if i < 0 {
		return nil
	}
	return w.phones[i]
}

// laneSoak is how long each wave of the lane is watched, and laneFirst how many
// percent of the most exposed phones are in the first.
const (
	laneSoak  = 6 * time.Hour
	laneFirst = 10
)

// lane is what the checks remember of an approval by the emergency lane.
type lane struct {
	storage.Approval

	within time.Duration   // what was promised
	told   map[string]bool // phones that were told because of it
	reach  map[string]bool // phones that can be reached and that nothing kept back
	first  int             // how many phones the first wave is for
	before []string        // those told before the second began
}

// checkLane holds an approval by the emergency lane: two people, an exploited
// flaw, a quick check of each app, and dates that keep what was promised.
func (w *world) checkLane(a storage.Approval, e storage.AuditEntry) {
	target, l, proposer := a.Group+"/"+a.Release, a.Lane, e.Detail["proposed_by"]
	switch {
	case e.Action != "gate.urgent" || e.Detail["approval"] != a.ID:
		w.violated("P5", nil, "the urgent approval of %s stands in the audit log as %s", target, e.Action)
	case proposer == "" || proposer == e.Actor || l.By == "" || l.By == l.Second || l.Reason == "" || l.SecondReason == "":
		w.violated("P5", nil, "the urgent approval of %s is by %q and %q", target, proposer, e.Actor)
	}
	w.checkWindow(a)
	for _, model := range a.Models {
		for _, app := range w.closing(a.Group) {
			if !w.restsOn(a, app, model, false, a.At) {
				w.violated("P16", nil, "%s was approved urgently although on %s nobody had checked %s", target, model, app.bundleID)
			}
		}
	}
	if broken := w.brokenOn(a.Group, a.Release, nil, a.At); broken != "" {
		w.violated("P16", nil, "%s was approved urgently although %s was broken", target, broken)
	}
	exposed := w.mostExposed(a)
	if exposed == 0 {
		w.violated("P16", nil, "%s was approved urgently although no phone lacks the fix of an exploited flaw", target)
	}
	next := &lane{Approval: a, within: w.promised(a), told: map[string]bool{}, reach: map[string]bool{}, first: (exposed*laneFirst + 99) / 100}
	w.book.lanes[a.ID] = next
	w.checkLaneWaves(next)
	for _, p := range w.phones {
		if w.reachable(p, a) {
			next.reach[p.udid] = true
		}
	}
}

// promised is by when all phones were to install, from the signature.
func (w *world) promised(a storage.Approval) time.Duration {
	i := slices.IndexFunc(w.records.Proposals, func(p storage.Proposal) bool { return p.ID == a.Lane.Proposal })
	if i < 0 || w.records.Proposals[i].Urgent == nil {
		w.violated("P5", nil, "nobody proposed the urgent approval of %s", a.Release)
		return 0
	}
	proposal := w.records.Proposals[i]
	text := proposal.Urgent.Deadline[1:]
	if text == "1d" || text == "2d" {
		text = map[string]string{"1d": "24h", "2d": "48h"}[text]
	}
	d, err := time.ParseDuration(text)
	want := w.team(a.Group).hurry.deadline
	if w.team(a.Group).rules.name == "" || want == "" {
		want = "24h"
	}
	want = cmp.Or(w.book.hurry.wished[wish{a.Group, a.Release, proposal.At}], want)
	if told, wrong := time.ParseDuration(want); err != nil || wrong != nil || d != told {
		w.violated("P16", nil, "the lane for %s promises %q, wanted was %s", a.Release, text, want)
	}
	return d
}

// checkLaneWaves holds the plan of a lane: the first wave at once, another each six
// hours, the last deadline when it was promised.
func (w *world) checkLaneWaves(l *lane) {
	promised := l.At.Add(l.within + time.Minute).In(w.loc).Format(mdm.LocalDateTimeLayout)
	for i, v := range l.Waves {
		switch {
		case v.Start.After(l.At.Add(time.Duration(i) * laneSoak)):
			w.violated("P16", nil, "wave %d of the lane for %s is planned for %s", i+1, l.Release, v.Start)
		case v.Deadline > promised:
			w.violated("P16", nil, "the deadline of wave %d of the lane for %s is %s, promised was %s", i+1, l.Release, v.Deadline, promised)
		}
	}
	if v := l.Waves[len(l.Waves)-1]; v.Threshold != policy.Buckets || len(v.UpTo) > 0 {
		w.violated("P16", nil, "the lane for %s is not for all phones", l.Release)
	}
}

// lacks returns how many exploited flaws a release closes for a phone on a version.
func (w *world) lacks(runs, model, release string) int {
	n := 0
	brings, _ := w.apple.find(release)
	for _, f := range w.life.flaws[:w.book.flaws] {
		fix := w.life.releases[f.release]
		if fix.isFor(model) && newer(fix.version, runs) && !newer(fix.version, release) && fix.posted <= brings.posted {
			n++
		}
	}
	return n
}

// mostExposed returns how many phones lack the most fixes, or are on an older
// version than one that does.
func (w *world) mostExposed(a storage.Approval) int {
	var waiting []string
	lacking := map[string]int{}
	most := 0
	for _, p := range w.phones {
		stored, err := w.disk.Phone(w.ctx, seg, p.udid)
		runs := full(stored)
		if err != nil || p.group != a.Group || p.ring != storage.RingProduction || !newer(a.Release, runs) || !slices.Contains(a.Models, stored.Model) {
			continue
		}
		waiting = append(waiting, runs)
		lacking[runs] = max(lacking[runs], w.lacks(runs, stored.Model, a.Release))
		most = max(most, lacking[runs])
	}
	if most == 0 {
		return 0
	}
	return len(slices.DeleteFunc(waiting, func(runs string) bool {
		for v, n := range lacking {
			if n == most && !newer(runs, v) {
				return false
			}
		}
		return true
	}))
}

// reachable reports whether a phone can be told and can install within the time
// that a lane promises.
func (w *world) reachable(p *phone, a storage.Approval) bool {
	from, to := w.day(w.now)-1, w.day(w.now)+4
	lies := func(span [2]int) bool { return span[0] < span[1] && span[0] <= to && span[1] >= from }
	return p.hours == always && !lies(p.drawer) && !lies(p.full) && p.failures == 0 && p.declarative() && !p.tookBack &&
		p.group == a.Group && p.ring == storage.RingProduction && newer(a.Release, p.os) && slices.Contains(a.Models, p.model)
}

// atOnce is how long a phone takes to install after its deadline.
const atOnce = 2 * time.Hour

// checkLanes holds what each lane promised: of the phones that can be reached and
// that nothing keeps back, 95 % run the release in time.
func (w *world) checkLanes() {
	for _, a := range w.records.Approvals {
		l := w.book.lanes[a.ID]
		if l == nil || len(l.reach) == 0 {
			continue
		}
		if newest, _ := w.approval(a.Group, a.Release, w.serverNow()); newest.ID != a.ID || w.skew != 0 || w.halted() || w.off() {
			clear(l.reach)
			continue
		}
		late, last := 0, l.At.Add(l.within)
		for _, p := range w.phones {
			if !l.reach[p.udid] || w.keptBack(p, a) {
				delete(l.reach, p.udid)
				continue
			}
			promise := l.At.Add(l.within)
			if wall, err := time.ParseInLocation(mdm.LocalDateTimeLayout, promise.In(w.loc).Format(mdm.LocalDateTimeLayout), p.loc); err == nil {
				promise = later(promise, wall)
			}
			last = later(last, promise)
			if newer(l.Release, p.os) && w.now.After(promise.Add(atOnce)) {
				late++
			}
		}
		if late*20 > len(l.reach) {
			w.violated("P16", nil, "%d of %d phones do not have %s, promised within %s of %s", late, len(l.reach), l.Release, l.within, l.At)
		}
		if w.now.After(last.Add(atOnce + ringEvery)) {
			clear(l.reach)
		}
	}
}

// keptBack reports whether something else than its wave keeps a phone from a
// release, or it is on its way to a newer one.
func (w *world) keptBack(p *phone, a storage.Approval) bool {
	if !newer(a.Release, p.os) {
		return false
	}
	told, _ := p.told()
	_, signed := w.apple.signs(a.Release, p.model, w.day(w.now)+1)
	o := w.objects(p, a.Release)
	return o.why != "" && !o.wave || newer(told, a.Release) || !signed || !w.reachable(p, a) || w.toldOldApps(p, a)
}

// toldOldApps reports whether an app that a phone told last is older than one that
// was tested: the server learns of an update when it asks next.
func (w *world) toldOldApps(p *phone, a storage.Approval) bool {
	stored, err := w.disk.Phone(w.ctx, seg, p.udid)
	if err != nil {
		w.violated("P0", p, "its record: %v", err)
	}
	return slices.ContainsFunc(w.closing(a.Group), func(app app) bool {
		i := slices.IndexFunc(stored.Apps, func(told storage.InstalledApp) bool { return told.BundleID == app.bundleID })
		return i < 0 || slices.ContainsFunc(w.verdicts(a.Group, app.bundleID, a.Release, a.At), func(v *storage.Verdict) bool {
			return v.Result != "broken" && number(v.AppVersion) > number(stored.Apps[i].ShortVersion)
		})
	})
}

// checkFirst holds that no more phones than a tenth of the most exposed are told
// before the second wave begins.
func (w *world) checkFirst(p *phone, a storage.Approval) {
	l := w.book.lanes[a.ID]
	if l == nil {
		return
	}
	l.told[p.udid] = true
	if len(a.Waves) < 2 || begun(a.Waves[1], w.serverNow()) || slices.Contains(l.before, p.udid) {
		return
	}
	if l.before = append(l.before, p.udid); len(l.before) > l.first && l.reach[p.udid] {
		w.violated("P16", p, "phone %d is told in the first wave of the lane for %s, which is for %d", len(l.before), a.Release, l.first)
	}
}

// laneWave returns the wave of a phone in a lane: by what it runs or was known to
// run, or the first when it was told.
func (w *world) laneWave(a storage.Approval, p *phone) (storage.Wave, int) {
	if l := w.book.lanes[a.ID]; l != nil && l.told[p.udid] {
		return a.Waves[0], 0
	}
	bucket := int(policy.Bucket(cmp.Or(a.WavesOf, a.Release), p.udid))
	of := func(runs string) int {
		return slices.IndexFunc(a.Waves, func(v storage.Wave) bool {
			upTo := func(most string) bool { return line(most)[:2] == line(runs)[:2] && !newer(runs, most) }
			return bucket < v.Threshold && (len(v.UpTo) == 0 || slices.ContainsFunc(v.UpTo, upTo))
		})
	}
	i := of(p.os)
	if stored, err := w.disk.Phone(w.ctx, seg, p.udid); err == nil && stored.OS.Version != "" {
		i = min(i, of(full(stored)))
	}
	return a.Waves[i], i
}

// checkedOn reports whether an app was found to work on a release and model by any
// kind of test.
func (w *world) checkedOn(group, bundleID, release, model string, ever bool, at time.Time) bool {
	newest := &storage.Verdict{}
	for _, v := range w.verdicts(group, bundleID, release, at) {
		if v.Result != "broken" && w.standsFor(group, v.Model, model, at) && !v.At.Before(newest.At) {
			newest = v
		}
	}
	return newest.ID != "" && (ever || !w.expired(newest, at))
}

// slow are plants about the emergency lane.
func slow() []plant {
	lanes := func(change func(*storage.Approval)) func(*world, *memory.Store) fleet.Store {
		return approving(func(a *storage.Approval) {
			if a.Lane != nil {
				change(a)
			}
		})
	}
	return []plant{
		{
			name: "the emergency lane is a day late", property: "P16", seed: 27,
			store: approvals(func(a *storage.Approval) {
				for i := range a.Waves {
					if v := &a.Waves[i]; a.Lane != nil && v.Waits {
						v.Start, v.Planned = v.Start.Add(day), v.Planned.Add(day)
					}
				}
			}),
		},
		{
			name: "the emergency lane begins with everybody", property: "P16", seed: 11,
			store: lanes(func(a *storage.Approval) { a.Waves[0].Threshold, a.Waves[0].UpTo = policy.Buckets, nil }),
		},
		{
			name: "the emergency lane keeps to ordinary deadlines", property: "P16", seed: 11,
			store: lanes(func(a *storage.Approval) {
				for i := range a.Waves {
					if t, err := time.Parse(mdm.LocalDateTimeLayout, a.Waves[i].Deadline); err == nil {
						a.Waves[i].Deadline = t.AddDate(0, 0, 3).Format(mdm.LocalDateTimeLayout)
					}
				}
			}),
		},
		{
			name: "the emergency lane opens every release", property: "P1", seed: 27,
			store: reading(func(w *storage.World) {
				for _, a := range slices.Clone(w.Approvals) {
					for _, o := range w.Offers {
						if a.Lane != nil && a.Group == o.Group && a.Release != o.Release {
							another := a
							another.ID, another.Release = a.ID+o.Release, o.Release
							w.Approvals = append(w.Approvals, another)
						}
					}
				}
			}),
		},
	}
}
