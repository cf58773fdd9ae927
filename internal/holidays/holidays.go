// Package holidays reads files of days without updates: plain lists, and the table of
// holidays that Japan's Cabinet Office publishes (syukujitsu.csv). It knows no calendar
// and no clock.
package holidays

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/japanese"
)

// Bounds of a file. The table of 2026 has 1,000 lines and 20 KB.
const (
	maxBytes = 256 << 10
	maxLines = 5000
	maxName  = 60 // bytes of a holiday's name, in UTF-8
)

// tableYears is how many years of the table are taken, the newest: it goes back to
// 1955, and a calendar looks ahead. A table has the year after its own.
const tableYears = 3

// tableHead is the first line of the table.
const tableHead = "国民の祝日・休日月日,国民の祝日・休日名称"

// Codes of an [Error].
const (
	CodeTooLarge  = "too-large"   // more bytes than Want
	CodeTooLong   = "too-long"    // more lines than Want
	CodeNotText   = "not-text"    // neither UTF-8 nor Shift_JIS, or with control characters
	CodeNotDay    = "not-day"     // Got is no day of a list
	CodeNotRow    = "not-row"     // Got is no day and name of the table
	CodeEmpty     = "empty"       // no day at all
	CodeRepeated  = "repeated"    // Got stands twice in the table
	CodeWrongHead = "wrong-table" // a table of something else; Got is its first line
)

// Error says what is wrong with a file, and in which line.
type Error struct {
	Line int // from 1; 0: about the whole file
	Code string
	Got  string
	Want string
}

func (e *Error) Error() string {
	return fmt.Sprintf("line %d: %s %q, want %q", e.Line, e.Code, e.Got, e.Want)
}

// Read returns the days of a file as "2006-01-02", sorted: of a list, one a line with
// comments after "#", all of them; of the Cabinet Office's table, in Shift_JIS as it is
// published or in UTF-8, those of its three newest years. What is wrong is an *Error.
func Read(r io.Reader) ([]string, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read holidays: %w", err)
	}
	if len(raw) > maxBytes {
		return nil, &Error{Code: CodeTooLarge, Want: fmt.Sprint(maxBytes)}
	}
	text, err := decode(raw)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) > maxLines {
		return nil, &Error{Line: maxLines + 1, Code: CodeTooLong, Want: fmt.Sprint(maxLines)}
	}
	for i := range lines {
		lines[i] = strings.TrimSuffix(lines[i], "\r")
	}
	days, err := list(lines)
	if first, _, _ := strings.Cut(lines[0], "#"); strings.Contains(first, ",") {
		days, err = table(lines)
	}
	if err != nil {
		return nil, err
	}
	if len(days) == 0 {
		return nil, &Error{Code: CodeEmpty}
	}
	slices.Sort(days)
	return slices.Compact(days), nil
}

// decode returns a text in UTF-8, without the mark that some programs begin it with.
func decode(raw []byte) (string, error) {
	if !utf8.Valid(raw) {
		decoded, err := japanese.ShiftJIS.NewDecoder().Bytes(raw)
		if err != nil || bytes.ContainsRune(decoded, utf8.RuneError) {
			return "", &Error{Code: CodeNotText}
		}
		raw = decoded
	}
	text := strings.TrimPrefix(string(raw), "\ufeff")
	for i, line := range strings.Split(text, "\n") {
		if strings.ContainsFunc(strings.TrimSuffix(line, "\r"), func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
			return "", &Error{Line: i + 1, Code: CodeNotText}
		}
	}
	return text, nil
}

// list reads one day a line.
func list(lines []string) ([]string, error) {
	var days []string
	for i, line := range lines {
		day, _, _ := strings.Cut(line, "#")
		if day = strings.TrimSpace(day); day == "" {
			continue
		}
		if _, err := time.Parse(time.DateOnly, day); err != nil {
			return nil, &Error{Line: i + 1, Code: CodeNotDay, Got: day, Want: "2026-11-23"}
		}
		days = append(days, day)
	}
	return days, nil
}

// table reads the Cabinet Office's table: a head, then a day such as 2026/1/1 and the
// name of the holiday in each line.
func table(lines []string) ([]string, error) {
	if lines[0] != tableHead {
		return nil, &Error{Line: 1, Code: CodeWrongHead, Got: lines[0], Want: tableHead}
	}
	var days []time.Time
	known := map[time.Time]bool{}
	newest := 0
	for i, line := range lines[1:] {
		date, name, pair := strings.Cut(line, ",")
		day, err := time.Parse("2006/1/2", date)
		if !pair || err != nil || name == "" || len(name) > maxName || strings.Contains(name, ",") || day.Format("2006/1/2") != date {
			return nil, &Error{Line: i + 2, Code: CodeNotRow, Got: line, Want: "2026/1/1,元日"}
		}
		if known[day] {
			return nil, &Error{Line: i + 2, Code: CodeRepeated, Got: date}
		}
		known[day], newest = true, max(newest, day.Year())
		days = append(days, day)
	}
	var taken []string
	for _, day := range days {
		if day.Year() > newest-tableYears {
			taken = append(taken, day.Format(time.DateOnly))
		}
	}
	return taken, nil
}
