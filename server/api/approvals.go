package api

import (
	"context"

	"github.com/kannuki-mdm/kannuki/fleet"
)

// OverrideRequest proposes to approve a gate that is not verified.
type OverrideRequest struct {
	Deadline    string   `json:"deadline"`
	Start       string   `json:"start,omitempty"`
	Until       string   `json:"until"`
	Models      []string `json:"models,omitempty"`
	Waves       []string `json:"waves,omitempty"` // as in fleet.ApproveRequest
	Soak        string   `json:"soak,omitempty"`
	Rebase      bool     `json:"rebase,omitempty"`
	Fingerprint string   `json:"fingerprint"`
	Reason      string   `json:"reason"`
	DryRun      bool     `json:"dry_run"`
}

func override(h *Handler, c *call, in OverrideRequest) (any, error) {
	return h.fleet.ProposeOverride(c.ctx, c.Segment, c.act(write{in.Reason, in.DryRun}), fleet.OverrideRequest{
		Group: c.r.PathValue("group"), Release: c.r.PathValue("release"), Deadline: in.Deadline, Start: in.Start, Until: in.Until,
		Models: in.Models, Waves: in.Waves, Soak: in.Soak, Rebase: in.Rebase, Fingerprint: in.Fingerprint,
	})
}

// ExtendRequest adds models to the approval that stands at a gate.
type ExtendRequest struct {
	Models      []string `json:"models,omitempty"` // as in fleet.ExtendRequest
	Fingerprint string   `json:"fingerprint"`
	Reason      string   `json:"reason"`
	DryRun      bool     `json:"dry_run"`
}

func extend(h *Handler, c *call, in ExtendRequest) (any, error) {
	return h.fleet.Extend(c.ctx, c.Segment, c.act(write{in.Reason, in.DryRun}), fleet.ExtendRequest{
		Group: c.r.PathValue("group"), Release: c.r.PathValue("release"), Models: in.Models, Fingerprint: in.Fingerprint,
	})
}

// UrgentRequest proposes to approve a gate by the emergency lane.
type UrgentRequest struct {
	Deadline    string `json:"deadline,omitempty"` // as in fleet.UrgentRequest
	Fingerprint string `json:"fingerprint"`        // of the urgency of the gate
	Reason      string `json:"reason"`
	DryRun      bool   `json:"dry_run"`
}

func urgent(h *Handler, c *call, in UrgentRequest) (any, error) {
	return h.fleet.ProposeUrgent(c.ctx, c.Segment, c.act(write{in.Reason, in.DryRun}), fleet.UrgentRequest{
		Group: c.r.PathValue("group"), Release: c.r.PathValue("release"), Deadline: in.Deadline, Fingerprint: in.Fingerprint,
	})
}

// Edit is what a change of apps, policies or groups takes. Propose has it proposed
// for a second person to sign when it would open closed gates; the answer is the
// proposal then.
type Edit struct {
	Reason  string `json:"reason"`
	DryRun  bool   `json:"dry_run"`
	Propose bool   `json:"propose"`
}

// edited makes an edit, or proposes it.
func (h *Handler) edited(c *call, in Edit, edit func(context.Context, fleet.Act) (any, error)) (any, error) {
	a := c.act(write{in.Reason, in.DryRun})
	if !in.Propose {
		return edit(c.ctx, a)
	}
	return h.fleet.ProposeEdit(c.ctx, c.Segment, a, func(ctx context.Context, a fleet.Act) error {
		_, err := edit(ctx, a)
		return err
	})
}

// Approvals is the list of acts that take two people.
type Approvals struct {
	Approvals []fleet.ProposalView `json:"approvals"`
}

func approvals(h *Handler, c *call) (any, error) {
	list, err := h.fleet.Proposals(c.Segment)
	return Approvals{list}, err
}

func approval(h *Handler, c *call) (any, error) {
	return h.fleet.Proposal(c.Segment, c.r.PathValue("id"))
}

func signApproval(h *Handler, c *call, in write) (any, error) {
	return h.fleet.Sign(c.ctx, c.Segment, c.act(in), c.r.PathValue("id"))
}

func refuseApproval(h *Handler, c *call, in write) (any, error) {
	return h.fleet.Refuse(c.ctx, c.Segment, c.act(in), c.r.PathValue("id"))
}

func withdrawApproval(h *Handler, c *call, in write) (any, error) {
	return h.fleet.WithdrawProposal(c.ctx, c.Segment, c.act(in), c.r.PathValue("id"))
}
