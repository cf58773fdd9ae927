package fleet

import (
	"context"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// DeviceHistory is what one phone ran, and what waiting for fixes cost it.
type DeviceHistory struct {
	AsOf      time.Time      `json:"as_of"`
	UDID      string         `json:"udid"`
	Group     string         `json:"group"`
	Ring      string         `json:"ring"`
	Model     string         `json:"model"`
	OS        string         `json:"os"`
	Forgotten int            `json:"forgotten,omitempty"` // releases it ran before those of Ran, in this enrolment
	Ran       []RanView      `json:"ran"`                 // oldest first, the last one is OS; what that cost where it is now
	Past      []PastView     `json:"past"`                // what it ran in production elsewhere, oldest first
	Open      int            `json:"open_cves"`           // that it lacks the fix of today
	Exploited int            `json:"open_exploited"`      // of them, those known to be exploited
	CVEs      []FlawExposure `json:"cves"`                // the exploited ones, costliest first; Phones is 1 while it lacks the fix
	policy.Cost
}

// RanView is one release that a phone ran.
type RanView struct {
	Release string    `json:"release"`
	Since   time.Time `json:"since"`
	Until   time.Time `json:"until,omitzero"`            // zero: it still runs it
	Reasons []string  `json:"install_reasons,omitempty"` // Apple's words for how it came to it
	policy.Cost
}

// PastView is one release that a phone ran in production where it is no longer, or in an
// enrolment before the present one. At most [storage.MaxPast] are kept.
type PastView struct {
	Release string    `json:"release"`
	Group   string    `json:"group"` // "" for none
	Since   time.Time `json:"since"`
	Until   time.Time `json:"until"`
	policy.Cost
}

// DeviceExposure returns what a phone ran in its present enrolment and, in production,
// before, and what waiting for fixes cost it. A verification phone is counted like any
// other, from when it came there.
func (f *Fleet) DeviceExposure(ctx context.Context, seg storage.Segment, udid string) (DeviceHistory, error) {
	w, err := f.world(seg)
	if err != nil {
		return DeviceHistory{}, err
	}
	p, err := f.phone(ctx, seg, udid)
	if err != nil {
		return DeviceHistory{}, err
	}
	now := f.now()
	a := &accounts{ledger: policy.NewLedger(w.current.Load().withCensus(w.census, now), now), stretches: map[stretch]int{}, known: map[stretch]policy.Cost{}, counted: placedOn(&p)}
	v := DeviceHistory{
		Past: []PastView{},
		AsOf: now, UDID: p.UDID, Group: p.Group, Ring: string(p.Ring), Model: p.Model, OS: fullVersion(&p), Forgotten: p.Forgotten,
	}
	for _, c := range a.ledger.Open(p.Model, fullVersion(&p)) {
		v.Open++
		if c.Exploited {
			v.Exploited++
		}
	}
	steps := releasesOf(&p)
	for i, r := range ranBy(&p, nil) {
		s := stretch{place: place{p.Group, p.Model}, ran: r, counted: a.counted}
		a.stretches[s]++
		row := RanView{Release: steps[i].Version, Since: steps[i].Since, Reasons: steps[i].Reasons, Cost: a.cost(s)}
		if i > 0 {
			v.Ran[i-1].Until = row.Since
		}
		v.Ran = append(v.Ran, row)
		v.Add(row.Cost, 1)
	}
	for i, past := range staysOf(&p) {
		s := stretch{place: place{past.group.Value(), p.Model}, ran: past.ran}
		a.stretches[s]++
		kept := p.Past[i]
		row := PastView{kept.Version, kept.Group, kept.Since, kept.Until, a.cost(s)}
		v.Past = append(v.Past, row)
		v.Add(row.Cost, 1)
	}
	v.CVEs = a.flaws(map[running]int{{group: p.Group, model: p.Model, version: p.OS.Version, extra: p.OS.SupplementalExtra}: 1})
	return v, nil
}
