package main

import (
	"strings"
	"testing"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
)

// TestMostExposedAreMarked: the phones that waiting cost most tell which of them lack
// a fix because a release was declined.
func TestMostExposedAreMarked(t *testing.T) {
	t.Parallel()
	cost := policy.Cost{Days: 3, Testing: 3}
	text := testGlobals("en").exposureDetail(fleet.Exposure{Devices: []fleet.DeviceExposure{
		{UDID: "P1", Group: "sales", OS: "26.2", ExposedBy: "26.6", Cost: cost}, {UDID: "Q1", Group: "stock", OS: "26.2", Cost: cost},
	}}, "").text
	marked := map[string]bool{}
	for line := range strings.Lines(text) {
		if udid, _, _ := strings.Cut(line, " "); udid == "P1" || udid == "Q1" {
			marked[udid] = strings.Contains(line, "26.2 ! ")
		}
	}
	if len(marked) != 2 || !marked["P1"] || marked["Q1"] {
		t.Errorf("marked %v, want P1 alone, in\n%s", marked, text)
	}
	const why = "! 1 phone keeps a flaw known to be exploited, because its group declined the release with the fix: iOS 26.6\n"
	if !strings.Contains(text, why) {
		t.Errorf("no line\n%sin\n%s", why, text)
	}
}
