package main

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
)

// TestModelClocksText: models are told apart where their dates differ.
func TestModelClocksText(t *testing.T) {
	t.Parallel()
	g := testGlobals("en")
	early := policy.Clocks{VerifyBy: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)}
	late := policy.Clocks{VerifyBy: time.Date(2026, 11, 15, 0, 0, 0, 0, time.UTC)}
	gate := policy.Gate{ModelClocks: []policy.ModelClocks{{Model: "iPhone12,1", Clocks: late}, {Model: "iPhone13,2", Clocks: early}, {Model: "iPhone15,2", Clocks: late}}}
	text := g.modelClocksText(gate)
	for _, want := range []string{`(?m)^iPhone12,1, iPhone15,2 .*2026-11-15`, `(?m)^iPhone13,2 .*2026-10-01`} {
		if !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("%q does not match %q", text, want)
		}
	}
	gate.ModelClocks = gate.ModelClocks[:1]
	if text := g.modelClocksText(gate); text != "" {
		t.Errorf("one date for all: %q, want nothing more", text)
	}
}

// TestTextsWithoutProductionPhones: no deadline and no waves of 0 phones.
func TestTextsWithoutProductionPhones(t *testing.T) {
	t.Parallel()
	g := testGlobals("en")
	waves := make([]fleet.WaveView, 2)
	gate := policy.Gate{Group: "sales", Release: "26.6"}
	for name, text := range map[string]string{
		"approve": g.approveText(gate, fleet.Effect{DryRun: true, Waves: waves}),
		"plan":    g.rolloutPlanText(fleet.RolloutPlan{Group: "sales", Release: "26.6", Approvable: true, Waves: make([]fleet.WaveView, 2)}),
	} {
		if !strings.Contains(text, "Group sales has no production phones") || strings.Contains(text, "deadline") || strings.Contains(text, "Wave") {
			t.Errorf("%s says:\n%s", name, text)
		}
	}
	gate.Counts.Production = 3
	waves[1].Wave, waves[1].Moved = 2, []fleet.WaveMove{{What: fleet.MovedStart, From: "2026-08-20T09:00:00", By: "closed-days", Days: "2026-08-20..2026-08-21"}}
	const moved = "Wave 2: start moved from 2026-08-20 09:00 in the server's time zone (no-update days 2026-08-20..2026-08-21)."
	if text := g.approveText(gate, fleet.Effect{DryRun: true, Waves: waves}); !strings.Contains(text, moved) {
		t.Errorf("the waves of an approval:\n%s\nwant %q", text, moved)
	}
	if text := g.approveText(gate, fleet.Effect{DryRun: true, Waves: waves}); strings.Contains(text, "no production phones") || !strings.Contains(text, "Wave") {
		t.Errorf("with phones:\n%s", text)
	}
}
