package storage

import "time"

// BreakerSettings say what stops a rollout by itself. A zero number switches
// its signal off.
type BreakerSettings struct {
	Sample          int           `json:"sample,omitzero"`          // phones that a percentage needs to be of
	WaveSample      int           `json:"waveSample,omitzero"`      // the same, of one wave; 0: as Sample
	FailedPercent   int           `json:"failedPercent,omitzero"`   // of the phones told: the installation failed
	SilentPercent   int           `json:"silentPercent,omitzero"`   // of the phones that installed: fell silent with it
	SilentAfter     time.Duration `json:"silentAfter,omitzero"`     // when a phone counts as silent
	RevertedPercent int           `json:"revertedPercent,omitzero"` // of the phones that installed: an app went back or is gone
	Reports         int           `json:"reports,omitzero"`         // phones with an app that somebody reported broken
}

// BreakerState is what the circuit breaker knows of one rollout.
type BreakerState struct {
	// Since says that whoever let the rollout go on has seen what phones showed
	// until then: it stops nothing any more. Zero: nobody had to.
	Since time.Time `json:"since,omitzero"`
	// Stopped is what it paused the rollout for; none while it did not.
	Stopped []BreakerReading `json:"stopped,omitempty"`
	// Phones are some of those that showed it, by UDID; reports are listed by themselves.
	Phones []string `json:"phones,omitempty"`
}

// BreakerReading is one signal as it stopped a rollout.
type BreakerReading struct {
	Signal  string `json:"signal,omitzero"` // as package policy calls it
	Wave    int    `json:"wave,omitzero"`   // number of the wave it was of, from 1; 0: the whole rollout
	Count   int    `json:"count,omitzero"`
	Of      int    `json:"of,omitzero"` // 0 of a signal that is no share of the phones
	StopsAt int    `json:"stopsAt,omitzero"`
}
