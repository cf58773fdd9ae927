package notify

import (
	"errors"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// maxLater bounds how long a receiver can put a channel off: what it carries is
// for people who have to act.
const maxLater = time.Hour

// LaterError is an answer that says when to come again.
type LaterError struct {
	After time.Duration // more than 0, at most an hour
	Err   error
}

func (e *LaterError) Error() string { return e.Err.Error() }

// Unwrap returns what was answered.
func (e *LaterError) Unwrap() error { return e.Err }

// later adds to an error what the Retry-After of an answer says (RFC 9110,
// section 10.2.3): seconds, however many, or a date. What is neither, or over, adds
// nothing.
func later(err error, header http.Header, now time.Time) error {
	text := header.Get("Retry-After")
	after := time.Duration(0)
	if seconds, numberErr := strconv.ParseUint(text, 10, 32); numberErr == nil || errors.Is(numberErr, strconv.ErrRange) { // the most there is
		after = time.Duration(seconds) * time.Second
	} else if at, dateErr := http.ParseTime(text); dateErr == nil {
		after = at.Sub(now)
	}
	if after <= 0 {
		return err
	}
	return &LaterError{min(after, maxLater), err}
}

// rest is the time in which a channel sends nothing because its receiver asked
// for that. It is forgotten when the server ends.
type rest struct{ until atomic.Int64 } // microseconds since 1970

// begin has the rest last until a moment, unless it lasts longer already.
func (r *rest) begin(until time.Time) {
	for {
		was := r.until.Load()
		if until.UnixMicro() <= was || r.until.CompareAndSwap(was, until.UnixMicro()) {
			return
		}
	}
}

func (r *rest) lasts(now time.Time) bool { return now.UnixMicro() < r.until.Load() }
