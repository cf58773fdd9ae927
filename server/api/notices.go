package api

import (
	"github.com/kannuki-mdm/kannuki/fleet"
)

// ChannelTest is what came of trying a channel.
type ChannelTest struct {
	Channel string `json:"channel"`
	ID      string `json:"id"`                // of the message, which is no notice
	Sent    bool   `json:"sent"`              // the channel took it
	Answer  string `json:"answer,omitempty"`  // what it said
	Problem string `json:"problem,omitempty"` // why it did not take it, or with dry_run what would keep it from being sent
	DryRun  bool   `json:"dry_run"`
}

func notices(h *Handler, c *call) (any, error) {
	before, err := c.number("before")
	if err != nil {
		return nil, err
	}
	limit, err := c.limit()
	if err != nil {
		return nil, err
	}
	return h.fleet.Notices(c.ctx, c.Segment, fleet.NoticeQuery{Before: before, Limit: limit, State: c.query("state")})
}

func notice(h *Handler, c *call) (any, error) {
	return h.fleet.Notice(c.ctx, c.Segment, c.r.PathValue("id"))
}

func retryNotice(h *Handler, c *call, in write) (any, error) {
	return h.fleet.RetryNotice(c.ctx, c.Segment, c.act(in), c.r.PathValue("id"), h.ops.Channels())
}

func retryNotices(h *Handler, c *call, in write) (any, error) {
	return h.fleet.RetryDeadNotices(c.ctx, c.Segment, c.act(in), h.ops.Channels())
}

// Channels are the channels that notices go out by.
type Channels struct {
	Channels []string `json:"channels"`
}

func channels(h *Handler, _ *call) (any, error) { return Channels{h.ops.Channels()}, nil }

func testChannel(h *Handler, c *call, in write) (any, error) {
	return h.ops.TestChannel(c.ctx, c.Segment, c.act(in), c.r.PathValue("channel"))
}
