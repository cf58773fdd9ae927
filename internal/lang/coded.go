package lang

import (
	"strings"
	"time"
)

// The tables of coded texts (reasonTexts, stepTexts, …) are built at their
// first use and only read afterwards.

// both is one text in both languages, side by side so that a change to one
// shows the other.
type both struct{ en, ja string }

func (b both) in(lang string) string {
	if lang == Japanese && b.ja != "" {
		return b.ja
	}
	return b.en
}

// ReasonText is the wording of one phone's reason. Both fields may hold
// placeholders for [Printer.Fill].
type ReasonText struct {
	Label    string // a few words for tables
	Sentence string // what is so; the next steps are texts of their own, see Printer.Step
}

// PhaseText is the wording of a gate's phase.
type PhaseText struct {
	Label string // a few words for tables
	Line  string // one sentence without placeholders
}

// Reason returns the wording of a phone's reason (package policy, Reason…
// codes). An unknown code comes back as its own label and sentence.
func (p *Printer) Reason(code string) ReasonText {
	t, ok := reasonTexts()[code]
	if !ok {
		return ReasonText{Label: code, Sentence: code}
	}
	return ReasonText{Label: t.label.in(p.lang), Sentence: t.sentence.in(p.lang)}
}

// Step returns what happens next by itself, or what a person can do next
// (package policy, Step… codes), as a whole sentence with placeholders for
// [Printer.Fill]. The empty code gives the sentence that nothing needs doing;
// an unknown one comes back as it is.
func (p *Printer) Step(code string) string { return p.coded(stepTexts(), code) }

// Fact returns why a gate is in its phase, or what supports a phone's reason
// (package policy, Gate… and Fact… codes), with placeholders for
// [Printer.Fill]. An unknown code comes back as it is.
func (p *Printer) Fact(code string) string {
	if t, ok := factTexts()[code]; ok {
		return t.in(p.lang)
	}
	return p.coded(gateTexts(), code)
}

// Why returns the finer cause that some codes carry (package policy, Why…
// codes). An unknown code comes back as it is.
func (p *Printer) Why(code string) string { return p.coded(whyTexts(), code) }

// Phase returns the wording of a gate's phase. An unknown code comes back as
// its own label and line.
func (p *Printer) Phase(code string) PhaseText {
	t, ok := phaseTexts()[code]
	if !ok {
		return PhaseText{Label: code, Line: code}
	}
	return PhaseText{Label: t.label.in(p.lang), Line: t.line.in(p.lang)}
}

// Word returns the name people see for an identifier of the domain, such as
// "works-with-note", "critical" or "verification". An unknown one comes back
// as it is.
func (p *Printer) Word(code string) string { return p.coded(wordTexts(), code) }

// Method returns the name people see for a kind of test (package policy,
// Method… values). An unknown one comes back as it is.
func (p *Printer) Method(code string) string { return p.coded(methodTexts(), code) }

// Record returns the name people see for a kind of record that a reason rests on
// (package policy, Record… values). An unknown one comes back as it is.
func (p *Printer) Record(kind string) string { return p.coded(recordTexts(), kind) }

// Mark returns the sign of a test result in a matrix of apps and releases. It
// is never a tick, because in Japan a tick marks what is wrong.
func (p *Printer) Mark(result string) string { return p.coded(markTexts(), result) }

func (p *Printer) coded(texts map[string]both, code string) string {
	t, ok := texts[code]
	if !ok {
		return code
	}
	return t.in(p.lang)
}

// Fill puts parameters into a coded text. {name} stands for a parameter; a part
// in [square brackets] is left out when a parameter in it has no value, so that
// a text never shows a gap. Outside brackets a missing value is shown as
// unknown. Values that are codes or times are put into the printer's language;
// {date:day} is a day of Apple's catalogue, which is no time of day in any zone.
func (p *Printer) Fill(text string, params map[string]string) string {
	var out strings.Builder
	for text != "" {
		before, rest, optional := strings.Cut(text, "[")
		always, _ := p.fill(before, params)
		out.WriteString(always)
		if !optional {
			break
		}
		part, after, _ := strings.Cut(rest, "]")
		if filled, complete := p.fill(part, params); complete {
			out.WriteString(filled)
		}
		text = after
	}
	return out.String()
}

// fill replaces the placeholders of one part and reports whether all of them
// had a value.
func (p *Printer) fill(part string, params map[string]string) (string, bool) {
	var out strings.Builder
	complete, command := true, false // command: between two backticks of the text, for people to copy
	for {
		before, rest, found := strings.Cut(part, "{")
		out.WriteString(before)
		command = command != (strings.Count(before, "`")%2 == 1)
		if !found {
			return out.String(), complete
		}
		placeholder, after, _ := strings.Cut(rest, "}")
		name, form, _ := strings.Cut(placeholder, ":")
		value := params[name]
		if value == "" {
			complete = false
			value = both{"unknown", "不明"}.in(p.lang)
		}
		word := p.value(name, value)
		if text, known := feedFaultTexts()[value]; name == "fault" && known {
			word = p.Fill("[{place}：]"+text, params)
		}
		if t, err := time.Parse(time.RFC3339, value); err == nil && form == "day" {
			word = t.UTC().Format(time.DateOnly)
		}
		if command {
			word = ShellWord(word)
		}
		out.WriteString(word)
		part = after
	}
}

// value puts one parameter into the reader's language. The names are those of
// package policy's Param… constants.
func (p *Printer) value(name, value string) string {
	switch name {
	case "phase":
		return p.Phase(value).Label
	case "why":
		// A finer code, an install state, or Apple's own words.
		return p.Word(p.Why(value))
	case "cause":
		return p.coded(causeTexts(), value)
	case "about":
		return p.Word(value)
	case "outcome":
		return p.coded(outcomeTexts(), value)
	case "step":
		return p.Step(value)
	case "help":
		return p.coded(helpTexts(), value)
	case "reasons":
		return p.counted(value, p.Lateness, both{", ", "、"})
	case "causes": // whole phrases
		return p.counted(value, func(code string) string { return p.Why(code) + both{":", "："}.in(p.lang) }, both{"; ", "；"})
	case "setting", "state":
		return p.Word(value)
	case "missing", "phones":
		return strings.Join(strings.Split(value, ","), both{", ", "、"}.in(p.lang))
	case "deadline", "before":
		// The phone's own clock: no zone, and never converted.
		if t, err := time.Parse("2006-01-02T15:04:05", value); err == nil {
			return t.Format("2006-01-02 15:04")
		}
	case "date":
		if t, err := time.Parse(time.RFC3339, value); err == nil {
			return p.Time(t)
		}
	}
	return value
}
