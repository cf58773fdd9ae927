package fleet

import (
	"slices"
	"time"
	"unique"

	"github.com/kannuki-mdm/kannuki/storage"
)

// EndStay returns the record of a phone that goes to another place now, leaves
// management, or comes back to it: what it ran in production where it was is kept as
// past, and from now on it counts for where it is next.
func (f *Fleet) EndStay(p storage.Phone) storage.Phone { return endStay(p, f.now()) }

func endStay(p storage.Phone, now time.Time) storage.Phone {
	if p.State == storage.PhoneEnrolled && p.Ring != storage.RingVerification {
		past := append(slices.Clone(p.Past), stayed(&p, now)...)
		p.Past = past[max(0, len(past)-storage.MaxPast):]
	}
	p.PlacedAt = now.UTC().Truncate(time.Second)
	return p
}

// stayed returns what a phone ran up to now since it came to where it is. What was over
// on the day it began cost nothing, and is left out.
func stayed(p *storage.Phone, now time.Time) []storage.Stay {
	var list []storage.Stay
	ran := releasesOf(p)
	for i, r := range ran {
		since, until := r.Since, now
		if p.PlacedAt.After(since) {
			since = p.PlacedAt
		}
		if i+1 < len(ran) {
			until = ran[i+1].Since
		}
		if dayOf(since) < dayOf(until) {
			list = append(list, storage.Stay{Version: r.Version, Group: p.Group, Since: since.UTC().Truncate(time.Second), Until: until.UTC().Truncate(time.Second)})
		}
	}
	return list
}

// stay is a [storage.Stay] as the census keeps it.
type stay struct {
	group unique.Handle[string]
	ran   ran // it is over
}

// staysOf returns the stays of a phone that are over.
func staysOf(p *storage.Phone) []stay {
	var list []stay
	for _, s := range p.Past {
		list = append(list, stay{unique.Make(s.Group), ran{unique.Make(s.Version), dayOf(s.Since), dayOf(s.Until)}})
	}
	return list
}

// placedOn returns the day from which on a phone counts for where it is; 0: its enrolment.
func placedOn(p *storage.Phone) int32 {
	if p.PlacedAt.IsZero() {
		return 0
	}
	return dayOf(p.PlacedAt)
}

// departed is what is kept in memory of a phone that left management.
type departed struct {
	model string
	past  []stay
}
