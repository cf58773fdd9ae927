package crash

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/bolt"
)

// Exceptions end one after the other, so close that most servers are to tell of some.
const (
	exceptions = 120
	endEach    = 5 * time.Minute // of policy time
)

// exempt is the group of the exceptions, which are for a model that no phone is.
const exempt = "exempt"

// addExceptions puts exceptions on record that two people made when the campaign began:
// its operators are one person.
func addExceptions(ctx context.Context, data string, at time.Time) error {
	store, err := bolt.Open(filepath.Join(data, databaseFile), bolt.Options{})
	if err != nil {
		return err
	}
	w, err := store.World(ctx, storage.DefaultSegment)
	if err == nil {
		_, err = store.ChangeWorld(ctx, storage.DefaultSegment, w.Revision, exceptionsFrom(at))
	}
	return errors.Join(err, store.Close())
}

func exceptionsFrom(at time.Time) storage.WorldChange {
	entry := func(action, target, reason string) storage.AuditEntry {
		return storage.AuditEntry{At: at, Actor: "test", Action: action, Target: target, Reason: reason}
	}
	c := storage.WorldChange{
		Groups: []storage.Group{{Name: exempt, Candidate: "manual", Rights: "managed", MinimumNotice: 3 * time.Hour, CreatedAt: at}},
		Audit:  []storage.AuditEntry{entry("group.add", exempt, "")},
	}
	for i := range exceptions {
		a := storage.Approval{
			ID: fmt.Sprintf("exception-%03d", i), Group: exempt, Release: fmt.Sprintf("25.0.%d", i), By: "test", Reason: "first", At: at,
			Waves:  []storage.Wave{{Start: at, Threshold: 10_000, Deadline: "2026-08-20T12:00:00"}},
			Models: []string{"iPhone0,0"},
		}
		a.Override = &storage.Override{By: "a", Second: "b", Reason: "first", SecondReason: "second", Until: at.Add(time.Duration(i+1) * endEach)}
		c.Approvals = append(c.Approvals, a)
		c.Audit = append(c.Audit, entry("gate.override", exempt+"/"+a.Release, a.Reason))
	}
	return c
}

// endings: whose end people were told of, and nothing else, has its end in the log, and
// once.
func (c *checker) endings() {
	ended := map[string]int{}
	for _, e := range c.state.Audit {
		if e.Action == fleet.NoticeOverrideEnded {
			ended[e.Detail["approval"]]++
		}
	}
	for _, a := range c.state.World.Approvals {
		want := 0
		if a.Override != nil && !a.Override.EndToldAt.IsZero() {
			want = 1
		}
		if n := ended[a.ID]; n != want {
			c.fault("I4: the end of %s of %s/%s is in the log %d times, want %d", a.ID, a.Group, a.Release, n, want)
		}
	}
}

// plantedEndings are faults in what is told of exceptions.
func plantedEndings() []plant {
	last := func(e *evidence) *storage.Approval {
		id := fmt.Sprintf("exception-%03d", exceptions-1)
		for i := range e.state.World.Approvals {
			if a := &e.state.World.Approvals[i]; a.ID == id {
				o := *a.Override
				o.EndToldAt, a.Override = o.Until, &o
				return a
			}
		}
		return nil
	}
	ended := func(a *storage.Approval) storage.AuditEntry {
		return storage.AuditEntry{At: a.Override.Until, Action: fleet.NoticeOverrideEnded, Target: exempt + "/" + a.Release, Detail: map[string]string{"approval": a.ID}}
	}
	return []plant{
		{"end that is in no log", "I4: the end of exception-119", func(e *evidence) { last(e) }},
		{"end that nobody hears of", "override.ended of exempt/25.0.119 is in the log, and no notice", func(e *evidence) {
			e.audit(ended(last(e)))
		}},
		{"end that is logged twice", "is in the log 2 times, want 1", func(e *evidence) {
			a := last(e)
			e.audit(ended(a))
			e.audit(ended(a))
		}},
		{"end told twice", "override.ended of exempt/25.0.119 is told more than once", func(e *evidence) {
			a := last(e)
			told := storage.Notice{Seq: 2, Kind: fleet.NoticeOverrideEnded, At: a.Override.Until, Params: map[string]string{"approval": a.ID}}
			e.state.Notices = []storage.Notice{told, told}
			e.audit(ended(a))
		}},
	}
}
