package fleet

import (
	"context"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// PhoneStore keeps the phones. Each method is one transaction; see package
// storage for the rules all of them follow.
type PhoneStore interface {
	// Phone returns the phone with this UDID, or storage.ErrNotFound.
	Phone(ctx context.Context, seg storage.Segment, udid string) (storage.Phone, error)

	// PhonesBySerial returns the phones with this serial number, removed ones
	// too, ordered by number.
	PhonesBySerial(ctx context.Context, seg storage.Segment, serial string) ([]storage.Phone, error)

	// Phones returns the phones that match, ordered by number, as copies.
	Phones(ctx context.Context, seg storage.Segment, q storage.PhoneQuery) ([]storage.Phone, error)

	// UpdatePhone reads, changes and writes one phone and what belongs to the
	// change. With epoch not zero it returns storage.ErrConflict when the
	// phone's epoch is another one. The updater may run more than once; it
	// must not change UDID, Num or Epoch. An updater's error is returned with
	// nothing written.
	UpdatePhone(ctx context.Context, seg storage.Segment, udid string, epoch uint64, update func(*storage.Phone) (storage.PhoneChange, error)) (storage.Phone, error)

	// UpdatePhones is UpdatePhone for several phones, in the order given and
	// whatever their epochs: all of it is written, or nothing. One that comes
	// twice is changed twice.
	UpdatePhones(ctx context.Context, seg storage.Segment, udids []string, update func(*storage.Phone) (storage.PhoneChange, error)) ([]storage.Phone, error)

	// DeclarationSet returns what a declarations token stands for, or
	// storage.ErrNotFound.
	DeclarationSet(ctx context.Context, seg storage.Segment, token string) (storage.DeclarationSet, error)

	// Declaration returns the JSON of the declaration with this server token,
	// or storage.ErrNotFound.
	Declaration(ctx context.Context, seg storage.Segment, serverToken string) ([]byte, error)

	// SweepDeclarations removes sets and bodies that no phone's announced or
	// fetched manifest refers to, and returns how many records went.
	SweepDeclarations(ctx context.Context, seg storage.Segment) (int, error)
}

// QueueStore keeps the commands a person queued for phones.
type QueueStore interface {
	// Enqueue appends commands to phones' queues and returns how many were
	// added: one whose Key equals that of a command of the same phone that is
	// not final is skipped. Epoch is set to the phone's. It returns
	// storage.ErrNotFound when a phone is unknown, with nothing written.
	Enqueue(ctx context.Context, seg storage.Segment, udids []string, commands []storage.Command, audit []storage.AuditEntry) (int, error)

	// Exchange records what a phone said, changes the phone accordingly and
	// marks the command it is handed next as sent, all in one transaction. With
	// epoch not zero it returns storage.ErrConflict when the phone's epoch is
	// another one, and always storage.ErrNotFound for an unknown phone. An
	// updater's error is returned with nothing written.
	Exchange(ctx context.Context, seg storage.Segment, udid string, epoch uint64, x storage.Exchange) (storage.Exchanged, error)

	// CancelCommand ends a command of this phone that is not over, with the
	// reason and the time given, and returns the row: what the phone says of it
	// later changes nothing. It returns storage.ErrNotFound for an unknown
	// phone or UUID, and storage.ErrConflict for a command that is final or of
	// another epoch, with nothing written.
	CancelCommand(ctx context.Context, seg storage.Segment, udid, uuid, reason string, at time.Time, audit storage.AuditEntry) (storage.Command, error)

	// Waiting returns the UDIDs, sorted, of the phones that have a command of
	// their present epoch that is not final.
	Waiting(ctx context.Context, seg storage.Segment) ([]string, error)

	// Queue returns a phone's commands in order, the final ones included as
	// far as they are retained (the newest 20) and without their bodies.
	Queue(ctx context.Context, seg storage.Segment, udid string) ([]storage.Command, error)
}

// NoticeStore keeps the notices, which come with the changes of phones and of
// the world that they tell of, see storage.PhoneChange and storage.WorldChange.
// One whose ID is on record already is left as it is; all others get the next
// number of their segment.
type NoticeStore interface {
	// Notice returns a notice, or storage.ErrNotFound.
	Notice(ctx context.Context, seg storage.Segment, id string) (storage.Notice, error)

	// Notices returns the notices that match, the newest first.
	Notices(ctx context.Context, seg storage.Segment, q storage.NoticeQuery) ([]storage.Notice, error)

	// DueNotices returns the notices that a channel is to carry at the given
	// time, ordered by when their delivery was to be tried and then by number,
	// at most limit of them (0 means 1,000): those with a pending delivery whose
	// Next is not later.
	DueNotices(ctx context.Context, seg storage.Segment, channel string, at time.Time, limit int) ([]storage.Notice, error)

	// SettleDeliveries replaces deliveries that are still as they were seen. It
	// returns storage.ErrNotFound when one or its notice does not exist and
	// storage.ErrConflict when one changed since, with nothing written.
	SettleDeliveries(ctx context.Context, seg storage.Segment, settled []storage.Settlement, audit ...storage.AuditEntry) error

	// ForgetNotices removes outdated notices, see storage.Notice.Outdated, at most
	// limit of them (0 means 1,000), and returns how many went. It begins with the
	// oldest, passes over those with a pending delivery, and ends at the first
	// that is not outdated. A segment's newest notice stays, because the next one
	// continues its number.
	ForgetNotices(ctx context.Context, seg storage.Segment, before time.Time, keep uint64, limit int) (int, error)

	// ForgetHolders takes the reference to who carries the phone out of notices
	// whose phone's record no longer has it, see storage.Notice.HolderGone, of at
	// most limit of them (0 means 1,000), phone by phone and of each the oldest
	// first, in one transaction. It returns how many it changed. All else of a notice
	// stays, its ID above all. What it costs does not grow with the notices of which
	// nothing is to be forgotten, and those that wait for a channel keep no others from
	// their turn: asked again and again, it reaches all.
	ForgetHolders(ctx context.Context, seg storage.Segment, limit int) (int, error)
}

// WorldStore keeps what decisions are made from.
type WorldStore interface {
	// Segments returns the segments that exist, sorted; at least the default.
	Segments(ctx context.Context) ([]storage.Segment, error)

	// World returns one consistent reading of all records and its revision.
	World(ctx context.Context, seg storage.Segment) (storage.World, error)

	// ChangeWorld applies a change if the revision is still the given one,
	// and returns the new revision; otherwise storage.ErrConflict with nothing
	// written. Phones that change with it do in the same transaction, by the
	// rules of UpdatePhones; the error of one leaves all as it was.
	ChangeWorld(ctx context.Context, seg storage.Segment, revision uint64, c storage.WorldChange) (uint64, error)

	// Clock returns the time that was noted last, zero when none was.
	Clock(ctx context.Context) (time.Time, error)

	// NoteClock keeps what the server's clock shows, in place of what was noted
	// before, be it later or not.
	NoteClock(ctx context.Context, at time.Time) error

	// Catalog returns the stored release catalogue, or storage.ErrNotFound.
	Catalog(ctx context.Context) ([]byte, error)

	// PutCatalog replaces the catalogue; the audit entries, which may be none,
	// go to the default segment. Every segment's revision grows by one, because targets depend
	// on the catalogue.
	PutCatalog(ctx context.Context, data []byte, audit ...storage.AuditEntry) error

	// Audit returns entries with a sequence above after, in order, at most
	// limit of them (0 means 1,000).
	Audit(ctx context.Context, seg storage.Segment, after uint64, limit int) ([]storage.AuditEntry, error)
}
