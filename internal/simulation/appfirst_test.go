package simulation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/micromdm/plist"

	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// shopper is how a user and the App Store get along.
type shopper struct {
	lazy    bool // updates no app by itself
	account int  // from which day an Apple Account is signed in
	refuses bool // the store updates nothing here
}

// drawShoppers has most phones keep their apps as they are until they are told to
// update them, some without an Apple Account.
func drawShoppers(r *rand.Rand, l *life) {
	for range businessApps() {
		l.deliver = append(l.deliver, pick(r, "", "store", "store", "licensed"))
	}
	for i := range l.phones {
		if p := &l.phones[i]; p.ring == storage.RingProduction {
			p.shopper.lazy = r.Float64() < 0.8
			if r.Float64() < 0.4 {
				p.shopper.account = pick(r, r.IntN(l.days), never)
			}
			p.shopper.refuses = r.Float64() < 0.1
		}
	}
}

// delivered returns how an app comes to phones, "" when people see to that.
func (l life) delivered(bundleID string) string {
	i := slices.IndexFunc(businessApps(), func(a app) bool { return a.bundleID == bundleID })
	if i < 0 || i >= len(l.deliver) {
		return ""
	}
	return l.deliver[i]
}

// updates reports whether an app is brought up to date on a day: by itself, or as
// the phone was told.
func (p *phone) updates(w *world, bundleID string) bool {
	if p.ordered[bundleID] && !p.shopper.refuses && p.paid(w, bundleID) {
		delete(p.ordered, bundleID)
		return true
	}
	return !p.shopper.lazy && !p.trouble.stuck && p.chance(3, "app"+bundleID, w.now) > 0
}

// paid reports whether the phone can get an app: a licence is its own.
func (p *phone) paid(w *world, bundleID string) bool {
	return w.life.delivered(bundleID) == "licensed" || w.day(w.now) >= p.shopper.account
}

// appState is what the phone says of an app that it manages.
func (p *phone) appState(w *world, bundleID string) mdm.AppState {
	switch {
	case !p.ordered[bundleID]:
		return mdm.AppManaged
	case p.shopper.refuses:
		return mdm.AppFailed
	case !p.paid(w, bundleID):
		return mdm.AppPromptingForUpdateLogin
	default:
		return "Updating"
	}
}

// installs begins the update of an app.
func (p *phone) installs(w *world, c *mdm.Command) values {
	var body struct {
		Command struct {
			Identifier string
		}
	}
	if err := plist.Unmarshal(c.Body, &body); err != nil {
		w.violated("P0", p, "%s cannot be read: %v", c.RequestType, err)
	}
	id := body.Command.Identifier
	w.trace("%s is told to update %s", p.udid, id)
	w.checkDelivery(p, id, c.UUID)
	if p.ordered == nil {
		p.ordered = map[string]bool{}
	}
	p.ordered[id] = true
	return values{"Identifier": id, "State": string(p.appState(w, id))}
}

// managed is the phone's list of managed apps.
func (p *phone) managed(w *world) values {
	list := values{}
	for _, a := range businessApps() {
		list[a.bundleID] = values{"Status": string(p.appState(w, a.bundleID))}
	}
	return values{"ManagedApplicationList": list}
}

// tested returns the lowest and the highest version of an app with which it was
// found to work on a release, -1 for none. Results of several models count from the
// highest of their newest: what phones need lies between.
func (w *world) tested(group, bundleID, release string, at time.Time) (least, most int) {
	least, most = -1, -1
	for _, v := range w.verdicts(group, bundleID, release, at) {
		if n := number(v.AppVersion); v.Result != "broken" {
			most = max(most, n)
			if least < 0 || n < least {
				least = n
			}
		}
	}
	return least, most
}

// unsure reports whether a phone has an app in a version that may be too old.
func (w *world) unsure(p *phone, release string) bool {
	a, ok := w.approval(p.group, release, w.decided())
	return ok && slices.ContainsFunc(w.closing(p.group), func(app app) bool {
		_, most := w.tested(p.group, app.bundleID, release, a.At)
		_, since := w.tested(p.group, app.bundleID, release, w.serverNow()) // what takes the place of a result that does not hold any more
		return p.apps[app.bundleID] < max(most, since)
	})
}

// toldVersion returns the version of an app that the server knows of, -1 for none.
func (w *world) toldVersion(p *phone, bundleID string) int {
	stored, err := w.disk.Phone(w.ctx, seg, p.udid)
	i := slices.IndexFunc(stored.Apps, func(a storage.InstalledApp) bool { return a.BundleID == bundleID })
	if err != nil || i < 0 {
		return -1
	}
	return number(stored.Apps[i].ShortVersion)
}

// needed names the approvals, with the version wanted, for which a phone may be
// told to update an app: those that nothing but apps keeps it from, "" for none. It
// must be when the version it told is below all that were tested.
func (w *world) needed(p *phone, bundleID string) (need string, must bool) {
	told := w.toldVersion(p, bundleID)
	for _, r := range w.newestFirst {
		if !newer(r.version, p.os) {
			break
		}
		o := w.objects(p, r.version)
		a, ok := w.approval(p.group, r.version, w.decided())
		if !ok || o.why != "" && !o.app {
			continue
		}
		if least, most := w.tested(p.group, bundleID, r.version, a.At); told < most {
			need += fmt.Sprintf(" %s for %s from %d", a.ID, r.version, most)
			must = must || told < least
		}
	}
	return need, must
}

// triesOf is how often a phone is told to update an app for one approval, and
// between how many hours at least.
const (
	triesOf    = 5
	triesApart = 23 * time.Hour
)

// deliveries is what the checks remember of one app on one phone.
type deliveries struct {
	need    string
	must    bool
	uuids   []string
	last    time.Time
	waiting time.Time // since when it should be told
}

// appOn is the key of an app on a phone, as it is enrolled.
func appOn(p *phone, bundleID string) string { return fmt.Sprint(p.udid, " ", p.epoch, " ", bundleID) }

func (w *world) delivery(p *phone, bundleID string) *deliveries {
	key := appOn(p, bundleID)
	if w.book.deliveries[key] == nil {
		w.book.deliveries[key] = &deliveries{}
	}
	d := w.book.deliveries[key]
	if need, must := w.needed(p, bundleID); need != d.need || must != d.must {
		*d = deliveries{need: need, must: must, waiting: w.now}
	}
	return d
}

// renew forgets what a phone was told: somebody has it told anew.
func (w *world) renew(p *phone) {
	for _, a := range businessApps() {
		delete(w.book.deliveries, appOn(p, a.bundleID))
	}
}

// checkDelivery holds a command that updates an app: a rollout needs it, on a
// phone that asks nobody, and it was not told so today nor five times before.
func (w *world) checkDelivery(p *phone, bundleID, uuid string) {
	d := w.delivery(p, bundleID)
	switch {
	case d.need == "":
		w.violated("P1", p, "it is told to update %s, which nothing needs", bundleID)
	case !p.supervised || p.ring != storage.RingProduction || w.life.delivered(bundleID) == "":
		w.violated("P1", p, "it is told to update %s, which is not brought to it", bundleID)
	case slices.Contains(d.uuids, uuid): // the answer got lost
		return
	}
	d.uuids = append(d.uuids, uuid)
	if n := len(d.uuids); n > triesOf || n > 1 && w.now.Sub(d.last) < triesApart && w.skew == 0 {
		w.violated("P12", p, "it is told to update %s for the %s. time, %s after the last", bundleID, strconv.Itoa(n), w.now.Sub(d.last))
	}
	d.last = w.now
}

// checkDeliveries holds, day by day, that a phone which nothing but an app keeps
// from a release is told to update it, and that people hear of one that does not
// come.
func (w *world) checkDeliveries(p *phone) {
	if w.life.deliver == nil || p.group == "" || !p.supervised || p.ring != storage.RingProduction {
		return
	}
	for _, a := range w.closing(p.group) {
		if w.life.delivered(a.bundleID) == "" {
			continue
		}
		d := w.delivery(p, a.bundleID)
		if !d.must || !w.undisturbed(p) {
			d.waiting = w.now
			continue
		}
		late := w.now.Sub(d.waiting) - w.life.asks
		switch {
		case len(d.uuids) == 0 && late > patience:
			w.violated("P3", p, "nobody told it to update %s, which is all it lacks since %s (%s)", a.bundleID, d.waiting, d.need)
		case len(d.uuids) == triesOf && w.now.Sub(d.last) > patience+w.life.asks:
			w.checkGivenUp(p)
		}
	}
}

// checkGivenUp holds that a phone which updated no app whatever it was told is
// listed with that and with what a person can do.
func (w *world) checkGivenUp(p *phone) {
	x, err := w.fleet.Explain(w.ctx, seg, p.udid)
	r, human := x.Explanation.Reason, x.Explanation.NextHuman
	if err != nil || r.Code != policy.ReasonAppUpdateNeeded || r.Params[policy.ParamWhy] == "" || human == policy.StepNone {
		w.violated("P3", p, "it was told to update an app for the last time and is listed as %s %v, next %q (%v)", r.Code, r.Params, human, err)
	}
}

// unshopped are plants about apps that come first.
func unshopped() []plant {
	return []plant{
		{
			name: "nobody counts how often an app is asked for", property: "P12", seed: 718,
			store: phones(func(_, after *storage.Phone) {
				for i := range after.AppUpdates {
					after.AppUpdates[i].Number = 1
				}
			}),
		},
		{
			name: "an app is not asked for at all", property: "P3", seed: 110,
			store: reading(func(w *storage.World) {
				for i := range w.Apps {
					w.Apps[i].Deliver = ""
				}
			}),
		},
		{
			name: "a release comes before the app it needs", property: "P1", seed: 110,
			store: approvals(func(a *storage.Approval) { a.Floors = nil }),
		},
	}
}
