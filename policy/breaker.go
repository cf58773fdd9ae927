package policy

import (
	"strconv"
	"time"
)

// Breaker says what stops a rollout by itself, until a person lets it go on. A
// zero number switches its signal off; the zero value stops nothing.
type Breaker struct {
	// Sample is how many phones a percentage needs to be of before it counts:
	// the one phone that fails of two says nothing. Zero or less: one.
	Sample int
	// FailedPercent, 1 to 100, is the share of the phones that were told to
	// install on which the installation failed.
	FailedPercent int
	// SilentPercent, 1 to 100, is the share of the phones that installed, or
	// were last heard of while they did, that fell silent with it: for
	// SilentAfter, and not heard of for longer than that since they installed.
	SilentPercent int
	SilentAfter   time.Duration
	// RevertedPercent, 1 to 100, is the share of the phones that installed on
	// which a business app went back to a lower version since.
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
	Reverted  int // of Installed: a business app went back to a lower version
	Reports   int // phones on which somebody reported a business app broken
}

// Reading is one signal of a rollout and when it stops that. Signal is
// WhyInstallsFailed, WhyPhonesSilent, WhyAppsReverted or WhyAppsReported.
type Reading struct {
	Signal Code `json:"signal"`
	Count  int  `json:"count"`
	Of     int  `json:"of,omitempty"` // phones that StopsAt is a share of; 0 of a signal that is no share
	// StopsAt is the count that stops the rollout, 0 while Of is below the sample.
	StopsAt int `json:"stops_at"`
}

// Crossed reports whether the signal stops the rollout.
func (r Reading) Crossed() bool { return r.StopsAt > 0 && r.Count >= r.StopsAt }

// Read returns a reading of each signal that is switched on, in a fixed order.
func (b Breaker) Read(s Signals) []Reading {
	var list []Reading
	share := func(signal Code, percent, count, of int) {
		if percent > 0 {
			list = append(list, Reading{Signal: signal, Count: count, Of: of, StopsAt: b.stopsAt(percent, of)})
		}
	}
	share(WhyInstallsFailed, b.FailedPercent, s.Failed, s.Told)
	if b.SilentAfter > 0 {
		share(WhyPhonesSilent, b.SilentPercent, s.Silent, s.Installed)
	}
	share(WhyAppsReverted, b.RevertedPercent, s.Reverted, s.Installed)
	if b.Reports > 0 {
		list = append(list, Reading{Signal: WhyAppsReported, Count: s.Reports, StopsAt: b.Reports})
	}
	return list
}

// stopsAt returns the least number of phones that is at least a share of them, 0
// while there are too few.
func (b Breaker) stopsAt(percent, of int) int {
	const whole = 100
	if of < max(b.Sample, 1) {
		return 0
	}
	return (of*percent + whole - 1) / whole
}

// Crossed returns the readings of the signals that stop a rollout, none while
// it may go on.
func (b Breaker) Crossed(s Signals) []Reading {
	var list []Reading
	for _, r := range b.Read(s) {
		if r.Crossed() {
			list = append(list, r)
		}
	}
	return list
}

// FellSilent reports whether a phone fell silent with an installation: used is
// for how long after that it was heard of, 0 when it was installing then, and
// quiet for how long it was not. A phone that was used for a while and then put
// away did not.
func (b Breaker) FellSilent(used, quiet time.Duration) bool {
	return b.SilentAfter > 0 && quiet >= b.SilentAfter && used < b.SilentAfter
}

// Reason says that the signal stopped a rollout; by is who paused it then, ""
// when that goes without saying.
func (r Reading) Reason(by string) Reason {
	of := ""
	if r.Of > 0 {
		of = strconv.Itoa(r.Of)
	}
	return reason(GateStoppedByBreaker, ParamBy, by, ParamWhy, string(r.Signal), ParamCount, strconv.Itoa(r.Count), ParamOf, of,
		ParamLimit, strconv.Itoa(r.StopsAt))
}
