package main

import (
	"strings"
	"testing"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/server/api"
)

// TestJudgedTextSameLabel: of a gate that only waits for something else, that is
// said, and no change from "Testing" to "Testing".
func TestJudgedTextSameLabel(t *testing.T) {
	t.Parallel()
	v := api.Verdict{Effect: &fleet.VerdictEffect{
		App: &fleet.SeenView{},
		Gates: []fleet.GateEffect{{
			Group: "sales", Release: "26.6.1", PhaseBefore: policy.PhaseVerifying, PhaseAfter: policy.PhaseVerifying,
			MissingBefore: []string{"com.example.inv", "com.example.pos"}, MissingAfter: []string{"com.example.inv"},
		}},
	}}
	const want = "Gate of sales for iOS 26.6.1: Testing, as before; not verified: com.example.inv (before: com.example.inv, com.example.pos).\n"
	if got := testGlobals("en").judgedText(v); !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want it to begin with %q", got, want)
	}
	if got := testGlobals("ja").judgedText(v); !strings.HasPrefix(got, "salesのiOS 26.6.1のゲート：検証中（変化なし）") {
		t.Errorf("got %q", got)
	}
}
