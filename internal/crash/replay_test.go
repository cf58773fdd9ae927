package crash

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// world is what the audit log says must be on record. It is built from the
// entries alone: when it and the records agree, each was written with the
// other or not at all.
type world struct {
	revision  uint64
	changedAt time.Time                       // of the last change: its entries share one time
	apps      map[string]string               // bundle id -> name, importance
	groups    map[string]string               // name -> apps
	verdicts  map[string]string               // id -> what was found, and why it was taken back
	offers    map[string]string               // group/release -> why, and whether withdrawn
	unoffered map[string]bool                 // acts that took an offer back, by the reason they gave
	declines  map[string]string               // group/release -> why
	approvals map[string][]approval           // group/release -> in the order they were given
	grants    map[string]string               // id -> group/ring
	issued    map[string][]string             // grant -> fingerprints
	enrolled  map[string][]string             // grant -> phones that authenticated with it
	phones    map[string]*enrolled            // by UDID
	announced map[string][]promise            // UDID -> what the phone is told to install, in order
	leaks     []storage.AuditEntry            // unapproved updates of which people are told
	byReason  map[string][]storage.AuditEntry // acts of people, by the reason they gave
	faults    []string
}

type approval struct{ reason, paused, withdrawn string }

// enrolled is where a phone's enrolment stands.
type enrolled struct {
	epoch     uint64
	place     string // group/ring
	state     storage.PhoneState
	cancelled bool     // commands of its queue may have been cancelled
	kept      string   // the place it is in since it enrolled again although its link named another, "" when none
	everKept  []string // every such place
}

// operatorPrefix begins the actor of every act that came over the socket.
const operatorPrefix = "uid:"

func replay(entries []storage.AuditEntry) *world {
	w := &world{
		apps: map[string]string{}, groups: map[string]string{}, verdicts: map[string]string{}, offers: map[string]string{},
		declines: map[string]string{}, approvals: map[string][]approval{}, grants: map[string]string{}, issued: map[string][]string{},
		enrolled: map[string][]string{}, phones: map[string]*enrolled{}, announced: map[string][]promise{},
		byReason: map[string][]storage.AuditEntry{}, unoffered: map[string]bool{},
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Actor, operatorPrefix) {
			w.byReason[e.Reason] = append(w.byReason[e.Reason], e)
		}
		switch e.Action {
		case "hold.alarm", "hold.ended", "hold.settled", "engine.halt", "engine.resume", fleet.NoticeOverrideEnded:
			w.changed(e)
		}
		kind, _, _ := strings.Cut(e.Action, ".")
		switch kind {
		case "app", "group", "policy", "verdict", "gate", "rollout", "problem":
			w.changed(e)
			w.decision(e)
		case "grant", "certificate", "phone", "device":
			w.enrolment(e)
		case "enforcement":
			w.enforcement(e)
		}
	}
	return w
}

func (w *world) fault(format string, args ...any) {
	w.faults = append(w.faults, fmt.Sprintf(format, args...))
}

// changed counts the changes of the world.
func (w *world) changed(e storage.AuditEntry) {
	if !e.At.Equal(w.changedAt) {
		w.revision++
	}
	w.changedAt = e.At
}

// decision follows what changes the world.
func (w *world) decision(e storage.AuditEntry) {
	switch e.Action {
	case "app.add", "app.set":
		w.apps[e.Target] = e.Detail["name"] + ", " + e.Detail["importance"]
	case "group.add", "group.set":
		w.groups[e.Target] = e.Detail["apps"]
	case "verdict.record":
		d := e.Detail
		w.verdicts[d["id"]] = verdictText(e.Target, d["result"], d["group"], d["phone"], d["model"], d["app_version"])
	case "verdict.revoke":
		w.verdicts[e.Detail["id"]] += revokedText(e.Reason)
	case "gate.offer":
		w.offers[e.Target] = e.Reason
	case "gate.approve", "gate.override":
		w.approvals[e.Target] = append(w.approvals[e.Target], approval{reason: e.Reason})
	case "gate.decline":
		w.declines[e.Target] = e.Reason
		w.unoffered[e.Reason] = true
		if a := w.standing(e.Target); a != nil {
			a.withdrawn = e.Actor
		}
	case "gate.withdraw":
		if a := w.standing(e.Target); a != nil {
			a.withdrawn = e.Actor
		} else {
			w.offers[e.Target] += withdrawnText
			w.unoffered[e.Reason] = true
		}
	case "rollout.pause", "rollout.breaker":
		w.stop(e, e.Reason)
	case "rollout.resume":
		w.stop(e, "")
	}
}

func (w *world) stop(e storage.AuditEntry, reason string) {
	a := w.standing(e.Target)
	if a == nil {
		w.fault("I4: audit entry %d is a %s of %s, which had no approval", e.Seq, e.Action, e.Target)
		return
	}
	a.paused = reason
}

// standing returns the newest approval of a gate unless it was withdrawn.
func (w *world) standing(gate string) *approval {
	all := w.approvals[gate]
	if len(all) == 0 || all[len(all)-1].withdrawn != "" {
		return nil
	}
	return &all[len(all)-1]
}

func verdictText(target, result, group, phone, model, version string) string {
	return strings.Join([]string{target, result, group, phone, model, version}, ", ")
}

const withdrawnText = ", withdrawn"

func revokedText(reason string) string { return ", revoked: " + reason }

// enrolment follows phones, and what let them in.
func (w *world) enrolment(e storage.AuditEntry) {
	switch e.Action {
	case "grant.link":
		w.grants[e.Target] = e.Detail["group"] + "/" + e.Detail["ring"]
	case "certificate.issued":
		w.issued[e.Detail["grant"]] = append(w.issued[e.Detail["grant"]], e.Target)
	case "phone.authenticated":
		grant := e.Detail["grant"]
		w.enrolled[grant] = append(w.enrolled[grant], e.Target)
		p := w.phones[e.Target]
		if p == nil {
			p = &enrolled{}
			w.phones[e.Target] = p
		} else {
			p.cancelled = true
		}
		p.epoch, p.place, p.kept, p.state = p.epoch+1, w.grants[grant], "", storage.PhoneAuthenticating
		if got, want := e.Detail["epoch"], fmt.Sprint(p.epoch); got != want {
			w.fault("I7: audit entry %d begins epoch %s of phone %s, want %s", e.Seq, got, e.Target, want)
		}
	case "phone.leaked":
		if e.Detail["on_leak"] != "record" {
			w.leaks = append(w.leaks, e)
		}
	case "phone.enrolled", "phone.returned":
		w.known(e).state = storage.PhoneEnrolled
	case "phone.place-kept": // the link would have put it past a closed gate
		p := w.known(e)
		p.place = e.Detail["place"]
		p.kept, p.everKept = p.place, append(p.everKept, p.place)
	case "device.move":
		p := w.known(e)
		if from := e.Detail["from"]; from != p.place {
			w.fault("I4: audit entry %d moves phone %s from %s, but it was in %s", e.Seq, e.Target, from, p.place)
		}
		p.place, p.kept, p.cancelled = e.Detail["to"], "", true
	}
}

// keeps reports whether a phone is in a place because its link named another that it
// may not go to: neither a move nor an enrolment followed.
func (w *world) keeps(udid, place string) bool {
	p := w.phones[udid]
	return p != nil && p.kept == place
}

// keptBy returns every place that a phone kept although its link named others.
func (w *world) keptBy(udid string) []string {
	if p := w.phones[udid]; p != nil {
		return p.everKept
	}
	return nil
}

func (w *world) known(e storage.AuditEntry) *enrolled {
	if p := w.phones[e.Target]; p != nil {
		return p
	}
	w.fault("I4: audit entry %d is about phone %s, which never authenticated", e.Seq, e.Target)
	return &enrolled{}
}

// enforcement holds the promise itself against the order of the log: what a
// phone is told rests on a decision that came before, for the place where the
// phone is.
func (w *world) enforcement(e storage.AuditEntry) {
	if e.Action != "enforcement.announced" {
		return
	}
	p, d := w.known(e), e.Detail
	gate := d["group"] + "/" + d["release"]
	offer, offered := w.offers[gate]
	w.announced[e.Target] = append(w.announced[e.Target], promise{e, position{d["group"], d["ring"]}, strings.TrimSuffix(offer, withdrawnText)})
	place := d["group"] + "/" + d["ring"]
	approved := len(w.approvals[gate]) > 0
	switch {
	case place != p.place:
		w.fault("policy: audit entry %d tells phone %s to install as one of %s, but it is in %s", e.Seq, e.Target, place, p.place)
	case d["ring"] == "production" && (d["source"] != "approval" || !approved):
		w.fault("policy: audit entry %d tells production phone %s to install %s by %s before %s was approved", e.Seq, e.Target, d["release"], d["source"], gate)
	case !offered && !approved:
		w.fault("policy: audit entry %d tells phone %s to install %s, which %s was never offered", e.Seq, e.Target, d["release"], d["group"])
	}
}

// leakDays returns on how many days phones leaked, up to an entry of the log.
func (w *world) leakDays(upTo uint64) uint64 {
	days := map[string]bool{}
	for _, e := range w.leaks {
		if e.Seq <= upTo {
			days[e.Detail["day"]] = true
		}
	}
	return uint64(len(days))
}

// compare holds the records against the log and returns what differs.
func (w *world) compare(r storage.World) []string {
	got := &world{apps: map[string]string{}, groups: map[string]string{}, verdicts: map[string]string{}, offers: map[string]string{}, declines: map[string]string{}}
	approvals := map[string][]storage.Approval{}
	for _, a := range r.Apps {
		got.apps[a.BundleID] = a.Name + ", " + a.Importance
	}
	for _, g := range r.Groups {
		got.groups[g.Name] = strings.Join(g.Apps, ",")
	}
	for _, v := range r.Verdicts {
		text := verdictText(v.BundleID+"/"+v.Release, v.Result, v.Group, v.Phone, v.Model, v.AppVersion)
		if !v.RevokedAt.IsZero() {
			text += revokedText(v.RevokedFor)
		}
		got.verdicts[v.ID] = text
	}
	for _, o := range r.Offers {
		text := o.Reason
		if !o.Withdrawn.IsZero() {
			text += withdrawnText
		}
		got.offers[o.Group+"/"+o.Release] = text
	}
	for _, d := range r.Declines {
		got.declines[d.Group+"/"+d.Release] = d.Reason
	}
	for _, a := range r.Approvals {
		approvals[a.Group+"/"+a.Release] = append(approvals[a.Group+"/"+a.Release], a)
	}
	faults := slices.Concat(
		differences("app", got.apps, w.apps), differences("group", got.groups, w.groups), differences("verdict", got.verdicts, w.verdicts),
		differences("offer", got.offers, w.offers), differences("decline", got.declines, w.declines),
		differences("approval", approvalTexts(approvals), w.approvalTexts()),
	)
	// How far people were told of unapproved updates is noted once a day, without an entry of its own.
	if days := w.leakDays(r.LeaksTold); r.Revision < w.revision || r.Revision > w.revision+days {
		faults = append(faults, fmt.Sprintf("I4: the world has revision %d after %d audited changes and %d days of unapproved updates", r.Revision, w.revision, days))
	}
	return faults
}

func approvalTexts(by map[string][]storage.Approval) map[string]string {
	texts := map[string]string{}
	for gate, all := range by {
		slices.SortFunc(all, func(a, b storage.Approval) int { return a.At.Compare(b.At) })
		for _, a := range all {
			texts[gate] += fmt.Sprintf("{%s %s %s}", a.Reason, a.PauseReason, a.WithdrawnBy)
		}
	}
	return texts
}

func (w *world) approvalTexts() map[string]string {
	texts := map[string]string{}
	for gate, all := range w.approvals {
		for _, a := range all {
			texts[gate] += fmt.Sprintf("{%s %s %s}", a.reason, a.paused, a.withdrawn)
		}
	}
	return texts
}

func differences(kind string, records, log map[string]string) []string {
	var faults []string
	for _, k := range slices.Sorted(maps.Keys(log)) {
		if records[k] != log[k] {
			faults = append(faults, fmt.Sprintf("I4: %s %s: the log says %q, the record %q", kind, k, log[k], records[k]))
		}
	}
	for _, k := range slices.Sorted(maps.Keys(records)) {
		if _, ok := log[k]; !ok {
			faults = append(faults, fmt.Sprintf("I4: %s %s is on record and in no audit entry", kind, k))
		}
	}
	return faults
}
