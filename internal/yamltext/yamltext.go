// Package yamltext stands between the files that people write and the YAML
// library. It refuses what would cost the library too much, and makes an error of
// a panic in it, as broken texts have caused more than once
// (github.com/goccy/go-yaml issues 479, 540 and 718).
package yamltext

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxDepth is how many levels of a text may be open at once: the library takes
// time and memory with the square of them.
const MaxDepth = 32

// Code says what is wrong with a text.
type Code string

// The codes of an Error.
const (
	TooLarge Code = "too-large" // more bytes than Limit
	TooDeep  Code = "too-deep"  // more levels open at once than Limit
	NotText  Code = "not-text"  // not UTF-8
)

// Error is a text that the library is not given to read.
type Error struct {
	Code  Code
	Line  int // from 1; 0 when it is about the whole text
	Limit int // 0 for NotText
}

func (e *Error) Error() string {
	switch e.Code {
	case TooLarge:
		return fmt.Sprintf("larger than %d bytes", e.Limit)
	case TooDeep:
		return fmt.Sprintf("line %d: more than %d brackets or levels open at once", e.Line, e.Limit)
	case NotText:
	}
	return "not UTF-8"
}

// Unmarked returns a text without the byte order mark that it may begin with: some
// editors write one, YAML allows it, and the library takes it for a part of the
// first key.
func Unmarked(text []byte) []byte { return bytes.TrimPrefix(text, []byte("\ufeff")) }

// Check returns an *Error for a text of more than maxBytes bytes, one that is not
// UTF-8, and one that is deeper than MaxDepth. It counts brackets in texts and
// comments too: nothing that people write for this server has so many.
func Check(text []byte, maxBytes int) error {
	if len(text) > maxBytes {
		return &Error{Code: TooLarge, Limit: maxBytes}
	}
	if !utf8.Valid(text) {
		return &Error{Code: NotText}
	}
	open, number := 0, 0
	for line := range strings.Lines(string(text)) {
		number++
		opened, closed := strings.Count(line, "[")+strings.Count(line, "{"), strings.Count(line, "]")+strings.Count(line, "}")
		open = max(open+opened-closed, 0)
		// Each level of a block takes a column, a dash or a question mark.
		block := len(line) - len(strings.TrimLeft(line, " \t-?:"))
		if open > MaxDepth || opened > MaxDepth || block > 4*MaxDepth {
			return &Error{Code: TooDeep, Line: number, Limit: MaxDepth}
		}
	}
	return nil
}

// Guarded calls read, which may call the library with a text that Check took, and
// returns its error, or one that says what the library panicked with.
func Guarded(read func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("not YAML that can be read: %v", p)
		}
	}()
	return read()
}
