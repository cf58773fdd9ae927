package enroll

import (
	"context"
	"errors"

	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/storage"
)

// Places says whether a phone on record may go where a grant puts it. A server
// has package fleet for it, which judges by closed gates.
type Places interface {
	// Placing runs enrol while nothing else changes the group or ring of a phone of
	// the segment, and takes up the phone that enrol returned unless it failed. The
	// judge returns a phone, as it is on record, with what its record says of its place
	// once it is put into a group and ring, or as it was and why it may not go there at
	// this moment. It is good until enrol returns, also within a transaction. The
	// error is enrol's, or why nothing can be judged.
	Placing(seg storage.Segment, enrol func(judge func(p storage.Phone, group string, ring storage.Ring) (there storage.Phone, why string)) (storage.Phone, error)) error
	// EndStay returns the record of a phone that leaves the place where it is, or
	// management, or comes back to it.
	EndStay(p storage.Phone) storage.Phone
}

// judge is what [Places] hands out; nil before it was asked.
type judge func(p storage.Phone, group string, ring storage.Ring) (there storage.Phone, why string)

// errUnjudged: the grant puts a phone on record elsewhere, which nobody judged yet.
var errUnjudged = errors.New("the phone's new place was not judged")

// enrolAgain is the step of an Authenticate whose grant puts a phone on record
// elsewhere: with its new place judged, and all places held still until it is on
// record.
func (s *Service) enrolAgain(ctx context.Context, seg storage.Segment, udid, fingerprint string, m *mdm.Authenticate) (storage.Phone, error) {
	var phone storage.Phone
	err := s.config.Places.Placing(seg, func(may func(storage.Phone, string, storage.Ring) (storage.Phone, string)) (storage.Phone, error) {
		var err error
		phone, err = s.store.UpdateEnrollment(ctx, seg, udid, fingerprint, func(e *storage.Enrollment) error {
			return s.authenticate(e, udid, m, may)
		})
		return phone, err
	})
	return phone, err
}

// elsewhere reports whether the grant takes a phone on record out of its group or
// ring. One that left is new: who enrols it again holds it in his hands.
func elsewhere(e *storage.Enrollment) bool {
	return live(e.Phone) && (e.Grant.Group != e.Phone.Group || e.Grant.Ring != e.Phone.Ring)
}

// place gives next, the new epoch of e.Phone, its group and ring: those of the
// grant, or what it has where the judge says no. A grant is made days before it is
// used, and what was right for the phone then may get it past a closed gate now. The
// phone is let in all the same: it was erased perhaps, and is to be held. It returns
// the audit entry that says so, which follows that of the enrolment, or none.
func (s *Service) place(e *storage.Enrollment, next *storage.Phone, may judge) (kept []storage.AuditEntry) {
	next.Group, next.Ring = e.Grant.Group, e.Grant.Ring
	if e.Phone != nil {
		next.Drafted, next.Left, next.Past = e.Phone.Drafted, e.Phone.Left, s.endStay(*e.Phone).Past
	}
	switch {
	case !live(e.Phone):
	case may != nil && elsewhere(e):
		there, why := may(*e.Phone, next.Group, next.Ring)
		next.Group, next.Ring, next.Former, next.Drafted, next.Left = there.Group, there.Ring, there.Former, there.Drafted, there.Left
		if why != "" {
			next.Kept = storage.KeptPlace{Group: e.Grant.Group, Ring: e.Grant.Ring, At: s.now()}
			return []storage.AuditEntry{s.keptAudit(e, why)}
		}
	case next.Ring != storage.RingProduction:
		next.Former = e.Phone.Origin() // or enrolling again would be a way past closed gates
	}
	return nil
}

// endStay is [Places.EndStay], where there is somebody who counts.
func (s *Service) endStay(p storage.Phone) storage.Phone {
	if s.config.Places == nil {
		return p
	}
	return s.config.Places.EndStay(p)
}

func (s *Service) keptAudit(e *storage.Enrollment, why string) storage.AuditEntry {
	kept := s.entry("kannuki", "phone.place-kept", e.Phone.UDID)
	kept.Detail = map[string]string{
		"grant": e.Grant.ID, "place": e.Phone.Group + "/" + string(e.Phone.Ring), "link": e.Grant.Group + "/" + string(e.Grant.Ring), "why": why,
	}
	return kept
}
