package api

import (
	"context"
	"fmt"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
)

// Apps is the list of business apps.
type Apps struct {
	Apps []App `json:"apps"`
}

// App is one business app.
type App = fleet.BusinessApp

func apps(h *Handler, c *call) (any, error) {
	list, err := h.fleet.Apps(c.Segment)
	return Apps{list}, err
}

func app(h *Handler, c *call) (any, error) {
	return h.fleet.App(c.Segment, c.r.PathValue("app"))
}

// AddAppRequest adds a business app.
type AddAppRequest struct {
	fleet.AppRequest
	Reason string `json:"reason"`
	DryRun bool   `json:"dry_run"`
}

func addApp(h *Handler, c *call, in AddAppRequest) (any, error) {
	return h.fleet.AddApp(c.ctx, c.Segment, c.act(write{in.Reason, in.DryRun}), in.AppRequest)
}

// SetAppRequest changes a business app; what is absent stays as it is.
type SetAppRequest struct {
	fleet.AppChange
	Edit
}

func setApp(h *Handler, c *call, in SetAppRequest) (any, error) {
	return h.edited(c, in.Edit, func(ctx context.Context, a fleet.Act) (any, error) {
		return h.fleet.SetApp(ctx, c.Segment, a, c.r.PathValue("app"), in.AppChange)
	})
}

func removeApp(h *Handler, c *call, in Edit) (any, error) {
	return h.edited(c, in, func(ctx context.Context, a fleet.Act) (any, error) {
		return h.fleet.RemoveApp(ctx, c.Segment, a, c.r.PathValue("app"))
	})
}

// Groups is the list of groups.
type Groups struct {
	Groups []fleet.GroupView `json:"groups"`
}

func groups(h *Handler, c *call) (any, error) {
	list, err := h.fleet.Groups(c.Segment)
	return Groups{append([]fleet.GroupView{}, list...)}, err
}

// GroupSettings are what a group is made or changed with; what is empty stays
// as it is, or gets its default in a new group.
type GroupSettings struct {
	Apps            []string `json:"apps"` // added to those it has
	Candidate       string   `json:"candidate"`
	Rights          string   `json:"rights"`
	Policy          string   `json:"policy"`           // name
	MinimumNotice   string   `json:"minimum_notice"`   // "24h"
	CandidateNotice string   `json:"candidate_notice"` // "4h"
	Reason          string   `json:"reason"`
	DryRun          bool     `json:"dry_run"`
}

// request translates the settings for a group.
func (in GroupSettings) request(name string) (fleet.GroupRequest, error) {
	r := fleet.GroupRequest{Name: name, Apps: in.Apps, Candidate: in.Candidate, Rights: in.Rights, Policy: in.Policy}
	var err error
	if r.MinimumNotice, err = duration("minimum_notice", in.MinimumNotice); err != nil {
		return r, err
	}
	r.CandidateNotice, err = duration("candidate_notice", in.CandidateNotice)
	return r, err
}

func duration(field, text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, invalid(field, "not-a-duration", text, fmt.Sprintf("%q is not a duration such as 24h", text))
	}
	return d, nil
}

// AddGroupRequest adds a group.
type AddGroupRequest struct {
	Name string `json:"name"`
	GroupSettings
}

func addGroup(h *Handler, c *call, in AddGroupRequest) (any, error) {
	r, err := in.request(in.Name)
	if err != nil {
		return nil, err
	}
	return h.fleet.AddGroup(c.ctx, c.Segment, c.act(write{in.Reason, in.DryRun}), r)
}

// SetGroupRequest changes a group that exists.
type SetGroupRequest struct {
	GroupSettings
	RemoveApps []string `json:"remove_apps"`
	Propose    bool     `json:"propose"` // as in Edit
}

func setGroup(h *Handler, c *call, in SetGroupRequest) (any, error) {
	r, err := in.request(c.r.PathValue("group"))
	if err != nil {
		return nil, err
	}
	r.RemoveApps = in.RemoveApps
	return h.edited(c, Edit{in.Reason, in.DryRun, in.Propose}, func(ctx context.Context, a fleet.Act) (any, error) {
		return h.fleet.SetGroup(ctx, c.Segment, a, r)
	})
}

func removeGroup(h *Handler, c *call, in write) (any, error) {
	return Done{DryRun: in.DryRun}, h.fleet.RemoveGroup(c.ctx, c.Segment, c.act(in), c.r.PathValue("group"))
}
