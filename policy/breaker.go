package policy

import (
	"slices"
	"strconv"
	"time"
)

// Breaker says what stops a rollout by itself, until a person lets it go on. A
// zero number switches its signal off; the zero value stops nothing.
type Breaker struct {
	// Sample is how many phones a percentage needs to be of before it counts:
	// the one phone that fails of two says nothing. Zero or less: one.
	Sample int
	// WaveSample is the same for the phones of one wave, which are judged by
	// themselves too. Zero or less: as Sample.
	WaveSample int
	// FailedPercent, 1 to 100, is the share of the phones that were told to
	// install on which the installation failed.
	FailedPercent int
	// SilentPercent, 1 to 100, is the share of the phones that installed, or
	// were last heard of while they did, that fell silent with it: for
	// SilentAfter, and not heard of for longer than that since they installed;
	// see [Breaker.Silence].
	SilentPercent int
	SilentAfter   time.Duration
	// RevertedPercent, 1 to 100, is the share of the phones that installed on
	// which a business app went back to a lower version since, or was taken off.
	RevertedPercent int
	// Reports is the number of phones on which somebody reported a business app
	// broken. It needs no sample: each was seen by a person.
	Reports int
}

// DefaultBreaker returns the breaker of the built-in policy.
func DefaultBreaker() Breaker {
	return Breaker{
		Sample: 20, FailedPercent: 10, SilentPercent: 20, SilentAfter: 120 * time.Hour, RevertedPercent: 10, Reports: 3,
	}
}

// Signals are what the phones of one rollout showed since it began, or since a
// person last let it go on.
type Signals struct {
	Told      int // production phones that were told to install, those that did among them
	Failed    int // of Told: the installation failed, for no lack of space or charge
	Installed int // phones that installed, or were last heard of while they did
	Silent    int // of Installed: fell silent with it
	Reverted  int // of Installed: a business app went back to a lower version, or was taken off
	Reports   int // phones on which somebody reported a business app broken
	// Waves are what the phones of each wave showed, without Reports and Waves of
	// their own; none of a rollout that has only one.
	Waves []Signals
}

// Reading is one signal of a rollout and when it stops that. Signal is
// WhyInstallsFailed, WhyPhonesSilent, WhyAppsReverted or WhyAppsReported.
type Reading struct {
	Signal Code `json:"signal"`
	Wave   int  `json:"wave,omitempty"` // number of the wave it is of, from 1; 0: the rollout as a whole
	Count  int  `json:"count"`
	Of     int  `json:"of,omitempty"` // phones that StopsAt is a share of; 0 of a signal that is no share
	// StopsAt is the count that stops the rollout, 0 while Of is below the sample.
	StopsAt int `json:"stops_at"`
}

// Crossed reports whether the signal stops the rollout.
func (r Reading) Crossed() bool { return r.StopsAt > 0 && r.Count >= r.StopsAt }

// Read returns a reading of each signal that is switched on, in a fixed order:
// those of the rollout as a whole, then those of each wave that phones were told
// of. Reports need no wave: where one has enough of them, so has the whole.
func (b Breaker) Read(s Signals) []Reading {
	list := b.shares(s, b.Sample)
	if b.Reports > 0 {
		list = append(list, Reading{Signal: WhyAppsReported, Count: s.Reports, StopsAt: b.Reports})
	}
	sample := b.WaveSample
	if sample <= 0 {
		sample = b.Sample
	}
	for i, wave := range s.Waves {
		if wave.Told == 0 {
			continue
		}
		for _, r := range b.shares(wave, sample) {
			r.Wave = i + 1
			list = append(list, r)
		}
	}
	return list
}

// shares reads the signals that are a share of phones, of which so many are
// needed.
func (b Breaker) shares(s Signals, sample int) []Reading {
	var list []Reading
	share := func(signal Code, percent, count, of int) {
		if percent > 0 {
			list = append(list, Reading{Signal: signal, Count: count, Of: of, StopsAt: stopsAt(percent, of, sample)})
		}
	}
	share(WhyInstallsFailed, b.FailedPercent, s.Failed, s.Told)
	if b.SilentAfter > 0 {
		share(WhyPhonesSilent, b.SilentPercent, s.Silent, s.Installed)
	}
	share(WhyAppsReverted, b.RevertedPercent, s.Reverted, s.Installed)
	return list
}

// stopsAt returns the least number of phones that is at least a share of them, 0
// while there are fewer than the sample.
func stopsAt(percent, of, sample int) int {
	const whole = 100
	if of < max(sample, 1) {
		return 0
	}
	return (of*percent + whole - 1) / whole
}

// Crossed returns the readings of the signals that stop a rollout, none while
// it may go on. What one wave alone showed is said of that wave, and not of the
// rollout once more.
func (b Breaker) Crossed(s Signals) []Reading {
	all := b.Read(s)
	var list []Reading
	for _, r := range all {
		oneWave := func(w Reading) bool {
			return r.Wave == 0 && w.Wave > 0 && w.Crossed() && w.Signal == r.Signal && w.Count == r.Count && w.Of == r.Of
		}
		if r.Crossed() && !slices.ContainsFunc(all, oneWave) {
			list = append(list, r)
		}
	}
	return list
}

// Reason says that the signal stopped a rollout; by is who paused it then, ""
// when that goes without saying.
func (r Reading) Reason(by string) Reason {
	number := func(n int) string {
		if n == 0 {
			return ""
		}
		return strconv.Itoa(n)
	}
	return reason(GateStoppedByBreaker, ParamBy, by, ParamWhy, string(r.Signal), ParamCount, strconv.Itoa(r.Count), ParamOf, number(r.Of),
		ParamLimit, strconv.Itoa(r.StopsAt), ParamWave, number(r.Wave))
}
