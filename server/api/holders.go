package api

import "github.com/kannuki-mdm/kannuki/fleet"

// SetDeviceRequest changes what people say of a phone. What is absent stays.
type SetDeviceRequest struct {
	Holder *string `json:"holder,omitempty"` // opaque reference, as in fleet.HolderSetting
	Reason string  `json:"reason"`
	DryRun bool    `json:"dry_run"`
}

func setDevice(h *Handler, c *call, in SetDeviceRequest) (any, error) {
	if in.Holder == nil {
		return nil, invalid("holder", "value-missing", "", "a value is needed")
	}
	return h.fleet.SetHolder(c.ctx, c.Segment, c.act(write{in.Reason, in.DryRun}), c.r.PathValue("udid"), *in.Holder)
}

// Limits of a request that names the 10,000 phones which package fleet takes at
// once, each by six nodes and, without blanks, at most some 130 bytes.
const (
	maxHoldersNodes = 70_000
	maxHoldersBody  = 4 << 20
)

// HoldersRequest says who carries each of several phones.
type HoldersRequest struct {
	Holders []fleet.HolderSetting `json:"holders"`
	Reason  string                `json:"reason"`
	DryRun  bool                  `json:"dry_run"`
}

func setHolders(h *Handler, c *call, in HoldersRequest) (any, error) {
	return h.fleet.SetHolders(c.ctx, c.Segment, c.act(write{in.Reason, in.DryRun}), in.Holders)
}
