// Package apns sends the wake-ups that make phones poll, through Apple's push
// service. It owns the push certificate (request, check, topic guard), the
// long-lived HTTP/2 client and the reading of Apple's answers. It does not
// decide when a phone is pushed (package wake does), and no answer makes it
// forget a phone: the worst it says is that a token is dead.
package apns

import (
	"fmt"
	"net/http"
	"time"
)

// Push is one wake-up for one phone, from the phone's newest TokenUpdate.
type Push struct {
	Token   []byte    // raw bytes, 1 to 100; Apple does not fix the length
	Magic   string    // PushMagic; the phone ignores a push with another one
	Topic   string    // of the TokenUpdate; "" means the certificate's
	Expires time.Time // until when Apple keeps it for a phone that is off; zero means seven days from now
}

// Outcome is what a push came to, reduced to what a scheduler must tell apart.
type Outcome int

// The outcomes. Source of the reasons named here: Apple, "Handling notification
// responses from APNs".
const (
	// Accepted: Apple took the push (200). It says nothing about delivery.
	Accepted Outcome = iota + 1
	// Unregistered: the token is dead since Result.Since (410). It is the only
	// answer that says so, and it is void if the phone sent a TokenUpdate later.
	Unregistered
	// BadToken: this phone's token, magic or topic does not go with this
	// certificate (400 BadDeviceToken, DeviceTokenNotForTopic,
	// MissingDeviceToken, or refused before sending, then Status is 0). Other
	// phones are not affected, unless it is said of all of them.
	BadToken
	// Configuration: Apple refuses every push made like this one (any other
	// 4xx). A person has to act.
	Configuration
	// TooMany: this phone was pushed too often (429).
	TooMany
	// Unavailable: no answer, or Apple cannot serve at the moment (5xx).
	Unavailable
	// CertificateProblem: the push certificate has expired, or Apple refused it
	// in the TLS handshake or with 403 BadCertificate*. A person has to act.
	CertificateProblem
)

// String names the outcome for logs and metrics.
func (o Outcome) String() string {
	switch o {
	case Accepted:
		return "accepted"
	case Unregistered:
		return "unregistered"
	case BadToken:
		return "bad-token"
	case Configuration:
		return "configuration"
	case TooMany:
		return "too-many"
	case Unavailable:
		return "unavailable"
	case CertificateProblem:
		return "certificate-problem"
	default:
		return fmt.Sprintf("outcome-%d", int(o))
	}
}

// Reasons of our own, given to pushes that are refused before they are sent
// (Status 0). They are lower case, Apple's are not.
const (
	ReasonTokenLength   = "token-length"   // empty, or above 100 bytes
	ReasonMagic         = "magic"          // empty, not UTF-8, or too long for a push
	ReasonTopicMismatch = "topic-mismatch" // the phone enrolled with another push certificate
	ReasonExpired       = "expired"        // the push certificate is past its end
)

// Result is the answer to one push.
type Result struct {
	Outcome    Outcome
	Status     int           // HTTP status; 0 when there was no answer
	Reason     string        // Apple's word ("BadDeviceToken") or one of ours; "" when there is none
	ID         string        // apns-id, for Apple's support; "" when there is none
	Since      time.Time     // with Unregistered: when the token died; zero when Apple did not say
	RetryAfter time.Duration // what Apple asked for, up to 24 hours; 0 when it did not
	Err        error         // why there was no answer; never holds a token or magic
}

// FromApple reports whether the answer to a [Probe] bears a mark of Apple's
// service: an apns-id or a reason in Apple's form, which come with every answer
// (Apple, "Handling notification responses from APNs"), or the 405 that a
// request gets that is no push. Something in between may have a certificate that
// this machine trusts, but has no cause to answer so.
func (r Result) FromApple() bool {
	return r.Status != 0 && (r.ID != "" || r.Reason != "" || r.Status == http.StatusMethodNotAllowed)
}

// String describes the result in one line for people.
func (r Result) String() string {
	switch {
	case r.Err != nil:
		return r.Outcome.String() + ": " + r.Err.Error()
	case r.Status != 0 && r.Reason != "":
		return fmt.Sprintf("%s: %d %s", r.Outcome, r.Status, r.Reason)
	case r.Status != 0:
		return fmt.Sprintf("%s: %d", r.Outcome, r.Status)
	case r.Reason != "":
		return r.Outcome.String() + ": " + r.Reason
	default:
		return r.Outcome.String()
	}
}
