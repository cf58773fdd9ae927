package policy_test

import (
	"testing"

	"github.com/kannuki-mdm/kannuki/policy"
)

// TestImprovementsHidden: only the settings declaration of a supervised phone
// can say anything about improvements, whatever the policy wants. On a phone in no group
// they are hidden: it has left none by which it could get one.
func TestImprovementsHidden(t *testing.T) {
	t.Parallel()
	const yes, no = policy.Supervised, policy.Unsupervised
	tests := []struct {
		name         string
		says         policy.Improvements
		os           string
		supervised   policy.Supervision
		capabilities policy.Capabilities
		hide, keep   bool
	}{
		{"nothing said", policy.Improvements{}, "26.5", yes, both, false, false},
		{"accepted", policy.Improvements{Mode: policy.ImprovementsAccept}, "26.5", yes, both, false, false},
		{"accepted for good", policy.Improvements{Mode: policy.ImprovementsAccept, Keep: true}, "26.5", yes, both, false, true},
		{"off", policy.Improvements{Mode: policy.ImprovementsOff}, "26.5", yes, both, true, false},
		{"a mode that does not exist", policy.Improvements{Mode: "never"}, "26.5", yes, both, false, false},
		{"unsupervised", policy.Improvements{Mode: policy.ImprovementsOff, Keep: true}, "26.5", no, both, false, false},
		{"supervision unknown", policy.Improvements{Mode: policy.ImprovementsOff, Keep: true}, "26.5", policy.SupervisionUnknown, both, false, false},
		{"iOS 17", policy.Improvements{Mode: policy.ImprovementsOff, Keep: true}, "17.7", yes, enforcement, false, false},
		{"iOS 16", policy.Improvements{Mode: policy.ImprovementsOff, Keep: true}, "16.7.11", yes, none, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, f := verified(), phone()
			p.Policies, p.Groups[0].Policy = []policy.Policy{{Name: "strict", Improvements: tt.says}}, "strict"
			f.OSVersion, f.Supervised, f.Capabilities = tt.os, tt.supervised, tt.capabilities
			for _, ring := range []policy.Ring{policy.RingProduction, policy.RingVerification} {
				f.Ring = ring
				if got := target(p, f).Hold; got.HideImprovements != tt.hide || got.KeepImprovements != tt.keep {
					t.Errorf("%s: hidden %v, kept %v; want %v, %v", ring, got.HideImprovements, got.KeepImprovements, tt.hide, tt.keep)
				}
			}
			f.Group = ""
			can := tt.supervised == yes && tt.capabilities.Settings
			if got := target(p, f).Hold; got.HideImprovements != can || got.KeepImprovements {
				t.Errorf("a phone in no group is told %+v, want improvements hidden: %v", got, can)
			}
		})
	}
}
