package enroll

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// Errors of ending an identity.
var (
	// ErrRemoved says that a person removed the phone before.
	ErrRemoved = errors.New("the phone was removed already")
	// ErrIdentityEnded says that the phone's certificate speaks for nobody any
	// more.
	ErrIdentityEnded = errors.New("the phone's certificate is not in force")
)

// Ending says which phone's identity ends, on whose word and why.
type Ending struct {
	Phone  string // UDID
	Actor  string
	Reason string // kept in the audit log, "" none
}

// Remove ends an enrolment from the server's side, for a phone that is lost,
// broken or given away: its certificate is revoked, commands that wait for it
// are cancelled, and it is counted nowhere any more. It can enrol again with a
// new link. The record stays, and so does the profile on the phone, with
// whatever it holds back: only the phone's user, or erasing it, takes that
// away. It returns storage.ErrNotFound and ErrRemoved.
func (s *Service) Remove(ctx context.Context, seg storage.Segment, r Ending) (storage.Phone, error) {
	return s.end(ctx, seg, r, func(e *storage.Enrollment) error {
		if removed(e.Phone, e.Certificate) {
			return ErrRemoved
		}
		if e.Phone.State != storage.PhoneRemoved {
			s.leave(e.Phone)
		}
		e.CancelQueue = "the phone was removed"
		e.Audit = append(e.Audit, s.endingAudit("device.remove", e, r))
		return nil
	})
}

// MayRemove returns the error that [Service.Remove] would return now.
func (s *Service) MayRemove(ctx context.Context, seg storage.Segment, udid string) error {
	p, err := s.store.Phone(ctx, seg, udid)
	if err != nil {
		return wrap("read phone", err)
	}
	c, err := s.store.Certificate(ctx, p.Certificate)
	if err != nil {
		return wrap("read certificate", err)
	}
	if removed(&p, &c) {
		return ErrRemoved
	}
	return nil
}

// removed reports whether a person removed the phone before; one that left by
// itself still can be.
func removed(p *storage.Phone, c *storage.Certificate) bool {
	return p.State == storage.PhoneRemoved && c.State == storage.CertificateRevoked
}

// RevokeIdentity makes a phone's certificate speak for nobody, at once, and
// leaves the phone where it is: it stays counted, held back and listed until it
// enrols again with a link made for it, or is removed. It returns
// storage.ErrNotFound and ErrIdentityEnded.
func (s *Service) RevokeIdentity(ctx context.Context, seg storage.Segment, r Ending) (storage.Phone, error) {
	return s.end(ctx, seg, r, func(e *storage.Enrollment) error {
		if e.Certificate.State != storage.CertificateCurrent {
			return ErrIdentityEnded
		}
		e.CancelQueue = "the phone's certificate was revoked"
		e.Audit = append(e.Audit, s.endingAudit("certificate.revoke", e, r))
		return nil
	})
}

// end revokes the certificate in force, and with a new epoch every other one
// that could speak for the phone, in one transaction with what step does.
func (s *Service) end(ctx context.Context, seg storage.Segment, r Ending, step func(*storage.Enrollment) error) (storage.Phone, error) {
	p, err := s.store.Phone(ctx, seg, r.Phone)
	if err != nil {
		return storage.Phone{}, wrap("read phone", err)
	}
	p, err = s.store.UpdateEnrollment(ctx, seg, r.Phone, p.Certificate, func(e *storage.Enrollment) error {
		if e.Phone == nil || e.Phone.Certificate != e.Certificate.Fingerprint {
			return storage.ErrConflict // it enrolled again or renewed since it was read
		}
		if err := step(e); err != nil {
			return err
		}
		e.Certificate.State = storage.CertificateRevoked
		e.Phone.Epoch++
		e.Phone.Push = storage.Push{DeadSince: s.now()} // it would only come to be refused
		return nil
	})
	return p, wrap("end identity", err)
}

func (s *Service) endingAudit(action string, e *storage.Enrollment, r Ending) storage.AuditEntry {
	audit := s.entry(r.Actor, action, r.Phone)
	audit.Reason = r.Reason
	audit.Detail = map[string]string{
		"group": e.Phone.Group, "ring": string(e.Phone.Ring), "certificate": e.Certificate.Fingerprint, "epoch": fmt.Sprint(e.Phone.Epoch),
	}
	return audit
}

// Identity returns the certificate with this fingerprint, or
// storage.ErrNotFound when the segment has none.
func (s *Service) Identity(ctx context.Context, seg storage.Segment, fingerprint string) (storage.Certificate, error) {
	c, err := s.store.Certificate(ctx, fingerprint)
	if err == nil && c.Segment != seg {
		err = storage.ErrNotFound
	}
	return c, wrap("read certificate", err)
}

// IdentityQuery selects certificates for a list.
type IdentityQuery struct {
	ExpiringBefore time.Time // zero: whenever they end
	All            bool      // those that speak for nobody any more too
	After          string    // fingerprint, from the page before
	Limit          int       // certificates looked at for one page; 0 means 1,000
}

// Identities lists the certificates of phones by fingerprint, and returns the
// After of the next page, "" at the end. A page can have fewer certificates
// than its limit, even none, and still not be the last.
func (s *Service) Identities(ctx context.Context, seg storage.Segment, q IdentityQuery) (page []storage.Certificate, next string, err error) {
	if q.Limit <= 0 || q.Limit > maxIdentityPage {
		q.Limit = maxIdentityPage
	}
	list, err := s.store.Certificates(ctx, seg, q.After, q.Limit)
	if err != nil {
		return nil, "", wrap("list certificates", err)
	}
	for _, c := range list {
		ended := c.State == storage.CertificateRetired || c.State == storage.CertificateRevoked
		if (q.All || !ended) && (q.ExpiringBefore.IsZero() || c.NotAfter.Before(q.ExpiringBefore)) {
			page = append(page, c)
		}
	}
	if len(list) == q.Limit {
		next = list[len(list)-1].Fingerprint
	}
	return page, next, nil
}

const maxIdentityPage = 1000
