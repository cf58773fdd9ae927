package api

import (
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
)

// Feed is a source of releases that the server reads by itself. Its times are
// those of the server's own clock.
type Feed struct {
	Kind    string    `json:"kind"` // gdmf, sofa, kev or bundle
	URL     string    `json:"url"`  // without password and query
	AskedAt time.Time `json:"asked_at,omitzero"`
	ReadAt  time.Time `json:"read_at,omitzero"` // last time it sent a copy, or that there is no newer one
	GoodAt  time.Time `json:"good_at,omitzero"` // last time that was of use
	NextAt  time.Time `json:"next_at,omitzero"`
	Fault             // of the last time
	Stale   bool      `json:"stale"` // no good copy for two days
	// AheadSeconds is how far the feed's clock was ahead of ours at ReadAt.
	AheadSeconds int `json:"ahead_seconds"`
}

// FeedOutcome is what became of reading a feed.
type FeedOutcome string

// The outcomes.
const (
	FeedNews      FeedOutcome = "news"      // it told something new
	FeedUnchanged FeedOutcome = "unchanged" // it told nothing new
	FeedNotDue    FeedOutcome = "not-due"   // Apple asks to read its list once a day
	FeedFailed    FeedOutcome = "failed"    // nothing was taken; the Fault says why
)

// FeedResult is what reading one feed did.
type FeedResult struct {
	Kind    string      `json:"kind"`
	URL     string      `json:"url"`
	Outcome FeedOutcome `json:"outcome"`
	Fault
	Import *fleet.ImportView `json:"import,omitempty"` // with news
}

// Feeds is the answer to reading the feeds now.
type Feeds struct {
	Feeds []FeedResult `json:"feeds"`
}

func fetchFeeds(h *Handler, c *call, in write) (any, error) {
	return Feeds{h.ops.FetchFeeds(c.ctx, c.act(in))}, nil
}
