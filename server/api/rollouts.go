package api

import "github.com/kannuki-mdm/kannuki/fleet"

func rolloutWaves(h *Handler, c *call) (any, error) {
	phones, err := c.boolean("phones")
	if err != nil {
		return nil, err
	}
	after, limit, err := c.page(mostOfPhones)
	if err != nil {
		return nil, err
	}
	var q *fleet.RolloutQuery
	if phones {
		q = &fleet.RolloutQuery{After: after, Limit: limit}
	}
	return h.fleet.RolloutDates(c.ctx, c.Segment, c.r.PathValue("group"), c.r.PathValue("release"), q)
}

func rolloutPlan(h *Handler, c *call) (any, error) {
	rebase, err := c.boolean("rebase")
	if err != nil {
		return nil, err
	}
	return h.fleet.PlanRollout(c.Segment, fleet.ApproveRequest{
		Group: c.r.PathValue("group"), Release: c.r.PathValue("release"), Deadline: c.query("deadline"), Start: c.query("start"),
		Waves: c.queries("wave"), Soak: c.query("soak"), Rebase: rebase,
	})
}
