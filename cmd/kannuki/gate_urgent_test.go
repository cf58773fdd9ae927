package main

import (
	"strings"
	"testing"

	"github.com/kannuki-mdm/kannuki/policy"
)

// TestLaneStateOffersToHurry: only where that brings something forward.
func TestLaneStateOffersToHurry(t *testing.T) {
	t.Parallel()
	for _, slow := range []bool{false, true} {
		gate := policy.Gate{Group: "sales", Release: "26.6.1", Phase: policy.PhaseRollingOut, Approval: "a1", Urgent: &policy.Urgency{Slow: slow}}
		if got := testGlobals("en").laneState(gate); strings.Contains(got, "--urgent") != slow {
			t.Errorf("slow %t: %s", slow, got)
		}
	}
}
