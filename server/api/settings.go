package api

import (
	"context"

	"github.com/kannuki-mdm/kannuki/fleet"
)

func settings(h *Handler, c *call) (any, error) {
	return h.fleet.Settings(c.Segment)
}

// ApplyRequest makes apps, calendars, policies and groups what it says, all of it or
// nothing; what is absent stays as it is.
type ApplyRequest struct {
	fleet.ApplyRequest
	Edit
}

func apply(h *Handler, c *call, in ApplyRequest) (any, error) {
	return h.edited(c, in.Edit, func(ctx context.Context, a fleet.Act) (any, error) {
		return h.fleet.Apply(ctx, c.Segment, a, in.ApplyRequest)
	})
}
