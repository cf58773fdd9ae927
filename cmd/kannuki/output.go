package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/lang"
)

// answer is what a command found, in every form it can be shown.
type answer struct {
	data  any    // for -o json, as the server sent it
	table table  // for -o csv, and for people when there is no text
	text  string // for people; "" shows the table
}

// show prints an answer in the form that was asked for. The commands that its text
// names are for the same server.
func (g *globals) show(cmd *cobra.Command, a answer) error {
	w := cmd.OutOrStdout()
	switch {
	case g.output == formJSON:
		return writeJSON(w, a.data)
	case g.output == formCSV:
		return a.table.writeCSV(w)
	case a.text != "":
		return write(w, tame(g.repeat(a.text), "\n"))
	default:
		return write(w, a.table.text())
	}
}

func write(w io.Writer, text string) error {
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}

// column is one column of a table: a stable name for programs and a title for
// people. Without a title programs alone see it: a line has room for so much.
type column struct{ id, title string }

// cell is one value: as the server sent it, for programs, and as people read
// it.
type cell struct{ raw, shown string }

type table struct {
	columns []column
	rows    [][]cell
}

func (t *table) add(cells ...cell) { t.rows = append(t.rows, cells) }

// text pads by what a terminal shows, so that Japanese stays aligned.
func (t *table) text() string {
	lines := make([][]string, 0, len(t.rows)+1)
	var title []string
	for _, c := range t.columns {
		if c.title != "" {
			title = append(title, c.title)
		}
	}
	lines = append(lines, title)
	for _, row := range t.rows {
		var line []string
		for i, c := range row {
			if t.columns[i].title != "" {
				line = append(line, oneLine(c.shown))
			}
		}
		lines = append(lines, line)
	}
	return aligned(lines)
}

// aligned puts cells under each other, two columns apart.
func aligned(lines [][]string) string {
	var widths []int
	for _, line := range lines {
		for i, s := range line {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], lang.Width(s))
		}
	}
	var b strings.Builder
	for _, line := range lines {
		for i, s := range line {
			if i == len(line)-1 {
				b.WriteString(s)
			} else {
				b.WriteString(lang.Pad(s, widths[i]+2))
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// oneLine keeps what somebody typed from breaking a table or steering a
// terminal.
func oneLine(s string) string { return tame(s, "") }

// tame makes spaces of control characters, but for those that are kept: what
// people typed and phones told must not steer the terminal of who reads it.
func tame(s, kept string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && !strings.ContainsRune(kept, r) {
			return ' '
		}
		return r
	}, s)
}

func (t *table) writeCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	line := make([]string, len(t.columns))
	for i, c := range t.columns {
		line[i] = c.id
	}
	err := out.Write(line)
	for _, row := range t.rows {
		for i, c := range row {
			line[i] = unformula(tame(c.raw, "\n\r\t"))
		}
		if err == nil {
			err = out.Write(line)
		}
	}
	out.Flush()
	if err == nil {
		err = out.Error()
	}
	if err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}

// unformula keeps a spreadsheet from taking a value for a formula: notes and
// reasons are typed by people, names come from phones.
func unformula(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

// none stands for a value that there is not.
const none = "–"

func plain(s string) cell {
	if s == "" {
		return cell{"", none}
	}
	return cell{s, s}
}

func number(n int) cell { return plain(strconv.Itoa(n)) }

func boolean(b bool) cell { return plain(strconv.FormatBool(b)) }

func list(items []string) cell {
	return cell{strings.Join(items, " "), plain(strings.Join(items, ", ")).shown}
}

// word is an identifier of the domain, as people call it.
func (g *globals) word(code string) cell {
	if code == "" {
		return plain("")
	}
	return cell{code, g.text.Word(code)}
}

func (g *globals) phase(code string) cell { return cell{code, g.text.Phase(code).Label} }

func (g *globals) reason(code string) cell {
	if code == "" {
		return plain("")
	}
	return cell{code, g.text.Reason(code).Label}
}

// instant is a moment: UTC for programs, local with its offset for people.
func (g *globals) instant(t time.Time) cell {
	if t.IsZero() {
		return plain("")
	}
	return cell{t.UTC().Format(time.RFC3339), g.text.Time(t)}
}

// clockText ends a view of a lab that has two clocks with whose times it shows;
// "" where there is only one.
func (g *globals) clockText(clock string) string {
	if clock != fleet.ClockPolicy {
		return ""
	}
	return "\n" + g.text.T("Times follow the lab's clock; those of enrollment, certificates and pushes follow the machine's.") + "\n"
}

// day is a date that is good to about a day.
func day(t time.Time) cell {
	if t.IsZero() {
		return plain("")
	}
	return plain(t.UTC().Format(time.DateOnly))
}

// onClock is a time by a phone's own clock: no zone, never converted.
func onClock(local string) cell {
	t, err := time.Parse("2006-01-02T15:04:05", local)
	if err != nil {
		return plain(local)
	}
	return cell{local, t.Format("2006-01-02 15:04")}
}

// fields shows name and value under each other, for a single thing.
func fields(pairs ...[2]string) string {
	lines := make([][]string, len(pairs))
	for i, p := range pairs {
		lines[i] = []string{p[0], oneLine(p[1])}
	}
	return aligned(lines)
}
