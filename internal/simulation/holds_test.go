package simulation

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// holdDays are the days of a hold on which somebody is told; on the last it ends.
func holdDays() []int { return []int{45, 60, 75, 83, 90} }

// toldHold is what was told of one hold.
type toldHold struct {
	day    int
	silent int // days on which more should have been told
	waits  bool
}

// come returns the newest day of a hold that has come at a moment, 0 for none.
func (w *world) come(r release, at time.Time) int {
	return newestHoldDay(w.holdDay(r, at))
}

// holdDay returns the day of a hold that it is at a moment.
func (w *world) holdDay(r release, at time.Time) int {
	return int(at.Sub(w.life.start.AddDate(0, 0, r.posted).Truncate(day)) / day)
}

// newestHoldDay returns the newest day on which somebody is told, 0 for none.
func newestHoldDay(d int) int {
	newest := 0
	for _, told := range holdDays() {
		if told <= d {
			newest = told
		}
	}
	return newest
}

func (w *world) hold(target string) *toldHold {
	if w.book.holds[target] == nil {
		w.book.holds[target] = &toldHold{}
	}
	return w.book.holds[target]
}

// checkHoldEntry holds what the audit log tells of a hold: each day once, none
// early, of several the newest with the day that it is, and at the end what was
// decided beforehand.
func (w *world) checkHoldEntry(e storage.AuditEntry) {
	group, version, _ := strings.Cut(e.Target, "/")
	r, _ := w.apple.find(version)
	h := w.hold(e.Target)
	d, _ := strconv.Atoi(e.Detail["day"])
	if e.Action == "hold.settled" {
		if !h.waits {
			w.violated("P6", nil, "%s is settled without having waited", e.Target)
		}
		h.waits = false
		w.checkOutcome(group, e)
		return
	}
	told := newestHoldDay(d)
	if told <= h.day {
		w.violated("P6", nil, "day %d of %s is told after day %d", d, e.Target, h.day)
	}
	if (e.Action == "hold.ended") != (d == 90) {
		w.violated("P6", nil, "%s tells of day %d of %s", e.Action, d, e.Target)
	}
	if now := w.serverNow(); w.skew == 0 && (w.holdDay(r, now.Add(day)) < d || w.come(r, now.Add(-day)) > told || d < 90 && w.holdDay(r, now.Add(-day)) > d) {
		w.violated("P6", nil, "day %d of %s is told on day %d", d, e.Target, w.day(now)-r.posted)
	}
	h.day, h.silent = told, 0
	if d == 90 {
		w.checkOutcome(group, e)
	}
}

// checkOutcome holds what came of the end of a hold.
func (w *world) checkOutcome(group string, e storage.AuditEntry) {
	want, outcome := w.team(group).rules.onExpiry, e.Detail["outcome"]
	switch {
	case e.Detail["on_expiry"] != want:
		w.violated("P6", nil, "at the end of %s the policy is %s, not %s", e.Target, e.Detail["on_expiry"], want)
	case want != enforce && outcome != "stays-closed":
		w.violated("P6", nil, "at the end of %s it is %s", e.Target, outcome)
	case want == enforce && outcome == "stays-closed":
		w.violated("P6", nil, "at the end of %s nothing is enforced", e.Target)
	case outcome == "nothing-verified":
		w.hold(e.Target).waits = true
		w.checkNothingVerified(group, e)
	case outcome == "build-gone":
		w.hold(e.Target).waits = true
	}
}

// checkNothingVerified holds that no release could be approved that the phones
// wait for whose hold ended.
func (w *world) checkNothingVerified(group string, e storage.AuditEntry) {
	_, version, _ := strings.Cut(e.Target, "/")
	ended, _ := w.apple.find(version)
	for _, r := range w.life.releases {
		if slices.ContainsFunc(r.models, ended.isFor) && w.waits(group, r) && w.testedOnPhone(group, r) && w.closes(group, r.version) == "" && w.skew == 0 && !w.holdsOff(group, r.version) {
			w.violated("P6", nil, "at the end of %s nothing is approved although %s is verified", e.Target, r.version)
		}
	}
}

func (w *world) testedOnPhone(group string, r release) bool {
	for _, p := range w.phones {
		if p.group == group && p.ring == storage.RingVerification && w.isOn(p, r.version) {
			return true
		}
	}
	return false
}

// waits reports whether a production phone of a group waits for a release that
// nobody decided about, nor about a newer one.
func (w *world) waits(group string, r release) bool {
	for _, d := range w.records.Declines {
		if d.Group == group && d.Release == r.version {
			return false
		}
	}
	for _, a := range w.records.Approvals {
		if a.Group == group && (a.Release == r.version || newer(a.Release, r.version)) {
			return false
		}
	}
	for _, p := range w.phones {
		known := w.serverNow().Sub(p.enrolledAt) > 4*day && !w.inDrawer(p)
		if p.group != group || p.ring != storage.RingProduction || !newer(r.version, p.os) || !known {
			continue
		}
		_, then := w.apple.signs(r.version, p.model, w.copyDay)
		last, now := w.apple.signs(r.version, p.model, w.day(w.now))
		if then && now && w.day(w.now)+3 < last {
			return true
		}
	}
	return false
}

// inDrawer reports whether a phone has been in its drawer ever: what the server
// knows of it may be old.
func (w *world) inDrawer(p *phone) bool {
	return p.drawer[0] < p.drawer[1] && w.day(w.now) >= p.drawer[0]-1 && w.day(w.now) <= p.drawer[1]+3
}

// checkHolds holds that no day of a hold passes in silence.
func (w *world) checkHolds() {
	for _, t := range w.life.teams {
		for _, r := range w.life.releases {
			h := w.hold(t.name + "/" + r.version)
			if w.skew != 0 || r.improves() || w.halted() || w.come(r, w.now.Add(-day)) <= h.day || !w.waits(t.name, r) {
				h.silent = 0
				continue
			}
			if h.silent++; h.silent > 3 {
				w.violated("P6", nil, "of the hold of %s for %s day %d is told, day %d has come", r.version, t.name, h.day, w.come(r, w.now))
			}
		}
	}
}

// off reports whether the server's machine is off.
func (w *world) off() bool { return w.now.Before(w.offUntil) }

// turnOff has the server's machine be off for days.
func (w *world) turnOff(e event) {
	most := time.Duration(w.life.days-quiet)*day - w.now.Sub(w.life.start)
	pause := min(time.Duration(1+e.dice%12)*day, most)
	w.offUntil = w.now.Add(pause)
	w.asks(askDie, "")
	w.sweepAt, w.ringAt = w.offUntil, w.offUntil.Add(time.Minute)
	for _, p := range w.phones {
		p.dueBy = p.dueBy.Add(pause)
		p.wakeAt = p.nextOnline(w, p.wakeAt)
	}
	w.trace("the server is off until %s", w.offUntil)
}

// forgetting are plants about the end of holds.
func forgetting() []plant {
	return []plant{
		{
			name: "what was told of a hold is forgotten", property: "P6", seed: 16,
			store: reading(func(w *storage.World) { w.HoldMarks = nil }),
		},
		{name: "an alarm leaves no trace", property: "P6", seed: 16, store: losing("hold.alarm")},
		{
			name: "no policy enforces anything", property: "P6", seed: 16,
			store: reading(func(w *storage.World) {
				for i := range w.Policies {
					w.Policies[i].OnExpiry = extendRisk
				}
			}),
		},
	}
}
