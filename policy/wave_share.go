package policy

import (
	"strconv"
	"strings"
)

// WaveShare is how many phones a wave and those before it are, of those that wait
// for a release when its gate is approved: a part of them, or a number. One of
// the two is set.
type WaveShare struct {
	Percent int // 1 to 100
	Phones  int // 1 or more
}

// Everybody is the share of a last wave.
func Everybody() WaveShare { return WaveShare{Percent: 100} }

// ParseWaveShare reads a share as people give it: "5%", or "20" for that many
// phones. It reports whether the text is one.
func ParseWaveShare(text string) (WaveShare, bool) {
	number, percent := strings.CutSuffix(text, "%")
	n, err := strconv.Atoi(number)
	switch {
	case err != nil || n < 1 || percent && n > Everybody().Percent:
		return WaveShare{}, false
	case percent:
		return WaveShare{Percent: n}, true
	default:
		return WaveShare{Phones: n}, true
	}
}

// String returns the share as [ParseWaveShare] reads it.
func (s WaveShare) String() string {
	if s.Percent > 0 {
		return strconv.Itoa(s.Percent) + "%"
	}
	return strconv.Itoa(s.Phones)
}

// Grows reports whether a wave of the share can follow one of another. A number
// and a part are compared once the phones are counted: see [Thresholds]. Nothing
// follows everybody.
func (s WaveShare) Grows(before WaveShare) bool {
	if before == Everybody() {
		return false
	}
	if (s.Percent > 0) != (before.Percent > 0) {
		return true
	}
	return s.Percent > before.Percent || s.Phones > before.Phones
}

// Of returns how many of so many phones the share is, at most all of them. A part
// is rounded up, so that the first wave of a small group is never empty.
func (s WaveShare) Of(phones int) int {
	if s.Percent > 0 {
		return (phones*s.Percent + 99) / 100
	}
	return min(s.Phones, phones)
}

// Thresholds returns the bucket below which each of some waves lies, by the
// buckets of the phones that wait, which are sorted. A wave whose share is
// smaller than that of the one before it, as 50% after 20 are of 30 phones, brings
// nobody: a policy is for groups of all sizes, and a rollout that is refused for
// its size would leave the fixes out. While nobody waits a part is one of the phones to
// come, and a number is all of them.
func Thresholds(shares []WaveShare, buckets []uint32) []uint32 {
	out := make([]uint32, len(shares))
	reached := uint32(0)
	for i, s := range shares {
		reached = max(reached, s.threshold(buckets))
		out[i] = reached
	}
	return out
}

func (s WaveShare) threshold(buckets []uint32) uint32 {
	n := s.Of(len(buckets))
	switch {
	case len(buckets) == 0 && s.Percent > 0:
		return uint32(s.Percent * Buckets / 100) //nolint:gosec // 1..10,000
	case n >= len(buckets):
		return Buckets
	default:
		return buckets[n-1] + 1
	}
}
