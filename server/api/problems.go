package api

import "github.com/kannuki-mdm/kannuki/fleet"

// Problems is a list of reports, oldest first.
type Problems struct {
	Problems []fleet.ProblemView `json:"problems"`
}

func problems(h *Handler, c *call) (any, error) {
	open, err := c.boolean("open")
	if err != nil {
		return nil, err
	}
	list, err := h.fleet.Problems(c.Segment, fleet.ProblemQuery{Release: c.query("release"), Group: c.query("group"), Open: open})
	return Problems{list}, err
}

// ProblemRequest reports that an app does not work on a production phone.
type ProblemRequest struct {
	fleet.ProblemRequest
	Reason string `json:"reason"`
	DryRun bool   `json:"dry_run"`
}

func reportProblem(h *Handler, c *call, in ProblemRequest) (any, error) {
	return h.fleet.ReportProblem(c.ctx, c.Segment, c.act(write{in.Reason, in.DryRun}), in.ProblemRequest)
}

func closeProblem(h *Handler, c *call, in write) (any, error) {
	return h.fleet.CloseProblem(c.ctx, c.Segment, c.act(in), c.r.PathValue("id"))
}
