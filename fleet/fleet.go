package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// Store is everything fleet keeps.
type Store interface {
	PhoneStore
	QueueStore
	WorldStore
	NoticeStore
}

// Waker wakes phones through Apple's push service. Wake never blocks; several
// calls for one phone become one push. Contact says that a phone asks for commands,
// so that nothing needs to be repeated; Heard, that it fetches declarations or reports.
// That asks for no commands: what is queued for the phone still needs a push. Cancel
// forgets what a phone was to be woken for.
type Waker interface {
	Wake(key string)
	Contact(key string)
	Heard(key string)
	Cancel(key string)
}

// Options are the parts of a fleet that have useful defaults.
type Options struct {
	Organization string         // shown on the phones
	Location     *time.Location // for phones that never told their time zone; nil means UTC
	Logger       *slog.Logger   // nil discards
	Facts        *catalog.Catalog
	// Wall is the clock that certificates follow; nil means the policy clock.
	Wall func() time.Time
	// Ticks is a clock that nobody sets, counted from any moment of this run; with
	// it a jump of the policy clock is noticed. Nil where that clock is a lab's.
	Ticks func() time.Duration
	// Scaled says that the policy clock is a lab's and not the wall clock, so
	// that views which show times of both name it.
	Scaled bool
	// InventoryEvery is how old a phone's answer about itself and its apps may get
	// before it is asked again; 0 means 24 hours. A phone that is asked more
	// seldom than once a week counts as silent.
	InventoryEvery time.Duration
	// BetaPrograms are the tokens of Apple's beta programs that verification phones
	// can be enrolled in, by the name under which policies know them.
	BetaPrograms map[string]string
	// Channels, unless nil, names the channels that are to carry a notice of a
	// kind about a group ("" for what concerns no group).
	Channels func(seg storage.Segment, kind, group string) []string
}

// ClockPolicy is what Clock of a view says in a lab whose policy time is not
// that of the wall clock. The times of the view are policy time then; those of
// enrolment, certificates and pushes stay wall time.
const ClockPolicy = "policy"

// Fleet carries out the use cases. It is safe for concurrent use.
type Fleet struct {
	store Store
	waker Waker
	now   func() time.Time
	o     Options

	catalogMu sync.Mutex // held while the catalogue is replaced
	worldsMu  sync.RWMutex
	worlds    map[storage.Segment]*worldState
	// incomplete says that a world was taken out of use and waits to be loaded.
	incomplete bool
	listening  time.Time // since when phones could be heard of
	sessions   *sessions
	compiler   compiler
	alarms     alarms
	keeper     timekeeper
	zones      sync.Map // *time.Location by IANA name: loading one reads a file
}

// New returns a fleet that has not loaded its world yet: until [Fleet.Load]
// succeeds every phone gets [ErrNotReady] and nothing is promised to anybody.
// The clock now is policy time: deadlines, holds and notices follow it.
func New(store Store, waker Waker, now func() time.Time, o Options) *Fleet {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Location == nil {
		o.Location = time.UTC
	}
	if o.Wall == nil {
		o.Wall = now
	}
	if o.InventoryEvery == 0 {
		o.InventoryEvery = inventoryEvery
	}
	return &Fleet{
		store:    store,
		waker:    waker,
		now:      now,
		o:        o,
		worlds:   map[storage.Segment]*worldState{},
		sessions: newSessions(),
	}
}

// clock is Clock of a view: [ClockPolicy], or "" where there is one clock only.
func (f *Fleet) clock() string {
	if f.o.Scaled {
		return ClockPolicy
	}
	return ""
}

// ErrNotReady says that the world is not loaded, or that the database was written by a newer
// node than this one. Phones are asked to come again; they are never given an
// empty answer in its place.
var ErrNotReady = errors.New("not ready: the world is not loaded")

// Act says who does something, why, and whether it is only tried.
type Act struct {
	Actor  string
	Person storage.Person // who stands behind the actor; needed for acts of two people
	Reason string         // kept as it is; the admin interface bounds it
	DryRun bool

	// proposing says that an edit is to be proposed and not made, and takes up
	// the proposal; see ProposeEdit.
	proposing *storage.Proposal
}

func (f *Fleet) entry(a Act, action, target string, detail map[string]string) storage.AuditEntry {
	return storage.AuditEntry{
		At: f.now(), Actor: a.Actor, Action: action, Target: target, Reason: a.Reason, Detail: detail,
	}
}

// RefusedError says that policy forbids what was asked. Code is stable;
// Missing names what would have to be there, one line each.
type RefusedError struct {
	Code    string
	Field   string // setting to change first, as files call it; "" of what is about none
	Message string
	Params  map[string]string // values of the message, for its wording in other languages
	Missing []Missing
}

// Missing is one thing that keeps a gate closed.
type Missing struct {
	BundleID string `json:"bundle_id"`
	Name     string `json:"name"`
	Why      string `json:"why"`
	// App is how far the app is, with the models that Why is true of; Classes are the
	// model classes of those with their models.
	App     SeenView       `json:"app"`
	Classes []policy.Class `json:"model_classes,omitempty"`
}

func (e *RefusedError) Error() string { return e.Message }

// InvalidError says which value cannot be used and what was expected. Code is
// stable; it and Params are for the wording in other languages.
type InvalidError struct {
	Field   string
	Code    string
	Message string
	Params  map[string]string
	Near    []string // values that could be meant, at most three
}

func (e *InvalidError) Error() string { return e.Field + ": " + e.Message }

func invalid(field, code, format string, args ...any) *InvalidError {
	return &InvalidError{Field: field, Code: code, Message: fmt.Sprintf(format, args...)}
}

// with names the values of the message, for its wording in other languages.
func (e *InvalidError) with(pairs ...string) *InvalidError {
	e.Params = params(pairs)
	return e
}

func params(pairs []string) map[string]string {
	named := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		named[pairs[i]] = pairs[i+1]
	}
	return named
}

// ChangedError says that the gate is not the one the person saw; it is a
// storage.ErrConflict.
type ChangedError struct{ Group, Release string }

func (e *ChangedError) Error() string {
	return fmt.Sprintf("the gate of %s for %s changed since it was shown", e.Release, e.Group)
}

// Unwrap makes the error a storage.ErrConflict.
func (e *ChangedError) Unwrap() error { return storage.ErrConflict }

// NotFoundError names what does not exist; it is a storage.ErrNotFound.
type NotFoundError struct {
	// What is "group", "policy", "calendar", "release", "posted-release" (in the
	// catalogue, and yet to come), "app", "phone", "verdict", "command", "notice", "channel".
	What string
	Name string
	Near []string // names that do exist and come close, at most three
}

func (e *NotFoundError) Error() string { return fmt.Sprintf("no %s %q", e.What, e.Name) }

// Unwrap makes the error a storage.ErrNotFound.
func (e *NotFoundError) Unwrap() error { return storage.ErrNotFound }

func wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", op, err)
}

// Load reads the world and the phones of every segment. It must succeed once
// before phones are served, and may be called again.
func (f *Fleet) Load(ctx context.Context) error {
	cat, err := f.loadCatalog(ctx)
	if err != nil {
		return err
	}
	segments, err := f.store.Segments(ctx)
	if err != nil {
		return wrap("list segments", err)
	}
	loaded := make(map[storage.Segment]*worldState, len(segments))
	for _, seg := range segments {
		w, err := f.loadWorld(ctx, seg, cat)
		if err != nil {
			return err
		}
		loaded[seg] = w
	}
	if err := f.startTime(ctx); err != nil {
		return err
	}
	f.worldsMu.Lock()
	defer f.worldsMu.Unlock()
	f.worlds, f.incomplete = loaded, false
	if f.listening.IsZero() {
		f.listening = f.now()
	}
	return nil
}

func (f *Fleet) loadCatalog(ctx context.Context) (*catalog.Catalog, error) {
	data, err := f.store.Catalog(ctx)
	if errors.Is(err, storage.ErrNotFound) {
		return f.o.Facts, nil
	}
	if err != nil {
		return nil, wrap("read catalogue", err)
	}
	cat, err := catalog.Unmarshal(data)
	return cat, wrap("read catalogue", err)
}

func (f *Fleet) world(seg storage.Segment) (*worldState, error) {
	f.worldsMu.RLock()
	defer f.worldsMu.RUnlock()
	w, ok := f.worlds[seg]
	if !ok {
		return nil, ErrNotReady
	}
	return w, nil
}

// all returns the worlds in use, always in the same order: what happens to one after
// the other, and may fail in between, must not depend on chance.
func (f *Fleet) all() []*worldState {
	f.worldsMu.RLock()
	defer f.worldsMu.RUnlock()
	all := make([]*worldState, 0, len(f.worlds))
	for _, seg := range slices.Sorted(maps.Keys(f.worlds)) {
		all = append(all, f.worlds[seg])
	}
	return all
}
