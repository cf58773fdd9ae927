package fleet

import (
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// Waited returns what waiting for a release cost the production phones of a
// group so far.
func (f *Fleet) Waited(seg storage.Segment, group, release string) (policy.Cost, error) {
	w, err := f.world(seg)
	if err != nil {
		return policy.Cost{}, err
	}
	now := f.now()
	ledger := policy.NewLedger(w.current.Load().withCensus(w.census, now), now).For(release)
	a := newAccounts(w, ledger, ExposureQuery{Group: group}, time.Time{})
	var total policy.Cost
	for s, n := range a.stretches {
		total.Add(a.cost(s), n)
	}
	return total, nil
}

// LeftOpen returns what a release leaves open that a group declined, nil for one
// that it did not decline.
func (f *Fleet) LeftOpen(seg storage.Segment, group, release string) (*policy.LeftOpen, error) {
	w, err := f.world(seg)
	if err != nil {
		return nil, err
	}
	if open, declined := f.explainer(w).ledger().LeftOpen(group, release); declined {
		return &open, nil
	}
	return nil, nil
}

// ledger counts what the phones are exposed to.
func (e explainer) ledger() *policy.Ledger { return policy.NewLedger(e.world, e.now) }

// leftOpen returns what releases leave open on a phone that its group declined.
// One of the verification ring gets what it is offered, and none is counted.
func (e explainer) leftOpen(p *storage.Phone) []policy.LeftOpen {
	if p.Ring != storage.RingProduction || p.State != storage.PhoneEnrolled {
		return nil
	}
	return e.ledger().DeclinedOn(p.Group, p.Model, p.OS.Version)
}

// declinedBy returns what the releases leave open that the groups of a report
// declined.
func declinedBy(ledger *policy.Ledger, groups []ExposureLine) []policy.LeftOpen {
	list := []policy.LeftOpen{}
	for _, line := range groups {
		list = append(list, ledger.Declined(line.Group)...)
	}
	return list
}
