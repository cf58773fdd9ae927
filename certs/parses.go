package certs

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// MaxParses is how many CMS messages a server parses at the same time. One near its limit on size can take
	// tens of megabytes and milliseconds before it is known to be worthless.
	MaxParses = 16

	// maxParseWait is how long a request waits for its turn. Sixteen parses take far less unless something is
	// wrong, and a phone that is sent away comes again.
	maxParseWait = 5 * time.Second
)

// ErrBusy says that a CMS message did not get its turn: too many others were being parsed. The request may be made
// again.
var ErrBusy = errors.New("too many CMS messages at a time")

// Parses bounds how many CMS messages are parsed at the same time. One is shared by everything that parses them in
// a process, so that no two kinds of message together exceed it. It is safe for concurrent use.
type Parses struct {
	places chan struct{}
	wait   time.Duration
}

// NewParses returns a Parses with n places, MaxParses if n is 0.
func NewParses(n int) *Parses {
	if n <= 0 {
		n = MaxParses
	}
	return &Parses{places: make(chan struct{}, n), wait: maxParseWait}
}

// Enter takes a place, waiting for one for at most five seconds and no longer than the context lasts. The caller
// gives it back with leave. The error wraps ErrBusy.
func (p *Parses) Enter(ctx context.Context) (leave func(), err error) {
	select {
	case p.places <- struct{}{}:
		return p.leave, nil
	default:
	}
	ctx, cancel := context.WithTimeout(ctx, p.wait)
	defer cancel()
	select {
	case p.places <- struct{}{}:
		return p.leave, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrBusy, context.Cause(ctx))
	}
}

func (p *Parses) leave() { <-p.places }
