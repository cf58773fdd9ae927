package lab

import (
	"sync"
	"time"

	"github.com/kannuki-mdm/kannuki/mdm/mdmtest"
)

// Release is one release as the simulated Apple offers it.
type Release struct {
	Version string // "26.6.1"
	Extra   string // "a": a background security improvement of Version, and Build is that of the improvement
	Build   string
	Posted  time.Time
	Models  []string
}

// Apple offers releases from the day they were posted. It implements
// [mdmtest.Apple] and is safe for concurrent use.
type Apple struct {
	// Refresh, when set before the first use, is called whenever a phone asks
	// what is offered, and may call Set. A phone asks when it gets an
	// instruction and then not for a day: what the server knew by then must be
	// offered by then.
	Refresh func()

	download, install time.Duration

	mu      sync.RWMutex
	byModel map[string][]mdmtest.Offer
}

// NewApple returns an Apple that offers nothing yet and whose releases take
// the given times, by the phones' clock, to download and to install.
func NewApple(download, install time.Duration) *Apple {
	return &Apple{download: download, install: install}
}

// Set replaces what is offered.
func (a *Apple) Set(releases []Release) {
	byModel := map[string][]mdmtest.Offer{}
	for _, r := range releases {
		for _, model := range r.Models {
			byModel[model] = append(byModel[model], mdmtest.Offer{
				Version: r.Version, Extra: r.Extra, Build: r.Build, Posted: r.Posted, DownloadTime: a.download, InstallTime: a.install,
			})
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.byModel = byModel
}

// Offered implements [mdmtest.Apple].
func (a *Apple) Offered(model string, now time.Time) []mdmtest.Offer {
	if a.Refresh != nil {
		a.Refresh()
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	var out []mdmtest.Offer
	for _, o := range a.byModel[model] {
		if !o.Posted.After(now) {
			out = append(out, o)
		}
	}
	return out
}
