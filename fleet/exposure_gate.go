package fleet

import (
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
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
	if open, declined := f.explainer(w).flaws.LeftOpen(group, release); declined {
		return &open, nil
	}
	return nil, nil
}

// Declined returns what each release leaves open that a group declined, or any
// group when it is "": by group, newest release first, those that leave nothing
// open left out.
func (f *Fleet) Declined(seg storage.Segment, group string) ([]policy.LeftOpen, error) {
	w, err := f.world(seg)
	if err != nil {
		return nil, err
	}
	e := f.explainer(w)
	list := []policy.LeftOpen{}
	for _, g := range e.snap.records.Groups {
		if group == "" || group == g.Name {
			list = append(list, e.flaws.Declined(g.Name)...)
		}
	}
	return list, nil
}

// leftOpen returns what releases leave open on a phone that its group declined.
func (e explainer) leftOpen(p *storage.Phone) []policy.LeftOpen {
	if p.State != storage.PhoneEnrolled {
		return nil
	}
	return e.flaws.DeclinedOn(p.Group, censusOf(p))
}

// censusOf returns one phone as the census of its group counts it.
func censusOf(p *storage.Phone) policy.Census {
	return policy.Census{Ring: policy.Ring(p.Ring), Model: p.Model, OSVersion: fullVersion(p), Count: 1}
}

// declined adds what the releases leave open that the groups of a report declined.
func (v *Exposure) declined(ledger *policy.Ledger, phones map[running]int) {
	lines := map[string]*ExposureLine{}
	for i := range v.Groups {
		line := &v.Groups[i]
		lines[line.Group] = line
		v.Declined = append(v.Declined, ledger.Declined(line.Group)...)
	}
	for p, n := range phones {
		one := policy.Census{Ring: policy.RingProduction, Model: p.model, OSVersion: p.full()}
		if ledger.ExposedBy(p.group, one) != "" {
			lines[p.group].Declined += n
			v.Total.Declined += n
		}
	}
}

// running is what phones of one place run.
type running struct {
	group, model, version string
	extra                 string // letter of the improvement
}

func (r running) full() string { return version.WithExtra(r.version, r.extra) }

// running counts what the phones run that a report is about.
func (c *census) running(q ExposureQuery) map[running]int {
	byLook := map[*look]int{}
	for m := range c.all() {
		if q.wants(m) {
			byLook[m.look]++
		}
	}
	out := map[running]int{}
	for l, n := range byLook {
		out[running{l.phone.Group, l.phone.Model, l.phone.OS.Version, l.phone.OS.SupplementalExtra}] += n
	}
	return out
}
