package api

import "github.com/kannuki-mdm/kannuki/fleet"

func settings(h *Handler, c *call) (any, error) {
	return h.fleet.Settings(c.Segment)
}

// ApplyRequest makes apps, policies and groups what it says, all of it or
// nothing; what is absent stays as it is.
type ApplyRequest struct {
	fleet.ApplyRequest
	Reason string `json:"reason"`
	DryRun bool   `json:"dry_run"`
}

func apply(h *Handler, c *call, in ApplyRequest) (any, error) {
	return h.fleet.Apply(c.ctx, c.Segment, c.act(write{in.Reason, in.DryRun}), in.ApplyRequest)
}
