package apns

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/sideshow/apns2"
)

const (
	maxAnswer     = 4 << 10 // bytes read of an answer; Apple's are below 100
	maxReason     = 64
	maxRetryAfter = 24 * time.Hour
)

// answer is what came back over HTTP, before it is understood.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// classify turns an answer into a result. It never fails: what is not
// understood keeps its status and is judged by it.
func classify(a answer, now time.Time) Result {
	reason, since := parseReason(a.body)
	r := Result{
		Status:     a.status,
		Reason:     reason,
		ID:         word(a.header.Get("apns-id")),
		RetryAfter: retryAfter(a.header.Get("Retry-After"), now),
	}
	switch {
	case a.status == http.StatusOK:
		r.Outcome = Accepted
	case a.status == http.StatusGone && reason != "":
		r.Outcome, r.Since = Unregistered, since
	case a.status == http.StatusGone:
		// A page of some gateway. It must not silence a phone: only Apple,
		// who always gives a reason, may call a token dead.
		r.Outcome = Unavailable
	case a.status == http.StatusTooManyRequests:
		r.Outcome = TooMany
	case a.status == http.StatusRequestTimeout || reason == apns2.ReasonIdleTimeout:
		r.Outcome = Unavailable
	case a.status >= 400 && a.status < 500:
		r.Outcome = refusal(reason)
	default:
		r.Outcome = Unavailable
	}
	return r
}

// refusal tells a refused phone from a refused fleet. The difference matters:
// a phone chooses its own token, so if a bad one stopped the topic, one phone
// could silence all others.
func refusal(reason string) Outcome {
	switch reason {
	case apns2.ReasonBadDeviceToken, apns2.ReasonDeviceTokenNotForTopic, apns2.ReasonMissingDeviceToken:
		return BadToken
	case apns2.ReasonBadCertificate, apns2.ReasonBadCertificateEnvironment:
		return CertificateProblem
	default:
		return Configuration
	}
}

// parseReason reads Apple's error document. Both results are zero when the
// body is something else; a timestamp that makes no sense is zero.
func parseReason(body []byte) (string, time.Time) {
	var doc struct {
		Reason    string          `json:"reason"`
		Timestamp json.RawMessage `json:"timestamp"` // milliseconds
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return "", time.Time{}
	}
	// The bound is the year 9999, the last one time.Time writes as JSON.
	ms, err := strconv.ParseInt(string(doc.Timestamp), 10, 64)
	if err != nil || ms <= 0 || ms > 253402300799999 {
		return word(doc.Reason), time.Time{}
	}
	return word(doc.Reason), time.UnixMilli(ms).UTC()
}

// word returns s if it looks like one of Apple's words or identifiers, else "":
// the result ends in logs and on pages.
func word(s string) string {
	if len(s) > maxReason {
		return ""
	}
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-':
		default:
			return ""
		}
	}
	return s
}

// retryAfter reads the header in both forms of RFC 9110, 10.2.3. It is 0 for
// anything else, and for the past.
func retryAfter(v string, now time.Time) time.Duration {
	if v == "" {
		return 0
	}
	var d time.Duration
	if seconds, err := strconv.ParseUint(v, 10, 31); err == nil {
		d = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(v); err == nil {
		d = at.Sub(now)
	}
	return min(max(d, 0), maxRetryAfter)
}
