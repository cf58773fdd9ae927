package storage

import "time"

// Extension is how a model came to an approval that stood already. The model is
// one of the approval's, and the results that it was added by are among its.
type Extension struct {
	Model  string    `json:"model,omitzero"` // hardware identifier
	By     string    `json:"by,omitzero"`    // actor
	Reason string    `json:"reason,omitzero"`
	At     time.Time `json:"at,omitzero"`
	Floors []Floor   `json:"floors,omitempty"` // for phones of this model, in place of the approval's; by bundle identifier
}
