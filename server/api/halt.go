package api

// HaltRequest lets the engine go on that stands still.
type HaltRequest struct {
	Cause  string `json:"cause"` // clock or restore
	Reason string `json:"reason"`
	DryRun bool   `json:"dry_run"`
}

func endHalt(h *Handler, c *call, in HaltRequest) (any, error) {
	return h.fleet.EndHalt(c.ctx, c.Segment, c.act(write{in.Reason, in.DryRun}), in.Cause)
}
