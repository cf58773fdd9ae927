package storage

import (
	"errors"
	"fmt"
	"time"
)

// Purpose says what a grant's certificate is for.
type Purpose string

// Purposes of a grant.
const (
	PurposeNew     Purpose = "new"
	PurposeRenewal Purpose = "renewal"
)

// Grant is the right to one enrolment: it leads to at most one certificate.
// Secrets are kept only as hashes.
type Grant struct {
	ID        string    `json:"id,omitzero"`
	Group     string    `json:"group,omitzero"` // "" enrols an ungrouped phone
	Ring      Ring      `json:"ring,omitzero"`
	Rights    int       `json:"rights,omitzero"`
	Purpose   Purpose   `json:"purpose,omitzero"`
	Phone     string    `json:"phone,omitzero"`  // UDID it is for; required for a renewal, "" any
	Epoch     uint64    `json:"epoch,omitzero"`  // of that phone, for a renewal only
	Serial    string    `json:"serial,omitzero"` // serial number expected at Authenticate, "" any
	CreatedBy string    `json:"createdBy,omitzero"`
	CreatedAt time.Time `json:"createdAt,omitzero"`
	ExpiresAt time.Time `json:"expiresAt,omitzero"`

	LinkHash      string    `json:"linkHash,omitzero"`      // hex SHA-256 of the link's secret, "" when made as a file
	ChallengeHash string    `json:"challengeHash,omitzero"` // hex SHA-256 of the SCEP challenge of the newest profile, "" before the first download
	PublicKey     string    `json:"publicKey,omitzero"`     // hex SHA-256 of the key that reserved the grant, "" before
	ReservedAt    time.Time `json:"reservedAt,omitzero"`
	Certificate   string    `json:"certificate,omitzero"` // fingerprint of the certificate it led to, "" before
	RevokedAt     time.Time `json:"revokedAt,omitzero"`
}

// CertificateState is the life of an identity certificate.
type CertificateState string

// States of an identity certificate.
const (
	CertificateIssued  CertificateState = "issued"  // not yet shown at an Authenticate
	CertificateCurrent CertificateState = "current" // speaks for its phone
	CertificateOverlap CertificateState = "overlap" // replaced by a renewal, still accepted
	CertificateRetired CertificateState = "retired" // of an older epoch
	CertificateRevoked CertificateState = "revoked"
)

// Certificate is one issued identity certificate and whom it speaks for.
type Certificate struct {
	Fingerprint string           `json:"fingerprint,omitzero"` // lower-case hex SHA-256 of the DER
	Serial      string           `json:"serial,omitzero"`      // decimal
	Segment     Segment          `json:"segment,omitzero"`
	Grant       string           `json:"grant,omitzero"`
	State       CertificateState `json:"state,omitzero"`
	Phone       string           `json:"phone,omitzero"` // UDID it is bound to, "" before Authenticate
	Epoch       uint64           `json:"epoch,omitzero"` // of the phone, when bound
	IssuedAt    time.Time        `json:"issuedAt,omitzero"`
	NotAfter    time.Time        `json:"notAfter,omitzero"`
}

// Forgotten is how many records that ended were removed.
type Forgotten struct {
	Grants       int
	Certificates int
	Next         string // where to go on looking; "" once every record was looked at
}

// Identity is what a phone's record says of the certificate it proves itself
// with, and of the next one.
type Identity struct {
	Until      time.Time `json:"until,omitzero"`      // end of the certificate in force
	RenewAt    time.Time `json:"renewAt,omitzero"`    // from when on a new one is offered
	Superseded string    `json:"superseded,omitzero"` // fingerprint of the one before, in CertificateOverlap until the one in force is seen in use; "" none
	Renewal    Renewal   `json:"renewal,omitzero"`    // the last offer of a new one
}

// Renewal is an offer of a new identity certificate: a command without a row
// in the queue.
type Renewal struct {
	Command   string    `json:"command,omitzero"` // its UUID
	Grant     string    `json:"grant,omitzero"`   // ID of the grant in the profile
	OfferedAt time.Time `json:"offeredAt,omitzero"`
	NotNow    bool      `json:"notNow,omitzero"` // the phone deferred it
	Error     string    `json:"error,omitzero"`  // why the phone could not, in its own words
}

// Enrollment is what an enrolment step may read and change in one transaction.
type Enrollment struct {
	Phone       *Phone       // nil when the UDID is not known; set it to create the phone
	Certificate *Certificate // the one that spoke; always set
	Grant       *Grant       // of that certificate; nil when it is gone

	Overlap     []string // fingerprints to set from CertificateCurrent to CertificateOverlap
	Retire      []string // fingerprints to set to CertificateRetired
	CancelQueue string   // not "": cancel every command that is not final, giving this reason
	Audit       []AuditEntry
}

// CheckUpdate returns why a store must refuse what an updater made of e, the
// enrollment of the phone with that UDID, nil when it may be stored: certificate
// and phone may change but not go or become others, a phone may come, and a grant
// may change or go but not come.
func (e Enrollment) CheckUpdate(after Enrollment, udid string) error {
	switch c := after.Certificate; {
	case c == nil:
		return errors.New("the updater removed the certificate")
	case c.Fingerprint != e.Certificate.Fingerprint || c.Segment != e.Certificate.Segment:
		return errors.New("the updater changed the certificate's fingerprint or segment")
	}
	if e.Grant != nil && after.Grant != nil && e.Grant.ID != after.Grant.ID {
		return errors.New("the updater changed the grant's ID")
	}
	if e.Grant == nil && after.Grant != nil {
		return errors.New("the updater made a grant")
	}
	switch p := after.Phone; {
	case p == nil && e.Phone != nil:
		return errors.New("the updater removed the phone")
	case p == nil:
	case p.UDID != udid:
		return fmt.Errorf("the updater changed the UDID to %q", p.UDID)
	case e.Phone != nil && p.Num != e.Phone.Num:
		return errors.New("the updater changed the phone's number")
	}
	return nil
}
