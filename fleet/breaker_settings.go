package fleet

import (
	"cmp"
	"encoding/json"
	"strconv"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// BreakerLimits are what a policy stops a rollout for; 0 is a signal that is
// switched off.
type BreakerLimits struct {
	BreakerSample      int    `json:"breaker_sample"`       // phones that a percentage needs to be of
	BreakerWaveSample  int    `json:"breaker_wave_sample"`  // the same, of one wave; 0: as BreakerSample
	BreakerFailed      int    `json:"breaker_failed"`       // percent of the phones told: the installation failed
	BreakerSilent      int    `json:"breaker_silent"`       // percent of the phones that installed: fell silent with it
	BreakerSilentAfter string `json:"breaker_silent_after"` // "72h"
	BreakerReverted    int    `json:"breaker_reverted"`     // percent of the phones that installed: an app went back or is gone
	BreakerReports     int    `json:"breaker_reports"`      // phones with an app that was reported broken
}

// BreakerChange changes them; what is nil stays as it is.
type BreakerChange struct {
	BreakerSample      *int    `json:"breaker_sample,omitempty"`       // 1 to 10,000
	BreakerWaveSample  *int    `json:"breaker_wave_sample,omitempty"`  // 0 to 10,000; 0: as BreakerSample
	BreakerFailed      *int    `json:"breaker_failed,omitempty"`       // 0 to 100
	BreakerSilent      *int    `json:"breaker_silent,omitempty"`       // 0 to 100
	BreakerSilentAfter *string `json:"breaker_silent_after,omitempty"` // "4h" to "30d"
	BreakerReverted    *int    `json:"breaker_reverted,omitempty"`     // 0 to 100
	BreakerReports     *int    `json:"breaker_reports,omitempty"`      // 0 to 10,000
}

// Bounds of the settings. A phone that restarts for an update may be away for
// an hour or two.
const (
	maxBreakerCount = 10_000
	minSilentAfter  = 4 * time.Hour
	maxSilentAfter  = 30 * 24 * time.Hour
)

// engineBreaker returns what a policy stops rollouts for.
func engineBreaker(b *storage.BreakerSettings) policy.Breaker {
	if b == nil {
		return policy.DefaultBreaker()
	}
	return policy.Breaker(*b)
}

func breakerLimits(p storage.Policy) BreakerLimits {
	b := engineBreaker(p.Breaker)
	return BreakerLimits{
		BreakerSample: b.Sample, BreakerWaveSample: b.WaveSample, BreakerFailed: b.FailedPercent, BreakerSilent: b.SilentPercent, BreakerSilentAfter: noticeText(b.SilentAfter),
		BreakerReverted: b.RevertedPercent, BreakerReports: b.Reports,
	}
}

// breakerChange returns the change that leads to what a policy says.
func breakerChange(p storage.Policy) BreakerChange {
	l := breakerLimits(p)
	return BreakerChange{
		BreakerSample: &l.BreakerSample, BreakerWaveSample: &l.BreakerWaveSample, BreakerFailed: &l.BreakerFailed, BreakerSilent: &l.BreakerSilent,
		BreakerSilentAfter: &l.BreakerSilentAfter, BreakerReverted: &l.BreakerReverted, BreakerReports: &l.BreakerReports,
	}
}

// detail is what the audit log keeps of them.
func (l BreakerLimits) detail() map[string]string {
	text, err := json.Marshal(l)
	if err != nil {
		return nil // cannot happen: strings and numbers
	}
	return map[string]string{"breaker": string(text)}
}

// onto makes the change, or returns the value no policy can have. A policy of
// which nothing is said keeps to the built-in one.
func (c BreakerChange) onto(p *storage.Policy) error {
	if c == (BreakerChange{}) {
		return nil
	}
	b := storage.BreakerSettings(engineBreaker(p.Breaker))
	for _, n := range []struct {
		field       string
		to, from    *int
		least, most int
	}{
		{"breaker_sample", &b.Sample, c.BreakerSample, 1, maxBreakerCount},
		{"breaker_wave_sample", &b.WaveSample, c.BreakerWaveSample, 0, maxBreakerCount},
		{"breaker_failed", &b.FailedPercent, c.BreakerFailed, 0, wholeGroup},
		{"breaker_silent", &b.SilentPercent, c.BreakerSilent, 0, wholeGroup},
		{"breaker_reverted", &b.RevertedPercent, c.BreakerReverted, 0, wholeGroup},
		{"breaker_reports", &b.Reports, c.BreakerReports, 0, maxBreakerCount},
	} {
		if n.from != nil && (*n.from < n.least || *n.from > n.most) {
			least, most := strconv.Itoa(n.least), strconv.Itoa(n.most)
			return invalid(n.field, "number-out-of-range", "%d: want a number between %s and %s", *n.from, least, most).
				with("value", strconv.Itoa(*n.from), "least", least, "most", most)
		}
		replace(n.to, n.from)
	}
	if c.BreakerSilentAfter != nil {
		d, err := parseOffset(cmp.Or(*c.BreakerSilentAfter, "0h"))
		if err != nil || d < minSilentAfter || d > maxSilentAfter {
			return invalid("breaker_silent_after", "silence-out-of-range", "%q: want a length between 4h and 30d, such as 72h", *c.BreakerSilentAfter).
				with("value", *c.BreakerSilentAfter)
		}
		b.SilentAfter = d
	}
	p.Breaker = &b
	return nil
}
