package storage

import "time"

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
	Phone     string    `json:"phone,omitzero"`  // UDID it is for; required for a renewal, otherwise ""
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

// Enrollment is what an enrolment step may read and change in one transaction.
type Enrollment struct {
	Phone       *Phone       // nil when the UDID is not known; set it to create the phone
	Certificate *Certificate // the one that spoke; always set
	Grant       *Grant       // of that certificate; nil when it is gone

	Retire      []string // fingerprints to set to CertificateRetired
	CancelQueue string   // not "": cancel every command that is not final, giving this reason
	Audit       []AuditEntry
}
