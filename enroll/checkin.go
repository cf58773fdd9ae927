package enroll

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/storage"
)

// RefusedError is an identity that may not do what it asked. It reaches the
// phone as a plain 400: nothing on the MDM URLs ever answers 401, which would
// make the phone remove its profile (Apple, Device Management). It has been
// counted for the audit log when it is returned.
type RefusedError struct {
	Reason string // identifier in the audit log, such as "certificate-retired"
}

func (e *RefusedError) Error() string { return "refused: " + e.Reason }

// Is lets the wire layer recognise every refusal as [mdm.ErrRefused].
func (e *RefusedError) Is(target error) bool { return target == mdm.ErrRefused }

// Identify returns the phone a certificate speaks for. The phone's identity is
// the certificate; the identifier in the body is only checked against it. It
// returns [mdm.ErrRefused] when the certificate is unknown, retired, or bound
// to another phone, and counts the refusal for the audit log.
func (s *Service) Identify(ctx context.Context, peer mdm.Peer, e mdm.Enrollment) (storage.Segment, storage.Phone, error) {
	speaker, err := s.identify(ctx, peer, e)
	return speaker.Segment, speaker.Phone, err
}

func (s *Service) identify(ctx context.Context, peer mdm.Peer, e mdm.Enrollment) (Speaker, error) {
	udid, err := s.deviceKey(peer, e)
	if err != nil {
		return Speaker{}, err
	}
	cert, err := s.store.Certificate(ctx, peer.Fingerprint)
	if err != nil {
		return Speaker{}, s.refusedOr(peer, "", refusedUnknown, "identify certificate", err)
	}
	if reason := speaksFor(cert, udid); reason != "" {
		return Speaker{}, s.refuse(peer, cert.Segment, reason)
	}
	phone, err := s.store.Phone(ctx, cert.Segment, udid)
	if err != nil {
		return Speaker{}, s.refusedOr(peer, cert.Segment, refusedNotEnrolled, "identify phone", err)
	}
	if phone.Epoch != cert.Epoch {
		return Speaker{}, s.refuse(peer, cert.Segment, refusedRetired)
	}
	return Speaker{cert.Segment, phone, cert}, nil
}

// Checkin runs the check-in state machine for Authenticate, TokenUpdate and
// CheckOut and returns the phone as it is afterwards. Whatever it answers
// without an error is on disk: a phone may send its TokenUpdate once in its
// life. It returns [mdm.ErrRefused] for an identity that may not do this, and
// for every other message.
func (s *Service) Checkin(ctx context.Context, peer mdm.Peer, message mdm.Checkin) (storage.Segment, storage.Phone, error) {
	udid, err := s.deviceKey(peer, message.Enrolled())
	if err != nil {
		return "", storage.Phone{}, err
	}
	cert, err := s.store.Certificate(ctx, peer.Fingerprint)
	if err != nil {
		return "", storage.Phone{}, s.refusedOr(peer, "", refusedUnknown, "identify certificate", err)
	}
	var step func(*storage.Enrollment) error
	switch m := message.(type) {
	case *mdm.Authenticate:
		step = func(e *storage.Enrollment) error { return s.authenticate(e, udid, m, nil) }
	case *mdm.TokenUpdate:
		step = func(e *storage.Enrollment) error { return s.tokenUpdate(e, udid, m) }
	case *mdm.CheckOut:
		step = func(e *storage.Enrollment) error { return s.checkOut(e, udid, m) }
	default:
		return "", storage.Phone{}, s.refuse(peer, cert.Segment, cmp.Or(speaksFor(cert, udid), refusedMessage))
	}
	phone, err := s.store.UpdateEnrollment(ctx, cert.Segment, udid, peer.Fingerprint, step)
	if m, ok := message.(*mdm.Authenticate); ok && errors.Is(err, errUnjudged) {
		phone, err = s.enrolAgain(ctx, cert.Segment, udid, peer.Fingerprint, m)
	}
	if r, ok := errors.AsType[*RefusedError](err); ok {
		return "", storage.Phone{}, s.refuse(peer, cert.Segment, r.Reason)
	}
	if err != nil {
		return "", storage.Phone{}, wrap("check-in", err)
	}
	return cert.Segment, phone, nil
}

// authenticate begins an enrolment: everything of an earlier epoch is void
// from here on, whoever held the phone then. Without a judge it returns
// errUnjudged where one has to be asked.
func (s *Service) authenticate(e *storage.Enrollment, udid string, m *mdm.Authenticate, may judge) error {
	if m.Topic != s.topic() {
		return &RefusedError{refusedTopic}
	}
	switch e.Certificate.State {
	case storage.CertificateCurrent:
		// The answer to an earlier Authenticate was lost: same certificate,
		// same phone, same epoch. Nothing to do again.
		if e.Certificate.Phone == udid && e.Phone != nil && e.Certificate.Epoch == e.Phone.Epoch {
			return nil
		}
		return &RefusedError{refusedOtherPhone}
	case storage.CertificateIssued:
	case storage.CertificateOverlap, storage.CertificateRetired, storage.CertificateRevoked:
		return &RefusedError{refusedRetired}
	default:
		return &RefusedError{refusedUnknown}
	}
	if e.Grant == nil {
		return &RefusedError{refusedUnknown}
	}
	if !e.Grant.RevokedAt.IsZero() {
		return &RefusedError{refusedRetired}
	}
	if e.Grant.Serial != "" && !strings.EqualFold(e.Grant.Serial, m.SerialNumber) {
		return &RefusedError{refusedSerial}
	}
	if e.Grant.Phone != "" && e.Grant.Phone != udid {
		return &RefusedError{refusedOtherPhone}
	}
	if e.Grant.Purpose == storage.PurposeRenewal {
		return s.renew(e)
	}
	// A new certificate for a phone that is enrolled is a takeover unless the
	// grant was made for this very phone.
	if live(e.Phone) && !names(*e.Grant, *e.Phone) {
		return &RefusedError{refusedLivePhone}
	}
	if may == nil && s.config.Places != nil && elsewhere(e) {
		return errUnjudged
	}
	s.begin(e, udid, m, may)
	return nil
}

// begin puts a new epoch in force.
func (s *Service) begin(e *storage.Enrollment, udid string, m *mdm.Authenticate, may judge) {
	next := storage.Phone{UDID: udid, Epoch: 1}
	if e.Phone != nil {
		next.Num = e.Phone.Num
		next.Epoch = e.Phone.Epoch + 1
		// Kept across epochs so that a phone never sees time go back.
		next.Announced.Timestamp = e.Phone.Announced.Timestamp
		for _, old := range []string{e.Phone.Certificate, e.Phone.Identity.Superseded} {
			if old != "" {
				e.Retire = append(e.Retire, old)
			}
		}
	}
	next.State = storage.PhoneAuthenticating
	next.Serial = m.SerialNumber
	kept := s.place(e, &next, may)
	next.Rights = e.Grant.Rights
	next.Contact = s.now()
	next.Certificate, next.Identity = e.Certificate.Fingerprint, identityOf(e.Certificate)
	next.Model = m.ProductName
	if m.OSVersion != "" {
		next.OS = storage.OS{Version: m.OSVersion, Build: m.BuildVersion} // since when is for fleet to say, by its clock
	}
	e.Phone = &next
	e.Certificate.State = storage.CertificateCurrent
	e.Certificate.Phone = udid
	e.Certificate.Epoch = next.Epoch
	e.CancelQueue = "the phone was enrolled again"
	audit := s.entry("phone:"+udid, "phone.authenticated", udid)
	audit.Detail = map[string]string{"grant": e.Grant.ID, "epoch": fmt.Sprint(next.Epoch)}
	e.Audit = append(append(e.Audit, audit), kept...)
}

// tokenUpdate makes an enrolment usable, and later keeps its push data fresh.
func (s *Service) tokenUpdate(e *storage.Enrollment, udid string, m *mdm.TokenUpdate) error {
	if reason := s.bound(e, udid); reason != "" {
		return &RefusedError{reason}
	}
	if m.Topic != s.topic() {
		return &RefusedError{refusedTopic}
	}
	now := s.now()
	p := e.Phone
	p.Push = storage.Push{Topic: m.Topic, Token: m.Token, Magic: m.PushMagic, UpdatedAt: now}
	p.Contact = now
	if p.Identity.Until.IsZero() && p.Certificate == e.Certificate.Fingerprint {
		// Enrolled before this was kept.
		p.Identity.Until, p.Identity.RenewAt = e.Certificate.NotAfter, renewAt(e.Certificate)
	}
	if len(m.UnlockToken) > 0 {
		sealed, err := s.sealer.Seal(m.UnlockToken, []byte("unlock-token:"+udid))
		if err != nil {
			return wrap("seal unlock token", err)
		}
		p.UnlockToken = sealed
	}
	if p.State == storage.PhoneEnrolled {
		return nil
	}
	action := "phone.enrolled"
	if p.State == storage.PhoneRemoved {
		action = "phone.returned" // restored from a backup, or its CheckOut was an accident
		*p = s.endStay(*p)
	}
	p.State = storage.PhoneEnrolled
	p.EnrolledAt = now
	p.RemovedAt = time.Time{}
	audit := s.entry("phone:"+udid, action, udid)
	audit.Detail = map[string]string{"group": p.Group, "ring": string(p.Ring)}
	e.Audit = append(e.Audit, audit)
	return nil
}

// checkOut records that the phone left. It proves nothing about its data.
func (s *Service) checkOut(e *storage.Enrollment, udid string, _ *mdm.CheckOut) error {
	if reason := s.bound(e, udid); reason != "" {
		return &RefusedError{reason}
	}
	if e.Phone.State == storage.PhoneRemoved {
		return nil
	}
	s.leave(e.Phone)
	e.CancelQueue = "the phone left management"
	e.Audit = append(e.Audit, s.entry("phone:"+udid, "phone.removed", udid))
	return nil
}

// leave marks a phone as removed. What it ran until now is past; what it was told and what it held is gone
// with the profile, and who carries it is nobody's business any more; should it
// return, nothing may be taken for granted. Time still never goes back.
func (s *Service) leave(p *storage.Phone) {
	*p = s.endStay(*p)
	p.State, p.RemovedAt = storage.PhoneRemoved, s.now()
	p.Holder, p.Chase, p.AppUpdates = "", nil, nil
	p.Announced = storage.Announced{Timestamp: p.Announced.Timestamp}
	p.Sync, p.Declarations, p.Capabilities = storage.SyncState{}, nil, nil
	p.Update, p.InfoAt = storage.UpdateState{}, time.Time{}
	if p.Legacy != nil { // attempts are numbered through the whole epoch
		p.Legacy = &storage.Legacy{Attempt: storage.Attempt{Number: p.Legacy.Attempt.Number}}
	}
}

// bound says why the certificate of this step may not speak for the phone, or
// "" when it may.
func (s *Service) bound(e *storage.Enrollment, udid string) string {
	if reason := speaksFor(*e.Certificate, udid); reason != "" {
		return reason
	}
	if e.Phone == nil {
		return refusedNotEnrolled
	}
	if e.Phone.Epoch != e.Certificate.Epoch {
		return refusedRetired
	}
	return ""
}

func speaksFor(c storage.Certificate, udid string) string {
	switch c.State {
	case storage.CertificateCurrent, storage.CertificateOverlap:
		if c.Phone != udid {
			return refusedOtherPhone
		}
		return ""
	case storage.CertificateIssued:
		return refusedNotEnrolled
	case storage.CertificateRetired, storage.CertificateRevoked:
		return refusedRetired
	default:
		return refusedUnknown
	}
}

// live reports whether there is an enrolment to take over. A first one that
// never got as far as its TokenUpdate is none: the user gave up half way and
// gets a new link.
func live(p *storage.Phone) bool {
	return p != nil && p.State != storage.PhoneRemoved && (p.State == storage.PhoneEnrolled || p.Epoch > 1)
}

// names tells whether a grant was made for a phone on record. The serial number
// counts as the phone told it when it enrolled: the one in the message at hand
// is a claim that anybody can make.
func names(g storage.Grant, p storage.Phone) bool {
	return g.Phone == p.UDID || (g.Serial != "" && strings.EqualFold(g.Serial, p.Serial))
}

// deviceKey returns the UDID. User enrolments and user channels have no
// software updates to hold (Apple, SoftwareUpdateSettings: not available for
// User Enrollment) and are refused.
func (s *Service) deviceKey(peer mdm.Peer, e mdm.Enrollment) (string, error) {
	id, err := e.Resolve()
	if err != nil {
		return "", err
	}
	if e.UDID == "" || id.User != "" {
		return "", s.refuse(peer, "", refusedKind)
	}
	return id.Device, nil
}

func (s *Service) refuse(peer mdm.Peer, seg storage.Segment, reason string) error {
	if seg == "" {
		seg = storage.DefaultSegment
	}
	s.refusals.note(seg, peer.Fingerprint, reason)
	return &RefusedError{reason}
}

// refusedOr turns "no such record" into a refusal and passes faults on, which
// the phone must see as a reason to try again, not as a refusal.
func (s *Service) refusedOr(peer mdm.Peer, seg storage.Segment, reason, op string, err error) error {
	if errors.Is(err, storage.ErrNotFound) {
		return s.refuse(peer, seg, reason)
	}
	return wrap(op, err)
}
