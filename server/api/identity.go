package api

import (
	"fmt"
	"time"

	"github.com/kannuki-mdm/kannuki/enroll"
	"github.com/kannuki-mdm/kannuki/storage"
)

// Identity is a phone's certificate.
type Identity struct {
	Fingerprint string    `json:"fingerprint"`
	Device      string    `json:"device"` // UDID; "" before it was used
	State       string    `json:"state"`  // issued, current, overlap, retired or revoked
	IssuedAt    time.Time `json:"issued_at"`
	NotAfter    time.Time `json:"not_after"`
}

func identityView(c storage.Certificate) Identity {
	return Identity{Fingerprint: c.Fingerprint, Device: c.Phone, State: string(c.State), IssuedAt: c.IssuedAt, NotAfter: c.NotAfter}
}

// Identities is a part of the list of phones' certificates.
type Identities struct {
	Identities []Identity `json:"identities"`
	Next       string     `json:"next,omitempty"` // "after" of the next page, "" at the end
}

func identities(h *Handler, c *call) (any, error) {
	limit, err := c.limit(mostListed)
	if err != nil {
		return nil, err
	}
	all, err := c.boolean("all")
	if err != nil {
		return nil, err
	}
	q := enroll.IdentityQuery{All: all, After: c.query("after"), Limit: limit}
	if s := c.query("expiring_before"); s != "" {
		if q.ExpiringBefore, err = time.Parse(time.RFC3339, s); err != nil {
			return nil, invalid("expiring_before", "not-a-time", s, fmt.Sprintf("%q: want a time such as 2027-01-31T00:00:00Z", s))
		}
	}
	list, next, err := h.enroll.Identities(c.ctx, c.Segment, q)
	out := Identities{Identities: []Identity{}, Next: next}
	for _, cert := range list {
		out.Identities = append(out.Identities, identityView(cert))
	}
	return out, err
}

func revokeIdentity(h *Handler, c *call, in write) (any, error) {
	udid := c.r.PathValue("udid")
	if in.Reason == "" {
		return nil, invalid("reason", "reason-missing", "", "revoking a certificate needs a reason; it is kept in the audit log")
	}
	d, err := h.fleet.Device(c.ctx, c.Segment, udid)
	if err != nil {
		return nil, err
	}
	cert, err := h.enroll.Identity(c.ctx, c.Segment, d.Certificate)
	if err != nil {
		return nil, err
	}
	if cert.State != storage.CertificateCurrent {
		return nil, enroll.ErrIdentityEnded
	}
	if in.DryRun {
		return identityView(cert), nil
	}
	p, err := h.enroll.RevokeIdentity(c.ctx, c.Segment, enroll.Ending{Phone: udid, Actor: c.Actor, Reason: in.Reason})
	if err != nil {
		return nil, err
	}
	if err := h.fleet.Noticed(c.Segment, p); err != nil {
		return nil, err
	}
	cert.State = storage.CertificateRevoked
	return identityView(cert), nil
}
