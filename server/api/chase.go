package api

import "github.com/kannuki-mdm/kannuki/fleet"

func rolloutChase(h *Handler, c *call) (any, error) {
	after, limit, err := c.page(mostOfPhones)
	if err != nil {
		return nil, err
	}
	q := fleet.RolloutQuery{After: after, Limit: limit}
	return h.fleet.RolloutChase(c.ctx, c.Segment, c.r.PathValue("group"), c.r.PathValue("release"), q)
}
