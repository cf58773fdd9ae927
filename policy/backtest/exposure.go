package backtest

import (
	"math"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
)

// ledger adds up what a run costs.
type ledger struct {
	phoneDays int
	cveDays   int // exploited CVEs open, by phone and day
	avoidable int // of them fixed by a release that was approved
	restarts  int
}

// daysPerYear is the mean length of a year.
const daysPerYear = 365.25

// account adds what the day after now costs.
func (r *replay) account(now time.Time) {
	for _, p := range r.phones {
		approved := ""
		if told := policy.TargetFor(r.snapshot(), p.facts(policy.RingProduction, p.os), now).Enforce; told != nil {
			approved = told.Release
		}
		open, avoidable := p.open(p.os, approved, now)
		r.ledger.phoneDays += p.count
		r.ledger.cveDays += p.count * open
		r.ledger.avoidable += p.count * avoidable
	}
}

// open counts the exploited CVEs that a phone on a version has although a fix is
// out for it, and those of them that the approved release fixes, "" for none.
func (k *kind) open(os, approved string, now time.Time) (all, avoidable int) {
	fixed, found := map[string]bool{}, map[string]bool{}
	for _, f := range k.fixes {
		switch {
		case version.Major(f.version) == version.Major(os) && version.AtLeast(os, f.version):
			for _, c := range f.cves {
				fixed[c] = true
			}
		case version.Newer(f.version, os) && !f.posted.After(now):
			// A newer branch lacks what the older one fixed after it came out.
			inside := version.AtLeast(approved, f.version) && !f.posted.After(k.posted[approved])
			for _, c := range f.cves {
				found[c] = found[c] || inside
			}
		}
	}
	for c, inside := range found {
		switch {
		case fixed[c]:
		case inside:
			avoidable++
			all++
		default:
			all++
		}
	}
	return all, avoidable
}

// exposure returns what the phones were exposed to, per phone and year.
func (l ledger) exposure() Exposure {
	return Exposure{Total: l.perYear(l.cveDays), Testing: l.perYear(l.cveDays - l.avoidable), Avoidable: l.perYear(l.avoidable)}
}

// perYear spreads a number over the phones and their days, to one decimal.
func (l ledger) perYear(n int) float64 {
	if l.phoneDays == 0 {
		return 0
	}
	return math.Round(float64(n)*daysPerYear/float64(l.phoneDays)*10) / 10
}
