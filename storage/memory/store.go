// Package memory keeps Kannuki's records in memory, for tests that live through
// months in a fraction of a second. It promises what every store promises (see
// package storage) but for one thing: nothing outlives the process. A test that
// lets a server die drops everything but its Store, which stands for the disk.
//
// It can be made to fail where a disk fails: before a commit, which undoes it, and
// after one, which the caller then never hears of.
package memory

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/kannuki-mdm/kannuki/storage"
)

// Options are what can go wrong. The functions run while the store is locked and
// must not use it; op is the name of the method, "UpdatePhone".
type Options struct {
	// BeforeCommit, unless nil, is asked before a transaction that wrote something
	// ends. Its error undoes all of it and is what the caller gets.
	BeforeCommit func(op string) error
	// AfterCommit, unless nil, is asked when everything is stored. Its error is
	// what the caller gets, who cannot tell then that anything was.
	AfterCommit func(op string) error
	// Trusting makes the store faster and less safe: records of the world, phones,
	// commands and audit entries are stored as they are handed over, and what is
	// read is what is stored. Callers must hand over texts in UTF-8 and times in
	// UTC with microseconds, and never change what they handed over or got, apart
	// from the phone that an updater is given.
	Trusting bool
}

// Store is a store in memory. It is safe for concurrent use; one transaction
// runs at a time.
type Store struct {
	o Options

	mu       sync.Mutex
	closed   bool
	segments map[storage.Segment]*segment
	catalog  []byte // nil: none was put
	lastNum  uint64 // of a phone
	clock    time.Time

	// Of all segments, because a request names its segment only through them.
	links, challenges map[string]place // by hash
	certificates      map[string]storage.Segment
}

// place says where a grant is.
type place struct {
	segment storage.Segment
	grant   string
}

// segment is what one segment holds. The values of its maps are never changed,
// only replaced; what goes in and what comes out is a copy.
type segment struct {
	revision     uint64
	halt         storage.Halt
	paused       storage.PausedChannels
	leaksTold    uint64
	grants       map[string]storage.Grant
	certificates map[string]storage.Certificate
	phones       map[string]*storage.Phone // by UDID
	order        []string                  // UDIDs by number
	queues       map[string][]storage.Command
	sets         map[string]storage.DeclarationSet
	bodies       map[string][]byte
	audit        []storage.AuditEntry

	apps      map[string]storage.App
	groups    map[string]storage.Group
	verdicts  map[string]storage.Verdict
	offers    map[string]storage.Offer
	approvals map[string]storage.Approval
	declines  map[string]storage.Decline
	proposals map[string]storage.Proposal
	problems  map[string]storage.Problem
	policies  map[string]storage.Policy
	calendars map[string]storage.NamedCalendar
	holdMarks map[string]storage.HoldMark
	world     *storage.World // as it was read last, by a store that is trusting

	notices    map[string]storage.Notice // by ID
	lastNotice uint64                    // number of the newest
}

// New returns an empty store: it holds nothing but the default segment.
func New(o Options) *Store {
	return &Store{
		o:            o,
		segments:     map[storage.Segment]*segment{storage.DefaultSegment: newSegment()},
		links:        map[string]place{},
		challenges:   map[string]place{},
		certificates: map[string]storage.Segment{},
	}
}

func newSegment() *segment {
	return &segment{
		grants:       map[string]storage.Grant{},
		certificates: map[string]storage.Certificate{},
		phones:       map[string]*storage.Phone{},
		queues:       map[string][]storage.Command{},
		sets:         map[string]storage.DeclarationSet{},
		bodies:       map[string][]byte{},
		apps:         map[string]storage.App{},
		groups:       map[string]storage.Group{},
		verdicts:     map[string]storage.Verdict{},
		offers:       map[string]storage.Offer{},
		approvals:    map[string]storage.Approval{},
		declines:     map[string]storage.Decline{},
		proposals:    map[string]storage.Proposal{},
		problems:     map[string]storage.Problem{},
		policies:     map[string]storage.Policy{},
		calendars:    map[string]storage.NamedCalendar{},
		holdMarks:    map[string]storage.HoldMark{},
		notices:      map[string]storage.Notice{},
	}
}

// Close ends the store: every later call returns storage.ErrClosed. Closing it
// again is no error.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

// tx is a transaction that writes. Everything it changes, it changes through
// put, remove and assign, so that it can be undone.
type tx struct {
	store *Store
	undo  []func()
}

func (t *tx) rollback() {
	for i := len(t.undo) - 1; i >= 0; i-- {
		t.undo[i]()
	}
}

func put[K comparable, V any](t *tx, m map[K]V, k K, v V) {
	old, had := m[k]
	t.undo = append(t.undo, func() {
		if had {
			m[k] = old
		} else {
			delete(m, k)
		}
	})
	m[k] = v
}

func remove[K comparable, V any](t *tx, m map[K]V, k K) {
	if old, had := m[k]; had {
		t.undo = append(t.undo, func() { m[k] = old })
		delete(m, k)
	}
}

func assign[T any](t *tx, to *T, v T) {
	old := *to
	t.undo = append(t.undo, func() { *to = old })
	*to = v
}

// view runs f on what a segment holds; one that does not exist holds nothing.
func (s *Store) view(ctx context.Context, seg storage.Segment, f func(*segment) error) error {
	if err := checkSegment(seg); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return err
	}
	in, known := s.segments[seg]
	if !known {
		in = newSegment()
	}
	return f(in)
}

func (s *Store) usable(ctx context.Context) error {
	if s.closed {
		return storage.ErrClosed
	}
	return ctx.Err()
}

// update runs f as one transaction of the operation. The segment comes into being
// with the first thing written in it.
func (s *Store) update(ctx context.Context, op string, seg storage.Segment, f func(*tx, *segment) error) error {
	if err := checkSegment(seg); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return err
	}
	in, known := s.segments[seg]
	if !known {
		in = newSegment()
	}
	t := &tx{store: s}
	err := protect(func() error { return f(t, in) })
	written := len(t.undo) > 0
	if err == nil && written && s.o.BeforeCommit != nil {
		err = s.o.BeforeCommit(op)
	}
	if err != nil {
		t.rollback()
		return err
	}
	if !written {
		return nil
	}
	s.segments[seg] = in
	if s.o.AfterCommit != nil {
		return s.o.AfterCommit(op)
	}
	return nil
}

// protect turns a panic of an updater into an error, so that what it changed is
// undone.
func protect(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return f()
}

func checkSegment(seg storage.Segment) error {
	const most = 64
	if len(seg) > most {
		return fmt.Errorf("segment name of %d bytes: at most %d are possible", len(seg), most)
	}
	return checkName("segment", string(seg))
}

// checkName refuses what cannot name a record.
func checkName(what, s string) error {
	if s == "" {
		return fmt.Errorf("%s is empty", what)
	}
	return checkOptional(what, s)
}

// checkOptional is checkName for a name that may be missing.
func checkOptional(what, s string) error {
	const most = 512
	switch {
	case len(s) > most:
		return fmt.Errorf("%s of %d bytes: at most %d are possible", what, len(s), most)
	case strings.ContainsRune(s, 0):
		return fmt.Errorf("%s %q contains a zero byte", what, s)
	case !utf8.ValidString(s):
		return fmt.Errorf("%s: %w", what, errNotText)
	}
	return nil
}

var errNotText = errors.New("text is not UTF-8")
