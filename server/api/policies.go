package api

import (
	"context"

	"github.com/kannuki-mdm/kannuki/fleet"
)

// Policies is the list of policies, the built-in one first.
type Policies struct {
	Policies []fleet.PolicyView `json:"policies"`
}

func policies(h *Handler, c *call) (any, error) {
	list, err := h.fleet.Policies(c.Segment)
	return Policies{list}, err
}

func onePolicy(h *Handler, c *call) (any, error) {
	return h.fleet.Policy(c.Segment, c.r.PathValue("policy"))
}

// SetPolicyRequest makes a policy or changes one; what is absent stays as it
// is.
type SetPolicyRequest struct {
	fleet.PolicyChange
	Edit
}

func setPolicy(h *Handler, c *call, in SetPolicyRequest) (any, error) {
	return h.edited(c, in.Edit, func(ctx context.Context, a fleet.Act) (any, error) {
		return h.fleet.SetPolicy(ctx, c.Segment, a, c.r.PathValue("policy"), in.PolicyChange)
	})
}

func removePolicy(h *Handler, c *call, in write) (any, error) {
	return h.fleet.RemovePolicy(c.ctx, c.Segment, c.act(in), c.r.PathValue("policy"))
}
