package fleet

import (
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// States of the certificate that a phone proves itself with, by wall time.
const (
	CertificateValid = "valid" // more than a third of its life is left
	CertificateDue   = "due"   // two thirds are over and the phone has not renewed it yet
	CertificateEnded = "ended" // the phone is no longer heard and has to enrol again
)

// certificateState returns one of the states, or "" when the end is not known.
func certificateState(renewAt, until, wall time.Time) string {
	switch {
	case until.IsZero():
		return ""
	case wall.After(until):
		return CertificateEnded
	case wall.Before(renewAt):
		return CertificateValid
	default:
		return CertificateDue
	}
}

// CertificateCounts counts the phones whose certificate needs looking after.
type CertificateCounts struct {
	Due      int       `json:"due"`
	Ended    int       `json:"ended"`
	FirstEnd time.Time `json:"first_end,omitzero"` // of those that are due
}

func (c *CertificateCounts) add(m member, wall time.Time) {
	switch certificateState(m.renewAt.time(), m.until.time(), wall) {
	case CertificateDue:
		c.Due++
		if until := m.until.time(); c.FirstEnd.IsZero() || until.Before(c.FirstEnd) {
			c.FirstEnd = until
		}
	case CertificateEnded:
		c.Ended++
	}
}

// RenewalView is how the renewal of a phone's certificate stands.
type RenewalView struct {
	DueAt     time.Time `json:"due_at"`
	OfferedAt time.Time `json:"offered_at,omitzero"` // last time, zero never
	Deferred  bool      `json:"deferred,omitempty"`  // the phone was locked or busy; it is asked when it comes next
	Error     string    `json:"error,omitempty"`     // why it could not, in its own words; it is asked again after a day
}

// renewalView returns nil for a phone that is not enrolled, or whose
// certificate's end is not known.
func renewalView(p *storage.Phone) *RenewalView {
	if p.State != storage.PhoneEnrolled || p.Identity.RenewAt.IsZero() {
		return nil
	}
	v := &RenewalView{DueAt: p.Identity.RenewAt}
	// An offer from before the certificate in force says nothing about it.
	if r := p.Identity.Renewal; !r.OfferedAt.Before(v.DueAt) {
		v.OfferedAt, v.Deferred, v.Error = r.OfferedAt, r.NotNow, r.Error
	}
	return v
}
