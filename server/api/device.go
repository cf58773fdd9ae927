package api

import (
	"context"
	"errors"

	"github.com/kannuki-mdm/kannuki/enroll"
	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

func devices(h *Handler, c *call) (any, error) {
	after, limit, err := c.page(mostListed)
	if err != nil {
		return nil, err
	}
	removed, err := c.boolean("removed")
	if err != nil {
		return nil, err
	}
	return h.fleet.Devices(c.ctx, c.Segment, fleet.DeviceQuery{
		Group: c.query("group"), Ring: c.query("ring"), Hold: c.query("hold"), Reason: c.query("reason"),
		OS: c.query("os"), Model: c.query("model"), ContactBefore: c.query("contact_before"), Removed: removed,
		Certificate: c.query("certificate"), Holder: c.query("holder"),
		After: after, Limit: limit,
	})
}

// Device is one phone with all that is known of it.
type Device struct {
	fleet.DeviceDetail
	Rights   string    `json:"rights"` // what the server may do to it: updates, managed or full; "" for other bits
	Identity *Identity `json:"identity,omitempty"`
}

func device(h *Handler, c *call) (any, error) {
	d, err := h.fleet.Device(c.ctx, c.Segment, c.r.PathValue("udid"))
	if err != nil {
		return nil, err
	}
	out := Device{DeviceDetail: d, Rights: enroll.RightsName(d.AccessRights)}
	cert, err := h.enroll.Identity(c.ctx, c.Segment, d.Certificate)
	switch {
	case err == nil:
		identity := identityView(cert)
		out.Identity = &identity
	case !errors.Is(err, storage.ErrNotFound):
		return nil, err
	}
	return out, nil
}

func explain(h *Handler, c *call) (any, error) {
	return h.fleet.Explain(c.ctx, c.Segment, c.r.PathValue("udid"))
}

func declarations(h *Handler, c *call) (any, error) {
	return h.fleet.Declarations(c.ctx, c.Segment, c.r.PathValue("udid"))
}

// Queue is a phone's queue.
type Queue struct {
	Commands []fleet.QueueView `json:"commands"`
}

func queue(h *Handler, c *call) (any, error) {
	rows, err := h.fleet.Queue(c.ctx, c.Segment, c.r.PathValue("udid"))
	return Queue{rows}, err
}

// Done is the answer of a write that has nothing else to tell.
type Done struct {
	DryRun bool `json:"dry_run,omitempty"`
	Queued int  `json:"queued,omitempty"`
}

func push(h *Handler, c *call, in write) (any, error) {
	return Done{DryRun: in.DryRun}, h.fleet.Push(c.ctx, c.Segment, c.act(in), c.r.PathValue("udid"))
}

func refresh(h *Handler, c *call, in write) (any, error) {
	n, err := h.fleet.Refresh(c.ctx, c.Segment, c.act(in), c.r.PathValue("udid"))
	return Done{DryRun: in.DryRun, Queued: n}, err
}

// MoveRequest puts a phone into a group and ring, or into none. Propose has it
// proposed for a second person to sign when it would open closed gates; the answer
// is the proposal then.
type MoveRequest struct {
	Devices []string `json:"devices,omitempty"` // UDIDs, where the path names none
	Group   string   `json:"group"`
	Ring    string   `json:"ring"`
	Reason  string   `json:"reason"`
	DryRun  bool     `json:"dry_run"`
	Propose bool     `json:"propose"`
}

// Moved are phones that moved together.
type Moved struct {
	Devices []fleet.DeviceView `json:"devices"`
}

func move(h *Handler, c *call, in MoveRequest) (any, error) {
	if len(in.Devices) > 0 {
		return nil, invalid("devices", "devices-twice", "", "the path names the phone; POST /v1/devices/move takes several")
	}
	in.Devices = []string{c.r.PathValue("udid")}
	if in.Propose {
		return proposeMove(h, c, in)
	}
	return h.fleet.Move(c.ctx, c.Segment, c.act(write{in.Reason, in.DryRun}), in.Devices[0], in.Group, storage.Ring(in.Ring))
}

func moveAll(h *Handler, c *call, in MoveRequest) (any, error) {
	if in.Propose {
		return proposeMove(h, c, in)
	}
	views, err := h.fleet.MoveAll(c.ctx, c.Segment, c.act(write{in.Reason, in.DryRun}), in.relocation())
	return Moved{views}, err
}

func proposeMove(h *Handler, c *call, in MoveRequest) (any, error) {
	return h.fleet.ProposeMove(c.ctx, c.Segment, c.act(write{in.Reason, in.DryRun}), in.relocation())
}

func (in MoveRequest) relocation() fleet.MoveRequest {
	return fleet.MoveRequest{Devices: in.Devices, Group: in.Group, Ring: storage.Ring(in.Ring)}
}

func cancelCommand(h *Handler, c *call, in write) (any, error) {
	return h.fleet.CancelCommand(c.ctx, c.Segment, c.act(in), c.r.PathValue("udid"), c.r.PathValue("command"))
}

func removeDevice(h *Handler, c *call, in write) (any, error) {
	udid := c.r.PathValue("udid")
	if in.Reason == "" {
		return nil, invalid("reason", "reason-missing", "", "removing a phone needs a reason; it is kept in the audit log")
	}
	var err error
	if in.DryRun {
		if err = h.fleet.MayRemove(c.ctx, c.Segment, udid); err == nil {
			err = h.enroll.MayRemove(c.ctx, c.Segment, udid)
		}
	} else {
		err = h.fleet.Remove(c.ctx, c.Segment, udid, func(ctx context.Context) (storage.Phone, error) {
			return h.enroll.Remove(ctx, c.Segment, enroll.Ending{Phone: udid, Actor: c.Actor, Reason: in.Reason})
		})
	}
	if err != nil {
		return nil, err
	}
	return h.fleet.Device(c.ctx, c.Segment, udid)
}

func declared(h *Handler, c *call) (any, error) {
	return h.fleet.Declared(c.ctx, c.Segment, fleet.DeclaredQuery{Group: c.query("group"), Ring: c.query("ring")})
}

func checkDeclared(h *Handler, c *call) (any, error) {
	after, limit, err := c.page(mostListed)
	if err != nil {
		return nil, err
	}
	return h.fleet.CheckDeclared(c.ctx, c.Segment, fleet.DeclaredQuery{
		Group: c.query("group"), Ring: c.query("ring"), After: after, Limit: limit,
	})
}

func diffDeclarations(h *Handler, c *call) (any, error) {
	return h.fleet.DiffDeclarations(c.ctx, c.Segment, c.r.PathValue("udid"))
}
