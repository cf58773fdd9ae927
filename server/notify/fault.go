package notify

import (
	"github.com/kannuki-mdm/kannuki/internal/lang"
)

// FaultError says what keeps a channel from sending, or that a receiver did not take a
// message: a code with its values, which package lang words ([lang.Printer.ChannelFault]).
type FaultError struct {
	Code   string
	Params map[string]string
	err    error // nil where the fault is not one of the network or the system
}

// fault returns a fault with its values, names and values in turn.
func fault(code string, pairs ...string) *FaultError {
	f := &FaultError{Code: code, Params: map[string]string{}}
	for i := 0; i+1 < len(pairs); i += 2 {
		f.Params[pairs[i]] = pairs[i+1]
	}
	return f
}

// caused returns a fault that another error explains, by its code where it has one.
func caused(code string, err error, pairs ...string) *FaultError {
	f := fault(code, append(pairs, "cause", lang.CauseCode(err))...)
	f.err = err
	return f
}

func (e *FaultError) Error() string { return e.In(lang.New(lang.English)) }

// In words the fault in the language of a printer.
func (e *FaultError) In(t *lang.Printer) string {
	text, _ := t.ChannelFault(e.Code)
	return t.Fill(text, e.Params)
}

// Unwrap returns the error of the network or the system.
func (e *FaultError) Unwrap() error { return e.err }
