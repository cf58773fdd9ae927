// Package storage holds the records Kannuki keeps and the errors its stores
// return. It contains no database: storage/bolt implements the store
// interfaces that enroll, fleet and server declare, and storage/storagetest
// holds every sentence of their contract as a test.
//
// Rules every store follows:
//
//   - One method is one transaction: it happens whole or not at all, and it is
//     on disk before the method returns.
//   - Every method takes a [Segment] and sees nothing of any other. The
//     catalogue, the certificate index and the phone numbers are the
//     exceptions, because a request names its segment only through them.
//   - Times are UTC with microsecond precision. Slices and maps that go in are
//     not kept; those that come out belong to the caller. An empty one may
//     come back as nil.
//   - A segment exists from the first thing written in it. Looking at one that
//     does not exist finds it empty.
//   - Text is UTF-8; what names a record is not empty, holds no zero byte and
//     has at most 512 bytes (a segment's name 64). Anything else is an error.
//   - Audit entries are written in the transaction of the act they record.
//   - Updater functions may run more than once and must have no side effects
//     outside the record they are given.
//   - A cancelled context returns promptly and writes nothing.
package storage

import (
	"errors"
	"time"
)

// Errors a store returns. Callers compare with [errors.Is].
var (
	// ErrNotFound: the record named does not exist in the segment.
	ErrNotFound = errors.New("not found")
	// ErrExists: a record with this key exists already.
	ErrExists = errors.New("exists already")
	// ErrConflict: the state moved on since the caller looked.
	ErrConflict = errors.New("changed in the meantime")
	// ErrSpent: a one-time secret was used before, or its time is over.
	ErrSpent = errors.New("spent or expired")
	// ErrDeferred: a command may not be handed out yet and stays in its queue.
	ErrDeferred = errors.New("may not be handed out yet")
	// ErrClosed: the store has been closed.
	ErrClosed = errors.New("store is closed")
	// ErrFull: the disk has no room. Nothing was written, reads go on, and the
	// same write succeeds once there is room.
	ErrFull = errors.New("the disk is full")
	// ErrCorrupt: a record's checksum does not fit its content.
	ErrCorrupt = errors.New("record is damaged")
)

// Segment names an organisation whose data no other segment may see.
type Segment string

// DefaultSegment is the only segment of a plain installation.
const DefaultSegment Segment = "default"

// Ring is a phone's place in its group.
type Ring string

// The two rings; an ungrouped phone has the empty ring.
const (
	RingVerification Ring = "verification"
	RingProduction   Ring = "production"
)

// Instance describes one installation. It is written once by init.
type Instance struct {
	ID           string    `json:"id,omitzero"`           // random, names the installation in certificates and profiles
	URL          string    `json:"url,omitzero"`          // public base URL of the device listener; permanent
	Organization string    `json:"organization,omitzero"` // shown to the phones' users
	Lab          bool      `json:"lab,omitzero"`          // created with --lab: localhost and scaled clocks are admitted
	CreatedAt    time.Time `json:"createdAt,omitzero"`    //
	Topic        string    `json:"topic,omitzero"`        // push topic of the first imported push certificate; permanent, "" before
}

// Token is one bearer token of the admin API. The secret itself is never kept.
type Token struct {
	Hash      string    `json:"hash,omitzero"` // hex SHA-256 of the secret
	Name      string    `json:"name,omitzero"` // its identifier, unique in the segment; shown as the actor "token:<name>(<person>)"
	Person    Person    `json:"person,omitzero"`
	Segment   Segment   `json:"segment,omitzero"`
	CreatedBy string    `json:"createdBy,omitzero"`
	CreatedAt time.Time `json:"createdAt,omitzero"`
	ExpiresAt time.Time `json:"expiresAt,omitzero"` // zero: never
	RevokedAt time.Time `json:"revokedAt,omitzero"` // zero: valid
	RevokedBy string    `json:"revokedBy,omitzero"`
}

// Person is who stands behind an act, as far as the connection proves it.
type Person struct {
	Name string `json:"name,omitzero"` // a user of this machine, or whom a token was made for; "" names nobody
	// Makers are those through whom the person got its token: who made it,
	// then who made the maker's own token, and so on. Empty on the socket.
	Makers []string `json:"makers,omitempty"`
}

// AuditEntry records one act in the transaction of that act. Actor, action and
// target are identifiers, never secrets and never a person's contact data.
type AuditEntry struct {
	Seq    uint64            `json:"seq,omitzero"`     // assigned by the store, starts at 1 in each segment, no gaps
	At     time.Time         `json:"at,omitzero"`      //
	Actor  string            `json:"actor,omitzero"`   // "uid:1000(tanaka)", "token:ci(sato)", "phone:<UDID>", "kannuki"
	Action string            `json:"action,omitzero"`  // "gate.approve", "phone.enrolled", …
	Target string            `json:"target,omitzero"`  // what it was done to
	Reason string            `json:"reason,omitzero"`  // why, in the actor's words
	Detail map[string]string `json:"detail,omitempty"` // further facts, small
	Prev   string            `json:"prev,omitzero"`    // hex hash of the entry before, "" for the first; assigned by the store
	Hash   string            `json:"hash,omitzero"`    // hex SHA-256 over all other fields; assigned by the store
}
