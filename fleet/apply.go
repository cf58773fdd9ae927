package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/kannuki-mdm/kannuki/storage"
)

// ApplyRequest says what apps, calendars, policies and groups are to be. What it does not
// name is left alone.
type ApplyRequest struct {
	Settings
	Prune bool `json:"prune"` // remove every app, calendar, policy and group that is not named
	// Fingerprint is that of the changes as a person saw them; "" skips the check.
	Fingerprint string `json:"fingerprint,omitempty"`
}

// ApplyResult is what settings change.
type ApplyResult struct {
	Changes     []SettingsChange `json:"changes"`
	Fingerprint string           `json:"fingerprint"` // of the changes
	Effects
	DryRun bool `json:"dry_run,omitempty"`
}

// What becomes of a thing.
const (
	ActionAdd    = "add"
	ActionChange = "change"
	ActionRemove = "remove"
)

// SettingsChange is what becomes of one app, calendar, policy or group.
type SettingsChange struct {
	Kind   string        `json:"kind"` // app, calendar, policy or group
	Name   string        `json:"name"`
	Action string        `json:"action"`
	Fields []FieldChange `json:"fields"` // sorted; none of what is removed
}

// FieldChange is one setting before and after.
type FieldChange struct {
	Field  string          `json:"field"`
	Before json.RawMessage `json:"before,omitempty"` // absent of what is new
	After  json.RawMessage `json:"after"`
}

// EntryError says which entry of settings an error is about.
type EntryError struct {
	At  string // "groups[0]", or a key below it: "groups[0].apps[2]"
	Err error
}

func (e *EntryError) Error() string { return e.At + ": " + e.Err.Error() }

// Unwrap returns the error.
func (e *EntryError) Unwrap() error { return e.Err }

// errUnchanged ends a change that would change nothing.
var errUnchanged = errors.New("nothing changes")

// Apply makes apps, calendars, policies and groups what the request says, all of
// it in one change or nothing. Each is checked as by [Fleet.SetApp],
// [Fleet.SetCalendar], [Fleet.SetPolicy], [Fleet.SetGroup] and the verbs that add and remove; errors about one entry are
// an [EntryError]. What opens a closed gate is judged of the whole, so that what
// one entry takes away another may put in its place. It returns
// storage.ErrConflict when the changes are not those the person saw, and writes
// nothing when there are none.
func (f *Fleet) Apply(ctx context.Context, seg storage.Segment, a Act, r ApplyRequest) (ApplyResult, error) {
	w, err := f.world(seg)
	if err != nil {
		return ApplyResult{}, err
	}
	var done ApplyResult
	err = f.decide(ctx, seg, a, func(s *snapshot) (storage.WorldChange, error) {
		p := applying{f: f, w: w, s: s, act: a, r: r}
		if err := p.plan(); err != nil {
			return storage.WorldChange{}, err
		}
		if done, err = p.applied(ctx); err != nil {
			return storage.WorldChange{}, err
		}
		if r.Fingerprint != "" && r.Fingerprint != done.Fingerprint {
			return storage.WorldChange{}, storage.ErrConflict
		}
		if len(p.steps) == 0 {
			return storage.WorldChange{}, errUnchanged
		}
		if err := p.contradicted(); err != nil {
			return storage.WorldChange{}, err
		}
		return f.proposedOr(w, s, a, p.whole(), p.opens())
	})
	if errors.Is(err, errUnchanged) {
		err = nil
	}
	return done, err
}

// applying is an application of settings on its way.
type applying struct {
	f     *Fleet
	w     *worldState
	s     *snapshot
	act   Act
	r     ApplyRequest
	steps []applyStep
}

// applyStep is what one entry changes.
type applyStep struct {
	at     string // "" of what is removed because no entry names it
	shown  SettingsChange
	change storage.WorldChange
}

// plan works out the steps: first what groups refer to, then groups.
func (p *applying) plan() error {
	if err := p.each("apps", "bundle_id", len(p.r.Apps), func(i int) (string, error) { return p.r.Apps[i].BundleID, p.app(p.r.Apps[i]) }); err != nil {
		return err
	}
	if err := p.each("calendars", "name", len(p.r.Calendars), func(i int) (string, error) { return p.r.Calendars[i].Name, p.calendar(p.r.Calendars[i]) }); err != nil {
		return err
	}
	if p.r.Prune {
		p.pruneApps()
		p.pruneCalendars()
	}
	there := p.after()
	if err := p.included(there); err != nil {
		return err
	}
	if err := p.each("policies", "name", len(p.r.Policies), func(i int) (string, error) { return p.r.Policies[i].Name, p.policy(there, p.r.Policies[i]) }); err != nil {
		return err
	}
	if p.r.Prune {
		p.prunePolicies()
	}
	there = p.after()
	if err := p.each("groups", "name", len(p.r.Groups), func(i int) (string, error) { return p.r.Groups[i].Name, p.group(there, p.r.Groups[i]) }); err != nil {
		return err
	}
	if !p.r.Prune {
		return nil
	}
	if err := p.pruneGroups(); err != nil {
		return err
	}
	return p.unused()
}

// each plans the entries of one list, no name twice, and says of errors which
// entry they are about.
func (p *applying) each(list, key string, n int, entry func(i int) (name string, err error)) error {
	seen := map[string]bool{}
	for i := range n {
		at, before := fmt.Sprintf("%s[%d]", list, i), len(p.steps)
		name, err := entry(i)
		if err == nil && seen[name] {
			err = invalid(key, "named-twice", "%q stands twice; write it once, with all its settings", name).with("value", name)
		}
		if err != nil {
			return within(at, err)
		}
		seen[name] = true
		for j := range p.steps[before:] {
			p.steps[before+j].at = at
		}
	}
	return nil
}
