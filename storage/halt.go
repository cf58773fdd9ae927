package storage

import "time"

// Halt says that the engine of a segment stands still until a person lets it go
// on: phones keep their hold, and nothing begins. The zero value is no halt.
type Halt struct {
	Cause string    `json:"cause,omitzero"` // clock or restore
	At    time.Time `json:"at,omitzero"`    // by the server's clock, which may be wrong
	// Was is, for a clock that jumped, what it should have shown; for a restored
	// copy, when the restore was made.
	Was time.Time `json:"was,omitzero"`
}

// The causes of a halt.
const (
	HaltClock   = "clock"   // the server's clock jumped
	HaltRestore = "restore" // the records are those of an older copy
)
