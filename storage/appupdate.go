package storage

import "time"

// AppUpdate is how far a business app is brought up to date on a phone, for a
// release to follow. There is one of an app at most; the queue holds the command.
type AppUpdate struct {
	BundleID   string    `json:"bundleID,omitzero"`
	Floor      string    `json:"floor,omitzero"`      // lowest version that will do
	Deliver    string    `json:"deliver,omitzero"`    // store or licensed, as [App].Deliver
	Command    uint64    `json:"command,omitzero"`    // which of the phone's AppCommands the last was
	SourceID   string    `json:"sourceID,omitzero"`   // of the approval that the last was for
	Number     int       `json:"number,omitzero"`     // commands for this floor, delivery and approval so far, from 1
	At         time.Time `json:"at,omitzero"`         // when the last was queued
	AnsweredAt time.Time `json:"answeredAt,omitzero"` // when the phone answered it; zero: it has not
	LookedAt   time.Time `json:"lookedAt,omitzero"`   // when the phone last told what became of it
	State      string    `json:"state,omitzero"`      // where it stands, as package policy calls it; "" until answered
	Said       string    `json:"said,omitzero"`       // why the phone refused, bounded
	Spent      bool      `json:"spent,omitzero"`      // the last command there is to be was for nothing
}
