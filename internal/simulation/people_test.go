package simulation

import (
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// The kinds of events.
const (
	kindFeed    kind = "feed"
	kindBadFeed kind = "bad feed"
	kindOffer   kind = "offer"
	kindTest    kind = "test"
	kindApprove kind = "approve"
	kindPause   kind = "pause"
	kindResume  kind = "resume"
	kindDecline kind = "decline"
	kindTakeOff kind = "withdraw"
	kindRevoke  kind = "revoke"
	kindPropose kind = "propose"
	kindSign    kind = "sign"
	kindRefuse  kind = "refuse"
	kindHurry   kind = "hurry"
	kindMove    kind = "move"
	kindAgain   kind = "enrol again"
	kindRefresh kind = "refresh"
	kindVendor  kind = "vendor"
	kindTravel  kind = "travel"
	kindDie     kind = "die"
	kindFull    kind = "disk full"
	kindLose    kind = "lose answer"
	kindClock   kind = "clock"
	kindOff     kind = "off"
	kindReport  kind = "report"
	kindRestore kind = "restore"
	kindConfirm kind = "confirm"
	kindLock    kind = "lock"
	kindStorm   kind = "storm"
	kindEdit    kind = "edit"
	kindLetIn   kind = "let-in"
	kindShutOut kind = "shut out"
	kindShift   kind = "shift"
	kindFail    kind = "fail"
	kindMute    kind = "mute"
	kindRevert  kind = "revert"

	kindCountersign kind = "countersign"
	kindCalendar    kind = "calendar"
	kindRemove      kind = "remove"
	kindEmpty       kind = "empty"
	kindReturn      kind = "return"
	kindSpoil       kind = "spoil"
	kindDrop        kind = "drop"
	kindTakeBack    kind = "take back"
)

// kindOf says what an event of a kind does, and how often one comes without being
// part of a story. What it is about is a release or else a phone.
type kindOf struct {
	name      kind
	perMonth  float64
	ofRelease bool
	always    bool // also while the server is off
	happen    func(*world, event)
}

// kinds is the table of all that can happen: whoever teaches the engine something
// adds what people do with it here.
func kinds() []kindOf {
	return []kindOf{
		{kindFeed, 0, false, false, (*world).feed},
		{kindBadFeed, 1, false, false, (*world).badFeed},
		{kindOffer, 1, true, false, (*world).offer},
		{kindTest, 2, true, false, (*world).test},
		{kindApprove, 1, true, false, (*world).approve},
		{kindPause, 0.5, true, false, (*world).pause},
		{kindResume, 0.5, true, false, (*world).resume},
		{kindDecline, 0.2, true, false, (*world).decline},
		{kindTakeOff, 0.5, true, false, (*world).takeOff},
		{kindRevoke, 0.7, true, false, (*world).revoke},
		{kindPropose, 0.7, true, false, (*world).propose},
		{kindSign, 1, true, false, (*world).sign},
		{kindRefuse, 0.2, true, false, (*world).refuse},
		{kindHurry, 0, true, false, (*world).hasten},
		{kindMove, 1.5, false, false, (*world).move},
		{kindAgain, 1, false, false, (*world).again},
		{kindRefresh, 1.5, false, false, (*world).refresh},
		{kindVendor, 2, false, true, (*world).vendor},
		{kindTravel, 0.3, false, true, (*world).travel},
		{kindDie, 3, false, false, (*world).die},
		{kindFull, 0.7, false, false, (*world).full},
		{kindLose, 3, false, false, (*world).lose},
		{kindClock, 0.4, false, false, (*world).clock},
		{kindOff, 0.15, false, false, (*world).turnOff},
		{kindReport, 0, false, false, (*world).report},
		{kindRestore, 0, false, false, (*world).restore},
		{kindConfirm, 0, false, false, (*world).confirm},
		{kindLock, 0, false, true, (*world).lockOne},
		{kindStorm, 0, false, false, (*world).storm},
		{kindEdit, 0, false, false, (*world).edits},
		{kindLetIn, 0, false, false, (*world).letsIn},
		{kindShutOut, 0, false, false, (*world).shutsOut},
		{kindTakeBack, 0, false, true, (*world).takesBack},
		{kindShift, 0, false, false, (*world).shift},
		{kindCountersign, 0, false, false, (*world).countersign},
		{kindFail, 0, false, true, (*world).fails},
		{kindMute, 0, false, true, (*world).mutes},
		{kindRevert, 0, true, true, (*world).reverts},
		{kindBackup, 0, false, false, (*world).backUp},
		{kindOlder, 0, false, false, (*world).restoreOlder},
		{kindCalendar, 0, false, false, (*world).rearranges},
		{kindRemove, 0, false, false, (*world).removes},
		{kindEmpty, 0, false, false, (*world).empties},
		{kindReturn, 0, false, false, (*world).returns},
		{kindSpoil, 0, false, true, (*world).spoils},
		{kindDrop, 0, false, false, (*world).drops},
	}
}

func byName(name kind) kindOf {
	all := kinds()
	return all[slices.IndexFunc(all, func(k kindOf) bool { return k.name == name })]
}

// people are those who decide. An actor is one of them and nobody else.
func people() []string { return []string{"sato", "suzuki", "tanaka"} }

// as is an act of the person that the dice name.
func (w *world) as(dice uint64) fleet.Act {
	name := people()[dice%uint64(len(people()))]
	a := fleet.Act{Actor: "uid:" + name, Person: storage.Person{Name: name}, Reason: fmt.Sprintf("because %d", dice)}
	if w.plant.act != nil {
		a = w.plant.act(a)
	}
	return a
}

// decide has somebody do something. Whoever is interrupted looks whether it was
// done before doing it again. Refusals are part of life; anything else is not.
func (w *world) decide(what string, do func() error) bool {
	return w.decideThen(what, do, func() {})
}

// decideThen is decide, and notes what is done as soon as it is stored: a server that
// dies with it goes by it when it starts.
func (w *world) decideThen(what string, do func() error, note func()) bool {
	from := w.book.audit.Seq
	before := w.acts(from)
	first := true
	err := w.try(func() error {
		if !first && w.acts(from) != before {
			return nil
		}
		first = false
		err := do()
		if err == nil || errors.Is(err, errDied) && w.acts(from) != before {
			note()
		}
		return err
	})
	if err == nil {
		w.trace("%s", what)
		w.marked = true
		w.learn()
		return true
	}
	code := refusal(err)
	if code == "" {
		w.violated("P0", nil, "%s: %v", what, err)
	}
	w.trace("%s: %s", what, code)
	return false
}

// acts counts what people did after an entry of the audit log.
func (w *world) acts(after uint64) int {
	entries, err := w.disk.Audit(w.ctx, seg, after, 0)
	if err != nil {
		w.violated("P0", nil, "the audit log: %v", err)
	}
	n := 0
	for _, e := range entries {
		if strings.HasPrefix(e.Actor, "uid:") {
			n++
		}
	}
	return n
}

// refusal returns why somebody may not do something, "" when the error is
// something else.
func refusal(err error) string {
	var refused *fleet.RefusedError
	var invalid *fleet.InvalidError
	switch {
	case errors.As(err, &refused):
		return refused.Code
	case errors.As(err, &invalid):
		return invalid.Code
	case errors.Is(err, storage.ErrConflict):
		return "changed"
	case errors.Is(err, storage.ErrNotFound):
		return "not found"
	default:
		return ""
	}
}

// phone returns the phone an event is about, nil when this life goes without it.
func (w *world) phone(index int) *phone {
	i := slices.IndexFunc(w.phones, func(p *phone) bool { return p.index == index })
	if i < 0 {
		return nil
	}
	return w.phones[i]
}

func (w *world) about(e event) (group, release string) {
	return w.life.teams[e.team].name, w.life.releases[e.about].version
}

func (w *world) offer(e event) {
	group, release := w.about(e)
	w.decide("offer "+release+" to "+group, func() error {
		_, err := w.fleet.Offer(w.ctx, seg, w.as(e.dice), group, release)
		return err
	})
}

// works is the truth about an app: whether a version of it works on a release.
func (w *world) works(bundleID string, v int, release string) bool {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, w.life.seed, bundleID, v, release)
	return h.Sum64()>>1%8 != 0
}

// test has the testers of a group try every app on the phones that have the
// release.
func (w *world) test(e event) {
	group, release := w.about(e)
	dice := e.dice
	for _, p := range w.phones {
		if p.group != group || p.ring != storage.RingVerification || !w.isOn(p, release) {
			continue
		}
		for _, i := range w.life.teams[e.team].apps {
			dice = dice*6364136223846793005 + 1442695040888963407
			bundleID := businessApps()[i].bundleID
			r := fleet.VerdictRequest{BundleID: bundleID, Release: release, Device: p.udid, Result: string(policy.ResultWorks)}
			switch {
			case !w.works(bundleID, p.apps[bundleID], release):
				r.Result, r.Note = string(policy.ResultBroken), "it does not start"
			case dice>>33%6 == 0:
				r.Result, r.Note = string(policy.ResultWorksWithNote), "slow"
			}
			if dice>>40%10 == 0 {
				r.Expires = w.serverNow().Add(15 * day)
			}
			if w.life.teams[e.team].rules.carryOver && patch(release) && dice>>44%2 == 0 {
				r.Method = string(policy.MethodSmoke)
			}
			w.now = w.now.Add(time.Second)
			w.decide("verdict "+r.Result+" of "+bundleID+" on "+release+" by "+p.udid, func() error {
				_, err := w.fleet.RecordVerdict(w.ctx, seg, w.as(dice>>50), r)
				return err
			})
		}
	}
}

func (w *world) approve(e event) {
	group, release := w.about(e)
	r := fleet.ApproveRequest{Group: group, Release: release, Deadline: fmt.Sprintf("+%dd", 1+e.dice>>8%4)}
	if e.dice>>16%3 == 0 {
		r.Start = "+20h"
	}
	rules := w.life.teams[e.team].rules
	if rules.deadline != "" && e.dice>>20%2 == 0 {
		r.Deadline = ""
	}
	if e.dice>>24%4 == 0 {
		w.book.shares = w.ownShares()
		for i, start := range []string{"@+0", "@+1d", "@+3d"} {
			r.Waves = append(r.Waves, w.book.shares[i]+start)
		}
	}
	if e.dice>>28%5 == 0 {
		r = fleet.ApproveRequest{Group: group, Release: release, Rebase: true}
	}
	w.decide("approve "+release+" for "+group, func() error {
		_, err := w.fleet.Approve(w.ctx, seg, w.as(e.dice), r)
		return err
	})
	w.book.shares = nil
}

func (w *world) pause(e event) {
	group, release := w.about(e)
	w.decide("pause "+release+" for "+group, func() error {
		_, err := w.fleet.Pause(w.ctx, seg, w.as(e.dice), group, release)
		return err
	})
}

func (w *world) resume(e event) {
	group, release := w.about(e)
	w.decide("resume "+release+" for "+group, func() error {
		_, err := w.fleet.Resume(w.ctx, seg, w.as(e.dice), group, release)
		return err
	})
}

func (w *world) decline(e event) {
	group, release := w.about(e)
	w.decide("decline "+release+" for "+group, func() error {
		_, err := w.fleet.Decline(w.ctx, seg, w.as(e.dice), group, release)
		return err
	})
}

func (w *world) takeOff(e event) {
	group, release := w.about(e)
	w.decide("withdraw "+release+" from "+group, func() error {
		_, err := w.fleet.Withdraw(w.ctx, seg, w.as(e.dice), group, release)
		return err
	})
}

// revoke takes back one of the results for a release.
func (w *world) revoke(e event) {
	group, release := w.about(e)
	var of []storage.Verdict
	for _, v := range w.records.Verdicts {
		if v.Group == group && v.Release == release {
			of = append(of, v)
		}
	}
	if len(of) == 0 {
		return
	}
	// By time and place: their identifiers are random.
	slices.SortFunc(of, func(a, b storage.Verdict) int { return a.At.Compare(b.At) })
	v := of[e.dice>>8%uint64(len(of))]
	w.decide("revoke "+v.Result+" of "+v.BundleID+" on "+release, func() error {
		_, err := w.fleet.RevokeVerdict(w.ctx, seg, w.as(e.dice), v.ID)
		return err
	})
}

func (w *world) propose(e event) {
	group, release := w.about(e)
	r := fleet.OverrideRequest{Group: group, Release: release, Deadline: "+1d", Until: "+" + strconv.FormatUint(2+e.dice>>8%9, 10) + "d"}
	w.decide("propose "+release+" for "+group, func() error {
		_, err := w.fleet.ProposeOverride(w.ctx, seg, w.as(e.dice), r)
		return err
	})
}

// open returns the oldest proposal of a group that nobody has ended.
func (w *world) open(group string) (storage.Proposal, bool) {
	var found storage.Proposal
	for _, p := range w.records.Proposals {
		if p.Group == group && p.State == storage.StateOpen && (found.ID == "" || p.At.Before(found.At)) {
			found = p
		}
	}
	return found, found.ID != ""
}

func (w *world) sign(e event) {
	group, _ := w.about(e)
	p, ok := w.open(group)
	if !ok {
		return
	}
	w.decide("sign "+p.Release+" for "+group, func() error {
		_, err := w.fleet.Sign(w.ctx, seg, w.as(e.dice), p.ID)
		return err
	})
}

func (w *world) refuse(e event) {
	group, _ := w.about(e)
	p, ok := w.open(group)
	if !ok {
		return
	}
	w.decide("refuse "+p.Release+" for "+group, func() error {
		_, err := w.fleet.Refuse(w.ctx, seg, w.as(e.dice), p.ID)
		return err
	})
}

// place is where the dice put a phone.
func (w *world) place(e event) (group string, ring storage.Ring) {
	switch e.dice >> 8 % 8 {
	case 0:
		return "", ""
	case 1:
		return w.life.teams[e.team].name, storage.RingVerification
	default:
		return w.life.teams[e.team].name, storage.RingProduction
	}
}

func (w *world) move(e event) {
	p := w.phone(e.about)
	if p == nil {
		return
	}
	group, ring := w.place(e)
	check := w.watched(p, group, ring)
	done := w.decideThen("move "+p.udid, func() error {
		_, err := w.fleet.Move(w.ctx, seg, w.as(e.dice), p.udid, group, ring)
		return err
	}, func() { p.put(group, ring) })
	if done {
		check()
	}
}

func (w *world) again(e event) {
	if p := w.phone(e.about); p != nil {
		group, ring := w.place(e)
		w.enrol(p, group, ring)
	}
}

func (w *world) refresh(e event) {
	p := w.phone(e.about)
	if p == nil {
		return
	}
	w.renew(p)
	w.decide("refresh "+p.udid, func() error {
		_, err := w.fleet.Refresh(w.ctx, seg, w.as(e.dice), p.udid)
		return err
	})
}

// vendor brings a new version of an app.
func (w *world) vendor(e event) {
	apps := businessApps()
	w.vendors[apps[e.dice%uint64(len(apps))].bundleID]++
}

// travel takes a phone to another zone; the server learns of it within a day.
func (w *world) travel(e event) {
	p := w.phone(e.about)
	if p == nil {
		return
	}
	zones := []string{"Asia/Tokyo", "America/New_York", "Europe/Berlin"}
	p.zone = zones[e.dice%uint64(len(zones))]
	p.loc = zone(p.zone)
}
