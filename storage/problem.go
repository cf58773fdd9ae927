package storage

import "time"

// Problem is a report that a business app does not work on a production phone.
type Problem struct {
	ID         string    `json:"id,omitzero"`
	BundleID   string    `json:"bundleID,omitzero"`
	AppVersion string    `json:"appVersion,omitzero"` // "" when the phone had not told it
	Group      string    `json:"group,omitzero"`      // of the phone when it was reported, as all that follows
	Release    string    `json:"release,omitzero"`
	Model      string    `json:"model,omitzero"`
	Phone      string    `json:"phone,omitzero"` // UDID
	Note       string    `json:"note,omitzero"`
	By         string    `json:"by,omitzero"`
	At         time.Time `json:"at,omitzero"`
	ClosedAt   time.Time `json:"closedAt,omitzero"` // zero while it is open
	ClosedBy   string    `json:"closedBy,omitzero"`
	ClosedFor  string    `json:"closedFor,omitzero"`
}
