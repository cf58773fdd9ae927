package api

import "github.com/kannuki-mdm/kannuki/fleet"

// Calendars is the list of calendars that policies can follow.
type Calendars struct {
	Calendars []fleet.CalendarView `json:"calendars"`
}

func calendars(h *Handler, c *call) (any, error) {
	list, err := h.fleet.Calendars(c.Segment)
	return Calendars{list}, err
}

func oneCalendar(h *Handler, c *call) (any, error) {
	return h.fleet.Calendar(c.Segment, c.r.PathValue("calendar"))
}

// SetCalendarRequest makes a calendar or changes one; what is absent stays as it
// is.
type SetCalendarRequest struct {
	fleet.NamedCalendarChange
	Reason string `json:"reason"`
	DryRun bool   `json:"dry_run"`
}

func setCalendar(h *Handler, c *call, in SetCalendarRequest) (any, error) {
	return h.fleet.SetCalendar(c.ctx, c.Segment, c.act(write{in.Reason, in.DryRun}), c.r.PathValue("calendar"), in.NamedCalendarChange)
}

func removeCalendar(h *Handler, c *call, in write) (any, error) {
	return h.fleet.RemoveCalendar(c.ctx, c.Segment, c.act(in), c.r.PathValue("calendar"))
}
