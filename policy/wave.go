package policy

import (
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
)

// Buckets is the number of buckets phones are spread over for waves.
const Buckets = 10_000

// Bucket returns the bucket of a phone for a release, from 0 to Buckets-1. It
// never changes for the same two strings, so a phone keeps its wave whatever
// happens to the rest of the fleet, and differs from release to release, so
// that it is not always the same phones that go first.
func Bucket(releaseVersion, phone string) uint32 {
	return uint32(hash(releaseVersion, phone) % Buckets)
}

// ToldWave is the wave in which a phone was told what an approval asks of it. Its
// zero value is that of a phone that was told nothing, or by an approval whose
// waves do not go by what phones run.
type ToldWave struct {
	Approval string // Approval.ID
	Wave     int    // from 1
}

// WaveOf returns the index of the wave of the approval that a phone on a version
// belongs to, or -1 when it is in none. A phone keeps the wave in which it was
// told, whatever it installs meanwhile.
func (a *Approval) WaveOf(phone, osVersion string, told ToldWave) int {
	if told.Approval == a.ID && 0 < told.Wave && told.Wave <= len(a.Waves) {
		return told.Wave - 1
	}
	bucket := Bucket(a.Drawn(), phone)
	return slices.IndexFunc(a.Waves, func(w Wave) bool { return bucket < w.Threshold && w.Takes(osVersion) })
}

// byVersion reports whether the waves go by what phones run.
func (a *Approval) byVersion() bool {
	return slices.ContainsFunc(a.Waves, func(w Wave) bool { return len(w.UpTo) > 0 })
}

// Takes reports whether the wave is for phones on a version.
func (w Wave) Takes(osVersion string) bool {
	upTo := func(v string) bool {
		return version.Major(v) == version.Major(osVersion) && version.AtLeast(v, osVersion)
	}
	return len(w.UpTo) == 0 || slices.ContainsFunc(w.UpTo, upTo)
}

// Begun reports whether the phones of the wave may start.
func (w Wave) Begun(now time.Time) bool { return !w.Waits && begun(w.Start, now) }

// wave returns the wave that a phone belongs to with its number from 1, which is
// 0 when the phone is in none.
func (a *Approval) wave(f *Facts) (Wave, int) {
	i := a.WaveOf(f.Phone, f.runs(), f.Told)
	if i < 0 {
		return Wave{}, 0
	}
	return a.Waves[i], i + 1
}

// told reports whether the phone was told what an approval asks of it. Its wave
// had begun then, and a wave that goes by what phones run is not lost by
// installing another release meanwhile, nor by a pause.
func (c choice) told(a *Approval) bool {
	if c.f.Told.Approval == a.ID {
		return true
	}
	e := c.f.Announced
	return e != nil && e.Source == SourceApproval && e.SourceID == a.ID
}

// started reports whether the first wave has started.
func (a *Approval) started(now time.Time) bool { return a.Waves[0].Begun(now) }

// hash is FNV-1a over the parts, each followed by a byte that no UTF-8 text
// contains, and then mixed: FNV alone spreads texts that differ only in their
// last letters badly over a small modulus. It is written out because its
// results are part of approvals already made and must never change.
func hash(parts ...string) uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	for _, p := range parts {
		for i := range len(p) {
			h = (h ^ uint64(p[i])) * prime
		}
		h = (h ^ 0xff) * prime
	}
	// The finaliser of SplitMix64.
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
