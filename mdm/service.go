package mdm

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
)

// Sentinels a Service returns, found with errors.Is. Whatever else it returns
// is an internal fault: 503. A *ParseError is the device's fault: 400, or 413
// when it wraps ErrTooLarge. Nothing is ever answered with 401, which would
// make the device delete its enrolment.
var (
	// ErrRefused answers 400 without a body: the certificate may not speak
	// for the enrolment the message names.
	ErrRefused = errors.New("mdm: refused")
	// ErrNotFound answers 404; a device drops the declaration it asked for.
	ErrNotFound = errors.New("mdm: not found")
	// ErrUnavailable answers 503 with Retry-After: the device keeps what it
	// has and comes again.
	ErrUnavailable = errors.New("mdm: unavailable")
	// ErrUserNotManaged answers 410, which UserAuthenticate alone defines: the
	// device stays silent for this user's session.
	ErrUserNotManaged = errors.New("mdm: user not managed")
)

// Peer is the proved identity of a request.
type Peer struct {
	// Fingerprint is the lower-case hexadecimal SHA-256 of the certificate's
	// DER bytes.
	Fingerprint string
	Certificate *x509.Certificate
}

// An Identifier finds out who a request comes from.
type Identifier interface {
	// Claim returns who the request claims to be before its body is read, and
	// a check to run on the whole body, nil when TLS already proved the
	// claim. An error that wraps ErrUnavailable is a fault of the server;
	// any other, of Claim or of the check, is a refusal.
	Claim(r *http.Request) (Peer, func(body []byte) error, error)
}

// A Service decides what devices are told. It must bind the peer to the
// enrolment each message names: the handler proves only who the peer is.
type Service interface {
	// Checkin answers a check-in message. The zero Reply is an empty 200.
	Checkin(ctx context.Context, p Peer, c Checkin) (Reply, error)
	// Report takes a poll or a result and returns the next command, nil for
	// none. A result must be stored durably before Report returns.
	Report(ctx context.Context, p Peer, r *Result) (*Command, error)
}

// Reply is the body of an answer to a check-in.
type Reply struct {
	// ContentType may be empty: then it is ContentTypeJSON for
	// DeclarativeManagement and ContentTypeXML for the rest.
	ContentType string
	Body        []byte
}

// Content types of answers.
const (
	ContentTypeJSON = "application/json"
	ContentTypeXML  = "application/xml; charset=UTF-8"
)

// Media types of requests (Apple, Device Management, Check-in).
const (
	mediaCheckin = "application/x-apple-aspen-mdm-checkin"
	mediaCommand = "application/x-apple-aspen-mdm"
)

// Endpoints, as they stand in a Refusal and in the log.
const (
	endpointCheckin = "checkin"
	endpointCommand = "command"
)

// A Refusal is a request that was turned away for its identity.
type Refusal struct {
	// Peer is zero when no identity was found at all.
	Peer Peer
	// Enrollment is zero when the body was not read.
	Enrollment Enrollment
	// Endpoint is "checkin" or "command".
	Endpoint string
	// RemoteAddr is that of the connection.
	RemoteAddr string
	// Err says why.
	Err error
}
