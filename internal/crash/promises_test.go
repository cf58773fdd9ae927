package crash

import (
	"slices"
	"strings"

	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/mdm/mdmtest"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// promise is an entry of the log about what a phone is told to install, and the place
// in which it was told.
type promise struct {
	storage.AuditEntry

	place position
	offer string // the act that offered the release to the group last, "" when none had
}

// is reports whether the promise is of a release by a deadline, in the phone's words.
func (p promise) is(release, deadline string) bool {
	return p.Detail["release"] == release && p.Detail["deadline"] == deadline
}

// announcements: whatever the log says that a phone is told rests on a decision that is
// on record.
func (c *checker) announcements() {
	for udid, promises := range c.log.announced {
		for _, p := range promises {
			if _, why := c.basis(udid, p); why != "" {
				c.fault("policy: audit entry %d tells phone %s to install %s, but %s", p.Seq, udid, p.Detail["release"], why)
			}
		}
	}
}

// basis returns the reason, which names the act, of the decision that a promise rests
// on, or why there is none: the very approval that it names has to be on record, made
// before it for that group and release, with the phone's wave begun by then and a
// deadline no later than the promised one. For a candidate it is the offer.
func (c *checker) basis(udid string, p promise) (reason, why string) {
	group, release := p.place.group, p.Detail["release"]
	if p.Detail["source"] != string(policy.SourceApproval) {
		switch {
		case p.place.ring != "verification":
			return "", "it is no verification phone"
		case p.offer == "":
			return "", "nobody had offered it to " + group
		}
		return p.offer, ""
	}
	i := slices.IndexFunc(c.state.World.Approvals, func(a storage.Approval) bool {
		return a.ID == p.Detail["source_id"] && a.Group == group && a.Release == release
	})
	if i < 0 {
		return "", "nobody gave the approval it names to " + group
	}
	a := c.state.World.Approvals[i]
	if given := c.log.byReason[a.Reason]; len(given) == 0 || given[0].Seq > p.Seq {
		return "", "its approval came later"
	}
	bucket := int(policy.Bucket(a.Release, udid))
	wave := slices.IndexFunc(a.Waves, func(w storage.Wave) bool { return bucket < w.Threshold })
	if p.place.ring == "verification" {
		wave = 0 // verification phones wait for none
	}
	switch {
	case wave < 0:
		return "", "no wave is for it"
	case p.place.ring == "production" && (a.Waves[wave].Waits || a.Waves[wave].Start.After(p.At)):
		return "", "its wave had not begun"
	case p.Detail["deadline"] < a.Waves[wave].Deadline:
		return "", "its wave has a later deadline, " + a.Waves[wave].Deadline
	}
	return a.Reason, ""
}

// enforced checks an enforcement that a phone received: the log tells of it, it rests on
// a decision that somebody had begun to make, for a place where the phone can have
// been, and nobody had stopped that before the phone asked.
func (c *checker) enforced(n int, e *mdmtest.Entry) {
	if e.Deadline == nil {
		c.fault("policy: phone %s received an enforcement without a deadline", e.Phone)
		return
	}
	places := c.history.places(e.Phone, n)
	for _, kept := range c.log.keptBy(e.Phone) {
		group, ring, _ := strings.Cut(kept, "/")
		places = append(places, position{group, ring})
	}
	var told, begun, goesOn bool
	var stop *deed
	for _, p := range c.log.announced[e.Phone] {
		if !p.is(e.Version, e.Deadline.Format(mdm.LocalDateTimeLayout)) {
			continue
		}
		told = true
		reason, _ := c.basis(e.Phone, p)
		if d := c.history.byID[reason]; d == nil || d.begun >= n || d.Stage == refused || !slices.Contains(places, p.place) {
			continue
		}
		begun = true
		if s := c.stopped(p, e.Version, c.history.asked(e.Phone, n), n); s != nil {
			stop = s
		} else {
			goesOn = true
		}
	}
	switch {
	case !told:
		c.fault("I4: phone %s received the enforcement of %s, which is not in the log", e.Phone, e.Version)
	case !begun:
		c.fault("policy: phone %s received the enforcement of %s before it was approved for any of %v", e.Phone, e.Version, places)
	case !goesOn:
		c.fault("policy: phone %s received the enforcement of %s after %s (%s of %s) was acknowledged", e.Phone, e.Version, stop.ID, stop.Action, stop.Target)
	}
}

// stopped returns the act that had stopped what a promise rests on when a phone asked: an
// approval for production phones, or an offer.
func (c *checker) stopped(p promise, release string, asked, received int) *deed {
	stops, lets := []string{"rollout.pause", "gate.withdraw", "gate.decline"}, []string{"rollout.resume", "gate.approve"}
	elsewhere := func(*deed) bool { return p.place.ring != "production" }
	if p.Detail["source"] != string(policy.SourceApproval) {
		stops, lets = []string{"gate.withdraw", "gate.decline"}, []string{"gate.offer"}
		elsewhere = func(d *deed) bool { return !c.log.unoffered[d.ID] } // what it took back was an approval
	}
	of := slices.DeleteFunc(c.history.about(p.place.group, release, stops...), elsewhere)
	return stopped(of, c.history.about(p.place.group, release, lets...), asked, received)
}
