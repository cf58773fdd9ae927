package main

import (
	"strings"
	"testing"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/server/api"
)

// TestJudgedTextOfWhatThePolicyApproves: that no phone has to do anything is not said
// where the policy tells all of them to install because of the result.
func TestJudgedTextOfWhatThePolicyApproves(t *testing.T) {
	t.Parallel()
	approved := fleet.PolicyApproval{Release: "26.6.1", HoldOf: "26.5.2", Policy: "late"}
	v := api.Verdict{Effect: &fleet.VerdictEffect{App: &fleet.SeenView{}}}
	v.Group = "sales"
	const nobody = "No phone has to do anything because of it."
	if got := testGlobals("en").judgedText(v); !strings.Contains(got, nobody) {
		t.Errorf("got %q, want it to say %q", got, nobody)
	}
	v.Effect.PolicyApproves = []fleet.PolicyApproval{approved}
	for lang, want := range map[string]string{
		"en": "policy late now approves iOS 26.6.1 for sales by itself, and tells production phones to install it. ",
		"ja": "ポリシーlateがiOS 26.6.1をsalesにすぐ自動で承認し、本番端末にインストールを指示します。",
	} {
		g := testGlobals(lang)
		if got := g.judgedText(v); !strings.Contains(got, want) || strings.Contains(got, g.text.T(nobody)) {
			t.Errorf("got %q, want it to say %q, and not that nobody has to do anything", got, want)
		}
	}
}

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
