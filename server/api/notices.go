package api

import (
	"github.com/kannuki-mdm/kannuki/fleet"
)

// ChannelTest is what came of trying a channel.
type ChannelTest struct {
	Channel string `json:"channel"`
	ID      string `json:"id"`               // of the message, which is no notice
	Sent    bool   `json:"sent"`             // the channel took it
	Answer  string `json:"answer,omitempty"` // what it said
	Fault          // why it did not take it, or with dry_run what would keep it from being sent
	DryRun  bool   `json:"dry_run"`
}

func notices(h *Handler, c *call) (any, error) {
	before, err := c.number("before")
	if err != nil {
		return nil, err
	}
	limit, err := c.limit(mostListed)
	if err != nil {
		return nil, err
	}
	return h.fleet.Notices(c.ctx, c.Segment, fleet.NoticeQuery{Before: before, Limit: limit, State: c.query("state")})
}

func notice(h *Handler, c *call) (any, error) {
	return h.fleet.Notice(c.ctx, c.Segment, c.r.PathValue("id"))
}

func retryNotice(h *Handler, c *call, in write) (any, error) {
	return h.fleet.RetryNotice(c.ctx, c.Segment, c.act(in), c.r.PathValue("id"), h.ops.Channels(c.Segment))
}

func retryNotices(h *Handler, c *call, in write) (any, error) {
	return h.fleet.RetryDeadNotices(c.ctx, c.Segment, c.act(in), h.ops.Channels(c.Segment))
}

// Channels are the channels that notices go out by.
type Channels struct {
	Channels  []string             `json:"channels"`
	Unmatched []UnmatchedFilter    `json:"unmatched"`
	Paused    []fleet.ChannelPause `json:"paused"`
}

// UnmatchedFilter is a value in the filter of a channel that names nothing there
// is: it is misspelled, or is made later.
type UnmatchedFilter struct {
	Channel string `json:"channel"`
	Key     string `json:"key"` // "groups" or "segment"
	Value   string `json:"value"`
}

func channels(h *Handler, c *call) (any, error) {
	unmatched, err := h.ops.UnmatchedFilters(c.ctx, c.Segment)
	if err != nil {
		return nil, err
	}
	paused, err := h.fleet.PausedChannels(c.Segment)
	return Channels{h.ops.Channels(c.Segment), unmatched, paused}, err
}

func pauseChannel(h *Handler, c *call, in write) (any, error) {
	return h.fleet.PauseChannel(c.ctx, c.Segment, c.act(in), c.r.PathValue("channel"), h.ops.Channels(c.Segment))
}

func resumeChannel(h *Handler, c *call, in write) (any, error) {
	return h.fleet.ResumeChannel(c.ctx, c.Segment, c.act(in), c.r.PathValue("channel"), h.ops.Channels(c.Segment))
}

func testChannel(h *Handler, c *call, in write) (any, error) {
	return h.ops.TestChannel(c.ctx, c.Segment, c.act(in), c.r.PathValue("channel"))
}
