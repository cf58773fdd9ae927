package enroll

import (
	"context"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// Store is what enrolment keeps. Each method is one transaction; see package
// storage for the rules all of them follow.
type Store interface {
	// CreateGrant adds a grant. It returns storage.ErrExists when the ID, the
	// link or the challenge is known already.
	CreateGrant(ctx context.Context, seg storage.Segment, g storage.Grant, audit storage.AuditEntry) error

	// UpdateGrant changes the grant with this ID; the updater must not change
	// the ID. It returns storage.ErrNotFound, or the updater's error with
	// nothing written.
	UpdateGrant(ctx context.Context, seg storage.Segment, id string, update func(*storage.Grant) ([]storage.AuditEntry, error)) (storage.Grant, error)

	// GrantByLink finds a grant by the hash of its link's secret, in any
	// segment. It returns storage.ErrNotFound.
	GrantByLink(ctx context.Context, linkHash string) (storage.Segment, storage.Grant, error)

	// ReserveGrant ties the grant with this challenge to a public key at its
	// first use. The same key again is admitted until the grant expires;
	// another key, an expired, revoked or fulfilled grant gets
	// storage.ErrSpent, an unknown challenge storage.ErrNotFound. However many
	// calls run at once, one key wins. A fulfilled grant still admits its own
	// key, so that a phone whose answer was lost can ask again; the caller
	// must then hand out the certificate recorded for it or none.
	ReserveGrant(ctx context.Context, challengeHash, publicKey string, at time.Time) (storage.Segment, storage.Grant, error)

	// RecordCertificate stores a certificate before it leaves the server and
	// names it in its grant. A second certificate for the same grant retires
	// the first, which must still be in state issued; otherwise it returns
	// storage.ErrSpent and the certificate must be withheld.
	RecordCertificate(ctx context.Context, c storage.Certificate, audit storage.AuditEntry) error

	// Phone returns the phone with this UDID, or storage.ErrNotFound.
	Phone(ctx context.Context, seg storage.Segment, udid string) (storage.Phone, error)

	// Certificate finds a certificate by fingerprint, in any segment. It
	// returns storage.ErrNotFound.
	Certificate(ctx context.Context, fingerprint string) (storage.Certificate, error)

	// Certificates returns certificates ordered by fingerprint, those after the
	// one given, at most limit of them (0 means 1,000).
	Certificates(ctx context.Context, seg storage.Segment, after string, limit int) ([]storage.Certificate, error)

	// Forget looks at grants and then at certificates, at most limit of both
	// together (0 means 1,000), and removes the grants, and the certificates
	// that speak for nobody, that ended before a time. It begins at from: "", or
	// Next of the step before. It returns how many of each went, and writes the
	// audit entry, with these numbers in its detail, if any did. A grant ends
	// when it expires or is revoked; it stays while its certificate is in state
	// issued. A certificate goes in the states issued, retired and revoked; one
	// that is current or in overlap stays, and so does one without an end.
	Forget(ctx context.Context, seg storage.Segment, before time.Time, from string, limit int, audit storage.AuditEntry) (storage.Forgotten, error)

	// UpdateEnrollment runs one step of the check-in state machine: it reads
	// the phone (nil when unknown), the certificate that spoke and its grant,
	// lets the updater change them, and writes all of it with the audit
	// entries. A new phone gets its number here. Certificates named to be put
	// in overlap are if they are current, those to retire unless they are
	// revoked; unknown ones are skipped. It returns
	// storage.ErrNotFound when the certificate is not of this segment, or the
	// updater's error with nothing written.
	UpdateEnrollment(ctx context.Context, seg storage.Segment, udid, fingerprint string, update func(*storage.Enrollment) error) (storage.Phone, error)

	// UpdatePhone changes a phone's record. It returns storage.ErrConflict
	// when the phone's epoch is another one, storage.ErrNotFound for an unknown
	// phone, or the updater's error with nothing written.
	UpdatePhone(ctx context.Context, seg storage.Segment, udid string, epoch uint64, update func(*storage.Phone) (storage.PhoneChange, error)) (storage.Phone, error)

	// RecordAudit appends entries that belong to no other change, such as
	// aggregated refusals.
	RecordAudit(ctx context.Context, seg storage.Segment, entries []storage.AuditEntry) error
}
