package backtest

import (
	"math"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
)

// ledger adds up what a run costs.
type ledger struct {
	phoneDays int
	restarts  int
	cost      policy.Cost
}

// daysPerYear is the mean length of a year.
const daysPerYear = 365.25

// ranUntil notes that phones of a group ran their release until a moment.
func (p *phones) ranUntil(of string, until time.Time) {
	p.stretches = append(p.stretches, policy.Stretch{Group: of, Model: p.model, Version: p.os, From: p.since, Until: until})
	p.since = until
}

// account adds up, on the last day, what all phones ran. What became known to be
// exploited after its fix counts from the fix on: phones were exposed to it.
func (r *replay) account() {
	r.parts.Releases = r.past.releases
	r.changed()
	counts := policy.NewLedger(r.snapshot(), r.past.until)
	for _, p := range r.phones {
		p.ranUntil(r.group, r.past.until)
		r.ledger.phoneDays += p.count * days(p.joins, r.past.until)
		for _, s := range p.stretches {
			r.ledger.cost.Add(counts.Cost(s), p.count)
		}
	}
}

// exposure returns what the phones were exposed to, per phone and year.
func (l ledger) exposure() Exposure {
	return Exposure{Total: l.perYear(l.cost.Days), Testing: l.perYear(l.cost.Testing), Avoidable: l.perYear(l.cost.Avoidable)}
}

// perYear spreads a number over the phones and their days, to one decimal.
func (l ledger) perYear(n int) float64 {
	if l.phoneDays == 0 {
		return 0
	}
	return math.Round(float64(n)*daysPerYear/float64(l.phoneDays)*10) / 10
}
