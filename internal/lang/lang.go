// Package lang gives Kannuki's texts in English and Japanese.
//
// It owns two kinds of text. Free texts are looked up by their English format
// string ([Printer.T], [Printer.N]); coded texts belong to the stable codes of
// package policy and are looked up by code ([Printer.Reason], [Printer.Step],
// [Printer.Phase], …), because codes are what JSON, audit and alarms carry and
// a reader's language is known only where a text is shown. A text that has no
// Japanese is shown in English, never left out; a test over the whole tree
// fails when one is missing.
//
// The package decides no wording of the API (JSON stays English) and does not
// translate what people typed.
package lang

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/text/language"
)

// The languages a [Printer] speaks, as [Printer.Lang] returns them.
const (
	English  = "en"
	Japanese = "ja"
)

// Printer renders texts in one language. It is immutable and safe for
// concurrent use.
type Printer struct {
	lang  string
	table map[string]string // Japanese by English format string; nil for English
	loc   *time.Location
}

// New returns a printer for the language that fits a BCP 47 tag best ("ja",
// "ja-JP", "ja_JP"). A tag that does not parse, or names another language,
// gives English. Times are shown in the local zone; see [Printer.In].
func New(tag string) *Printer {
	t, err := language.Parse(tag)
	if err != nil {
		return printer(English)
	}
	return printer(match(t))
}

// FromEnv returns the printer for a process environment by POSIX rules: the
// first that is set of LC_ALL, LC_MESSAGES and LANG. C, POSIX and anything
// unknown mean English.
func FromEnv(getenv func(string) string) *Printer {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		locale := getenv(name)
		if locale == "" {
			continue
		}
		// A locale is language_TERRITORY.codeset@modifier.
		locale, _, _ = strings.Cut(locale, "@")
		locale, _, _ = strings.Cut(locale, ".")
		return New(locale)
	}
	return printer(English)
}

// Lang returns the language of p, [English] or [Japanese].
func (p *Printer) Lang() string { return p.lang }

// In returns a printer of the same language that shows times in loc.
func (p *Printer) In(loc *time.Location) *Printer {
	q := *p
	q.loc = loc
	return &q
}

// As returns a printer of the language that fits a tag best, as [New] does, that
// shows times where p does.
func (p *Printer) As(tag string) *Printer { return New(tag).In(p.loc) }

// T renders a text by its English format string; the verbs are those of
// package fmt. The key must be a literal, so that the test over the tree can
// see it.
func (p *Printer) T(key string, args ...any) string {
	if ja, ok := p.table[key]; ok {
		return fmt.Sprintf(ja, args...)
	}
	return fmt.Sprintf(key, args...)
}

// N renders a text that counts. English takes one when n is 1 and other
// otherwise; Japanese has a single form, kept under other. Both formats get n
// as their first argument and args after it. Zero deserves a sentence of its
// own: callers write it with [Printer.T].
func (p *Printer) N(n int, one, other string, args ...any) string {
	all := append([]any{n}, args...)
	if ja, ok := p.table[other]; ok {
		return fmt.Sprintf(ja, all...)
	}
	if n == 1 {
		return fmt.Sprintf(one, all...)
	}
	return fmt.Sprintf(other, all...)
}

// Time shows an instant as 2006-01-02 15:04 -07:00 in the printer's zone, the
// same in both languages so that people can compare what they see.
func (p *Printer) Time(t time.Time) string {
	return t.In(p.loc).Format("2006-01-02 15:04 -07:00")
}

func match(tags ...language.Tag) string {
	supported := []language.Tag{language.English, language.Japanese}
	if _, i, confidence := language.NewMatcher(supported).Match(tags...); i == 1 && confidence > language.No {
		return Japanese
	}
	return English
}

func printer(lang string) *Printer {
	p := &Printer{lang: lang, loc: time.Local}
	if lang == Japanese {
		p.table = japanese()
	}
	return p
}

// japanese holds the free texts of all areas. It is built at the first use and
// only read afterwards; building it again for every printer would cost a page
// view as much as the page.
var japanese = sync.OnceValue(func() map[string]string {
	table := make(map[string]string)
	for _, area := range japaneseAreas() {
		for key, text := range area.texts {
			table[key] = text
		}
	}
	return table
})

// area is the free texts of one part of the program.
type area struct {
	name  string
	texts map[string]string
}

func japaneseAreas() []area {
	return []area{
		{"cli", japaneseCLI()},
		{"demo", japaneseDemo()},
	}
}
