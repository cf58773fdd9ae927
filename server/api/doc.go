// Package api is the admin interface of a running server: JSON over HTTP, on a
// Unix socket or with a bearer token, and the Go client for it.
//
// It owns the routes, the errors people's programs can rely on, and the rule
// that the actor of a write is who the connection proves, never what the
// request says. It decides nothing: every route is one call of fleet, enroll
// or the server's own operations.
package api

import (
	"context"
	"io"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// Principal is who a request comes from and which segment it acts in.
type Principal struct {
	Actor   string         // "uid:1000(tanaka)" or "token:<name>(<person>)"
	Person  storage.Person // who stands behind the actor
	Segment storage.Segment
}

// Operations are what the server itself can be asked to do.
type Operations interface {
	// ImportPushCertificate takes a push certificate and its key (PEM) into
	// use, unless the act is only tried. It refuses one whose topic differs
	// from the one phones enrolled with.
	ImportPushCertificate(ctx context.Context, a fleet.Act, certPEM, keyPEM []byte) (PushCertificate, error)
	// Backup writes a consistent copy of the database.
	Backup(ctx context.Context, w io.Writer) (int64, error)
	// CreateToken makes an API token for a person; its secret is in the
	// answer and kept nowhere.
	CreateToken(ctx context.Context, by Principal, r TokenRequest) (NewToken, error)
	// Tokens lists a segment's tokens by identifier.
	Tokens(ctx context.Context, seg storage.Segment) ([]Token, error)
	// RevokeToken ends a token's life at once, and says which other tokens of
	// the same person still work.
	RevokeToken(ctx context.Context, by Principal, id, reason string, dryRun bool) (RevokedToken, error)
	// Disk reports the space for the database; it is asked before every write.
	Disk() Disk
	// FetchFeeds reads the configured feeds now and says what became of each.
	FetchFeeds(ctx context.Context, a fleet.Act) []FeedResult
	// Channels names the channels that notices of a segment go out by.
	Channels(seg storage.Segment) []string
	// UnmatchedFilters returns what the filters of the channels of a segment name
	// that there is not, and channels of segments that there are not.
	UnmatchedFilters(ctx context.Context, seg storage.Segment) ([]UnmatchedFilter, error)
	// TestChannel sends a message that tells of nothing by a channel and says what
	// was answered, or a *fleet.NotFoundError. One that is only tried sends nothing
	// and looks at the settings.
	TestChannel(ctx context.Context, seg storage.Segment, a fleet.Act, channel string) (ChannelTest, error)
	// Health reports what works and what is missing.
	Health(ctx context.Context) Health
}

// PushCertificate describes the certificate that wakes phones.
type PushCertificate struct {
	Topic     string    `json:"topic"` // of the certificate
	NotAfter  time.Time `json:"not_after"`
	DaysLeft  int       `json:"days_left"`
	Installed bool      `json:"installed"`
	// EnrolledTopic is the topic phones are enrolled with, "" before the first
	// certificate. No phone can be woken while it is another one.
	EnrolledTopic string `json:"enrolled_topic"`
}

// Database describes the database file and the work done since the server
// started. Several operations share a commit, and a commit syncs the disk.
type Database struct {
	Bytes      int64  `json:"bytes"`      // size of the file, which never shrinks
	UsedBytes  int64  `json:"used_bytes"` // of it in use
	Commits    uint64 `json:"commits"`
	Operations uint64 `json:"operations"` // changes that those commits carried
}

// DiskState says what the server still does with the space it has.
type DiskState string

// States of the disk.
const (
	DiskOK       DiskState = "ok"
	DiskLow      DiskState = "low"       // everything works; make room
	DiskReadOnly DiskState = "read-only" // people can look and stop things, nothing else
	DiskUnknown  DiskState = "unknown"   // the system does not tell
)

// Disk describes the disk the database is on.
type Disk struct {
	TotalBytes uint64    `json:"total_bytes"`
	FreeBytes  uint64    `json:"free_bytes"` // for the server's user
	State      DiskState `json:"state"`
}

// Health is the state of the server beside its fleet.
type Health struct {
	Version      string          `json:"version"`
	URL          string          `json:"url"`
	Organization string          `json:"organization"`
	Lab          bool            `json:"lab,omitempty"`
	LegacyCrypto bool            `json:"legacy_crypto"` // weak cryptography is let in
	StartedAt    time.Time       `json:"started_at"`
	Push         PushCertificate `json:"push"`
	PushWaiting  int             `json:"push_waiting"`
	PushSent     uint64          `json:"push_sent"`
	PushSentAt   time.Time       `json:"push_sent_at,omitzero"` // of the last one that Apple took
	PushProblem  string          `json:"push_problem,omitempty"`
	ProblemAt    time.Time       `json:"push_problem_at,omitzero"`
	Database     Database        `json:"database"`
	Disk         Disk            `json:"disk"`
	Feeds        []Feed          `json:"feeds"`   // that the server reads by itself, by kind
	Missing      []string        `json:"missing"` // what is not set up yet and how to do it
}
