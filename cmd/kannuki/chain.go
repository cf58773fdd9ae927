package main

import (
	"fmt"
	"strings"

	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/policy"
)

// chainText shows reasons of a gate, or facts about a phone, each with the
// records it rests on and the command that shows them. What the phone itself
// said needs none, nor does the gate that the next lines tell of.
func (g *globals) chainText(chain []policy.Reason, group string) string {
	var b strings.Builder
	for _, r := range chain {
		fmt.Fprintf(&b, "- %s\n", oneLine(g.text.Fill(g.text.Fact(string(r.Code)), r.Params)))
		for _, record := range r.From {
			if command := lookUp(record, group); command != "" {
				fmt.Fprintf(&b, "    %s: %s\n", g.recordText(record), command)
			}
		}
	}
	return b.String()
}

// recordText says what kind of record it is, and who wrote it when.
func (g *globals) recordText(r policy.Record) string {
	text := g.text.Record(string(r.Kind))
	var by []string
	if r.By != "" {
		by = append(by, r.By)
	}
	if !r.At.IsZero() {
		by = append(by, g.text.Time(r.At))
	}
	if len(by) == 0 {
		return text
	}
	return g.text.T("%s (%s)", text, strings.Join(by, ", "))
}

// lookUp returns the command that shows a record, "" when nothing is to be
// looked up.
func lookUp(r policy.Record, group string) string {
	switch r.Kind {
	case policy.RecordVerdict:
		return "kannuki verdict show " + lang.ShellWord(r.ID)
	case policy.RecordApproval:
		return "kannuki audit log --target " + lang.ShellWord(group+"/"+r.Release)
	case policy.RecordOffer, policy.RecordDecline:
		return "kannuki audit log --target " + lang.ShellWord(r.ID)
	case policy.RecordGroup:
		return "kannuki group show " + lang.ShellWord(r.ID)
	case policy.RecordPolicy:
		return "kannuki policy show " + lang.ShellWord(r.ID)
	case policy.RecordApp:
		return "kannuki app show " + lang.ShellWord(r.ID)
	case policy.RecordRelease:
		return "kannuki release show " + lang.ShellWord(r.ID)
	case policy.RecordGate, policy.RecordPhone:
		return ""
	default:
		return ""
	}
}
