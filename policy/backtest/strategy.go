package backtest

import (
	"fmt"
	"slices"
	"strings"
)

// Strategy says what testers do when a new release appears.
type Strategy string

// The strategies.
const (
	// Restart drops the test that runs and begins anew with each release.
	Restart Strategy = "restart"
	// Finish ends the test that runs and then goes on with the newest release.
	Finish Strategy = "finish"
	// CarryOver is Finish under a policy with carry-over: once x.y or a patch of
	// it was tested in full, later patches of it need a smoke test only.
	CarryOver Strategy = "carry-over"
	// Emergency is CarryOver, but a release with a fix that the one under test
	// lacks, for a CVE known to be exploited, is taken up at once; after a smoke
	// test two people approve it by the emergency lane, and phones install it within
	// EmergencyInstallDays. A full test that was under way goes on there when it
	// is a patch of the same x.y, and begins anew otherwise.
	Emergency Strategy = "emergency"
)

// Strategies returns all strategies, the plainest first.
func Strategies() []Strategy { return []Strategy{Restart, Finish, CarryOver, Emergency} }

// ParseStrategy returns the strategy named s.
func ParseStrategy(s string) (Strategy, error) {
	if slices.Contains(Strategies(), Strategy(s)) {
		return Strategy(s), nil
	}
	names := make([]string, 0, len(Strategies()))
	for _, known := range Strategies() {
		names = append(names, string(known))
	}
	return "", fmt.Errorf("strategy %q is not one of %s", s, strings.Join(names, ", "))
}

// carries reports whether results for x.y count for its patches.
func (s Strategy) carries() bool { return s == CarryOver || s == Emergency }
