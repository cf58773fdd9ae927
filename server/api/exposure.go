package api

import (
	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
)

func exposure(h *Handler, c *call) (any, error) {
	return h.fleet.Exposure(c.Segment, fleet.ExposureQuery{
		Group: c.query("group"), Since: c.query("since"), Release: c.query("release"), CVE: c.query("cve"),
	})
}

func deviceExposure(h *Handler, c *call) (any, error) {
	return h.fleet.DeviceExposure(c.ctx, c.Segment, c.r.PathValue("udid"))
}

// Gate is one gate, with what waiting for its release cost production so far, and
// who is reminded of its tests.
type Gate struct {
	policy.Gate
	Waiting   policy.Cost      `json:"waiting"`
	Declined  *policy.LeftOpen `json:"declined,omitempty"`   // what it leaves open, of a release that the group declined
	AppsFirst []fleet.AppFirst `json:"apps_first,omitempty"` // production phones that wait for an app
	// AppsByHand are the apps that somebody has to update on production phones.
	AppsByHand *fleet.AppsByHand `json:"apps_by_hand,omitempty"`

	ModelNames map[string]string `json:"model_names,omitempty"` // marketing names of the models of model_classes, by hardware identifier

	Tests *fleet.TestReminders `json:"tests,omitempty"` // while the gate waits for tests and the policy reminds of that
}

func gate(h *Handler, c *call) (any, error) {
	group, release := c.r.PathValue("group"), c.r.PathValue("release")
	g, err := h.fleet.GateDetail(c.Segment, group, release)
	if err != nil {
		return nil, err
	}
	cost, err := h.fleet.Waited(c.Segment, group, release)
	if err != nil {
		return nil, err
	}
	open, err := h.fleet.LeftOpen(c.Segment, group, release)
	if err != nil {
		return nil, err
	}
	tests, err := h.fleet.TestReminders(c.ctx, c.Segment, group, release)
	if err != nil {
		return nil, err
	}
	names, err := h.fleet.ModelNames(c.Segment, g.Classes)
	return Gate{g.Gate, cost, open, g.AppsFirst, g.AppsByHand, names, tests}, err
}

func leaks(h *Handler, c *call) (any, error) {
	after, limit, err := c.page(mostListed)
	if err != nil {
		return nil, err
	}
	return h.fleet.Leaks(c.ctx, c.Segment, fleet.LeakQuery{Group: c.query("group"), After: after, Limit: limit})
}
