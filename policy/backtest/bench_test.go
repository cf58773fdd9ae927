package backtest_test

import (
	"fmt"
	"testing"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/policy/backtest"
)

// BenchmarkStored replays two years, with a release every three weeks for each of
// eight kinds of phones, under a policy with waves.
func BenchmarkStored(b *testing.B) {
	h := backtest.History{Since: first, Until: day(730)}
	var models []string
	for i := range 8 {
		models = append(models, fmt.Sprintf("iPhone%d,1", i+11))
		h.Phones = append(h.Phones, backtest.Phones{Model: models[i], Count: 1000})
	}
	for i := range 34 {
		h.Releases = append(h.Releases, posted(fmt.Sprintf("26.%d", i), 21*i, models[:8-i%8], fmt.Sprintf("CVE-%d", i)))
	}
	w := under(backtest.Stored{Policy: policy.Policy{CarryOver: true, VerdictDays: 180}, Waves: shares("5%", "25%", "100%"), Soak: 4 * aDay, Deadline: 3 * aDay}, 14)
	for b.Loop() {
		if _, err := backtest.Replay(h, []backtest.Way{w}); err != nil {
			b.Fatal(err)
		}
	}
}
