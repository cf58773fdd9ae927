package storage

import "time"

// Exchange is one message of a phone and what the phone may be handed for an
// answer. Its parts take effect in the order they stand in; one that is nil is
// left out.
type Exchange struct {
	// Status is what the phone said of a command. The first final status
	// counts: later ones, and those of a command of another epoch, change
	// nothing.
	Status *CommandStatus

	// Update changes the phone by the rules of UpdatePhone. It gets the row of
	// the command that Status is about as it is then, without its body; nil
	// without a status, and when the phone was never given that command.
	Update func(p *Phone, row *Command) (PhoneChange, error)

	// Handout asks for a command to hand out.
	Handout *Handout
}

// Handout says which command of its queue a phone may be handed: of those that
// are not final and not skipped the one already sent, else the first. Commands
// of another epoch are never handed out.
type Handout struct {
	Skip []string  // UUIDs
	At   time.Time // when it is handed out

	// Admit, unless nil, is asked about each command before it is handed out,
	// with the phone as it is by then, which it must leave alone. A command for
	// which it returns [ErrDeferred] stays as it is; with any other error it is
	// cancelled with the error's text. Admit may be called more than once.
	Admit func(p *Phone, c Command) error
}

// Exchanged is what came of an exchange.
type Exchanged struct {
	Phone   Phone
	Command *Command // to hand out, marked as sent; nil: none
}
