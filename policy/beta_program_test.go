package policy_test

import (
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
)

// TestBetaPrograms: only verification phones that are ruled by a declaration may
// take part in a program, and unsupervised ones only in one that is offered.
func TestBetaPrograms(t *testing.T) {
	t.Parallel()
	knows := policy.Capabilities{Known: true, Settings: true, Enforcement: true}
	tests := []struct {
		name string
		mode policy.BetaMode
		ring policy.Ring
		sup  policy.Supervision
		caps policy.Capabilities
		want policy.BetaMode
	}{
		{"off", policy.BetaOff, policy.RingVerification, policy.Supervised, knows, ""},
		{"not said", "", policy.RingVerification, policy.Supervised, knows, ""},
		{"offered", policy.BetaOffer, policy.RingVerification, policy.Supervised, knows, policy.BetaOffer},
		{"required", policy.BetaRequire, policy.RingVerification, policy.Supervised, knows, policy.BetaRequire},
		{"offered to production", policy.BetaOffer, policy.RingProduction, policy.Supervised, knows, ""},
		{"required of production", policy.BetaRequire, policy.RingProduction, policy.Supervised, knows, ""},
		{"offered, unsupervised", policy.BetaOffer, policy.RingVerification, policy.Unsupervised, knows, policy.BetaOffer},
		{"required, unsupervised", policy.BetaRequire, policy.RingVerification, policy.Unsupervised, knows, ""},
		{"without the declaration", policy.BetaRequire, policy.RingVerification, policy.Supervised, policy.Capabilities{Known: true}, ""},
	}
	for _, tt := range tests {
		w := policy.NewWorld(policy.Parts{
			Groups:   []policy.Group{{Name: "sales", Policy: "strict"}},
			Policies: []policy.Policy{{Name: "strict", Beta: policy.BetaPrograms{Mode: tt.mode, Program: "AppleSeed"}}},
		})
		f := policy.Facts{Phone: "P", Group: "sales", Ring: tt.ring, OSVersion: "26.5", Model: "iPhone15,2", Supervised: tt.sup, Capabilities: tt.caps}
		hold := policy.TargetFor(w, f, time.Date(2026, 8, 18, 9, 0, 0, 0, time.UTC)).Hold
		if hold.Beta != tt.want || (hold.BetaProgram == "AppleSeed") != (tt.want != "") {
			t.Errorf("%s: told %q of %q, want %q", tt.name, hold.Beta, hold.BetaProgram, tt.want)
		}
	}
}

func TestParseBetaMode(t *testing.T) {
	t.Parallel()
	for _, mode := range []policy.BetaMode{policy.BetaOff, policy.BetaOffer, policy.BetaRequire} {
		if got, err := policy.ParseBetaMode(string(mode)); got != mode || err != nil {
			t.Errorf("ParseBetaMode(%q) = %q, %v", mode, got, err)
		}
	}
	if _, err := policy.ParseBetaMode("always"); err == nil {
		t.Error("ParseBetaMode took a mode that does not exist")
	}
}
