package api

import "github.com/kannuki-mdm/kannuki/fleet"

func lint(h *Handler, c *call) (any, error) {
	return h.fleet.Lint(c.Segment, c.query("policy"))
}

// SettingsRequest asks about settings that are not applied: as in ApplyRequest,
// and nothing is written.
type SettingsRequest struct {
	fleet.Settings
	Prune bool `json:"prune"`
}

func lintSettings(h *Handler, c *call, in SettingsRequest) (any, error) {
	c.looks = true
	return h.fleet.LintSettings(c.Segment, fleet.ApplyRequest{Settings: in.Settings, Prune: in.Prune})
}
