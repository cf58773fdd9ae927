package storage

import "time"

// CommandState is where a queued command stands.
type CommandState string

// States of a queued command. The last four are final.
const (
	CommandQueued    CommandState = "queued"
	CommandSent      CommandState = "sent"    // handed to the phone, no status yet
	CommandNotNow    CommandState = "not-now" // the phone deferred it; still ours to offer
	CommandDone      CommandState = "acknowledged"
	CommandFailed    CommandState = "error"
	CommandMalformed CommandState = "format-error" // the phone could not parse it: our fault
	CommandCancelled CommandState = "cancelled"
)

// Final reports whether a command in this state is never offered again.
func (s CommandState) Final() bool {
	switch s {
	case CommandDone, CommandFailed, CommandMalformed, CommandCancelled:
		return true
	case CommandQueued, CommandSent, CommandNotNow:
		return false
	default:
		return false
	}
}

// Command is one row of a phone's queue.
type Command struct {
	Seq         uint64       `json:"seq,omitzero"` // order in the phone's queue, assigned by the store
	UUID        string       `json:"uuid,omitzero"`
	RequestType string       `json:"requestType,omitzero"`
	Body        []byte       `json:"body,omitempty"` // the property list as sent; kept once however many rows share it, and until the last of them is final
	Key         string       `json:"key,omitzero"`   // "" or a name: a second command with the key of one that is not final is not queued
	Epoch       uint64       `json:"epoch,omitzero"` // of the phone when it was queued
	State       CommandState `json:"state,omitzero"`
	CreatedAt   time.Time    `json:"createdAt,omitzero"`
	CreatedBy   string       `json:"createdBy,omitzero"`
	SentAt      time.Time    `json:"sentAt,omitzero"` // last time it was handed out
	Deliveries  int          `json:"deliveries,omitzero"`
	NotNowSince time.Time    `json:"notNowSince,omitzero"` // zero unless deferred
	NotNows     int          `json:"notNows,omitzero"`
	FinishedAt  time.Time    `json:"finishedAt,omitzero"`
	Error       string       `json:"error,omitzero"` // first entry of the error chain, bounded; or why it was cancelled
}

// CommandStatus is what a phone said of a command.
type CommandStatus struct {
	UUID  string
	State CommandState // CommandNotNow or a final state
	At    time.Time
	Error string
}
