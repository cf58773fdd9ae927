package main

import (
	"regexp"
	"testing"
	"time"

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
