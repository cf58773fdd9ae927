package enroll

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/storage"
)

// Speaker is who sent a message: a phone, and the certificate that proved it.
type Speaker struct {
	Segment storage.Segment
	Phone   storage.Phone

	certificate storage.Certificate
}

// renewEvery is how long a phone that took an offer of a new identity and made
// nothing of it is left alone. A third of a certificate's life is left for it.
const renewEvery = 24 * time.Hour

// renewAt is when two thirds of a certificate's life are over; the zero time
// when its end is not known.
func renewAt(c *storage.Certificate) time.Time {
	if c.NotAfter.IsZero() {
		return time.Time{}
	}
	return c.IssuedAt.Add(c.NotAfter.Sub(c.IssuedAt) / 3 * 2)
}

func identityOf(c *storage.Certificate) storage.Identity {
	return storage.Identity{Until: c.NotAfter, RenewAt: renewAt(c)}
}

// renew puts a renewed certificate in force: the phone installed the enrolment
// profile again and introduces itself with a new identity (Apple, Device
// Management, InstallProfile). It is the same enrolment: epoch, queue and what
// the phone was told stay. That it is a renewal is known from the grant of the
// certificate alone, so a phone that was erased and enrols anew is never taken
// for one.
//
// A phone that cannot finish the installation goes back to its old profile and
// identity without a word. The certificate that it used until now is therefore
// accepted until the new one is seen at work.
func (s *Service) renew(e *storage.Enrollment) error {
	p := e.Phone
	if p == nil || p.State != storage.PhoneEnrolled || p.Epoch != e.Grant.Epoch {
		return &RefusedError{refusedRetired}
	}
	identity := identityOf(e.Certificate)
	identity.Renewal = p.Identity.Renewal
	if p.Identity.Superseded == "" {
		identity.Superseded = p.Certificate
		e.Overlap = append(e.Overlap, p.Certificate)
	} else {
		// The last renewal was never seen at work: the phone still has the one
		// before it.
		identity.Superseded = p.Identity.Superseded
		e.Retire = append(e.Retire, p.Certificate)
	}
	p.Certificate, p.Identity, p.Contact = e.Certificate.Fingerprint, identity, s.now()
	e.Certificate.State, e.Certificate.Phone, e.Certificate.Epoch = storage.CertificateCurrent, p.UDID, p.Epoch
	audit := s.entry("phone:"+p.UDID, "phone.renewed", p.UDID)
	audit.Detail = map[string]string{"grant": e.Grant.ID, "epoch": fmt.Sprint(p.Epoch), "until": identity.Until.UTC().Format(time.RFC3339)}
	e.Audit = append(e.Audit, audit)
	return nil
}

// Report identifies who sent a poll or a result and takes what of it concerns
// the phone's identity: a certificate in force that is seen at work retires the
// one it replaced, and the answer to a renewal is noted. Answered says that the
// result was such an answer and nobody else's. What it takes is on disk when it
// returns. It refuses as [Service.Identify] does.
func (s *Service) Report(ctx context.Context, peer mdm.Peer, r *mdm.Result) (speaker Speaker, answered bool, err error) {
	speaker, err = s.identify(ctx, peer, r.Enrollment)
	if err != nil {
		return Speaker{}, false, err
	}
	p := &speaker.Phone
	if p.Identity.Superseded != "" && p.Certificate == peer.Fingerprint {
		*p, err = s.store.UpdateEnrollment(ctx, speaker.Segment, p.UDID, peer.Fingerprint, s.seenAtWork)
		if err != nil {
			return Speaker{}, false, wrap("retire certificate", err)
		}
		if p.Epoch != speaker.certificate.Epoch { // enrolled again this very moment
			return Speaker{}, false, s.refuse(peer, speaker.Segment, refusedRetired)
		}
	}
	if r.CommandUUID == "" || r.CommandUUID != p.Identity.Renewal.Command {
		return speaker, false, nil
	}
	*p, err = s.store.UpdatePhone(ctx, speaker.Segment, p.UDID, p.Epoch, func(q *storage.Phone) (storage.PhoneChange, error) {
		if offer := &q.Identity.Renewal; offer.Command == r.CommandUUID {
			offer.NotNow, offer.Error = r.Status == mdm.NotNow, renewalError(r)
		}
		return storage.PhoneChange{}, nil
	})
	return speaker, true, wrap("note answer to renewal", err)
}

// seenAtWork retires the certificate that the one at hand has replaced.
func (s *Service) seenAtWork(e *storage.Enrollment) error {
	p := e.Phone
	if p == nil || p.Certificate != e.Certificate.Fingerprint || p.Identity.Superseded == "" {
		return nil // another request was first
	}
	e.Retire = append(e.Retire, p.Identity.Superseded)
	audit := s.entry("phone:"+p.UDID, "certificate.retired", p.Identity.Superseded)
	audit.Detail = map[string]string{"replaced_by": p.Certificate}
	e.Audit = append(e.Audit, audit)
	p.Identity.Superseded = ""
	return nil
}

// renewalError is what a phone says of a renewal that failed, bounded, or "".
func renewalError(r *mdm.Result) string {
	if r.Status == mdm.Acknowledged || r.Status == mdm.NotNow {
		return ""
	}
	text := string(r.Status)
	if len(r.ErrorChain) > 0 {
		text += ": " + r.ErrorChain[0].USEnglish
	}
	return mdm.Excerpt(text)
}

// Renewal returns the command that has a phone get a new identity, or nil when
// its certificate has more than a third of its life left. Apple's devices do
// not renew by themselves: they are sent their enrolment profile again, with
// the same payload identifiers and a new one-time challenge. The command has no
// row in the queue. It is offered at most once a day, or once in a session
// while the phone defers it, and never in answer to a NotNow: a phone comes back
// by itself only when that was the last it said. Call it when nothing else is
// left to say.
func (s *Service) Renewal(ctx context.Context, speaker Speaker, r *mdm.Result) (*mdm.Command, error) {
	if !s.renewalDue(speaker, r.Status) {
		return nil, nil
	}
	offer := speaker.Phone.Identity.Renewal
	g, challenge, err := s.renewalGrant(ctx, speaker)
	if err != nil {
		return nil, wrap("renew identity", err)
	}
	if !offer.NotNow {
		offer.Command = uuid.NewString()
	}
	profile, err := s.profile(g, challenge, false)
	if err != nil {
		return nil, err
	}
	c, err := mdm.NewCommand(offer.Command, mdm.InstallProfileCommand{Payload: profile})
	if err != nil {
		return nil, wrap("renew identity", err)
	}
	offer = storage.Renewal{Command: c.UUID, Grant: g.ID, OfferedAt: s.now()}
	p := speaker.Phone
	_, err = s.store.UpdatePhone(ctx, speaker.Segment, p.UDID, p.Epoch, func(q *storage.Phone) (storage.PhoneChange, error) {
		q.Identity.Renewal = offer
		return storage.PhoneChange{}, nil
	})
	if err != nil {
		return nil, wrap("renew identity", err)
	}
	return &c, nil
}

func (s *Service) renewalDue(speaker Speaker, status mdm.Status) bool {
	at, now := renewAt(&speaker.certificate), s.now()
	if speaker.Phone.State != storage.PhoneEnrolled || at.IsZero() || now.Before(at) {
		return false
	}
	offer := speaker.Phone.Identity.Renewal
	if offer.NotNow || status == mdm.NotNow {
		return status == mdm.Idle // which begins a session
	}
	since := now.Sub(offer.OfferedAt)
	return since < 0 || since >= renewEvery
}

// renewalGrant returns a grant for the phone's own certificate and epoch, and
// its challenge. As long as no key has claimed it, the grant of the last offer
// serves again, with another challenge: a phone that defers or fails day after
// day leaves one grant behind, not one a day.
func (s *Service) renewalGrant(ctx context.Context, speaker Speaker) (storage.Grant, string, error) {
	challenge, hash := newSecret()
	now, p := s.now(), speaker.Phone
	if offer := p.Identity.Renewal; offer.Grant != "" {
		g, err := s.store.UpdateGrant(ctx, speaker.Segment, offer.Grant, func(g *storage.Grant) ([]storage.AuditEntry, error) {
			if g.PublicKey != "" || !g.RevokedAt.IsZero() || g.Epoch != p.Epoch {
				return nil, storage.ErrSpent
			}
			g.ChallengeHash, g.ExpiresAt = hash, now.Add(DefaultGrantLife)
			return nil, nil
		})
		if err == nil || (!errors.Is(err, storage.ErrSpent) && !errors.Is(err, storage.ErrNotFound)) {
			return g, challenge, err
		}
	}
	g := storage.Grant{
		ID: newID(), Group: p.Group, Ring: p.Ring, Rights: p.Rights, Purpose: storage.PurposeRenewal,
		Phone: p.UDID, Epoch: p.Epoch, Serial: p.Serial, ChallengeHash: hash,
		CreatedBy: "kannuki", CreatedAt: now, ExpiresAt: now.Add(DefaultGrantLife),
	}
	err := s.store.CreateGrant(ctx, speaker.Segment, g, s.grantAudit("grant.renewal", g, GrantRequest{Actor: g.CreatedBy}))
	return g, challenge, err
}
