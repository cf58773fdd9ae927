package main

import (
	"strings"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
)

// TestBreakerPhonesText: who looks at a rollout that stopped reads which phones it stopped
// for, and what each said.
func TestBreakerPhonesText(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	v := fleet.RolloutView{Breaker: &fleet.BreakerView{
		Since: at, StoppedAt: at, Paused: true, PhonesCount: 25,
		Stopped: []policy.Reading{{Signal: policy.WhyInstallsFailed, Count: 4, Of: 40, StopsAt: 4}},
		Signals: []policy.Reading{{Signal: policy.WhyInstallsFailed, Count: 24}, {Signal: policy.WhyAppsReverted, Count: 1, Of: 9}, {Signal: policy.WhyPhonesSilent, Of: 9}},
		Phones: []fleet.BreakerPhone{
			{UDID: "P1", Holder: "E-17", Failed: &fleet.FailureView{Release: "26.6.1", Reason: "SUMacControllerError 7723", At: at}},
			{UDID: "P2", Reverted: []fleet.RevertedView{{BundleID: "com.example.pos", From: "4.2", At: at}}},
			{UDID: "P3", LastContact: at},
		},
	}}
	for tag, want := range map[string][]string{
		"en": {
			"- installation failed: 24 phones\n", "- business app gone or back at a lower version: 1 of 9 phones\n",
			"P1     E-17        installation failed (iOS 26.6.1, SUMacControllerError 7723, 2026-11-20 09:00",
			"(com.example.pos, was 4.2, 2026-11-20 09:00", "last heard of 2026-11-20 09:00", "and 22 more phones\n",
		},
		"ja": {"：24台\n", "：9台中1台\n", "SUMacControllerError 7723", "以前は4.2", "最後の通信2026-11-20 09:00", "ほか22台\n"},
	} {
		text := testGlobals(tag).breakerText(v)
		for _, part := range want {
			if !strings.Contains(text, part) {
				t.Errorf("%s: want %q in\n%s", tag, part, text)
			}
		}
		if strings.Contains(text, testGlobals(tag).text.Why(string(policy.WhyPhonesSilent))) {
			t.Errorf("%s: names a signal that nothing shows:\n%s", tag, text)
		}
	}
}
