// Package policy is the pure engine that decides which iOS release a group of
// phones may take, and what one phone must hide and install because of it.
//
// It owns the gate (Evaluate), the target of one phone (TargetFor) and the one
// reason a phone is not done (Explain). All three are functions of a World, an
// immutable snapshot of what people and Apple have recorded, and of the time
// given to them. The package reads no clock, does no I/O, keeps no state and
// never changes its input; equal inputs give equal outputs whatever the order
// of the records was. It knows nothing of the wire, of storage or of how a
// reason is worded: results carry codes and parameters, texts are rendered
// elsewhere in two languages.
package policy
