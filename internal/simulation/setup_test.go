package simulation

import (
	"errors"
	"fmt"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// setUp does what people do on the first day.
func (w *world) setUp() {
	a := w.as(0)
	w.settles(settled{importance: importances(), teams: w.life.teams})
	for _, app := range businessApps() {
		w.vendors[app.bundleID] = 1
		w.decide("add app", func() error {
			_, err := w.fleet.AddApp(w.ctx, seg, a, fleet.AppRequest{BundleID: app.bundleID, Name: app.bundleID, Importance: app.importance, Deliver: w.life.delivered(app.bundleID)})
			return err
		})
	}
	if t := w.life.teams[0]; t.rules.shared {
		w.setCalendar(a, t.rules.calendar, func() {})
	}
	for _, t := range w.life.teams {
		w.setRules(a, t)
		r := fleet.GroupRequest{Name: t.name, Candidate: string(policy.CandidateManual), MinimumNotice: t.notice, Policy: t.rules.name}
		if t.auto {
			r.Candidate = string(policy.CandidateAuto)
		}
		for _, i := range t.apps {
			r.Apps = append(r.Apps, businessApps()[i].bundleID)
		}
		w.decide("add group", func() error {
			_, err := w.fleet.AddGroup(w.ctx, seg, a, r)
			return err
		})
	}
	for _, c := range w.life.phones {
		p := &phone{
			character: c, seed: w.life.seed, loc: zone(c.zone), os: c.born, build: "B", apps: map[string]int{}, state: stateNone,
			held: map[string]declaration{}, present: map[string]bool{}, past: map[string]bool{}, deadlines: map[string]string{}, toldAt: map[string]time.Time{},
		}
		for _, app := range businessApps() {
			p.apps[app.bundleID] = 1
		}
		p.tickAt = w.life.start.Add(time.Duration(10+p.chance(60*12, "evening", w.life.start)) * time.Minute)
		w.phones = append(w.phones, p)
		group := ""
		if c.team >= 0 {
			group = w.life.teams[c.team].name
		}
		w.enrol(p, group, c.ring)
	}
}

// enrol puts a phone on record as the check-in state machine leaves it.
func (w *world) enrol(p *phone, group string, ring storage.Ring) {
	p.epoch++
	p.enrolledAt = w.serverNow()
	p.group, p.ring, p.former = group, ring, ""
	for id := range p.present {
		p.past[id] = true
	}
	p.present = map[string]bool{}
	p.hold(map[string]declaration{})
	p.token, p.stamp, p.legacy = "", time.Time{}, legacy{}
	armed := w.fault
	w.fault = fault{} // it is not the engine's
	stored, err := w.stored(seg, p, fmt.Sprintf("%s-%d", p.udid, p.epoch))
	w.fault = armed
	if err == nil {
		err = w.fleet.Noticed(seg, stored)
	}
	if err != nil {
		w.violated("P0", p, "enrolling: %v", err)
	}
	w.marked = true
	w.trace("%s enrolled in %s/%s", p.udid, group, ring)
}

func (w *world) stored(of storage.Segment, p *phone, id string) (storage.Phone, error) {
	now := w.serverNow()
	entry := storage.AuditEntry{At: now, Actor: "phone", Action: "enrolled", Target: p.udid}
	grant := storage.Grant{ID: id, Group: p.group, Ring: p.ring, CreatedAt: now, ExpiresAt: now.Add(time.Hour), Purpose: storage.PurposeNew}
	certificate := storage.Certificate{Fingerprint: id, Segment: of, Grant: id, State: storage.CertificateIssued, IssuedAt: now}
	err := errors.Join(w.disk.CreateGrant(w.ctx, of, grant, entry), w.disk.RecordCertificate(w.ctx, certificate, entry))
	if err != nil {
		return storage.Phone{}, err
	}
	return w.disk.UpdateEnrollment(w.ctx, of, p.udid, id, func(e *storage.Enrollment) error {
		next := storage.Phone{UDID: p.udid, Epoch: 1}
		if e.Phone != nil {
			next.Num, next.Epoch, next.Announced.Timestamp = e.Phone.Num, e.Phone.Epoch+1, e.Phone.Announced.Timestamp
			e.CancelQueue = "enrolled again"
		}
		next.State, next.Group, next.Ring, next.Certificate = storage.PhoneEnrolled, p.group, p.ring, id
		next.EnrolledAt, next.Contact = now, now
		next.Rights = mdm.RightInspectProfiles | mdm.RightInstallProfiles | mdm.RightQueryDevice | mdm.RightQueryApps |
			mdm.RightQuerySecurity | mdm.RightSettings | mdm.RightManageApps
		next.Push = storage.Push{Topic: "t", Token: []byte{1}, Magic: "m", UpdatedAt: now}
		if w.plant.enrol != nil {
			w.plant.enrol(e, &next)
		}
		e.Phone = &next
		return nil
	})
}
