package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// Patience is how long a client waits for a server that says nothing. The time counts
// anew from every part of an answer, so that a long answer is no silence. The zero value
// waits without end, and without a word.
type Patience struct {
	Remark time.Duration // of silence, after which Silent is called
	Silent func()        // at most once a request; not nil where Remark is given
	Limit  time.Duration // of silence, after which a request is given up with a [*SilentError]; 0: never
}

// SilentError says that a server was reached, or might have been, and said nothing.
type SilentError struct {
	After time.Duration // for which it was waited
}

func (e *SilentError) Error() string { return fmt.Sprintf("no answer within %s", e.After) }

// listener follows how long a server says nothing to one request.
type listener struct {
	cancel  context.CancelFunc
	timers  []*time.Timer
	limits  []time.Duration             // of each timer
	givenUp atomic.Pointer[SilentError] // nil until then
}

// listen returns the context of a request that is given up once the server has said
// nothing for too long. The listener has to be ended.
func (p Patience) listen(ctx context.Context) (context.Context, *listener) {
	ctx, cancel := context.WithCancel(ctx)
	l := &listener{cancel: cancel}
	if p.Remark > 0 {
		l.after(p.Remark, sync.OnceFunc(p.Silent))
	}
	if p.Limit > 0 {
		l.after(p.Limit, func() {
			l.givenUp.Store(&SilentError{p.Limit})
			cancel()
		})
	}
	return ctx, l
}

func (l *listener) after(d time.Duration, f func()) {
	l.timers, l.limits = append(l.timers, time.AfterFunc(d, f)), append(l.limits, d)
}

// again waits for the server from now on.
func (l *listener) again() {
	for i, t := range l.timers {
		t.Reset(l.limits[i])
	}
}

// pause waits for nothing until the next part is asked for.
func (l *listener) pause() {
	for _, t := range l.timers {
		t.Stop()
	}
}

func (l *listener) end() {
	l.pause()
	l.cancel()
}

// cause returns what ended the request: the silence, or err.
func (l *listener) cause(err error) error {
	if silent := l.givenUp.Load(); silent != nil {
		return silent
	}
	return err
}

// listened is the rest of an answer.
type listened struct {
	io.ReadCloser
	l *listener
}

func (b listened) Read(p []byte) (int, error) {
	b.l.again()
	n, err := b.ReadCloser.Read(p)
	b.l.pause() // whoever reads may be slow itself
	if err != nil && !errors.Is(err, io.EOF) {
		err = b.l.cause(err)
	}
	return n, err
}

// Close implements [io.Closer].
func (b listened) Close() error {
	b.l.end()
	return b.ReadCloser.Close()
}
