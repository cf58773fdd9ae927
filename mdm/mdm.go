// Package mdm is Apple's device management wire protocol: check-in messages,
// commands and their results, declarations and status reports, and the HTTP
// handler that carries them. It bounds every byte a device sends before a
// decoder sees it. It holds no state, knows no storage and no policy, and
// decides nothing: decisions belong to the [Service] the handler calls.
package mdm

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Sentinels of this package's decoders. They are found inside a *ParseError
// with errors.Is.
var (
	// ErrTooLarge says that a document is over one of its Limits.
	ErrTooLarge = errors.New("over the limit")
	// ErrUnknownMessage says that a check-in has a MessageType this package
	// does not know.
	ErrUnknownMessage = errors.New("unknown message type")
	// ErrIdentifiers says that a message names no enrolment, names two, or
	// names one with a key that cannot be used.
	ErrIdentifiers = errors.New("unusable identifiers")
)

// A ParseError says why bytes from a device were refused. Its text is made of
// this package's own words only, never of the body: bodies carry push magic,
// unlock tokens and bootstrap tokens.
type ParseError struct {
	// What is wrong, in this package's words.
	What string
	// Offset in bytes from the start of the document, or -1 when the fault
	// has no place.
	Offset int64
	// MessageType of an unknown check-in, for the log: at most 64 ASCII
	// letters, otherwise empty.
	MessageType string
	// Err is one of this package's sentinels, or nil.
	Err error
}

// Error returns the fault and its place.
func (e *ParseError) Error() string {
	if e.Offset < 0 {
		return "mdm: " + e.What
	}
	return fmt.Sprintf("mdm: %s at byte %d", e.What, e.Offset)
}

// Unwrap returns the sentinel behind the error, or nil.
func (e *ParseError) Unwrap() error { return e.Err }

// malformed makes a ParseError without a place.
func malformed(what string) *ParseError { return &ParseError{What: what, Offset: -1} }

// validKey reports whether s can be a key: 1 to 128 bytes of printable UTF-8
// without the colon that separates a device from its user.
func validKey(s string) bool {
	if s == "" || len(s) > maxKeyBytes {
		return false
	}
	for _, r := range s {
		// The replacement character is what invalid UTF-8 ranges over as.
		if r < ' ' || r == ':' || (r >= 0x7f && r <= 0x9f) || r == '\uFFFD' {
			return false
		}
	}
	return true
}

// maxKeyBytes is the longest identifier or command UUID that is accepted.
// Apple guarantees no length; 128 is three times what any device sends.
const maxKeyBytes = 128

// maxExcerpt is the length of an [Excerpt], in bytes.
const maxExcerpt = 200

// Excerpt returns what is kept of a text that a device has sent, such as the
// words of an error: at most the first 200 bytes, ending between two
// characters. What is not UTF-8 becomes U+FFFD, so the result always is.
func Excerpt(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= maxExcerpt {
		return text
	}
	end := maxExcerpt
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}
