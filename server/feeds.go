package server

import (
	"fmt"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/server/api"
)

const (
	// feedInterval is how long an answer counts: Apple asks to read its list at
	// most once a day, and the others change no faster.
	feedInterval = day
	// feedJitter spreads the readings of many installations.
	feedJitter = time.Hour
	// feedRetry is when a feed that gave no copy is asked again.
	feedRetry = time.Hour
	// feedAlarm is how long a feed may go without a good copy until that is an
	// alarm.
	feedAlarm = 2 * day
)

// FeedConfig is a source of releases that the server reads by itself.
type FeedConfig struct {
	// Kind is gdmf, sofa, kev or bundle; each at most once.
	Kind catalog.Kind `yaml:"kind"`
	// URL is where it is read, over HTTPS; "" for where gdmf, sofa and kev are
	// published.
	URL string `yaml:"url,omitempty"`
	// Roots is a PEM file of roots to trust beside the system's. Apple's own
	// address of gdmf needs "Apple Root CA".
	Roots string `yaml:"roots,omitempty"`
}

// address returns where a feed is read, "" for a bundle without a URL.
func (c FeedConfig) address() string {
	if c.URL != "" {
		return c.URL
	}
	return map[catalog.Kind]string{catalog.GDMF: catalog.GDMFURL, catalog.SOFA: catalog.SOFAURL, catalog.KEV: catalog.KEVURL}[c.Kind]
}

func checkFeeds(feeds []FeedConfig) error {
	var seen []catalog.Kind
	for _, c := range feeds {
		switch {
		case !slices.Contains([]catalog.Kind{catalog.GDMF, catalog.SOFA, catalog.KEV, catalog.Bundle}, c.Kind):
			return fmt.Errorf("kind %q is none of gdmf, sofa, kev and bundle", c.Kind)
		case slices.Contains(seen, c.Kind):
			return fmt.Errorf("kind %s stands there twice", c.Kind)
		case c.address() == "":
			return fmt.Errorf("kind %s needs a url", c.Kind)
		}
		if err := catalog.CheckURL(c.address()); err != nil {
			return fmt.Errorf("url of kind %s: %w", c.Kind, err)
		}
		seen = append(seen, c.Kind)
	}
	return nil
}

// feedState is what is remembered of a feed across restarts. Nothing depends on
// it but how often the feed is asked, and since when it has been silent.
type feedState struct {
	URL       string            `json:"url"`   // another one makes the rest void
	Since     time.Time         `json:"since"` // when this URL was first looked at
	AskedAt   time.Time         `json:"asked_at,omitzero"`
	ReadAt    time.Time         `json:"read_at,omitzero"` // last time it sent a copy, or that there is no newer one
	GoodAt    time.Time         `json:"good_at,omitzero"` // last time that was of use
	NextAt    time.Time         `json:"next_at,omitzero"`
	api.Fault                   // of the last time
	Ahead     time.Duration     `json:"ahead,omitempty"` // of the feed's clock to ours at ReadAt
	Validator catalog.Validator `json:"validator,omitzero"`
	Digest    string            `json:"digest,omitempty"` // SHA-256 of the copy the validator belongs to
}

// due reports whether the feed is to be read at a time. A clock that was set
// back must not keep a feed waiting.
func (s feedState) due(now time.Time) bool {
	return !now.Before(s.NextAt) || s.NextAt.Sub(now) > feedInterval+feedJitter
}

// lastDay reports whether a time is within the day before now. One after now is
// of a clock that was set back, and must not keep a feed waiting.
func lastDay(t, now time.Time) bool { return !t.After(now) && now.Sub(t) < feedInterval }

// stale reports whether a feed has been without a good copy for too long.
func (s feedState) stale(now time.Time) bool {
	last := s.GoodAt
	if last.IsZero() {
		last = s.Since
	}
	return now.Sub(last) > feedAlarm
}
