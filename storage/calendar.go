package storage

import "time"

// Calendar says when waves may start and their deadlines may lie.
type Calendar struct {
	Weekdays []string      `json:"weekdays,omitempty"` // "mon" to "sun"; none: all
	From     time.Duration `json:"from,omitzero"`      // hours of the day, from its midnight; both zero: all
	To       time.Duration `json:"to,omitzero"`
	MonthEnd int           `json:"monthEnd,omitzero"`  // so many last days of each month are closed
	Closed   []string      `json:"closed,omitempty"`   // "2026-12-28" or "2026-12-28..2027-01-04"
	Holidays []string      `json:"holidays,omitempty"` // days, sorted
}

// NamedCalendar is a calendar that policies name, so that several share it.
type NamedCalendar struct {
	Name      string    `json:"name,omitzero"`
	Calendar  Calendar  `json:"calendar,omitzero"`
	Include   []string  `json:"include,omitempty"` // names of calendars whose closed days and holidays are closed here too, sorted
	ChangedAt time.Time `json:"changedAt,omitzero"`
	ChangedBy string    `json:"changedBy,omitzero"` // actor
}
