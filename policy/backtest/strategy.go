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
)

// Strategies returns all strategies, the plainest first.
func Strategies() []Strategy { return []Strategy{Restart, Finish} }

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
